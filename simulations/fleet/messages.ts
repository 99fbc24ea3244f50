// What the process of a simulation and the processes of its clients say to each other, over node:child_process with structured
// clones. Both ends are of one version in one program: not a wire format, and nothing here reaches a coordinator.

import type { ModelSpec } from '../../client/tfjs/spec.js';
import type { ErrorCode, ErrorDetails } from '../../protocol/errors.js';
import type { PrivacyBudget } from '../../protocol/privacy/events.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import type { ClientPhase, TaskConfig } from '../../protocol/task.js';
import type { AttackSpec } from '../attacks/spec.js';
import type { DataSettings } from '../config.js';
import type { Others } from './gathering.js';

/** One client of a child, for the whole simulation. */
export interface MemberOrder {
  readonly position: number;
  readonly name: string;
  /** Ed25519 seed, 32 bytes. It never leaves this machine's pipes. */
  readonly secret: Uint8Array;
  /** Its rows of the training part. */
  readonly rows: Uint32Array;
  readonly attack?: {
    readonly spec: AttackSpec;
    readonly rank: number;
    readonly attackers: number;
    /** Which conspiracy it belongs to (gathering.ts). */
    readonly conspiracy: number;
    /** Public keys of all its members, by rank. */
    readonly allies: readonly Uint8Array[];
  };
}

/** A campaign to take part in. Members are reused from one campaign to the next; guards and connections are new. */
export interface CampaignOrder {
  /** What each client allows itself for its records; absent where training is not private. */
  readonly recordBudget?: PrivacyBudget;
  readonly url: string;
  /** Public key to pin. */
  readonly coordinator: Uint8Array;
  readonly config: TaskConfig;
  /** Who leaves when, for members of this child. */
  readonly dropouts: readonly { readonly client: number; readonly round: number; readonly phase: ClientPhase }[];
}

export type ToChild =
  /** First message. Answered with `loaded`. */
  | {
      readonly type: 'load';
      readonly source: DataSettings['source'];
      readonly model: ModelSpec;
      readonly seed: number | string;
      readonly members: readonly MemberOrder[];
      /** Somebody is to be shown what honest clients learn: they tell it. */
      readonly listens: boolean;
    }
  /** For the attackers of one conspiracy: what the others of the round have learnt. */
  | { readonly type: 'others'; readonly others: Others }
  /** Answered with `joined` once all clients run; they connect by themselves. */
  | { readonly type: 'join'; readonly campaign: CampaignOrder }
  /** An attempt of this round has ended: whoever left it may connect again. */
  | { readonly type: 'over'; readonly round: number }
  /** Answered with `left` when every client has stopped. */
  | { readonly type: 'leave' }
  /** Stop everything and exit. */
  | { readonly type: 'end' };

export type FromChild =
  | { readonly type: 'loaded' }
  | { readonly type: 'joined' }
  | { readonly type: 'left' }
  /** A client has trained, and somebody is shown what. */
  | {
      readonly type: 'trained';
      readonly client: number;
      readonly round: number;
      readonly attempt: number;
      readonly update: Float32Array;
    }
  /** A client has written into its own privacy ledger. */
  | { readonly type: 'ledger'; readonly client: number; readonly entry: LedgerEntry }
  /** What a client's records have paid so far. */
  | { readonly type: 'spent'; readonly client: number; readonly epsilon: number }
  /** A scripted dropout happened. */
  | { readonly type: 'cut'; readonly client: number; readonly round: number; readonly phase: ClientPhase }
  /** An attempt of this round was aborted: dropouts of it need not wait for its end, which will not come. */
  | { readonly type: 'aborted'; readonly round: number }
  /** A client stopped its coordinator, or met an error it goes on from. */
  | { readonly type: 'trouble'; readonly client: number; readonly code: ErrorCode; readonly text: string }
  /** The child cannot go on and exits. */
  | { readonly type: 'failed'; readonly code: ErrorCode; readonly text: string; readonly details?: ErrorDetails };
