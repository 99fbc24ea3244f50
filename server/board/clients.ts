// The clients on the board: who was here, how its last rounds ended, how suspicious it has become. Changed by board.ts, round by round.
// Not here: judging anybody (monitor/), sending rows (feed.ts).

import type { ClientId } from '../../protocol/ids.js';
import { BOARD_HISTORY, MAX_BOARD_CLIENTS } from '../../protocol/limits.js';
import type { MonitorState } from '../monitor/index.js';
import type { Table } from './table.js';
import { type ClientView, STEPS } from './view.js';

type End = 'counted' | 'dropped' | 'excluded' | 'void';
interface Standings {
  readonly quarantined: number;
  readonly banned: number;
}
type Revoked = ReadonlySet<ClientId>;
type Change = Partial<Omit<ClientView, 'n' | 'id'>>;

export class ClientRows {
  readonly #table: Table;
  readonly #numbers = new Map<ClientId, number>();
  #next = 1;
  /** The last review, good until a row, the monitor or the revocations change. */
  #reviewed: { readonly monitor: MonitorState; readonly revoked: Revoked; readonly counts: Standings } | undefined;
  #revoked: Revoked = new Set();

  constructor(table: Table) {
    this.#table = table;
  }

  /** Its number, from 1; it gets a row where it has none. */
  number(id: ClientId): number {
    const known = this.#numbers.get(id);
    if (known !== undefined && this.#table.get('client', known) !== undefined) return known;
    const n = this.#next++;
    this.#numbers.set(id, n);
    this.#table.set('client', fresh(n, id), n);
    this.#reviewed = undefined;
    if (this.#numbers.size > 2 * MAX_BOARD_CLIENTS) this.#forget();
    return n;
  }

  change(id: ClientId, change: Change): void {
    const n = this.number(id);
    const row = this.#table.get('client', n) ?? fresh(n, id);
    this.#table.set('client', { ...row, ...change }, n);
    if (change.status !== undefined) this.#reviewed = undefined;
  }

  /** A round ended for this client. @param path of STEPS, for its history the last letter counts */
  ended(id: ClientId, group: number, end: End, monitor: MonitorState): void {
    const n = this.number(id);
    this.#reviewed = undefined;
    const row = this.#table.get('client', n) ?? fresh(n, id);
    const ledger = monitor.clients.get(id);
    const suspicion = Math.round((ledger?.suspicion ?? 0) * 10) / 10;
    this.#table.set(
      'client',
      {
        ...row,
        ...standing(id, monitor, this.#revoked),
        group,
        invited: row.invited + 1,
        counted: row.counted + Number(end === 'counted'),
        dropped: row.dropped + Number(end === 'dropped'),
        excluded: row.excluded + Number(end === 'excluded'),
        history: (row.history + STEPS[end]).slice(-BOARD_HISTORY),
        scores: [...row.scores, suspicion].slice(-BOARD_HISTORY),
      },
      n,
    );
  }

  /** Standing of everybody anew: quarantines end by themselves. Rows that stay the same are not touched. @param monitor, revoked other objects where anything in them has changed */
  review(monitor: MonitorState, revoked: Revoked): Standings {
    this.#revoked = revoked;
    if (this.#reviewed?.monitor === monitor && this.#reviewed.revoked === revoked) return this.#reviewed.counts;
    let [quarantined, banned] = [0, 0];
    for (const row of this.#table.all('client')) {
      const next = standing(row.id as ClientId, monitor, revoked);
      const status = row.status === 'banned' && next.status !== 'revoked' ? 'banned' : next.status;
      if (status === 'quarantined') quarantined++;
      if (status === 'banned') banned++;
      if (status !== row.status || next.until !== row.until)
        this.#table.set('client', { ...row, status, until: next.until }, row.n);
    }
    const counts = { quarantined, banned };
    this.#reviewed = { monitor, revoked, counts };
    return counts;
  }

  #forget(): void {
    for (const [id, n] of this.#numbers) if (this.#table.get('client', n) === undefined) this.#numbers.delete(id);
  }
}

function standing(id: ClientId, monitor: MonitorState, revoked: Revoked): Pick<ClientView, 'status' | 'until'> {
  if (revoked.has(id)) return { status: 'revoked', until: 0 };
  const ledger = monitor.clients.get(id);
  if (ledger?.banned) return { status: 'banned', until: 0 };
  const until = ledger?.quarantinedUntil ?? 0;
  return until > monitor.round ? { status: 'quarantined', until } : { status: 'active', until: 0 };
}

const fresh = (n: number, id: ClientId): ClientView => ({
  n,
  id,
  online: false,
  status: 'active',
  until: 0,
  group: 0,
  invited: 0,
  counted: 0,
  dropped: 0,
  excluded: 0,
  history: '',
  scores: [],
  agent: '',
});
