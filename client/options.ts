// What one gives a client, and what it tells. Not here: what it does (federated-client.ts).
import type { Clauses } from '../protocol/clauses/clauses.js';
import type { Signer } from '../protocol/crypto/identity.js';
import type { Primitives, Rng } from '../protocol/crypto/primitives.js';
import type { ErrorCode, SottoError } from '../protocol/errors.js';
import type { ClientId, Hash, Millis } from '../protocol/ids.js';
import type { ParticipantEffect, Policy } from '../protocol/participant/types.js';
import type { LedgerEntry } from '../protocol/privacy/ledger-entry.js';
import type { RunRef } from '../protocol/wire/messages.js';
import type { AvailabilityOptions } from './availability.js';
import type { ModelStore } from './chain/model-store.js';
import type { ClientEngine } from './engine.js';
import type { GuardStore } from './guards.js';
import type { LedgerStore } from './ledger-store.js';
import type { ParticipantMachine } from './machine.js';
import type { PrivacySpent } from './privacy-guard.js';
import type { ReconnectOptions } from './reconnect.js';
import type { Timers } from './timers.js';
import type { Trainer } from './trainer.js';
import type { Transport } from './transport/transport.js';

/** Whom this client talks to. Nothing else identifies a coordinator: not its address, not its certificate. */
export type CoordinatorTrust =
  /** Its Ed25519 public key: 32 bytes or 64 hex digits. */
  | { readonly coordinator: Uint8Array | string; readonly trustOnFirstUse?: never }
  /** Pins the first key that answers at the address, for ever. For development: whoever is in the way that first time, stays. */
  | { readonly coordinator?: never; readonly trustOnFirstUse: true };

export type FederatedClientOptions = CoordinatorTrust &
  AvailabilityOptions & {
    /** ws:// or wss:// */
    readonly url: string;
    /** With a seed (`Identity`), or one whose secret the browser keeps (`WebIdentity`). */
    readonly identity: Signer;
    readonly task: string;
    /** What this client demands, whatever is announced. */
    readonly policy: Policy;
    readonly trainer: Trainer;
    readonly guards: GuardStore;
    /**
     * Where this client keeps what it has spent of its privacy, for its records and for all that it has; `policy.privacy` says how much
     * that may be. Default: memory, which forgets with the process; a client that limits its budget needs a durable one.
     */
    readonly ledgers?: LedgerStore;
    /** Keeps the last verified model beyond the process. Default: memory only. */
    readonly models?: ModelStore;
    /** Enrolment token, where the coordinator asks for one. */
    readonly token?: string;
    /** Ends like `stop()`. */
    readonly signal?: AbortSignal;
    readonly reconnect?: Partial<ReconnectOptions>;
    /** Default: the runtime's global WebSocket; in Node `ws`. */
    readonly transport?: Transport;
    /** Default: in place; in Node a worker thread for large models. */
    readonly engine?: ClientEngine;
    /** Default: those that a task uses are loaded before its first round; in Node all are there. */
    readonly clauses?: Clauses;
    /** Default: WebCrypto for the curves (noble where it lacks them) and noble for the rest; in Node node:crypto. */
    readonly primitives?: Primitives;
    /** Must be a CSPRNG. Default: the runtime's. */
    readonly rng?: Rng;
    /** Seeds of the stochastic rounding. A CSPRNG, except in simulations. Default: `rng`. */
    readonly rounding?: Rng;
    /** Default: the system's. */
    readonly timers?: Timers;
    /** Default: the protocol's participant. Tests and red teams put another one here. */
    readonly machine?: ParticipantMachine;
  };

export interface ClientEvents {
  /** Authenticated. `again`: after a loss; a round that was going on is then resumed or found to be over. */
  connected: { readonly coordinator: ClientId; readonly again: boolean };
  /** `retryInMs` is absent where no try follows. */
  disconnected: { readonly code: number; readonly reason: string; readonly retryInMs?: Millis };
  /** The coordinator goes on under another key, which the pinned one has signed over to. From now on that one is pinned, for good. */
  keyChanged: { readonly from: ClientId; readonly to: ClientId };
  /** In the pool: the coordinator may announce a round. */
  accepted: { readonly task: string; readonly round: number };
  /** Not now; the client asks again by itself after the given time. */
  rejected: { readonly code: ErrorCode; readonly retryAfterMs: Millis };
  /** `available` said no: the client has left, and asks again after the given time. */
  unavailable: { readonly recheckMs: Millis };
  round: RoundNews;
  /** The next model was verified along the chain. */
  model: { readonly round: number; readonly model: Hash };
  /** An entry of this client's privacy ledger is durable; the message that spends it has not left yet. */
  privacy: { readonly task: string; readonly entry: LedgerEntry };
  /** The coordinator went back to an earlier model, and the policy accepts that. `reason` is what it says. */
  rolledBack: { readonly round: number; readonly model: Hash; readonly reason: string };
  /** A guard stopped the coordinator, or the client's own spending (PRIVACY_*). Nothing was sent that the guard forbids. */
  guard: { readonly code: ErrorCode; readonly text: string; readonly run?: RunRef };
  /** A fault on either side. The client goes on where it can; what ends it rejects `run()` as well. */
  error: SottoError;
}
/** What happens to one run of a round, in order; `ended` comes exactly once after `joined`. */
export type RoundNews =
  | { readonly stage: 'joined'; readonly run: RunRef; readonly deadlineMs: Millis }
  | { readonly stage: 'training'; readonly run: RunRef }
  | {
      readonly stage: 'trained';
      readonly run: RunRef;
      readonly examples: number;
      readonly metrics: Readonly<Record<string, number>>;
      /** What single records have paid so far, this round included; absent where the trainer claims nothing. */
      readonly spent?: PrivacySpent;
    }
  /** The connection was lost in R1-R3 and the coordinator goes on with this client where it was. */
  | { readonly stage: 'resumed'; readonly run: RunRef }
  | { readonly stage: 'uploaded'; readonly run: RunRef; readonly bytes: number }
  | { readonly stage: 'ended'; readonly run: RunRef; readonly how: HowEnded; readonly code?: ErrorCode };

/** `answered`: unmasking too. `contributed`: the masked input was taken. `left`: this client gave up;
 * `refused`: the coordinator refused something of ours. `code` says why. */
export type HowEnded = Extract<ParticipantEffect, { type: 'ended' }>['how'];

/** Why `run()` came back. */
export interface Ended {
  /** `finished`: the task has no more rounds. `stopped`: `stop()` or the signal. */
  readonly how: 'finished' | 'stopped';
  /** Runs in which this client's input was taken. */
  readonly contributed: number;
  /** The task's last model, where the coordinator said so. */
  readonly model?: Hash;
}
