// The client's side of one round as data: events in, effects out. The machine is participant.ts; its guards are guards.ts.
// Not here: the connection, the model chain and training (client/), the arithmetic of masking (secagg/).

import type { Clauses } from '../clauses/clauses.js';
import type { ClientPrimitives } from '../crypto/asking.js';
import type { Signer } from '../crypto/identity.js';
import type { Rng } from '../crypto/primitives.js';
import type { ErrorCode } from '../errors.js';
import type { Hash } from '../ids.js';
import type { Budgets } from '../privacy/events.js';
import type { LedgerEntry } from '../privacy/ledger-entry.js';
import type { ClientWork, ClientWorkResult, SketchWork } from '../secagg/jobs.js';
import type { Profile, TaskConfig } from '../terms.js';
import type { Announce, ClientRoundMessage, CoordinatorRoundMessage, RunRef } from '../wire/messages.js';

/** What this client demands, whatever a coordinator announces (protocol.md §6.4). */
export interface Policy {
  /** Profiles it takes part in. `open` shows the coordinator every update. */
  readonly profiles: readonly Profile[];
  /** Smallest group, N. */
  readonly minGroup: number;
  /** Smallest number of survivors whose sum may be opened, t. */
  readonly minThreshold: number;
  /** Colluders a that the threshold must at least stand. */
  readonly minColluders: number;
  /** Largest bound its updates may have; smaller reveals less. */
  readonly maxClipNorm: number;
  /** Rounds of one task that it will take part in at most; rounds that aborted after R3 count. */
  readonly maxRounds: number;
  /**
   * Its own limits for the task, against the coordinator, by unit. `client`: all that it has; tasks without noise of its own are then
   * refused. `record`: single records (DP-SGD); needed for tasks that train so, since those have no budget but the client's. `any`, or a
   * unit left out: what the task promises is enough, which may be nothing.
   */
  readonly privacy: 'any' | Budgets;
  /** What to do when the chain from the last verified model is no longer available: refuse, or accept a signed newer checkpoint. */
  readonly catchUp: 'chain' | 'signed-checkpoint';
  /** What to do when the coordinator signs a step back to an earlier model. Absent: refuse. It never resets a counter or a ledger. */
  readonly rollBack?: 'signed';
  /**
   * What to do when the coordinator shows a new key that the pinned one has signed over to. Absent: `signed`, follow it, for good. Whoever has
   * stolen the pinned key is the coordinator for this client already, and could hand over to one of its own: `refuse` waits for somebody
   * who gives this client the new key.
   */
  readonly keyChange?: 'signed' | 'refuse';
}

/** What must be on durable storage before the message that depends on it leaves. One per (coordinator, task). */
export interface GuardRecord {
  readonly task: string;
  /** The last (round, attempt) announced to this client and joined; (0, 0) before the first. Rounds start at 1. */
  readonly round: number;
  readonly attempt: number;
  /** The last round in which it has answered an unmasking request. */
  readonly answered: number;
  /** Rounds in which it sent a masked input. */
  readonly contributed: number;
}

export interface ParticipantSetup {
  readonly announce: Announce;
  readonly identity: Signer;
  /** The pinned key. */
  readonly coordinator: Uint8Array;
  readonly policy: Policy;
  readonly guard: GuardRecord;
  /** This client's own, of this coordinator and task; as on durable storage, or about to be. */
  readonly ledger: readonly LedgerEntry[];
  /** Those that the announced settings use; settings that need another are refused. */
  readonly clauses: Clauses;
  readonly primitives: ClientPrimitives;
  /** Keys, secrets, shares, salts: a CSPRNG, always. */
  readonly rng: Rng;
  /** Stochastic rounding: a CSPRNG; seeded in simulations, which are then stamped as making no privacy claim. */
  readonly rounding: Rng;
}

export type ParticipantEvent =
  | { readonly type: 'message'; readonly body: CoordinatorRoundMessage }
  /** Training ended; the update lies in the driver's slot. `examples` only decides the weight of a weighted task. */
  | { readonly type: 'trained'; readonly examples: number }
  /** Training, or the check of the model, failed: the client leaves the round. */
  | { readonly type: 'untrained'; readonly code: ErrorCode }
  | { readonly type: 'computed'; readonly result: ClientWorkResult }
  /** The answer to `sketch`: the section of its message. */
  | { readonly type: 'sketched'; readonly section: Uint8Array }
  /** The coordinator refused something of this run: this client is out of it. */
  | { readonly type: 'refused'; readonly code: ErrorCode }
  /** The connection is back and the coordinator sent `resume`; handled as a message. This one: the connection is lost. */
  | { readonly type: 'gone' };

/** Run in order; `persist` and `ledger` must be durable before the next effect runs. */
export type ParticipantEffect =
  | { readonly type: 'persist'; readonly guard: GuardRecord }
  | { readonly type: 'ledger'; readonly task: string; readonly entry: LedgerEntry }
  | { readonly type: 'send'; readonly message: ClientRoundMessage }
  /** Get the model with this hash through the verified chain, train, answer `trained` or `untrained`. */
  | {
      readonly type: 'train';
      readonly task: string;
      readonly run: RunRef;
      readonly config: TaskConfig;
      readonly model: Hash;
      readonly head: Hash;
      /** Clipping norm that the announcement says: that record must say the same. */
      readonly clip: number;
    }
  | { readonly type: 'compute'; readonly work: ClientWork }
  /** Project the update that is still in the trainer's slot, and its masks; answer `sketched`. */
  | { readonly type: 'sketch'; readonly work: SketchWork }
  /** Send these chunks of the computed vector as `inputChunk`, in order, with back-pressure. */
  | { readonly type: 'upload'; readonly run: RunRef; readonly chunks: readonly number[] }
  /** A guard stopped the coordinator: tell the user and the coordinator, take no further part in this run. */
  | { readonly type: 'guard'; readonly code: ErrorCode; readonly text: string }
  | {
      readonly type: 'ended';
      readonly run: RunRef;
      readonly how: 'answered' | 'contributed' | 'left' | 'aborted' | 'refused' | 'guarded';
      readonly code?: ErrorCode;
    }
  /** Erase keys, shares, seeds, the update and the masked vector of this run. */
  | { readonly type: 'forget' };
