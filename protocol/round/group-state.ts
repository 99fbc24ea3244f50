// What the coordinator knows of one group's run, phase by phase: a field exists from the phase on in which it becomes known.
// Sets have the letters of Bonawitz et al. 2017: U1 ⊇ U2 ⊇ U3 ⊇ U4. Collections are owned by the state and changed in place.
// Not here: what happens in a phase (phases/*.ts), all groups together (round.ts).

import type { Primitives } from '../crypto/primitives.js';
import type { ErrorCode } from '../errors.js';
import type { ClientId, Millis, Rank } from '../ids.js';
import type { Derived, TaskConfig, WaitingPhase, Window } from '../terms.js';
import type { Exclusion, Keys, Masked, Opened, RunRef, Shares } from '../wire/messages.js';
import type { GroupResult, RoundEffect, RoundFailure, TRANSITIONS } from './types.js';

export interface GroupSetup {
  readonly run: RunRef;
  readonly config: TaskConfig;
  readonly derived: Derived;
  readonly gctx: Uint8Array;
  /** Drawn for this attempt and committed to in R0; shown to nobody before R3 has closed in every group. */
  readonly nonce: Uint8Array;
  /** Seeds A; the same for all groups of the round. */
  readonly matrixKey: Uint8Array;
  /** Rank order. */
  readonly members: readonly ClientId[];
  readonly ranks: ReadonlyMap<ClientId, Rank>;
  readonly publicKeys: readonly Uint8Array[];
  readonly primitives: Primitives;
  /** Engine name of this group's accumulator; slots of inputs are `${accumulator}/${rank}`. */
  readonly accumulator: string;
  /** Job numbers of the whole round; shared by its groups. */
  readonly jobs: { next: number };
}

/** Engine work under way. Folds may still be running when their phase has closed. */
export type PendingJob =
  | { readonly kind: 'chunk'; readonly rank: Rank; readonly index: number }
  | { readonly kind: 'fold' | 'keep' | 'project'; readonly rank: Rank }
  | { readonly kind: 'unmask' }
  | { readonly kind: 'audit' };

