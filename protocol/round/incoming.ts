// Inputs on their way, in either kind of run: what is missing, what the driver is told of it, what goes.
// Not here: checks of what comes (phases/masked.ts, open-group.ts), who may send when (server/uploads).

import type { Rank } from '../ids.js';
import { type GroupSetup, memberOf, type Run, slotOf } from './group-state.js';
import { drop } from './moves.js';
import type { RoundEffect } from './types.js';

interface Input {
  readonly message: { readonly bytes: number; readonly chunks: Uint8Array };
  readonly taken: Set<number>;
  readonly checking: Set<number>;
}

/** Ascending. After a lost connection those under check count as missing, too: their frames may have been cut. */
export const missingOf = ({ message, taken }: Input): number[] =>
  Array.from({ length: message.chunks.length / 32 }, (_, index) => index).filter((index) => !taken.has(index));

/** The client has said what it will send. */
export const upload = (setup: GroupSetup, rank: Rank, input: Input): RoundEffect => ({
  type: 'upload',
  client: memberOf(setup, rank),
  run: setup.run,
  bytes: input.message.bytes,
  chunks: missingOf(input),
});

export const uploaded = (setup: GroupSetup, rank: Rank, missing: number): RoundEffect => ({
  type: 'uploaded',
  client: memberOf(setup, rank),
  missing,
});

/** Nothing more is taken of it, and what came of it goes. */
export const dropInput = (setup: GroupSetup, rank: Rank): RoundEffect[] => [
  drop(setup, slotOf(setup, rank)),
  uploaded(setup, rank, 0),
];

/**
 * What was made of a message in R3: whoever was refused by it loses what it has sent so far, and no chunk of it that is still being checked
 * makes an input complete. A complete input stays in the sum.
 */
export function withoutRefused(
  run: Run & { readonly incoming: Map<Rank, Input> },
  rank: Rank,
  effects: readonly RoundEffect[],
): RoundEffect[] {
  const out = run.refused.has(rank) && run.incoming.delete(rank);
  return out ? [...effects, ...dropInput(run.setup, rank)] : [...effects];
}

/** Frees what an unfinished input of an absent member holds. Its header stays: whoever comes back sends the same input, whole. */
export function evicted(run: Run & { readonly incoming: ReadonlyMap<Rank, Input> }, rank: Rank): RoundEffect[] {
  const input = run.incoming.get(rank);
  if (input === undefined || !run.absent.has(rank)) return [];
  // Answers of the engine about chunks that are gone say nothing about those that will come.
  for (const [job, work] of [...run.pending]) if (work.kind === 'chunk' && work.rank === rank) run.pending.delete(job);
  input.taken.clear();
  input.checking.clear();
  return [drop(run.setup, slotOf(run.setup, rank))];
}
