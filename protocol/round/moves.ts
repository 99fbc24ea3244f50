// The small moves that every phase shares: stay, refuse, lose, fail, and the rule by which a phase closes.
// Not here: any phase's own checks.

import type { ErrorCode } from '../errors.js';
import type { Millis, Rank } from '../ids.js';
import type { ClientPhase, Window } from '../terms.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../wire/messages.js';
import type { DoneState, FailedState, GroupSetup, GroupState, GroupStep, Run } from './group-state.js';
import { memberOf, slotOf } from './group-state.js';
import type { GroupPhase, RoundEffect, RoundFailure } from './types.js';

export const stay = <S>(state: S, effects: readonly RoundEffect[] = []): GroupStep<S> => ({ state, effects });

/** Running states, i.e. all that still hold secrets and slots. */
export type Live = Exclude<GroupState, DoneState | FailedState>;

export const send = (setup: GroupSetup, to: Rank, message: CoordinatorRoundMessage): RoundEffect => ({
  type: 'send',
  to: memberOf(setup, to),
  message,
});

/** Something came at the wrong time but proves no ill will: the sender is told and stays in. */
export const decline = (setup: GroupSetup, rank: Rank, code: ErrorCode): RoundEffect => ({
  type: 'refuse',
  client: memberOf(setup, rank),
  code,
  run: setup.run,
  fatal: false,
});

/** The sender broke the protocol: it is out of this run, told why, named, and disconnected. */
export function expel(run: Run, rank: Rank, phase: ClientPhase, code: ErrorCode): RoundEffect[] {
  if (run.refused.has(rank)) return [];
  run.refused.set(rank, code);
  const client = memberOf(run.setup, rank);
  return [
    { type: 'refuse', client, code, run: run.setup.run, fatal: true },
    { type: 'measure', fact: { type: 'excluded', group: run.setup.run.group, client, phase, code } },
  ];
}

const ORDER = ['keys', 'shares', 'masked', 'sketch', 'consistency', 'unmask'] as const satisfies readonly ClientPhase[];
const PHASE_OF: Record<ClientRoundMessage['kind'], ClientPhase> = {
  keys: 'keys',
  shares: 'shares',
  complaint: 'masked',
  masked: 'masked',
  plain: 'masked',
  inputChunk: 'masked',
  sketch: 'sketch',
  consistent: 'consistency',
  unmask: 'unmask',
};

/** A message of another phase: late ones are chance, early ones break the protocol. `passed`: the last phase that has closed or is open. */
export function misplaced(run: Run, rank: Rank, body: ClientRoundMessage, current: ClientPhase): RoundEffect[] {
  const late = ORDER.indexOf(PHASE_OF[body.kind]) <= ORDER.indexOf(current);
  return late ? [decline(run.setup, rank, 'ROUND_TOO_LATE')] : expel(run, rank, current, 'ROUND_WRONG_PHASE');
}

/**
 * A phase closes when its minimum time has passed, its minimum count is in, and nobody more can come (or the maximum is in);
 * or when its maximum time has passed. `short`: it closed with too few.
 */
export function closing(
  window: Window,
  openedAt: Millis,
  now: Millis,
  arrived: number,
  canStillCome: number,
): 'open' | 'closed' | 'short' {
  if (arrived >= window.count.max && now >= openedAt + window.time.min) return 'closed';
  if (canStillCome === 0 && arrived >= window.count.min && now >= openedAt + window.time.min) return 'closed';
  if (now >= openedAt + window.time.max) return arrived >= window.count.min ? 'closed' : 'short';
  return 'open';
}

/** Members of `expected` that have neither delivered nor been lost or refused. */
export const outstanding = (run: Run, expected: readonly Rank[], delivered: { has(rank: Rank): boolean }): Rank[] =>
  expected.filter((rank) => !delivered.has(rank) && !run.absent.has(rank) && !run.refused.has(rank));

/** Facts for those who were expected in a phase and never delivered, and were not refused either. */
export const droppedFacts = (
  run: Run,
  expected: readonly Rank[],
  delivered: { has(rank: Rank): boolean },
  phase: ClientPhase,
): RoundEffect[] =>
  expected
    .filter((rank) => !delivered.has(rank) && !run.refused.has(rank))
    .map((rank) => ({
      type: 'measure',
      fact: { type: 'dropped', group: run.setup.run.group, client: memberOf(run.setup, rank), phase },
    }));

export const entered = (setup: GroupSetup, phase: GroupPhase, at: Millis): RoundEffect => ({
  type: 'measure',
  fact: { type: 'phase', group: setup.run.group, phase, at },
});

/**
 * Engine work that ends when R3 has closed. A fold that failed is our own fault and ends the run. The check of a chunk no longer
 * matters to anybody, whatever it says: its sender was too late, and must not be able to end the run of the others.
 */
export function engineFault(
  run: Run,
  { job, ok }: { readonly job: number; readonly ok: boolean },
): FailWith | undefined {
  const work = run.pending.get(job);
  run.pending.delete(job);
  if (ok || work === undefined || work.kind === 'chunk') return undefined;
  return { code: 'ENGINE_FAILED', text: `the engine could not ${work.kind} an input` };
}

/** Has the engine drop a slot or accumulator. */
export const drop = (setup: GroupSetup, slot: string): RoundEffect => ({
  type: 'compute',
  job: setup.jobs.next++,
  work: { type: 'drop', slot },
});

/** Has the engine add a complete input to the group's sum. */
export function fold(run: Run, rank: Rank): RoundEffect {
  const { setup } = run;
  const job = setup.jobs.next++;
  run.pending.set(job, { kind: 'fold', rank });
  const { accumulator, derived } = setup;
  return {
    type: 'compute',
    job,
    work: { type: 'fold', slot: slotOf(setup, rank), accumulator, encoding: derived.encoding },
  };
}

export interface FailWith {
  readonly code: ErrorCode;
  readonly text: string;
  readonly culprits?: RoundFailure['culprits'];
}

/**
 * Ends the group's run without a sum. Whether the whole round can go on is decided in round.ts; it also tells the members.
 * Engine slots of the group are dropped here, so that nothing of it is kept.
 */
export function fail(state: Live, { code, text, culprits = [] }: FailWith): GroupStep<FailedState> {
  const opened = state.phase === 'unmask' || state.phase === 'opening';
  const failure: RoundFailure = {
    code,
    phase: state.phase,
    text,
    culprits,
    retry: opened ? 'next-round' : 'next-attempt',
  };
  const { setup } = state;
  // Inputs that are not in the accumulator: on their way, or kept whole until the sketches have been judged.
  const incoming =
    state.phase === 'masked'
      ? [...state.incoming.keys(), ...(state.setup.config.integrity === 'none' ? [] : state.u3.keys())]
      : 'u3' in state && !('u4' in state) && state.setup.config.integrity !== 'none'
        ? state.u3
        : [];
  return {
    state: { phase: 'failed', setup, failure, refused: state.refused },
    effects: [
      ...incoming.flatMap((rank): RoundEffect[] => [
        drop(setup, slotOf(setup, rank)),
        { type: 'uploaded', client: memberOf(setup, rank), missing: 0 },
      ]),
      drop(setup, setup.accumulator),
    ],
  };
}

/** The quorum failure of a phase: who was missing is said by the dropped facts, the count by the text. */
export const quorum = (state: Live, arrived: number, needed: number): FailWith => ({
  code: 'ROUND_QUORUM',
  text: `${arrived} of at least ${needed} clients finished phase ${state.phase}`,
});
export const sorted = (ranks: Iterable<Rank>): Rank[] => [...ranks].sort((a, b) => a - b);