export interface Run {
  readonly setup: GroupSetup;
  /** Members whose connection is lost. */
  readonly absent: Set<Rank>;
  /** Members refused in this run, with the code they were told. */
  readonly refused: Map<Rank, ErrorCode>;
  readonly pending: Map<number, PendingJob>;
}
/** A phase that waits for clients. */
interface Waiting extends Run {
  readonly openedAt: Millis;
}
/** R1-R3: who has lost its connection may come back, and goes on where it was. */
export interface Returning extends Waiting {
  /** When the phase could have closed for the first time, with everybody in who is connected; Infinity before. */
  readonly closableAt: Millis;
  /** Members who said that they take no further part: unlike others who are absent, they are not waited for. */
  readonly left: Set<Rank>;
}
export interface KeysState extends Returning {
  readonly phase: 'keys';
  readonly keys: Map<Rank, Keys>;
}
export interface SharesState extends Returning {
  readonly phase: 'shares';
  readonly u1: readonly Rank[];
  readonly keys: ReadonlyMap<Rank, Keys>;
  readonly shares: Map<Rank, Shares>;
}
/** Known once U2 is fixed. */
export interface Dealt extends Run {
  readonly u1: readonly Rank[];
  readonly u2: readonly Rank[];
  readonly keys: ReadonlyMap<Rank, Keys>;
  readonly shares: ReadonlyMap<Rank, Shares>;
  /** Dealer → members who say that its shares are bad. They need not open a share of it in R6; it grows in R3 only. */
  readonly complaints: ReadonlyMap<Rank, Set<Rank>>;
}
/** A masked input on its way: which chunks are in, which are being checked. */
export interface Incoming {
  readonly message: Masked;
  readonly taken: Set<number>;
  readonly checking: Set<number>;
}
export interface MaskedState extends Dealt, Returning {
  readonly phase: 'masked';
  readonly incoming: Map<Rank, Incoming>;
  readonly complaints: Map<Rank, Set<Rank>>;
  /** Members whose input is complete, with its signature, by which an echo is told from a second input. */
  readonly u3: Map<Rank, Uint8Array>;
  /** Who has complained, with the signature, for the same reason. */
  readonly complained: Map<Rank, Uint8Array>;
}
export interface CommittedState extends Dealt {
  readonly phase: 'committed';
  readonly u3: readonly Rank[];
}
/** What a member claims of its input in R4. */
export interface ClaimedSketch {
  /** A·q, whole numbers. */
  readonly v: Int32Array;
  /** A·m_ij mod 2^ρ by peer, for every other member of U2. */
  readonly p: ReadonlyMap<Rank, Uint32Array>;
}
export interface SketchState extends Dealt, Waiting {
  readonly phase: 'sketch';
  readonly u3: readonly Rank[];
  readonly sketches: Map<Rank, ClaimedSketch>;
  /** A·y_i, from the engine. */
  readonly projections: Map<Rank, Uint32Array>;
}
/** Kept until the opened sum has been checked against it. */
export interface Screening {
  readonly sketches: ReadonlyMap<Rank, ClaimedSketch>;
  readonly projections: ReadonlyMap<Rank, Uint32Array>;
  /** U3∖U4 with the reasons, ascending. */
  readonly excluded: readonly Exclusion[];
}
export interface ScreenedState extends Dealt {
  readonly phase: 'screened';
  readonly u3: readonly Rank[];
  readonly screening: Screening;
  /** Members whose sketches passed the protocol's own checks, ascending. */
  readonly candidates: readonly Rank[];
}
/** Known once the survivor sets are fixed. U4 = U3 without sketches. */
export interface Fixed extends Dealt {
  readonly u3: readonly Rank[];
  readonly u4: readonly Rank[];
  readonly screening: 'none' | Screening;
}
export interface ConsistencyState extends Fixed, Waiting {
  readonly phase: 'consistency';
  readonly signatures: Map<Rank, Uint8Array>;
}
export interface AgreedState extends Fixed {
  readonly phase: 'agreed';
  readonly signatures: ReadonlyMap<Rank, Uint8Array>;
}
export interface UnmaskState extends Fixed, Waiting {
  readonly phase: 'unmask';
  readonly signers: readonly Rank[];
  /** Holder → what it opened, by dealer. Every share in here fits the dealer's signed hash. */
  readonly answers: Map<Rank, ReadonlyMap<Rank, Opened>>;
}
export interface OpeningState extends Fixed {
  readonly phase: 'opening';
  /** The engine's last piece of work: the unmasking, or the audit of the sketches behind it. */
  readonly job: number;
}
export interface DoneState {
  readonly phase: 'done';
  readonly setup: GroupSetup;
  readonly result: GroupResult;
  readonly sets: { readonly u2: readonly Rank[]; readonly u3: readonly Rank[]; readonly u4: readonly Rank[] };
  readonly refused: ReadonlyMap<Rank, ErrorCode>;
  readonly excluded: readonly Exclusion[];
}
export interface FailedState {
  readonly phase: 'failed';
  readonly setup: GroupSetup;
  readonly failure: RoundFailure;
  readonly refused: ReadonlyMap<Rank, ErrorCode>;
}
export type GroupState =
  | KeysState
  | SharesState
  | MaskedState
  | CommittedState
  | SketchState
  | ScreenedState
  | ConsistencyState
  | AgreedState
  | UnmaskState
  | OpeningState
  | DoneState
  | FailedState;

type In<P extends GroupState['phase']> = Extract<GroupState, { phase: P }>;
export interface GroupStep<S = GroupState> {
  readonly state: S;
  readonly effects: readonly RoundEffect[];
}
/** What a handler of phase P may return: P again or a phase that the table lists. Anything else does not compile. */
export type StepFrom<P extends GroupState['phase']> = GroupStep<In<P | (typeof TRANSITIONS)[P][number]>>;

export const windowOf = (setup: GroupSetup, phase: WaitingPhase): Window => setup.config.windows[phase];
export const slotOf = (setup: GroupSetup, rank: Rank): string => `${setup.accumulator}/${rank}`;
/** safe: ranks come from setup.ranks, which was made from members. */
export const memberOf = (setup: GroupSetup, rank: Rank): ClientId => setup.members[rank] as ClientId;
export const publicKeyOfRank = (setup: GroupSetup, rank: Rank): Uint8Array => setup.publicKeys[rank] as Uint8Array;
