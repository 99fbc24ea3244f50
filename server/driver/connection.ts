// One websocket with its session machine: bytes to messages and back, heartbeat, back-pressure, the end.
// Not here: what a session allows (session/), who else is connected (connections.ts), what requests do (coordinator.ts).

import type { WebSocket } from 'ws';
import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId, Hash, Millis } from '../../protocol/ids.js';
import {
  DEAD_AFTER_MS,
  MAX_AUTH_CREDIT_MS,
  MAX_BACKLOG_BYTES,
  PING_MS,
  SLOW_READER_MS,
} from '../../protocol/limits.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message, RunRef } from '../../protocol/wire/messages.js';
import { BlobSender, type Outlet } from '../chain/blob-sender.js';
import { CLOSE, type CloseCode } from '../session/close-codes.js';
import { startSession, stepSession } from '../session/session.js';
import type { ClientRequest, SessionEffect, SessionEvent, SessionSetup, SessionState } from '../session/types.js';
import { Bucket } from './bucket.js';
import { Alarm, type Clock } from './clock.js';
import { Credits } from './credits.js';
import { Mailbox } from './mailbox.js';

/** Bytes of frames, both ways, of all connections. */
export interface Traffic {
  up: number;
  down: number;
}

export type ProofCheck = Extract<SessionEffect, { type: 'verify' }>;

export interface ConnectionHandlers {
  /** `token`: the hash of the one by which it is enrolled now. */
  authenticated(connection: Connection, client: ClientId, agent: string, token: Hash | undefined): void;
  /** Whether the signature is right; now or later, once. */
  verify(job: ProofCheck, answer: (good: boolean) => void): void;
  /** Does this once everything noted so far is durable. */
  durably(work: () => void): void;
  request(connection: Connection, client: ClientId, message: ClientRequest): void;
  offence(connection: Connection, offence: { client?: ClientId; code: ErrorCode; text: string }): void;
  complaint(client: ClientId, code: ErrorCode, text: string, run: RunRef | undefined): void;
  /** Exactly once, as soon as nothing more can come: the closing handshake may still be going on. */
  ended(connection: Connection): void;
  /** A bug of ours: the session machine threw. */
  broken(error: unknown): void;
}

const LEAST_WAIT_MS: Millis = 100;

export class Connection implements Outlet {
  readonly blobs: BlobSender;
  readonly #socket: WebSocket;
  readonly #traffic: Traffic;
  readonly #handlers: ConnectionHandlers;
  readonly #alarm: Alarm;
  readonly #clock: Clock;
  readonly #session: Mailbox<SessionState, SessionEvent, SessionEffect>;
  readonly #bucket: Bucket;
  readonly #busy: () => Millis;
  readonly #busyAtStart: Millis;
  readonly #credits = new Credits();
  #client: ClientId | undefined;
  #ended = false;
  #heardAt: Millis;
  #pingedAt: Millis;
  /** When the socket last took something, or had nothing to take. */
  #tookAt: Millis;

