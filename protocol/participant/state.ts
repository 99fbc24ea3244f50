// What a client knows of the run it is in, phase by phase. Secrets are wrapped so that no log can print them.
// Not here: the checks (guards in the phase files), the connection, the vectors (the driver holds them).

import type { Clauses } from '../clauses/clauses.js';
import type { Asking, ClientPrimitives } from '../crypto/asking.js';
import type { Signer } from '../crypto/identity.js';
import type { Rng } from '../crypto/primitives.js';
import type { Secret } from '../crypto/secret.js';
import type { Hash, Rank } from '../ids.js';
import type { LedgerEntry } from '../privacy/ledger-entry.js';
import type { Encoding, MaskWork } from '../secagg/jobs.js';
import type { HeldShares } from '../secagg/shares.js';
import type { Derived, TaskConfig } from '../terms.js';
import type { Complaint, Keys, Masked, Plain, RunRef, Shares } from '../wire/messages.js';
import type { GuardRecord, ParticipantEffect } from './types.js';

/** Fixed by a verified announcement. */
export interface Joined {
  readonly identity: Signer;
  /** Asked for symmetric operations only; the others are questions (crypto/asking.ts). */
  readonly primitives: ClientPrimitives;
  readonly rng: Rng;
  readonly rounding: Rng;
  readonly run: RunRef;
  readonly config: TaskConfig;
  readonly derived: Derived;
  readonly model: Hash;
  readonly ctx: Uint8Array;
  /** To the nonce of R4. */
  readonly commitNonce: Uint8Array;
  readonly gctx: Uint8Array;
  readonly rank: Rank;
  /** Public keys in rank order. */
  readonly roster: readonly Uint8Array[];
  /** Of this round: its clipping norm and rotation. */
  readonly encoding: Encoding;
  /** As on durable storage, or about to be. */
  readonly guard: GuardRecord;
  readonly ledger: readonly LedgerEntry[];
  readonly clauses: Clauses;
}
/** What R4 needs again: the keys of this input's masks and its rounding. Nothing where the task has no sketches. */
export type Kept = 'nothing' | MaskWork;
export interface Challenged {
  readonly nonce: Uint8Array;
  readonly u3: readonly Rank[];
}
/** Training runs beside R1 and R2. */
export type Training = { readonly state: 'running' } | { readonly state: 'finished'; readonly examples: number };

interface Keyed {
  readonly joined: Joined;
  readonly keys: Keys;
}
/** What the masks are made from. Wiped when masking starts: afterwards shares are all that is left of it. */
interface MaskSecrets {
  readonly mask: Secret;
  readonly b: Secret;
}
interface Booked extends Keyed {
  readonly u1: readonly Rank[];
  readonly peers: ReadonlyMap<Rank, { readonly channel: Uint8Array; readonly mask: Uint8Array }>;
  /** To tell a second, different book from the same one sent again. */
  readonly bookDigest: Uint8Array;
  readonly shares: Shares;
  /** By dealer; the own entry from the start, the others with the share book. */
  readonly held: Map<Rank, HeldShares>;
}
interface Dealt extends Booked {
  readonly u2: readonly Rank[];
  /** What was said about dealers whose boxes did not open, or nothing: to be said again after a reconnect. */
  readonly complaints: readonly Complaint[];
}

export type ParticipantState =
  | ({
      readonly phase: 'keys';
      readonly training: Training;
      readonly channel: Secret;
      readonly mask: Secret;
    } & Keyed)
  /** `openKeys`: of the boxes that the peers of U1 will send. The channel secret itself is gone. */
  | ({
      readonly phase: 'shares';
      readonly training: Training;
      readonly openKeys: ReadonlyMap<Rank, Secret>;
    } & Booked &
      MaskSecrets)
  /** All shares are in; the update is not. */
  | ({ readonly phase: 'training' } & Dealt & MaskSecrets)
  | ({ readonly phase: 'masking'; readonly keep: Kept } & Dealt)
  | ({ readonly phase: 'masked'; readonly masked: Masked; readonly keep: Kept } & Dealt)
  /** R4: A is known, its projections are being made, then sent. One challenge per input. */
  | ({
      readonly phase: 'sketching';
      readonly masked: Masked;
      readonly keep: MaskWork;
      readonly challenge: Challenged;
    } & Dealt)
  | ({ readonly phase: 'sketched'; readonly masked: Masked; readonly challenge: Challenged } & Dealt)
  | ({
      readonly phase: 'agreed';
      readonly masked: Masked;
      readonly u3: readonly Rank[];
      readonly u4: readonly Rank[];
    } & Dealt)
  /** Profile `open`. */
  | { readonly phase: 'openTraining'; readonly joined: Joined }
  | { readonly phase: 'openEncoding'; readonly joined: Joined; readonly weight: number }
  | { readonly phase: 'openSent'; readonly joined: Joined; readonly plain: Plain }
  | { readonly phase: 'ended'; readonly run: RunRef };

export type In<P extends ParticipantState['phase']> = Extract<ParticipantState, { phase: P }>;

export interface ParticipantStep {
  readonly state: ParticipantState;
  readonly effects: readonly ParticipantEffect[];
}
/** A step whose public-key operations somebody has to answer. */
export type AskingStep = Asking<ParticipantStep>;
export const stay = (state: ParticipantState, effects: readonly ParticipantEffect[] = []): ParticipantStep => ({
  state,
  effects,
});
