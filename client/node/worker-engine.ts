// Masking off the socket's thread: a million coordinates in a clique of 64 keep a core busy for 0.13 s and more.
// Small work stays inline, where it is done before a message to a thread would arrive. Threads are shared by all clients of a
// process. Not here: what is computed (client/engine.ts).
import { Worker } from 'node:worker_threads';
import { SottoError } from '../../protocol/errors.js';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import { nativeKernels } from '../../protocol/native/kernels.js';
import type { ClientWork, ClientWorkResult, SketchWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { type ClientEngine, computeSketch, computeVector, type EngineTools, VectorSlot } from '../engine.js';

/**
 * Key-stream bytes (streams × vector, at 4 bytes a coordinate) up to which work is done inline: about 8 ms. Measured with
 * `npm run bench -- client`, 2 shared cores: d = 101,770 with 8 members inline 3.7 ms, by thread 7.5 (of which 1.5 block this
 * thread, for copying); d = 262,144 inline 8, by thread 15 (2); d = 101,770 with 64 members 14 either way (0.4).
 */
export const INLINE_BYTES = 8 * 1_048_576;

interface Answer {
  readonly job: number;
  readonly result?: ClientWorkResult;
  readonly vector?: Uint8Array<ArrayBuffer>;
  readonly failed?: string;
}
interface Waiting {
  readonly resolve: (answer: Answer) => void;
  readonly reject: (error: SottoError) => void;
}

/** One thread for the heavy work of many clients, started with the first heavy job; it does not keep the process alive. */
export class EngineThread {
  #worker: Worker | undefined;
  #jobs = 0;
  readonly #waiting = new Map<number, Waiting>();

  /** An engine whose large work is done by this thread. */
  engine(inlineBytes: number = INLINE_BYTES): ClientEngine {
    const slot = new VectorSlot();
    return {
      run: async (work, update) => {
        const { result, vector } =
          heaviness(work) <= inlineBytes ? await inline(work, update) : vectorOf(await this.#ask(work, update));
        slot.put(vector);
        return result;
      },
      sketch: async (work, update) =>
        heaviness(work.mask) <= inlineBytes
          ? computeSketch(work, update, ownTools(), runStreaming)
          : (await this.#ask(work, update)).vector,
      chunk: (index) => slot.chunk(index),
      forget: () => slot.forget(),
    };
  }

  async close(): Promise<void> {
    await this.#worker?.terminate();
  }

  async #ask(work: ClientWork | SketchWork, update: Float32Array<ArrayBuffer>): Promise<Done> {
    const answer = await new Promise<Answer>((resolve, reject) => {
      const job = this.#jobs++;
      this.#waiting.set(job, { resolve, reject });
      this.#worker ??= this.#start();
      // Cloned, not transferred: the caller erases its update, and a failed job must not have lost it.
      this.#worker.postMessage({ job, work, update });
    });
    if (answer.vector === undefined)
      throw new SottoError('ENGINE_FAILED', answer.failed ?? 'the worker gave no result');
    return { result: answer.result, vector: answer.vector };
  }

  #start(): Worker {
    const worker = new Worker(new URL('./engine-worker.js', import.meta.url));
    worker.unref();
    worker.on('message', (answer: Answer) => {
      this.#waiting.get(answer.job)?.resolve(answer);
      this.#waiting.delete(answer.job);
    });
    const lost = (why: string): void => {
      if (this.#worker === worker) this.#worker = undefined;
      for (const { reject } of this.#waiting.values())
        reject(new SottoError('ENGINE_FAILED', `the vector worker ${why}`));
      this.#waiting.clear();
    };
    worker.on('error', (error) => lost(`failed: ${error.message}`));
    worker.on('exit', (code) => lost(`ended with code ${code}`));
    return worker;
  }
}

interface Done {
  readonly result: ClientWorkResult | undefined;
  readonly vector: Uint8Array<ArrayBuffer>;
}
function vectorOf({ result, vector }: Done): { result: ClientWorkResult; vector: Uint8Array<ArrayBuffer> } {
  if (result === undefined) throw new SottoError('ENGINE_FAILED', 'the worker gave no result');
  return { result, vector };
}

let tools: EngineTools | undefined;
/** Runs to its end without a pause, so that all clients of the process can share one set of kernels. */
const inline = (work: ClientWork, update: Float32Array<ArrayBuffer>): ReturnType<typeof computeVector> =>
  computeVector(work, update, ownTools(), runStreaming);
function ownTools(): EngineTools {
  tools ??= {
    primitives: nativePrimitives,
    kernels: nativeKernels(),
    openKeystream: nativeKeystream,
  };
  return tools;
}

/** Bytes of key stream that the work reads; a plain vector has as many as itself. */
const heaviness = (work: ClientWork): number =>
  4 * work.encoding.dimension * (work.type === 'mask' ? work.pairs.length + 2 : 1);

let shared: EngineThread | undefined;

/** An engine on the process's one shared thread. */
export function workerEngine(): ClientEngine {
  shared ??= new EngineThread();
  return shared.engine();
}
