// What each event makes of the state rows: rows are nothing but a summary of the events, so a replay can rebuild and compare them.
// Pure. Not here: storing (log.ts), what the coordinator makes of rows when it starts (resume.ts).
//
//   task                 the body of `task-created`
//   hand-overs           the bodies of `coordinator-rotated`, in order
//   campaign             {lastRound, round, attempt, opened, voidInARow}: see Progress
//   seating              groups, once dealt
//   client/<id>          {enrolled, token, revoked, blamed, banned, quarantinedUntil, invited, survived, rotatedFrom};
//                        {rotatedTo, revoked} for a key that was given up
//   token/<hash>         {used, revoked} of an enrolment token
//   chain/<index>        {hash, record}; `chain` names the newest index
//   hold                 {by, reason} while somebody keeps the campaign paused
//   pin/<round>          models kept whatever their age
//   monitor/<id>         what the monitor remembers of a client; `monitor` the rest of its memory
//   privacy/<id>         {state: reserved | settled, events, members}
//   checkpoint           {seq} of the newest checkpoint event

import type { Json } from '../../protocol/canonical-json.js';
import { renamed } from '../campaign/rotate.js';
import { type Fact, isFact, type TeamFact } from './events.js';

export type Rows = ReadonlyMap<string, Json>;
export type RowChange = readonly [key: string, value: Json | undefined];
type Row = { readonly [field: string]: Json };

/** How far the campaign is. Rounds and attempts only grow. */
export interface Progress extends Row {
  /** The last round that is over: committed, void, or a roll-back. */
  readonly lastRound: number;
  /** The last attempt that was announced. */
  readonly round: number;
  readonly attempt: number;
  /** R6 was asked for in that attempt. */
  readonly opened: boolean;
  readonly voidInARow: number;
}
export const FRESH: Progress = { lastRound: 0, round: 0, attempt: 0, opened: false, voidInARow: 0 };

export const progressOf = (rows: Rows): Progress => (rows.get('campaign') as Progress | undefined) ?? FRESH;
/** What rows of records of the model chain begin with. */
export const CHAIN = 'chain/';
export const chainKey = (index: number): string => `${CHAIN}${String(index).padStart(10, '0')}`;

/** The changes of one event. An event of an unknown type changes nothing. */
export function project(
  rows: Rows,
  event: { readonly type: string; readonly seq: number; readonly body: unknown },
): RowChange[] {
  if (!isFact(event)) return [];
  return changes(rows, event, event.seq);
}

