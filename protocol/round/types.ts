// The coordinator's side of one round as data: events in, effects out. The machine is round.ts (all groups) over group.ts (one group).
// Not here: choosing clients, retrying, the model (server/campaign); sockets and clocks (server/).

import type { Identity } from '../crypto/identity.js';
import type { Primitives } from '../crypto/primitives.js';
import type { ErrorCode } from '../errors.js';
import type { ClientId, GroupId, Hash, Millis } from '../ids.js';
import type { EngineResult, EngineWork } from '../secagg/jobs.js';
import type { ClientPhase, TaskConfig } from '../terms.js';
import type { ClientRoundMessage, CoordinatorRoundMessage, RunRef } from '../wire/messages.js';
import type { TranscriptFacts } from './transcript.js';

/** What a round is made of. `groups`: only those sampled; members in rank order, all believed to be connected. */
export interface RoundSetup {
  readonly config: TaskConfig;
  readonly round: number;
  readonly attempt: number;
  readonly model: Hash;
  /** Hash of the chain record that gave the model. */
  readonly head: Hash;
  /** Of that record: the clipping norm of this round (wire/messages.ts), 0 where the settings fix it. */
  readonly clip: number;
  readonly groups: readonly { readonly id: GroupId; readonly members: readonly ClientId[] }[];
  readonly coordinator: Identity;
  readonly primitives: Primitives;
  /** 32 bytes from a CSPRNG, of this attempt alone. Its hash is announced; itself it is shown to nobody before every input is fixed; A is drawn from it. */
  readonly nonce: Uint8Array;
}

export type RoundEvent =
  | { readonly type: 'message'; readonly from: ClientId; readonly body: ClientRoundMessage; readonly now: Millis }
  /** The client's connection is lost (or it left). It may come back. */
  | { readonly type: 'gone'; readonly client: ClientId; readonly now: Millis }
  /** It takes no further part in this run, by its own words: nobody waits for it to come back. */
  | { readonly type: 'left'; readonly client: ClientId; readonly now: Millis }
  /** It is connected again: it is sent what it needs to go on. */
  | { readonly type: 'back'; readonly client: ClientId; readonly now: Millis }
  /** Memory is needed for others: what came of this client's unfinished input goes, unless it is connected. It may come back and send all of it. */
  | { readonly type: 'evict'; readonly client: ClientId; readonly now: Millis }
  | { readonly type: 'tick'; readonly now: Millis }
  | { readonly type: 'computed'; readonly job: number; readonly result: EngineResult; readonly now: Millis }
  /** The answer to `select`: members to leave out, worst first. Those beyond the budget stay in. */
  | { readonly type: 'selected'; readonly excluded: readonly ClientId[]; readonly now: Millis }
  /** The campaign gives the round up (shutdown, operator). */
  | { readonly type: 'cancel'; readonly now: Millis };

export type RoundEffect =
  | { readonly type: 'send'; readonly to: ClientId; readonly message: CoordinatorRoundMessage }
  /** The sender broke the protocol: tell it the code, count it. It is out of this round already; `fatal`: close its connection too. */
  | {
      readonly type: 'refuse';
      readonly client: ClientId;
      readonly code: ErrorCode;
      readonly run: RunRef;
      readonly fatal: boolean;
      /** Of a message that came too late, or for a run or from a client that this is none of: it has changed nothing, and proves nothing. */
      readonly stray?: true;
    }
  /** A `tick` is wanted at this time. A later wakeAt replaces an earlier one. */
  | { readonly type: 'wakeAt'; readonly at: Millis }
  /**
   * The client will send these chunks of its input, ascending, once it is given credit for them; again, with those that are left, after a
   * reconnect. Whether and when is the driver's business (server/uploads): the machine takes chunks as they come.
   */
  | {
      readonly type: 'upload';
      readonly client: ClientId;
      readonly run: RunRef;
      readonly bytes: number;
      readonly chunks: readonly number[];
    }
  /** A chunk of it is in and verified, or came again; `missing` are not in; 0: nothing more is taken of it, because it is complete or dropped. */
  | { readonly type: 'uploaded'; readonly client: ClientId; readonly missing: number }
  /** Run this and answer with `computed{job}`. Jobs of one slot or accumulator must run in order. */
  | { readonly type: 'compute'; readonly job: number; readonly work: EngineWork }
  /** Every group's sketches are in and checked: answer with `selected`. `matrixKey`: A is drawn from it; every member knows it by now. */
  | { readonly type: 'select'; readonly candidates: readonly Candidate[]; readonly matrixKey: Uint8Array }
  | { readonly type: 'measure'; readonly fact: RoundFact }
  | { readonly type: 'done'; readonly result: RoundResult }
  | { readonly type: 'failed'; readonly failure: RoundFailure }
  /** No vector, share or key of this (round, attempt) may outlive this effect. Accumulators of `done` go when the campaign has aggregated. */
  | { readonly type: 'forget'; readonly keepAccumulators: boolean };

