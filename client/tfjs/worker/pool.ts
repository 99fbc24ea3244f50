// Training outside the thread that owns the socket: trainers whose work is done by a few workers. In simulation many clients share
// one pool; a real client has a pool of one (workerTrainer). Not here: what happens inside a worker (host.ts).
//
// Any worker can serve any trainer, because a call carries its weights and a round's draws depend on (seed, task, round, attempt)
// alone; so a call goes to the least busy one, and which one served it changes no bit. Momentum over rounds stays on this side.

import { SottoError } from '../../../protocol/errors.js';
import type { Dataset } from '../../dataset.js';
import { withMomentum } from '../../momentum.js';
import type { TrainingRound } from '../../trainer.js';
import type { BackendOptions } from '../backend.js';
import { plannedReleases } from '../dp-sgd/releases.js';
import type { ModelSpec } from '../spec.js';
import type { LocalTrainer } from '../trainer.js';
import type { Answers, DataReference, FromWorker, Job, ModelModule, SentError, ToWorker } from './messages.js';
import { startThread, type Thread } from './thread.js';

export interface TrainingPoolOptions extends BackendOptions {
  /** Workers, each with a backend of its own; absent: 1. More than processors gains nothing. */
  readonly workers?: number;
  /** Browsers with a bundler: makes the worker from the entry `sotto/client/tfjs/worker`. */
  readonly makeWorker?: () => Worker;
}
export interface PoolTrainerOptions {
  readonly model: ModelSpec | ModelModule;
  /** The arrays go to each worker once, however many trainers use them: copied, or shared if they are over SharedArrayBuffers (shareDataset). */
  readonly data: Dataset;
  readonly evaluation?: Dataset;
  readonly seed?: number | string;
}

export interface TrainingPool {
  /** A trainer whose calls run in the workers. `id` is unique in the pool until the trainer is disposed. */
  trainer(id: string, options: PoolTrainerOptions): LocalTrainer;
  /** Ends the workers; calls under way fail with TRAIN_ABORTED. */
  close(): Promise<void>;
}

type Open = ToWorker & { type: 'open' };

/** Starts the workers at once. The program may end while the pool is idle, even if nobody closed it. @throws SottoError CONFIG_INVALID */
export function createTrainingPool(options: TrainingPoolOptions = {}): TrainingPool {
  const { workers = 1, makeWorker, log, ...backend } = options;
  if (!Number.isInteger(workers) || workers < 1)
    throw new SottoError('CONFIG_INVALID', `workers is ${workers}: give a whole number ≥ 1`);
  const keys = new WeakMap<object, number>();
  let arrays = 0;
  const ids = new Set<string>();
  let closed = false;
  const fresh = (): PoolWorker => new PoolWorker(backend, log, makeWorker);
  const members = Array.from({ length: workers }, fresh);

  /** The least busy worker; one that has ended is replaced first. */
  const pick = (): PoolWorker => {
    members.forEach((member, i) => {
      if (member.ended) members[i] = fresh();
    });
    return members.reduce((best, member) => (member.load < best.load ? member : best));
  };
  const keyOf = (values: object): number => {
    const key = keys.get(values) ?? arrays++;
    keys.set(values, key);
    return key;
  };
  const refer = ({ inputs, labels, ...rest }: Dataset): DataReference => ({
    ...rest,
    inputs: keyOf(inputs),
    labels: keyOf(labels),
  });

  return {
    trainer: (id, { model, data, evaluation, seed }) => {
      if (ids.has(id)) throw new SottoError('CONFIG_INVALID', `the pool already has a trainer '${id}'`);
      ids.add(id);
      const values = [data, evaluation].flatMap((set) => (set ? [set.inputs, set.labels] : []));
      const open: Open = {
        type: 'open',
        trainer: id,
        model,
        data: refer(data),
        ...(evaluation && { evaluation: refer(evaluation) }),
        ...(seed !== undefined && { seed }),
      };
      const call = <M extends Job['method']>(job: Job & { method: M }, signal?: AbortSignal): Promise<Answers[M]> => {
        if (closed || !ids.has(id))
          return Promise.reject(new SottoError('TRAIN_ABORTED', `the trainer '${id}' or its pool is closed`));
        const member = pick();
        for (const array of values) member.send(keyOf(array), array);
        member.open(open);
        return member.call(id, job, signal) as Promise<Answers[M]>;
      };
      return withMomentum({
        init: (task) => call({ method: 'init', task: task.task, dimension: task.dimension }),
        train: (weights, { signal, ...round }: TrainingRound) =>
          call({ method: 'train', weights: weights.slice(), round }, signal),
        releases: plannedReleases,
        evaluate: (weights) => call({ method: 'evaluate', weights: weights.slice() }),
        dispose: async () => {
          if (!ids.delete(id)) return;
          await Promise.all(members.map((member) => member.shut(id)));
        },
      });
    },
    close: async () => {
      closed = true;
      await Promise.all(members.map((member) => member.close()));
    },
  };
}

