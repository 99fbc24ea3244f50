// What a round in memory is made of: its members, its network, what it hands back. Not a test, and nothing runs here (arena.ts).

import type { Identity } from '../../protocol/crypto/identity.js';
import type { OpenKeystream, Primitives, Rng } from '../../protocol/crypto/primitives.js';
import type { ClientId } from '../../protocol/ids.js';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import type { ParticipantState } from '../../protocol/participant/participant.js';
import type { GuardRecord, ParticipantEffect, Policy } from '../../protocol/participant/types.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import type { Step } from '../../protocol/round/round.js';
import type {
  Candidate,
  RoundEffect,
  RoundEvent,
  RoundFact,
  RoundFailure,
  RoundResult,
} from '../../protocol/round/types.js';
import type { Words } from '../../protocol/secagg/encode.js';
import type { ClientWorkResult, EngineResult, EngineWork, MaskWork } from '../../protocol/secagg/jobs.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../../protocol/wire/messages.js';

/** What a round is computed with. */
export interface Runtime {
  readonly primitives: Primitives;
  readonly open: OpenKeystream;
  readonly kernels: Kernels;
  /** Randomness of one party: `coordinator`, or a client's number. */
  readonly rngOf: (who: number | 'coordinator') => Rng;
}

export interface Member {
  readonly identity: Identity;
  readonly update: Float32Array<ArrayBuffer>;
  readonly examples: number;
  state: ParticipantState | undefined;
  guard: GuardRecord;
  ledger: readonly LedgerEntry[];
  input: Uint8Array | undefined;
  connected: boolean;
  readonly effects: ParticipantEffect[];
  policy: Policy;
}

/** What the network does with a message; `lose` cuts the client's connection instead of sending. */
export type Tamper = {
  readonly toClient?: (to: number, message: CoordinatorRoundMessage) => readonly CoordinatorRoundMessage[];
  readonly toCoordinator?: (from: number, message: ClientRoundMessage) => readonly ClientRoundMessage[] | 'lose';
};

export interface ArenaOptions {
  readonly config: TaskConfig;
  readonly round?: number;
  readonly attempt?: number;
  readonly clip?: number;
  readonly tamper?: Tamper;
  /** Picks which of the waiting pairs is served next; 0 keeps the order of sending. Deliveries of one pair never overtake. */
  readonly pick?: (n: number, pairs: readonly string[]) => number;
  readonly members: readonly Member[];
  readonly coordinator?: Identity;
  /** Send every message through the real codec; `frame` sees each frame. */
  readonly wire?: boolean;
  readonly frame?: (direction: 'up' | 'down', client: number, frame: Uint8Array) => void;
  /** Called with each event before the coordinator's machine sees it. */
  readonly observe?: (event: RoundEvent) => void;
  /** Called with each step of the coordinator's machine. */
  readonly stepped?: (event: RoundEvent | undefined, step: Step) => void;
  /** Called with each state of a client's machine. */
  readonly clientState?: (client: number, state: ParticipantState) => void;
  /** The rule in sketch space: whom to leave out, worst first. */
  readonly select?: (candidates: readonly Candidate[]) => readonly ClientId[];
  /** An answer instead of the engine's. */
  readonly engine?: (work: EngineWork) => EngineResult | undefined;
  /** How a hostile client encodes: its own work instead of what its machine asked for, when masking and when sketching. */
  readonly rewrite?: (client: number, work: MaskWork) => MaskWork;
  /** Changes a masked vector before it is hashed and sent. */
  readonly damage?: (client: number, vector: Uint8Array) => void;
  /** A result instead of the masked (or plain) vector. */
  readonly clientWork?: (client: number) => ClientWorkResult | undefined;
}

export interface Outcome {
  readonly result?: RoundResult;
  readonly failure?: RoundFailure;
  readonly facts: readonly RoundFact[];
  readonly refused: readonly Extract<RoundEffect, { type: 'refuse' }>[];
  readonly members: readonly Member[];
  readonly sums: ReadonlyMap<string, Words>;
  readonly rows: ReadonlyMap<string, Float32Array>;
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly coordinatorSent: readonly { readonly to: number; readonly message: CoordinatorRoundMessage }[];
  readonly mean: (accumulator: string, survivors: number) => Float32Array;
}

/** One waiting delivery. `message`: one that a network may lose, repeat or damage; the rest happens inside a machine. */
export interface Delivery {
  readonly pair: string;
  readonly message?: ClientRoundMessage | CoordinatorRoundMessage;
  /** Engine work: the slot that it drops. */
  readonly drops?: string;
  /** Delivers it, or another message in its place. */
  run(instead?: ClientRoundMessage | CoordinatorRoundMessage): void;
}