function changes(rows: Rows, fact: Fact, seq: number): RowChange[] {
  const progress = progressOf(rows);
  const campaign = (change: Partial<Progress>): RowChange => ['campaign', { ...progress, ...change } as Progress];
  const client = (id: string, change: Row): RowChange => [
    `client/${id}`,
    { ...((rows.get(`client/${id}`) as Row | undefined) ?? {}), ...change },
  ];
  const token = (hash: string, change: (row: Row) => Row): RowChange => [
    `token/${hash}`,
    change((rows.get(`token/${hash}`) as Row | undefined) ?? {}),
  ];
  const count = (id: string, field: string): RowChange => {
    const before = (rows.get(`client/${id}`) as Row | undefined)?.[field];
    return client(id, { [field]: (typeof before === 'number' ? before : 0) + 1 });
  };
  switch (fact.type) {
    case 'task-created':
      return [['task', fact.body as unknown as Row]];
    case 'coordinator-rotated': {
      const before = (rows.get('hand-overs') as readonly Json[] | undefined) ?? [];
      return [['hand-overs', [...before, fact.body]]];
    }
    case 'checkpoint':
      return [['checkpoint', { seq }]];
    case 'restored':
      return [
        campaign({ lastRound: Math.max(progress.lastRound, fact.body.lastRound) }),
        ...Object.entries(fact.body.salvage ?? {}).map(
          ([key, row]): RowChange => [key, { ...((rows.get(key) as Row | undefined) ?? {}), ...row }],
        ),
      ];
    case 'client-enrolled':
      if (fact.body.token === undefined) return [client(fact.body.client, { enrolled: seq })];
      return [
        client(fact.body.client, { enrolled: seq, token: fact.body.token }),
        token(fact.body.token, (row) => ({ ...row, used: (typeof row.used === 'number' ? row.used : 0) + 1 })),
      ];
    case 'client-revoked':
      return [client(fact.body.client, { revoked: true })];
    case 'client-readmitted':
      return [client(fact.body.client, { revoked: false })];
    case 'client-rotated':
      return moved(rows, fact.body.from, fact.body.to);
    case 'token-revoked':
      return [token(fact.body.token, (row) => ({ ...row, revoked: true }))];
    case 'client-blamed':
      return [client(fact.body.client, { blamed: fact.body.code })];
    case 'client-banned':
      return [client(fact.body.client, { banned: true })];
    case 'client-quarantined':
      return [client(fact.body.client, { quarantinedUntil: fact.body.until })];
    case 'client-released':
      return [client(fact.body.client, { quarantinedUntil: 0 })];
    case 'client-appealed':
      return fact.body.granted ? [client(fact.body.client, { quarantinedUntil: 0 })] : [];
    case 'groups-dealt':
      return [['seating', fact.body.groups as unknown as Json]];
    case 'attempt-started': {
      const { round, attempt, groups } = fact.body;
      return [
        campaign({ round, attempt, opened: false }),
        ...groups.flatMap(({ members }) => members).map((id) => count(id, 'invited')),
      ];
    }
    case 'unmasking-asked':
      return [campaign({ opened: true })];
    case 'round-committed': {
      const { round, groups } = fact.body;
      return [
        campaign({ lastRound: round, voidInARow: 0 }),
        ...groups.flatMap(({ survivors }) => survivors).map((id) => count(id, 'survived')),
      ];
    }
    case 'round-void':
      return [campaign({ lastRound: fact.body.round, voidInARow: progress.voidInARow + 1 })];
    case 'model-recorded': {
      const { hash, record } = fact.body;
      const before = rows.get('chain') as { readonly index: number } | undefined;
      const index = before === undefined ? 0 : before.index + 1;
      const { round, type } = record as { readonly round: number; readonly type: string };
      return [
        [chainKey(index), { hash, record }],
        ['chain', { index, hash }],
        ...(type === 'rollback' ? [campaign({ lastRound: round })] : []),
      ];
    }
    case 'monitor-judged':
      return [
        ['monitor', fact.body.rest],
        ...Object.entries(fact.body.ledgers).map(([id, ledger]): RowChange => [`monitor/${id}`, ledger]),
      ];
    case 'privacy-reserved':
      return [[`privacy/${fact.body.id}`, { state: 'reserved', events: fact.body.events, members: fact.body.members }]];
    case 'privacy-settled':
      return [[`privacy/${fact.body.id}`, { state: 'settled', events: fact.body.events, members: fact.body.members }]];
    case 'model-pinned':
      return [[`pin/${fact.body.round}`, true]];
    case 'paused':
      return [['hold', fact.body as unknown as Row]];
    case 'resumed':
      return [['hold', undefined]];
    case 'coordinator-started':
    case 'coordinator-stopped':
    case 'client-offended':
    case 'auth-failed':
    case 'messages-refused':
    case 'inputs-fixed':
    case 'survivors-fixed':
    case 'attempt-failed':
    case 'admin':
      return [];
    default:
      return fact satisfies never;
  }
}

/** All that is known of a client goes to its new key: seat, standing, suspicion, what it has spent. The old one stays shut. */
function moved(rows: Rows, from: string, to: string): RowChange[] {
  const changes: RowChange[] = [
    [`client/${to}`, { ...((rows.get(`client/${from}`) as Row | undefined) ?? {}), rotatedFrom: from }],
    [`client/${from}`, { rotatedTo: to, revoked: true }],
  ];
  const suspicion = rows.get(`monitor/${from}`);
  if (suspicion !== undefined) changes.push([`monitor/${to}`, suspicion], [`monitor/${from}`, undefined]);
  const seating = rows.get('seating') as readonly TeamFact[] | undefined;
  if (seating !== undefined)
    changes.push(['seating', seating.map((team) => ({ ...team, members: renamed(team.members, from, to) }))]);
  for (const [key, row] of rows) {
    if (!key.startsWith('privacy/')) continue;
    const { members, ...rest } = row as Row & { readonly members: { readonly [group: string]: readonly string[] } };
    if (!Object.values(members).some((ids) => ids.includes(from))) continue;
    const now = Object.entries(members).map(([group, ids]) => [group, renamed(ids, from, to)] as const);
    changes.push([key, { ...rest, members: Object.fromEntries(now) }]);
  }
  return changes;
}

/** All rows from all events. */
export function replay(
  events: Iterable<{ readonly type: string; readonly seq: number; readonly body: unknown }>,
): Map<string, Json> {
  const rows = new Map<string, Json>();
  for (const event of events) for (const change of project(rows, event)) applyChange(rows, change);
  return rows;
}

export function applyChange(rows: Map<string, Json>, [key, value]: RowChange): void {
  if (value === undefined) rows.delete(key);
  else rows.set(key, value);
}