/** A trainer with a worker of its own: what a real client uses. Disposing it ends the worker. */
export function workerTrainer(options: PoolTrainerOptions & Omit<TrainingPoolOptions, 'workers'>): LocalTrainer {
  const { model, data, evaluation, seed, ...rest } = options;
  const pool = createTrainingPool(rest);
  const trainer = pool.trainer('client', {
    model,
    data,
    ...(evaluation && { evaluation }),
    ...(seed !== undefined && { seed }),
  });
  return { ...trainer, dispose: () => pool.close() };
}

interface Pending {
  resolve(value: Answers[keyof Answers]): void;
  reject(error: unknown): void;
  release(): void;
}

/** The pool's end of one worker: knows which arrays and trainers it has sent, and who waits for what. */
class PoolWorker {
  ended = false;
  readonly #thread: Promise<Thread>;
  readonly #pending = new Map<number, Pending>();
  readonly #arrays = new Set<number>();
  readonly #trainers = new Set<string>();
  #calls = 0;

  constructor(
    backend: Omit<BackendOptions, 'log'>,
    log: ((line: string) => void) | undefined,
    make: (() => Worker) | undefined,
  ) {
    const message = (received: FromWorker): void => {
      if (received.type === 'log') log?.(received.line);
      else this.#settle(received);
    };
    const ended = (reason: string): void =>
      this.#fail(new SottoError('TRAIN_WORKER', `the training worker is gone: ${reason}`));
    this.#thread = startThread({ message, ended }, make);
    this.#thread.catch((error: unknown) => ended(error instanceof Error ? error.message : String(error)));
    this.#post({ type: 'backend', options: backend });
  }

  get load(): number {
    return this.#pending.size;
  }

  send(key: number, values: Float32Array | Uint8Array | Int32Array): void {
    if (this.#arrays.has(key)) return;
    this.#arrays.add(key);
    this.#post({ type: 'array', key, values });
  }

  open(message: Open): void {
    if (this.#trainers.has(message.trainer)) return;
    this.#trainers.add(message.trainer);
    this.#post(message);
  }

  call(trainer: string, job: Job, signal?: AbortSignal): Promise<Answers[keyof Answers]> {
    if (signal?.aborted) return Promise.reject(new SottoError('TRAIN_ABORTED', 'training was stopped before it began'));
    const call = this.#calls++;
    return new Promise((resolve, reject) => {
      const abort = (): void => this.#post({ type: 'abort', call });
      signal?.addEventListener('abort', abort);
      this.#pending.set(call, { resolve, reject, release: () => signal?.removeEventListener('abort', abort) });
      this.#post({ type: 'call', call, trainer, job }, 'weights' in job ? [job.weights.buffer] : []);
      this.#hold();
    });
  }

  /** Forgets a trainer, if this worker ever had it. */
  async shut(trainer: string): Promise<void> {
    if (!this.#trainers.delete(trainer) || this.ended) return;
    await this.call(trainer, { method: 'dispose' });
  }

  async close(): Promise<void> {
    this.#fail(new SottoError('TRAIN_ABORTED', 'the training pool was closed'));
    const thread = await this.#thread.catch(() => undefined);
    await thread?.terminate();
  }

  #post(message: ToWorker, transfer: readonly ArrayBuffer[] = []): void {
    // A thread that could not start has already failed every call through #fail.
    this.#thread.then((thread) => thread.post(message, transfer)).catch(() => undefined);
  }

  #hold(): void {
    this.#thread.then((thread) => thread.hold(this.#pending.size > 0)).catch(() => undefined);
  }

  #settle(received: FromWorker & { type: 'done' | 'failed' }): void {
    const waiting = this.#pending.get(received.call);
    if (!waiting) return;
    this.#pending.delete(received.call);
    waiting.release();
    if (received.type === 'done') waiting.resolve(received.value);
    else waiting.reject(revived(received.error));
    this.#hold();
  }

  #fail(error: SottoError): void {
    this.ended = true;
    for (const waiting of this.#pending.values()) {
      waiting.release();
      waiting.reject(error);
    }
    this.#pending.clear();
  }
}

function revived({ code, message, details }: SentError): Error {
  return code === undefined ? new SottoError('INTERNAL', message) : new SottoError(code, message, details);
}
