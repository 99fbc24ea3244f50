// The small moves that every phase shares: stay, refuse, lose, fail, and the rule by which a phase closes.
// Not here: any phase's own checks.

import type { ErrorCode } from '../errors.js';
import type { Millis, Rank } from '../ids.js';
import { MAX_RETURN_MS } from '../limits.js';
import type { ClientPhase, Window } from '../terms.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../wire/messages.js';
import type { DoneState, FailedState, GroupSetup, GroupState, GroupStep, Returning, Run } from './group-state.js';
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

/** `short`: it ends with too few, at its deadline. `hopeless`: the same before it, since the minimum cannot come together any more. */
export type Verdict = 'open' | 'closed' | 'short' | 'hopeless';

/**
 * A phase closes when its minimum time has passed, its minimum count is in, and nobody more can come (or the maximum is in);
 * or when its maximum time has passed. It fails at once when the minimum cannot come together any more.
 */
export function closing(window: Window, openedAt: Millis, now: Millis, arrived: number, canStillCome: number): Verdict {
  if (arrived >= window.count.max && now >= openedAt + window.time.min) return 'closed';
  if (canStillCome === 0 && arrived >= window.count.min && now >= openedAt + window.time.min) return 'closed';
  if (arrived + canStillCome < window.count.min) return 'hopeless';
  if (now >= openedAt + window.time.max) return arrived >= window.count.min ? 'closed' : 'short';
  return 'open';
}

/**
 * The same for a phase to which members come back (R1-R3). Whoever lost its connection may be on its way, and is missed later: members
 * that are lost after R3 are lost for good, and a group that has only just enough of them then fails. So where more than half of what the
 * group may lose is gone, a phase that could close waits for them as long again as it has taken so far, MAX_RETURN_MS at most.
 * @param expected of the phase
 */
export function closingWithReturns<S extends Run & Returning>(
  state: S,
  window: Window,
  now: Millis,
  expected: readonly Rank[],
  delivered: { has(rank: Rank): boolean; readonly size: number },
): { readonly state: S; readonly verdict: Verdict } {
  const arrived = delivered.size;
  const coming = outstanding(state, expected, delivered).length;
  const away = expected.filter(
    (rank) => state.absent.has(rank) && !state.left.has(rank) && !delivered.has(rank) && !state.refused.has(rank),
  ).length;
  const full = closing(window, state.openedAt, now, arrived, coming + away);
  if (full !== 'open') return { state, verdict: full };
  const verdict = closing(window, state.openedAt, now, arrived, coming);
  // Not hopeless: there are some who may come back.
  if (verdict !== 'closed') return { state, verdict: 'open' };
  const closable = { ...state, closableAt: Math.min(state.closableAt, now) };
  const comfortable = window.count.min + Math.ceil((expected.length - window.count.min) / 2);
  const waits = arrived < comfortable && now < returnsUntil(closable);
  return { state: closable, verdict: waits ? 'open' : 'closed' };
}

/** Until when a phase that could close waits for members who are away. */
export const returnsUntil = ({ openedAt, closableAt }: Returning): Millis =>
  closableAt + Math.min(closableAt - openedAt, MAX_RETURN_MS);

/** Members of `expected` that have neither delivered nor been lost or refused. */
export const outstanding = (run: Run, expected: readonly Rank[], delivered: { has(rank: Rank): boolean }): Rank[] =>
  expected.filter((rank) => !delivered.has(rank) && !run.absent.has(rank) && !run.refused.has(rank));

/**
 * Facts for those who were expected in a phase and never delivered, and were not refused either. Where it ended before its time, those who
 * were still there had no chance to: they did not drop out.
 */
export const droppedFacts = (
  run: Run,
  expected: readonly Rank[],
  delivered: { has(rank: Rank): boolean },
  phase: ClientPhase,
  verdict: Verdict,
): RoundEffect[] =>
  expected
    .filter((rank) => !delivered.has(rank) && !run.refused.has(rank))
    .filter((rank) => verdict !== 'hopeless' || run.absent.has(rank))
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
