// One client's connection as data: states, what each may send, events in, effects out. The machine is session.ts.
// Not here: sockets and timers (connection.ts), what round messages mean (protocol/round), the pool (campaign/).

import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives, Rng } from '../../protocol/crypto/primitives.js';
import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, Hash, Millis } from '../../protocol/ids.js';
import type {
  CheckIn,
  ClientRoundMessage,
  Leave,
  Message,
  MessageKind,
  RunRef,
  Want,
  WantChain,
} from '../../protocol/wire/messages.js';
import type { Admission } from '../access/access.js';
import type { CloseCode } from './close-codes.js';

export interface SessionSetup {
  readonly identity: Identity;
  readonly primitives: Primitives;
  readonly rng: Rng;
  /** Whether the identity may come in, by its token where it brought one. Asked only after it has proven who it is, so nobody can probe the roster. */
  readonly admit: (client: ClientId, token: string | undefined) => Admission;
  readonly task: string;
  readonly pingMs: Millis;
  /** Of a coordinator that has had other keys, all of them: shown to everybody, since only they know whom they have pinned. */
  readonly handOvers?: Uint8Array;
}

/** Every legal move of a connection. Any state may close. */
export const SESSION_TRANSITIONS = {
  fresh: ['challenged', 'closed'],
  challenged: ['proving', 'closed'],
  /** It has answered; whether its signature is right is being computed. */
  proving: ['welcomed', 'closed'],
  /** Authenticated, not in the pool. */
  welcomed: ['pooled', 'closed'],
  /** In the pool: may take part in rounds. */
  pooled: ['welcomed', 'closed'],
  closed: [],
} as const;
export type SessionPhase = keyof typeof SESSION_TRANSITIONS;

/** What a client may send in which state. What is not listed is refused: default deny. */
export const ALLOWED = {
  fresh: ['hello', 'fault'],
  challenged: ['proof', 'fault'],
  proving: ['fault'],
  welcomed: ['checkIn', 'want', 'wantChain', 'leave', 'fault'],
  pooled: [
    'checkIn',
    'want',
    'wantChain',
    'leave',
    'fault',
    'keys',
    'shares',
    'complaint',
    'masked',
    'plain',
    'inputChunk',
    'sketch',
    'consistent',
    'unmask',
  ],
  closed: [],
} as const satisfies Record<SessionPhase, readonly MessageKind[]>;

export interface Fresh {
  readonly phase: 'fresh';
  readonly setup: SessionSetup;
  readonly deadline: Millis;
}
export interface Challenged {
  readonly phase: 'challenged';
  readonly setup: SessionSetup;
  readonly deadline: Millis;
  /** Claimed, not proven. */
  readonly unprovenKey: Uint8Array;
  readonly nonce: Uint8Array;
  readonly agent: string;
  readonly token: string | undefined;
}
/** Its part is done and ours is not: it has no deadline. */
export interface Proving {
  readonly phase: 'proving';
  readonly setup: SessionSetup;
  readonly unprovenKey: Uint8Array;
  readonly agent: string;
  readonly token: string | undefined;
}
export interface Welcomed {
  readonly phase: 'welcomed';
  readonly setup: SessionSetup;
  readonly client: ClientId;
}
export interface Pooled {
  readonly phase: 'pooled';
  readonly setup: SessionSetup;
  readonly client: ClientId;
}
export interface Closed {
  readonly phase: 'closed';
}
export type SessionState = Fresh | Challenged | Proving | Welcomed | Pooled | Closed;

/** What an authenticated client may say to the task behind the connection. */
export type ClientRequest = CheckIn | Leave | Want | WantChain | ClientRoundMessage;

export type SessionEvent =
  | { readonly type: 'message'; readonly message: Message }
  /** The bytes are no legal frame. */
  | { readonly type: 'undecodable'; readonly code: ErrorCode; readonly text: string }
  | { readonly type: 'tick'; readonly now: Millis }
  /** The answer to `verify`. */
  | { readonly type: 'verified'; readonly good: boolean }
  /** The campaign's answers to a check-in. */
  | { readonly type: 'accepted'; readonly round: number }
  | { readonly type: 'rejected'; readonly code: ErrorCode; readonly retryAfterMs: Millis }
  /** This side ends the connection: `code` and a coarse fault go to the peer. */
  | { readonly type: 'end'; readonly code: ErrorCode }
  | { readonly type: 'gone' };

/** Run in order. */
export type SessionEffect =
  | { readonly type: 'send'; readonly message: Message }
  | { readonly type: 'wakeAt'; readonly at: Millis }
  /** Whether the signature is the key's, over this message; `verified` brings the answer. Ed25519 takes 0.1 ms, which another thread may spend. */
  | {
      readonly type: 'verify';
      readonly publicKey: Uint8Array;
      readonly message: Uint8Array;
      readonly signature: Uint8Array;
    }
  /** It is who it says: an older connection of the same identity has to go now. */
  | {
      readonly type: 'authenticated';
      readonly client: ClientId;
      readonly agent: string;
      /** It is enrolled by this token, now. */
      readonly token?: Hash;
    }
  | { readonly type: 'deliver'; readonly client: ClientId; readonly message: ClientRequest }
  /** The peer broke the protocol. `client` is missing where it had not proven who it is: nobody is blamed on a claim. */
  | { readonly type: 'offence'; readonly client?: ClientId; readonly code: ErrorCode; readonly text: string }
  /** The client told us of a fault on its side, such as a guard that stopped us. With `run`: it takes no further part in that. */
  | {
      readonly type: 'complaint';
      readonly client: ClientId;
      readonly code: ErrorCode;
      readonly text: string;
      readonly run?: RunRef;
    }
  | { readonly type: 'close'; readonly code: CloseCode; readonly reason: ErrorCode | 'done' };

export interface SessionStep<S extends SessionState = SessionState> {
  readonly state: S;
  readonly effects: readonly SessionEffect[];
}
