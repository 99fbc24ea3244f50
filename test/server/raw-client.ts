// A client on a bare websocket with the real participant machine behind it: says what it is told to say, also the wrong thing.
// No trainer, no reconnecting by itself, no model chain: those are client/'s. Not a test.

import { WebSocket } from 'ws';
import { allClauses } from '../../protocol/clauses/all.js';
import { type Identity, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import { nativeKernels, nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type ParticipantState, startParticipant, stepParticipant } from '../../protocol/participant/participant.js';
import type { GuardRecord, ParticipantEffect, ParticipantEvent } from '../../protocol/participant/types.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { encodePlain, maskUpdate } from '../../protocol/secagg/mask.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { ClientRoundMessage, Message, MessageKind, MessageOf, RunRef } from '../../protocol/wire/messages.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';
import { WEAK_POLICY } from '../protocol/world.js';

const kernels = nativeKernels();

/** What to do instead of sending a message: other messages, raw bytes, text, or cutting the line. */
export type Deed = readonly (Message | Uint8Array | string)[] | 'cut';

export interface RawClientOptions {
  readonly url: string;
  readonly identity: Identity;
  /** Pinned. */
  readonly coordinator: Uint8Array;
  readonly task?: string;
  readonly token?: string;
  readonly update?: Float32Array<ArrayBuffer>;
  /** Asked for every message of a round before it leaves. */
  readonly deed?: (message: ClientRoundMessage, client: RawClient) => Deed | undefined;
  /** Connect again at once when the line was cut or closed, as often as this. */
  readonly comeBack?: number;
}

interface Waiter {
  readonly fits: (message: Message) => boolean;
  readonly resolve: (message: Message) => void;
}

export class RawClient {
  readonly received: Message[] = [];
  readonly closes: { readonly code: number; readonly reason: string }[] = [];
  readonly closed: Promise<number>;
  readonly identity: Identity;
  readonly #options: RawClientOptions;
  readonly #waiters = new Set<Waiter>();
  #socket: WebSocket | undefined;
  #hello: Uint8Array = new Uint8Array(32);
  #state: ParticipantState | undefined;
  #guard: GuardRecord;
  #input: Uint8Array = new Uint8Array(0);
  #comeBack: number;
  #closed: (code: number) => void = () => {};
  #checkedIn = false;

  constructor(options: RawClientOptions) {
    this.#options = options;
    this.identity = options.identity;
    this.#comeBack = options.comeBack ?? 0;
    this.#guard = { task: options.task ?? 'test', round: 0, attempt: 0, answered: 0, contributed: 0 };
    this.closed = new Promise((resolve) => {
      this.#closed = resolve;
    });
  }

  /** Resolves when the socket is open and `hello` is sent. */
  open(): Promise<this> {
    const socket = new WebSocket(this.#options.url, SUBPROTOCOL, { perMessageDeflate: false });
    this.#socket = socket;
    socket.on('message', (data: Buffer) => this.#receive(data));
    socket.on('error', () => {});
    socket.on('close', (code: number, reason: Buffer) => this.#onClose(socket, code, reason.toString()));
    return new Promise((resolve, reject) => {
      socket.once('open', () => resolve(this));
      socket.once('error', reject);
    });
  }

  /** Through the handshake and into the pool. */
  async join(): Promise<this> {
    await this.open();
    this.hello();
    await this.next('welcome');
    this.checkIn();
    return this;
  }

  hello(): void {
    this.#hello = nativeRng(32);
    const { token } = this.#options;
    const hello = { client: this.identity.publicKey, nonce: this.#hello, agent: 'raw test client' };
    this.send({ kind: 'hello', ...hello, ...(token !== undefined && { token }) });
  }

  checkIn(): void {
    this.#checkedIn = true;
    this.send({ kind: 'checkIn', task: this.#options.task ?? 'test', head: new Uint8Array(0) });
  }

  send(message: Message): void {
    this.raw(encodeFrame(message));
  }

  raw(data: Uint8Array | string): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket.send(data);
  }

  control(kind: 'ping' | 'pong'): void {
    if (this.#socket?.readyState === WebSocket.OPEN) this.#socket[kind]();
  }

  /** Without a closing handshake. */
  cut(): void {
    this.#socket?.terminate();
  }

  bye(): void {
    this.#comeBack = 0;
    this.#socket?.close(1000);
  }

  has(kind: MessageKind): boolean {
    return this.received.some((message) => message.kind === kind);
  }

  /** The next message of this kind from now on. */
  next<K extends MessageKind>(kind: K, fits: (message: MessageOf<K>) => boolean = () => true): Promise<MessageOf<K>> {
    return new Promise((resolve) => {
      this.#waiters.add({
        fits: (message) => message.kind === kind && fits(message as MessageOf<K>),
        resolve: (message) => resolve(message as MessageOf<K>),
      });
    });
  }

  #receive(data: Buffer): void {
    const decoded = decodeFrame(data);
    if (!decoded.ok) throw new Error(`the coordinator sent ${decoded.code}: ${decoded.reason}`);
    const { message } = decoded;
    this.received.push(message);
    this.#act(message);
    for (const waiter of [...this.#waiters]) {
      if (!waiter.fits(message)) continue;
      this.#waiters.delete(waiter);
      waiter.resolve(message);
    }
  }

  #act(message: Message): void {
    switch (message.kind) {
      case 'challenge':
        this.#prove(message);
        break;
      case 'announce': {
        const step = startParticipant({
          announce: message,
          identity: this.identity,
          coordinator: this.#options.coordinator,
          policy: WEAK_POLICY,
          guard: this.#guard,
          ledger: [],
          clauses: allClauses,
          primitives: nativePrimitives,
          rng: nativeRng,
          rounding: nativeRng,
        });
        this.#state = step.state;
        this.#effects(step.effects);
        break;
      }
      case 'credit':
        for (const index of message.chunks) this.sendChunk(message.run, index);
        break;
      case 'keyBook':
      case 'shareBook':
      case 'inputTaken':
      case 'survivors':
      case 'unmaskRequest':
      case 'outcome':
      case 'abort':
      case 'resume':
        this.#tell({ type: 'message', body: message });
        break;
      default:
    }
  }

  #prove({ coordinator, nonce, signature }: MessageOf<'challenge'>): void {
    const fields = [this.#hello, nonce, this.identity.publicKey] as const;
    if (!verifyFields(nativePrimitives, this.#options.coordinator, signature, LABELS.challenge, ...fields)) {
      throw new Error('the coordinator is not the pinned one');
    }
    const { publicKey } = this.identity;
    const proof = signFields(nativePrimitives, this.identity, LABELS.proof, nonce, coordinator, publicKey);
    this.send({ kind: 'proof', signature: proof });
  }

  #tell(event: ParticipantEvent): void {
    if (this.#state === undefined) return;
    const step = stepParticipant(this.#state, event);
    this.#state = step.state;
    this.#effects(step.effects);
  }

  #effects(effects: readonly ParticipantEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'persist':
          this.#guard = effect.guard;
          break;
        case 'send':
          this.#say(effect.message);
          break;
        case 'train':
          queueMicrotask(() => this.#tell({ type: 'trained', examples: 1 }));
          break;
        case 'compute': {
          const update = this.#options.update ?? new Float32Array(effect.work.encoding.dimension);
          this.#input =
            effect.work.type === 'plain'
              ? new Uint8Array(update.slice().buffer)
              : runStreaming(maskUpdate(effect.work, update, kernels, encodePlain), effect.work.prg, nativeKeystream);
          const input = this.#input;
          const result = { ok: true, bytes: input.length, chunks: chunkHashList(nativePrimitives, input) } as const;
          queueMicrotask(() => this.#tell({ type: 'computed', result }));
          break;
        }
        case 'upload': // `credit` says when
        case 'ledger':
        case 'sketch': // raw clients run tasks without sketches
        case 'guard':
        case 'ended':
        case 'forget':
          break;
        default:
          effect satisfies never;
      }
    }
  }

  /** One chunk of its own input, whether it may or not. */
  sendChunk(run: RunRef, index: number): void {
    const section = splitChunks(this.#input)[index];
    if (section !== undefined) this.#say({ kind: 'inputChunk', run, index, section });
  }

  #say(message: ClientRoundMessage): void {
    const deed = this.#options.deed?.(message, this);
    if (deed === undefined) this.send(message);
    else if (deed === 'cut') this.cut();
    else for (const one of deed) one instanceof Uint8Array || typeof one === 'string' ? this.raw(one) : this.send(one);
  }

  #onClose(socket: WebSocket, code: number, reason: string): void {
    this.closes.push({ code, reason });
    if (socket !== this.#socket) return;
    this.#tell({ type: 'gone' });
    if (this.#comeBack > 0 && this.#checkedIn) {
      this.#comeBack--;
      void this.join().catch(() => this.#closed(code));
    } else this.#closed(code);
  }
}
