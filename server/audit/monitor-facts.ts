// What the monitor decided and remembers, as facts, and its memory back from the rows. Nothing here looks into a sketch: what is
// written are verdicts, numbers of tests and ledgers. Not here: judging (monitor/).

import type { ClientId } from '../../protocol/ids.js';
import { canonicalJson, type Json } from '../../protocol/task.js';
import type { Ledger, MonitorEvent, MonitorSettings, MonitorState } from '../monitor/index.js';
import type { Fact } from './events.js';
import type { Rows } from './project.js';

/** One fact for each decision about a client, then the ledgers that changed. */
export function monitorFacts(before: MonitorState, after: MonitorState, events: readonly MonitorEvent[]): Fact[] {
  const ledgers: Record<string, Json> = {};
  for (const [client, ledger] of after.clients) {
    const old = before.clients.get(client);
    if (old === ledger) continue;
    const json = plain(ledger);
    if (old === undefined || canonicalJson(plain(old)) !== canonicalJson(json)) ledgers[client] = json;
  }
  const { settings: _, clients: __, ...rest } = after;
  return [
    ...events.flatMap(factOf),
    { type: 'monitor-judged', body: { round: after.round, ledgers, rest: plain(rest) } },
  ];
}

function factOf(event: MonitorEvent): Fact[] {
  const { round, says } = event;
  switch (event.type) {
    case 'quarantine':
      return [{ type: 'client-quarantined', body: { client: event.client, round, until: event.until, says } }];
    case 'release':
      return [{ type: 'client-released', body: { client: event.client, round, says } }];
    case 'ban':
      return [{ type: 'client-banned', body: { client: event.client, round, says } }];
    case 'appeal':
      return [{ type: 'client-appealed', body: { client: event.client, round, granted: event.granted, says } }];
    default:
      return [];
  }
}

/** `undefined` where it has judged no round yet. @param settings of now: they may be others than then */
export function monitorOf(rows: Rows, settings: MonitorSettings): MonitorState | undefined {
  const rest = rows.get('monitor') as Omit<MonitorState, 'settings' | 'clients'> | undefined;
  if (rest === undefined) return undefined;
  const clients = new Map<ClientId, Ledger>();
  for (const [key, ledger] of rows) {
    if (key.startsWith('monitor/')) clients.set(key.slice('monitor/'.length) as ClientId, ledger as unknown as Ledger);
  }
  return { ...rest, settings, clients };
}

const plain = (value: object): Json => JSON.parse(JSON.stringify(value)) as Json;
