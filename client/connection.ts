// One authenticated connection, from the first byte to the last: frames in and out, the handshake, its time limit, and the
// watch over a peer that fell silent. It never comes back: reconnecting makes a new one (federated-client.ts).
// Not here: what the messages of rounds and of the chain mean.
import type { Answerer } from '../protocol/crypto/asking.js';
import { SottoError } from '../protocol/errors.js';
import type { Millis } from '../protocol/ids.js';
import { CLIENT_HANDSHAKE_MS } from '../protocol/limits.js';
import { decodeFrame, encodeFrame } from '../protocol/wire/frame.js';
import type { Fault, Message, Welcome } from '../protocol/wire/messages.js';
import { runAsking } from './asking.js';
import { type HandshakeSetup, type HandshakeStep, startHandshake, stepHandshake } from './handshake.js';
import type { Timers } from './timers.js';
import { CLOSE, type Link, type LinkClosed, type Transport } from './transport/transport.js';

/** Silence, in pings, after which the peer counts as gone: two lost ones and some delay. */
const SILENT_PINGS = 2.5;

export interface ConnectionHandlers {
  /**
   * First use, or a coordinator that shows hand-overs: make the key durable before anything is said to its holder. Rejects: the connection
   * ends with that error.
   */
  pin(coordinator: Uint8Array, handOvers?: Uint8Array): Promise<void>;
  opened(welcome: Welcome, coordinator: Uint8Array): void;
  /** Anything after `welcome`, and a `fault` or `rejected` also before. */
  message(message: Message): void;
  /** Exactly once; nothing comes after it. `error` where it ended for a reason that has a code. */
  ended(why: { readonly closed: LinkClosed; readonly error?: SottoError }): void;
}
export interface ConnectionSetup {
  readonly transport: Transport;
  readonly url: string;
  readonly timers: Timers;
  readonly handshake: HandshakeSetup;
  readonly answerer: Answerer;
  readonly handlers: ConnectionHandlers;
}

export class Connection {
  readonly #setup: ConnectionSetup;
  readonly #link: Link;
  #state: ReturnType<typeof startHandshake>['state'] | 'opening' | 'checking' | 'pinning' | 'open' | 'ended' =
    'opening';
  #heardAt: Millis = 0;
  #cancelTimer: () => void;