  /** @param busy time that this process has been busy so far: what a peer sent meanwhile lay unread */
  constructor(
    socket: WebSocket,
    setup: SessionSetup,
    handlers: ConnectionHandlers,
    clock: Clock,
    traffic: Traffic,
    busy: () => Millis = () => 0,
  ) {
    this.#socket = socket;
    this.#busy = busy;
    this.#busyAtStart = busy();
    this.#handlers = handlers;
    this.#clock = clock;
    this.#traffic = traffic;
    const now = clock.now();
    this.#bucket = new Bucket(now);
    this.#heardAt = now;
    this.#pingedAt = now;
    this.#tookAt = now;
    this.blobs = new BlobSender(this);
    this.#alarm = new Alarm(clock, (at) => this.tell({ type: 'tick', now: at - this.#credit() }));
    this.#session = new Mailbox({
      first: startSession(setup, now),
      step: stepSession,
      run: (effect) => this.#run(effect),
      broken: (error) => {
        handlers.broken(error);
        this.#close(CLOSE.internal, 'INTERNAL');
      },
    });
    socket.on('message', (data: Buffer, isBinary: boolean) => this.#receive(data, isBinary));
    socket.on('pong', () => this.#control());
    socket.on('ping', () => this.#control());
    socket.on('error', (error: Error & { code?: string }) => this.#socketError(error));
    socket.on('close', () => this.#end());
    this.#session.open();
  }

  /** Proven; `undefined` before the handshake is through. */
  get client(): ClientId | undefined {
    return this.#client;
  }

  /** It has credit: memory for one more chunk is accounted for. */
  get expectsChunk(): boolean {
    return this.#credits.open > 0;
  }

  get unsentBytes(): number {
    return this.#socket.bufferedAmount;
  }

  /** An event of the session that does not come from the peer. */
  tell(event: Exclude<SessionEvent, { type: 'message' | 'undecodable' | 'gone' }>): void {
    this.#session.post(event);
  }

  send(message: Message): void {
    if (message.kind === 'announce') this.#bucket.round();
    if (message.kind === 'credit') this.#credits.give(message);
    this.sendFrame(encodeFrame(message));
  }

  /** The frame may be shared with other connections: it is never changed. */
  sendFrame(frame: Uint8Array, sent?: () => void): void {
    if (this.#socket.readyState !== this.#socket.OPEN) return;
    this.#traffic.down += frame.length;
    this.#socket.send(frame, { binary: true }, (error) => {
      if (error) return; // 'close' follows
      this.#tookAt = this.#clock.now();
      sent?.();
    });
    if (this.#socket.bufferedAmount > MAX_BACKLOG_BYTES) this.#cut('TRANSPORT_SLOW');
  }

  /** Ends it without a fault: shutdown, or the end of the task. */
  bye(code: CloseCode, reason: string): void {
    this.#close(code, reason);
  }

  /** Called about once a second. */
  sweep(now: Millis): void {
    if (this.#ended) return;
    if (this.#socket.bufferedAmount === 0) this.#tookAt = now;
    if (now - this.#tookAt >= SLOW_READER_MS) {
      this.#cut('TRANSPORT_SLOW');
      return;
    }
    if (now - this.#heardAt >= DEAD_AFTER_MS) {
      this.#socket.terminate();
      this.#end();
      return;
    }
    if (now - this.#pingedAt < PING_MS) return;
    this.#pingedAt = now;
    this.#socket.ping();
  }

  /** Control frames cost us an answer, and are counted like messages. */
  #control(): void {
    if (this.#ended) return;
    this.#heard();
    this.#withinRate();
  }

  #withinRate(): boolean {
    if (this.#bucket.take(this.#clock.now())) return true;
    this.#session.post({ type: 'undecodable', code: 'SESSION_FLOOD', text: 'over the rate' });
    return false;
  }

  /** @param data perhaps lent (bulk-stream.ts): nothing may keep a view of it */
  #receive(data: Buffer, isBinary: boolean): void {
    if (this.#ended) return;
    this.#traffic.up += data.length;
    this.#heard();
    if (!isBinary) {
      this.#session.post({ type: 'undecodable', code: 'WIRE_MALFORMED', text: 'a text message' });
      return;
    }
    const decoded = decodeFrame(data);
    const credit = decoded.ok && decoded.message.kind === 'inputChunk' ? this.#credits.take(decoded.message) : 'again';
    if (credit === 'none') {
      this.#session.post({ type: 'undecodable', code: 'UPLOAD_NO_CREDIT', text: 'a chunk without credit' });
      return;
    }
    if (credit === 'again' && !this.#withinRate()) return;
    if (decoded.ok) {
      this.#session.post({ type: 'message', message: owned(decoded.message) });
      return;
    }
    const { code, reason, offset, field } = decoded;
    const at = [offset === undefined ? '' : ` at ${offset}`, field === undefined ? '' : ` in ${field}`].join('');
    this.#session.post({ type: 'undecodable', code, text: reason + at });
  }

  #run(effect: SessionEffect): void {
    switch (effect.type) {
      case 'send': {
        const { message } = effect;
        // Who is told that it is enrolled must still be so after a crash, and its token spent.
        if (message.kind === 'welcome') this.#handlers.durably(() => this.send(message));
        else this.send(message);
        return;
      }
      case 'wakeAt':
        // Not in the next instant again: on a busy machine the credit grows while one waits for it.
        this.#alarm.set(Math.max(effect.at + this.#credit(), this.#clock.now() + LEAST_WAIT_MS));
        return;
      case 'verify':
        this.#handlers.verify(effect, (good) => this.#session.post({ type: 'verified', good }));
        return;
      case 'authenticated':
        this.#alarm.off();
        this.#client = effect.client;
        this.#handlers.authenticated(this, effect.client, effect.agent, effect.token);
        return;
      case 'deliver':
        this.#handlers.request(this, effect.client, effect.message);
        return;
      case 'offence': {
        const { type: _, ...offence } = effect;
        this.#handlers.offence(this, offence);
        return;
      }
      case 'complaint':
        this.#handlers.complaint(effect.client, effect.code, effect.text, effect.run);
        return;
      case 'close':
        this.#close(effect.code, effect.reason);
        return;
      default:
        effect satisfies never;
    }
  }

  /** Time since it connected that was not the peer's. */
  #credit(): Millis {
    return Math.min(this.#busy() - this.#busyAtStart, MAX_AUTH_CREDIT_MS);
  }

  #heard(): void {
    this.#heardAt = this.#clock.now();
  }

  /** Errors of ws with a code are the peer's: frames over the limit, or bytes that are no websocket. It closes the socket itself. */
  #socketError(error: Error & { code?: string }): void {
    if (error.code?.startsWith('WS_ERR') !== true) return;
    const code = error.code === 'WS_ERR_UNSUPPORTED_MESSAGE_LENGTH' ? 'WIRE_TOO_LARGE' : 'WIRE_MALFORMED';
    this.#session.post({ type: 'undecodable', code, text: error.code });
  }

  /** A message of its that does not come to an end. */
  stalled(): void {
    this.#cut('TRANSPORT_SLOW');
  }

  /** A peer that takes nothing would not take a closing handshake either. */
  #cut(code: ErrorCode): void {
    if (this.#ended) return;
    this.#handlers.offence(this, {
      ...(this.#client === undefined ? {} : { client: this.#client }),
      code,
      text: 'cut',
    });
    this.#socket.terminate();
    this.#end();
  }

  #close(code: CloseCode, reason: string): void {
    this.#socket.close(code, reason);
    this.#end();
  }

  #end(): void {
    if (this.#ended) return;
    this.#ended = true;
    this.#alarm.off();
    this.#session.post({ type: 'gone' });
    this.#handlers.ended(this);
  }
}

/** A chunk is dealt with at once (engine/types.ts), a sketch stays in the round's state. */
const owned = (message: Message): Message =>
  message.kind === 'sketch' ? { ...message, section: new Uint8Array(message.section) } : message;