/** A member whose sketch passed the checks of the protocol; a rule in sketch space may still leave it out. */
export interface Candidate {
  readonly client: ClientId;
  readonly group: GroupId;
  /** v = A·q, k whole numbers; the same A for all groups of the round. */
  readonly sketch: Int32Array;
  /** How many of its group may still be left out. */
  readonly budget: number;
}

/** Public facts for reports and metrics, in the order they happen. */
export type RoundFact =
  | { readonly type: 'phase'; readonly group: GroupId; readonly phase: GroupPhase; readonly at: Millis }
  /** Left the round by itself, in this phase. */
  | { readonly type: 'dropped'; readonly group: GroupId; readonly client: ClientId; readonly phase: ClientPhase }
  /** Left out by the coordinator, with the reason. */
  | {
      readonly type: 'excluded';
      readonly group: GroupId;
      readonly client: ClientId;
      readonly phase: ClientPhase;
      readonly code: ErrorCode;
    };

/** Every legal move of one group's run. Diagram, handler types and tests are made from this table. */
export const TRANSITIONS = {
  /** R1 */ keys: ['shares', 'failed'],
  /** R2 */ shares: ['masked', 'failed'],
  /** R3 */ masked: ['committed', 'failed'],
  /** R3 has closed here; the round waits for every group. */
  committed: ['consistency', 'sketch', 'failed'],
  /** R4, with `integrity: sketch` */ sketch: ['screened', 'failed'],
  /** The protocol's own checks are done; the round waits for every group, and for the rule in sketch space. No work of ours is under way. */
  screened: ['consistency'],
  /** R5 */ consistency: ['agreed', 'failed'],
  /** At least t signed the same sets; nothing is opened before every group is here or void. */
  agreed: ['unmask', 'failed'],
  /** R6 */ unmask: ['opening', 'failed'],
  /** The worker takes the masks off. */
  opening: ['done', 'failed'],
  done: [],
  failed: [],
} as const;
export type GroupPhase = keyof typeof TRANSITIONS;

export interface GroupResult {
  readonly group: GroupId;
  /** Where the engine holds the opened sum (masked profiles), or the rows' slots in rank order (`open`). */
  readonly source:
    | { readonly type: 'sum'; readonly accumulator: string }
    | {
        readonly type: 'rows';
        readonly slots: readonly { readonly client: ClientId; readonly slot: string; readonly weight: number }[];
      };
  /** U4: exactly the clients whose updates are in the sum. */
  readonly survivors: readonly ClientId[];
}
export interface RoundResult {
  readonly groups: readonly GroupResult[];
  readonly voided: readonly { readonly group: GroupId; readonly failure: RoundFailure }[];
  /** Hash over all sets, exclusions and void groups of the round. */
  readonly transcript: Hash;
  /** What it is the hash of, beside the announcement. */
  readonly facts: TranscriptFacts;
  /** Of the announcement: 64 hex digits. */
  readonly commitNonce: string;
}
export interface RoundFailure {
  readonly code: ErrorCode;
  readonly phase: GroupPhase;
  readonly text: string;
  /** Clients proven to have caused it, with what they did. They must not be in the next attempt. */
  readonly culprits: readonly { readonly client: ClientId; readonly code: ErrorCode }[];
  /** `next-round` once any client has been asked to unmask: two opened sums that differ by one client would reveal it (protocol.md §6.6). */
  readonly retry: 'next-attempt' | 'next-round';
}
