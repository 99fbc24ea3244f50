// A home in a worker thread. Not here: what happens in the thread (worker.ts).

import { Worker } from 'node:worker_threads';
import type { AnswerTo, Home, HomeAnswer, HomeRequest } from './home.js';
import type { Envelope, Reply } from './worker.js';

interface Pending {
  readonly resolve: (answer: HomeAnswer) => void;
  readonly reject: (error: Error) => void;
}

export class WorkerHome implements Home {
  #worker: Worker | undefined;
  readonly #pending = new Map<number, Pending>();
  #nextId = 1;
  #lost = false;

  /** Started with the first work: a coordinator that starts has better things to load. */
  #start(): Worker {
    const worker = new Worker(new URL('./worker.js', import.meta.url));
    worker.on('message', ({ id, answer }: Reply) => {
      this.#pending.get(id)?.resolve(answer);
      this.#pending.delete(id);
      if (this.#pending.size === 0) worker.unref();
    });
    const lost = (error: Error): void => {
      if (worker === this.#worker) this.#lose(error);
    };
    worker.on('error', (error) => lost(error instanceof Error ? error : new Error(String(error))));
    worker.on('exit', (code) => lost(new Error(`the worker ended with code ${code}`)));
    // Work keeps the process alive, an idle worker does not.
    worker.unref();
    return worker;
  }

  warm(): void {
    if (!this.#lost) this.#worker ??= this.#start();
  }

  /** Every input that it has seen leaves an object in its heap that keeps the input's memory until its own collector runs. */
  async rest(): Promise<void> {
    if (this.#pending.size > 0) return;
    const worker = this.#worker;
    this.#worker = undefined;
    await worker?.terminate();
  }

  get lost(): boolean {
    return this.#lost;
  }

  ask<R extends HomeRequest>(request: R, transfer: readonly ArrayBuffer[] = []): Promise<AnswerTo<R>> {
    if (this.#lost) return Promise.reject(new Error('the worker is lost'));
    const envelope: Envelope = { id: this.#nextId++, request };
    return new Promise((resolve, reject) => {
      // safe: HomeServer answers each type of request with its type of answer
      this.#pending.set(envelope.id, { resolve: resolve as Pending['resolve'], reject });
      this.#worker ??= this.#start();
      this.#worker.ref();
      this.#worker.postMessage(envelope, transfer);
    });
  }

  async close(): Promise<void> {
    this.#lose(new Error('the worker was closed'));
    await this.#worker?.terminate();
  }

  #lose(error: Error): void {
    this.#lost = true;
    for (const { reject } of this.#pending.values()) reject(error);
    this.#pending.clear();
  }
}
