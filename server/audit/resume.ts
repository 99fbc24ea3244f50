// From the stored rows to what a coordinator goes on from: rounds, attempts, seats, who sits out. Pure.
// Not here: the model (driver/publisher.ts), the monitor's memory (driver/watch.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_COUNTER } from '../../protocol/limits.js';
import type { Json } from '../../protocol/task.js';
import type { Resumed, Team } from '../campaign/types.js';
import type { Fact } from './events.js';
import { progressOf, type Rows } from './project.js';

/**
 * A round that had been announced and not ended. Before R6 was asked for, the same round goes on as the next attempt: nobody has
 * opened anything, and clients refuse an attempt that they know. Afterwards it is void, whatever came of it: two opened sums that
 * differ by one client would reveal it (protocol.md §6.6).
 */
export function interrupted(rows: Rows): readonly Fact[] {
  const { lastRound, round, attempt, opened } = progressOf(rows);
  if (round <= lastRound || !opened) return [];
  const text = 'the coordinator ended after it had asked for the sums to be opened';
  return [{ type: 'round-void', body: { round, attempts: attempt, code: 'ROUND_CANCELLED', text } }];
}

/** @param rows after what `interrupted` says was recorded */
export function resumedOf(rows: Rows): Resumed {
  const { lastRound, round, attempt } = progressOf(rows);
  const seating = rows.get('seating') as readonly Team[] | undefined;
  const blamed = new Map<ClientId, ErrorCode>();
  const quarantined = new Map<ClientId, number>();
  for (const [client, row] of clientsOf(rows)) {
    if (typeof row.blamed === 'string') blamed.set(client, row.blamed as ErrorCode);
    if (typeof row.quarantinedUntil === 'number' && row.quarantinedUntil > lastRound)
      quarantined.set(client, row.quarantinedUntil);
    // Nobody waits for whom the door stays shut.
    if (row.revoked === true) quarantined.set(client, MAX_COUNTER);
  }
  const hold = rows.get('hold') as { readonly by: string; readonly reason: string } | undefined;
  return {
    lastRound,
    ...(hold !== undefined && { hold: { type: 'paused' as const, by: hold.by, reason: hold.reason } }),
    attempts: round > lastRound ? attempt : 0,
    blamed,
    quarantined,
    ...(seating !== undefined && { seating: { type: 'dealt' as const, groups: seating } }),
  };
}

export function* clientsOf(rows: Rows): Iterable<readonly [ClientId, { readonly [field: string]: Json }]> {
  for (const [key, row] of rows) {
    if (key.startsWith('client/')) yield [key.slice('client/'.length) as ClientId, row as { [field: string]: Json }];
  }
}
