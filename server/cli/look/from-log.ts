// A look at a coordinator through its audit log, running or not: what the log says, unchecked (`sotto verify` checks). A log knows neither
// accuracy nor bytes. Not here: opening the log (models/source.ts).

import { recordFromJson } from '../../../protocol/audit/record-json.js';
import { toHex } from '../../../protocol/ids.js';
import type { TaskConfig } from '../../../protocol/task.js';
import { parseTask } from '../../../protocol/task-schema.js';
import { isFact } from '../../audit/events.js';
import type { AuditExport } from '../../audit/export.js';
import { ruleName } from '../table.js';
import type { ClientTold, Look, RoundTold } from './told.js';

type Writable<T> = { -readonly [K in keyof T]: T[K] };
type Round = Writable<RoundTold> & { since: number; members: ReadonlySet<string>; out: Set<string> };
type Client = Writable<ClientTold>;

export async function lookAtLog(log: AuditExport): Promise<Look> {
  const rounds = new Map<number, Round>();
  const clients = new Map<string, Client>();
  const members = new Map<string, readonly string[]>();
  let config: TaskConfig | undefined;
  let running = false;
  let says = '';
  let model: string | null = null;
  // Each stands by itself: what one takes back does not touch the other.
  const revoked = new Set<string>();
  const banned = new Set<string>();
  const client = (id: string): Client => found(clients, id, () => freshClient(id));
  for await (const event of log.events) {
    if (!isFact(event)) continue;
    const { time } = event;
    switch (event.type) {
      case 'task-created':
        config = parseTask(event.body.config);
        break;
      case 'coordinator-started':
        running = true;
        break;
      case 'coordinator-stopped':
        running = false;
        says = event.body.reason;
        break;
      case 'client-enrolled':
        client(event.body.client);
        break;
      case 'client-revoked':
        client(event.body.client);
        revoked.add(event.body.client);
        break;
      case 'client-readmitted':
        revoked.delete(event.body.client);
        break;
      case 'client-banned':
        client(event.body.client);
        banned.add(event.body.client);
        break;
      case 'client-quarantined':
        client(event.body.client).until = event.body.until;
        break;
      case 'client-released':
        client(event.body.client).until = null;
        break;
      case 'client-appealed':
        if (event.body.granted) client(event.body.client).until = null;
        break;
      case 'attempt-started': {
        const { round, attempt, groups } = event.body;
        const row = found(rounds, round, () => freshRound(round, time));
        row.attempts = attempt;
        row.members = new Set(groups.flatMap((group) => group.members));
        row.invited = row.members.size;
        row.out = new Set();
        for (const group of groups) members.set(`${round}.${attempt}.${group.id}`, group.members);
        break;
      }
      case 'survivors-fixed': {
        const { round, attempt, group, excluded } = event.body;
        const row = rounds.get(round);
        // Ranks count from 1 in the order of the roster.
        for (const { rank } of excluded) {
          const id = members.get(`${round}.${attempt}.${group}`)?.[rank - 1];
          if (id !== undefined) row?.out.add(id);
        }
        break;
      }
      case 'round-committed': {
        const row = found(rounds, event.body.round, () => freshRound(event.body.round, time));
        const survivors = new Set(event.body.groups.flatMap((group) => group.survivors));
        close(row, time, 'committed');
        for (const id of row.members) {
          const one = client(id);
          one.invited++;
          if (survivors.has(id)) one.counted++;
          else if (row.out.has(id)) one.excluded++;
          else one.dropped++;
        }
        row.counted = survivors.size;
        row.excluded = row.out.size;
        row.dropped = row.members.size - survivors.size - row.out.size;
        row.model = model;
        break;
      }
      case 'round-void': {
        const row = found(rounds, event.body.round, () => freshRound(event.body.round, time));
        close(row, time, 'void');
        row.says = event.body.text;
        row.model = model;
        for (const id of row.members) client(id).invited++;
        break;
      }
      case 'model-recorded': {
        const record = recordFromJson(event.body.record);
        if (record !== undefined) model = toHex(record.modelAfter);
        break;
      }
      default:
        break;
    }
  }
  const told = [...rounds.values()].map(
    ({ since: _since, members: _members, out: _out, ...round }): RoundTold => round,
  );
  const last = told.at(-1);
  // A quarantine may have run out without an event of its own.
  for (const [id, row] of clients) {
    if ((row.until ?? 0) <= (last?.round ?? 0)) row.until = null;
    row.status = revoked.has(id)
      ? 'revoked'
      : banned.has(id)
        ? 'banned'
        : row.until === null
          ? 'active'
          : 'quarantined';
  }
  const all = [...clients.values()];
  return {
    status: {
      source: 'log',
      task: config?.task ?? 'unknown',
      profile: config?.profile ?? null,
      rule: config === undefined ? null : ruleName(config.rule),
      dimension: config?.dimension ?? null,
      coordinator: log.coordinator,
      phase: running ? 'not stopped properly' : 'stopped',
      says,
      round: last?.round ?? 0,
      rounds: null,
      committed: told.filter(({ outcome }) => outcome === 'committed').length,
      connected: null,
      clients: all.length,
      quarantined: all.filter(({ status }) => status === 'quarantined').length,
      banned: all.filter(({ status }) => status === 'banned').length,
      leftOut: told.reduce((sum, { excluded }) => sum + excluded, 0),
      accuracy: null,
      loss: null,
      model,
      bytesUp: null,
      bytesDown: null,
    },
    rounds: told,
    clients: all,
  };
}

function close(row: Round, time: number, outcome: 'committed' | 'void'): void {
  row.outcome = outcome;
  row.seconds = Math.max(0, time - row.since) / 1_000;
}

function found<K, V>(map: Map<K, V>, key: K, make: () => V): V {
  const known = map.get(key);
  if (known !== undefined) return known;
  const made = make();
  map.set(key, made);
  return made;
}

const freshRound = (round: number, since: number): Round => ({
  round,
  outcome: 'unfinished',
  says: '',
  attempts: 0,
  invited: 0,
  counted: 0,
  dropped: 0,
  excluded: 0,
  accuracy: null,
  loss: null,
  seconds: null,
  bytesUp: null,
  bytesDown: null,
  model: null,
  since,
  members: new Set(),
  out: new Set(),
});

const freshClient = (id: string): Client => ({
  id,
  status: 'active',
  until: null,
  online: null,
  invited: 0,
  counted: 0,
  dropped: 0,
  excluded: 0,
  suspicion: null,
});
