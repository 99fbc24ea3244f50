// Questions to the coordinator about the model chain, one at a time, across reconnects: chain records after a hash, and
// blobs by their hash. What is handed on is what was asked for, byte for byte; whether it is right is model-chain.ts.
// Not here: which record or blob is wanted, or what it means.
import type { SymmetricPrimitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { CHAIN_STALL_MS } from '../../protocol/limits.js';
import type { BlobChunk, BlobHead, Chain, Fault, Message } from '../../protocol/wire/messages.js';
import type { Timers } from '../timers.js';
import { Download } from './download.js';

interface Question {
  /** Sent at once, and again after each reconnect: answers are idempotent. */
  readonly message: Message;
  /** The answer, part of it (`more`), or something else (`no`). @throws where it is wrong */
  take(message: Message): 'done' | 'more' | 'no';
  readonly resolve: () => void;
  readonly reject: (error: SottoError) => void;
}

/** What the chain asks. Both reject with CHAIN_STALLED, TRANSPORT_CLOSED (stopped), or the code of a fault in answer. */
export interface Requests {
  records(task: string, after: Uint8Array): Promise<Chain>;
  /** @param limit most bytes this blob can have. The array is the caller's. Rejects also with GUARD_MODEL_CHAIN: wrong bytes */
  blob(hash: Uint8Array, limit: number): Promise<Uint8Array<ArrayBuffer>>;
}

export class ChainRequests implements Requests {
  readonly #primitives: SymmetricPrimitives;
  readonly #timers: Timers;
  #send: ((message: Message) => void) | undefined;
  #current: Question | undefined;
  #tail: Promise<unknown> = Promise.resolve();
  #cancelStall = (): void => undefined;
  #stopped = false;

  constructor(primitives: SymmetricPrimitives, timers: Timers) {
    this.#primitives = primitives;
    this.#timers = timers;
  }

  /** A connection is open: the question that waits is asked again. */
  online(send: (message: Message) => void): void {
    this.#send = send;
    if (this.#current !== undefined) this.#ask(this.#current);
  }

  /** The connection is lost: the question waits for the next one. */
  offline(): void {
    this.#send = undefined;
    this.#cancelStall();
  }

  /** Every question, now and later, ends with TRANSPORT_CLOSED. */
  stop(): void {
    this.#stopped = true;
    this.offline();
    this.#finish(stopped());
  }

  records(task: string, after: Uint8Array): Promise<Chain> {
    return this.#queue<Chain>((answer) => ({
      message: { kind: 'wantChain', task, after },
      take(message) {
        if (message.kind !== 'chain' || message.task !== task) return 'no';
        answer(message);
        return 'done';
      },
    }));
  }

  blob(hash: Uint8Array, limit: number): Promise<Uint8Array<ArrayBuffer>> {
    const download = new Download(hash, limit, this.#primitives);
    return this.#queue<Uint8Array<ArrayBuffer>>((answer) => ({
      message: { kind: 'want', blob: hash },
      take(message) {
        if (message.kind === 'blobHead') return download.head(message);
        if (message.kind !== 'blobChunk') return 'no';
        const progress = download.chunk(message);
        if (progress === 'done') answer(download.bytes);
        return progress;
      },
    }));
  }

  /**
   * Offers a message. What nobody asked for (any more) is dropped silently: answers cross with changes of mind.
   * @returns whether a question was open; a `fault` then is its answer
   */
  offer(message: BlobHead | BlobChunk | Chain | Fault): boolean {
    const question = this.#current;
    if (question === undefined) return false;
    if (message.kind === 'fault') {
      this.#finish(new SottoError(message.code, `the coordinator refused ${question.message.kind}: ${message.text}`));
      return true;
    }
    try {
      const progress = question.take(message);
      if (progress === 'more') this.#watch();
      if (progress === 'done') this.#finish();
    } catch (error) {
      this.#finish(error instanceof SottoError ? error : new SottoError('INTERNAL', String(error)));
    }
    return true;
  }

  #queue<T>(make: (answer: (value: T) => void) => Pick<Question, 'message' | 'take'>): Promise<T> {
    const run = (): Promise<T> =>
      new Promise<T>((resolve, reject) => {
        if (this.#stopped) return reject(stopped());
        let answer: { readonly value: T } | undefined;
        const parts = make((value) => {
          answer = { value };
        });
        this.#current = { ...parts, resolve: () => answer !== undefined && resolve(answer.value), reject };
        this.#ask(this.#current);
      });
    const result = this.#tail.then(run);
    this.#tail = result.catch(() => undefined);
    return result;
  }

  #ask(question: Question): void {
    if (this.#send === undefined) return;
    this.#watch();
    this.#send(question.message);
  }

  #watch(): void {
    this.#cancelStall();
    this.#cancelStall = this.#timers.after(CHAIN_STALL_MS, () => {
      const kind = this.#current?.message.kind ?? 'nothing';
      this.#finish(new SottoError('CHAIN_STALLED', `no answer to ${kind} for ${CHAIN_STALL_MS} ms`));
    });
  }

  #finish(error?: SottoError): void {
    this.#cancelStall();
    const question = this.#current;
    this.#current = undefined;
    if (error === undefined) question?.resolve();
    else question?.reject(error);
  }
}

const stopped = (): SottoError => new SottoError('TRANSPORT_CLOSED', 'the client was stopped');
