// What rounds that nobody remembers may have cost: after a restore from a backup their numbers are taken as used, and so is the privacy
// that they may have spent. Pure. Not here: which rounds those are (data/doctor.ts), prices (protocol/privacy).
//
// Discussion. What is charged is the most that can have been released: in each round one sum at its worst (clients let the sum of a round
// number be opened once, whatever the attempt), and the sketches of every attempt. Everybody who was known then is charged, since nobody
// knows who was in. Who enrolled after the backup is charged by nobody but its own ledger, which it keeps itself.

import type { ClientId } from '../../protocol/ids.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import { reservationId, sketchEvents, worstEvents } from '../../protocol/privacy/round-events.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';

export interface LostRounds {
  /** The first one that may be lost, and the last. */
  readonly first: number;
  readonly last: number;
  /** Most attempts of one round. */
  readonly attempts: number;
  readonly clients: readonly ClientId[];
  /** Whether a reservation of this name is in the ledger already. */
  readonly known: (id: string) => boolean;
}

/** Reservations that nobody settles, one for each attempt that may have been; none where the task claims no privacy of clients. */
export function lostSpending(config: TaskConfig, { first, last, attempts, clients, known }: LostRounds): CohortEntry[] {
  const derived = deriveTask(config);
  const { noise } = derived;
  if (config.privacy === 'none' || noise === 'none' || clients.length === 0) return [];
  const entries: CohortEntry[] = [];
  for (let round = first; round <= last; round++) {
    for (let attempt = 1; attempt <= attempts; attempt++) {
      const run = { round, attempt, group: 0 };
      const events = attempt === 1 ? worstEvents(config, derived, run) : sketchEvents(config, noise, run);
      const id = reservationId(config.task, run);
      if (events.length > 0 && !known(id))
        entries.push({ entry: { type: 'reserved', id, events }, members: { 0: clients } });
    }
  }
  return entries;
}