  /** @throws what `transport.connect` throws: a bad address, no WebSocket in this runtime */
  constructor(setup: ConnectionSetup) {
    this.#setup = setup;
    this.#cancelTimer = setup.timers.after(CLIENT_HANDSHAKE_MS, () =>
      this.fail(
        new SottoError('AUTH_TIMEOUT', `no welcome from ${setup.url} within ${CLIENT_HANDSHAKE_MS} ms`),
        CLOSE.timeout,
      ),
    );
    try {
      this.#link = setup.transport.connect(setup.url, {
        opened: () => this.#begin(),
        frame: (bytes) => this.#frame(bytes),
        heard: () => this.#heard(),
        closed: (closed) => this.#end(closed),
      });
    } catch (error) {
      this.#cancelTimer();
      throw error;
    }
  }

  /** Handed to the link, not yet gone: the measure of back-pressure. */
  drained(bytes: number): Promise<void> {
    return this.#link.drained(bytes);
  }

  get alive(): boolean {
    return this.#state === 'open';
  }

  /** Does nothing once the connection has ended. */
  send(message: Message): void {
    if (this.#state !== 'ended') this.#link.send(encodeFrame(message));
  }

  /** Tells the peer the code, whose general meaning it knows: what exactly was wrong stays here. */
  complain({ code }: Pick<SottoError, 'code'>, run?: Fault['run']): void {
    this.send({ kind: 'fault', code, text: code, ...(run ? { run } : {}) });
  }

  fail(error: SottoError, code: number = CLOSE.protocol): void {
    this.complain(error);
    this.close(code, error.code, error);
  }

  close(code: number, reason: string, error?: SottoError): void {
    if (this.#state === 'ended') return;
    this.#link.close(code, reason);
    this.#end({ code, reason }, error);
  }

  #begin(): void {
    if (this.#state !== 'opening') return;
    const { state, hello } = startHandshake(this.#setup.handshake);
    this.#state = state;
    this.send(hello);
  }

  #frame(bytes: Uint8Array): void {
    if (this.#state === 'ended') return;
    this.#heard();
    const decoded = decodeFrame(bytes);
    if (!decoded.ok) {
      this.fail(
        new SottoError(decoded.code, `the coordinator sent a bad frame of ${bytes.length} bytes: ${decoded.reason}`),
      );
    } else this.#message(decoded.message);
  }

  #message(message: Message): void {
    const { handlers, handshake, answerer } = this.#setup;
    // A refusal may come instead of the next step of the handshake. It is unauthenticated then, and only ends this try.
    if (this.#state === 'open' || message.kind === 'fault' || message.kind === 'rejected') {
      handlers.message(message);
      return;
    }
    if (typeof this.#state === 'string') {
      this.fail(new SottoError('SESSION_UNEXPECTED', `the coordinator sent ${message.kind} during the handshake`));
      return;
    }
    const step = runAsking(stepHandshake(handshake, this.#state, message), answerer);
    if (!(step instanceof Promise)) {
      this.#stepped(step);
      return;
    }
    this.#state = 'checking';
    step.then(
      (done) => {
        if (this.#state === 'checking') this.#stepped(done);
      },
      (error: unknown) => this.close(CLOSE.auth, 'INTERNAL', asSottoError(error, 'INTERNAL')),
    );
  }

  #stepped(step: HandshakeStep): void {
    const { handlers, handshake } = this.#setup;
    switch (step.type) {
      case 'refused':
        this.fail(step.error, CLOSE.auth);
        return;
      case 'prove':
        if (handshake.coordinator === undefined || step.handOvers !== undefined) {
          this.#pinThenProve(step);
          return;
        }
        this.#state = step.state;
        this.send(step.proof);
        return;
      case 'open':
        this.#state = 'open';
        this.#cancelTimer();
        this.#watch(step.welcome.pingMs);
        handlers.opened(step.welcome, step.coordinator);
        return;
      default:
        step satisfies never;
        return;
    }
  }

  #pinThenProve({ state, proof, handOvers }: Extract<HandshakeStep, { type: 'prove' }>): void {
    this.#state = 'pinning';
    this.#setup.handlers.pin(state.coordinator, handOvers).then(
      () => {
        if (this.#state !== 'pinning') return;
        this.#state = state;
        this.send(proof);
      },
      (error: unknown) => this.fail(asSottoError(error, 'STORE_WRITE'), CLOSE.auth),
    );
  }

  #heard(): void {
    this.#heardAt = this.#setup.timers.now();
  }

  /** A half-open connection never closes by itself. Only where pings are seen can silence be told from a quiet coordinator. */
  #watch(pingMs: Millis): void {
    if (!this.#link.hearsPings || pingMs <= 0) return;
    const limit = SILENT_PINGS * pingMs;
    const look = (): void => {
      const silent = this.#setup.timers.now() - this.#heardAt;
      if (silent < limit) this.#cancelTimer = this.#setup.timers.after(limit - silent, look);
      else
        this.close(
          CLOSE.timeout,
          'silent',
          new SottoError('TRANSPORT_CLOSED', `nothing was heard for ${Math.round(silent)} ms`),
        );
    };
    this.#heard();
    this.#cancelTimer = this.#setup.timers.after(limit, look);
  }

  #end(closed: LinkClosed, error?: SottoError): void {
    if (this.#state === 'ended') return;
    this.#state = 'ended';
    this.#cancelTimer();
    this.#setup.handlers.ended(error === undefined ? { closed } : { closed, error });
  }
}

/** The error itself if it has a code, else one with `code` and its message. */
export function asSottoError(
  error: unknown,
  code: 'STORE_WRITE' | 'TRAIN_FAILED' | 'ENGINE_FAILED' | 'INTERNAL' | 'TRANSPORT_CLOSED',
): SottoError {
  if (error instanceof SottoError) return error;
  return new SottoError(code, error instanceof Error ? error.message : String(error));
}
