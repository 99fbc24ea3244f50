// The heavy vector work of one client: encode, mask, cut and hash an update; hold the result until it is uploaded.
// This one computes where it is called, on WebCrypto or a given key stream. Not here: the arithmetic (protocol/secagg), the
// same in a worker thread (client/node/worker-engine.ts), when it is asked for (protocol/participant).
import type { OpenKeystream, Prg, SymmetricPrimitives } from '../protocol/crypto/primitives.js';
import { SottoError } from '../protocol/errors.js';
import { jsKernels } from '../protocol/kernels/js.js';
import type { Kernels } from '../protocol/kernels/kernels.js';
import { CHUNK_BYTES } from '../protocol/limits.js';
import { checkedNorm, clipFactor } from '../protocol/secagg/encode.js';
import type { ClientWork, ClientWorkResult, MaskWork, PlainWork, SketchWork } from '../protocol/secagg/jobs.js';
import type { Streaming } from '../protocol/secagg/keystreams.js';
import { type EncodeInput, encodePlain, maskUpdate } from '../protocol/secagg/mask.js';
import type { MakeProjector } from '../protocol/sketch/work.js';
import { chunkHashList } from '../protocol/wire/chunks.js';
import { runStreamingAsync } from './streaming.js';

/** One vector at a time. Simulations put a client here that does not clip, or sends something else altogether. */
export interface ClientEngine {
  /** Loads what its work for a task will need, before the first round. Default: nothing. */
  prepare?(task: { readonly dimension: number; readonly noise: boolean; readonly sketches: boolean }): Promise<unknown>;
  /**
   * @param update read only; the caller erases it afterwards
   * @returns what the machine needs to know of the vector; `ok: false` where the update is unusable
   * @throws SottoError ENGINE_FAILED
   */
  run(work: ClientWork, update: Float32Array<ArrayBuffer>): Promise<ClientWorkResult>;
  /**
   * R4: the section of the sketch message for the update that `run` has encoded, which it is given once more.
   * @param update read only; the caller erases it afterwards. @throws SottoError ENGINE_FAILED
   */
  sketch(work: SketchWork, update: Float32Array<ArrayBuffer>): Promise<Uint8Array>;
  /** A view of chunk `index` of the last vector. @throws SottoError ENGINE_FAILED where there is none */
  chunk(index: number): Uint8Array;
  /** Erases the vector. */
  forget(): void;
  /** Frees threads. The engine is unusable afterwards. */
  close?(): Promise<void>;
}

export interface EngineTools {
  readonly primitives: SymmetricPrimitives;
  /** Or how to get them, where that takes a moment. */
  readonly kernels: Kernels | ((dimension: number) => Promise<Kernels>);
  readonly openKeystream: OpenKeystream;
  /** Loads what the key streams need. */
  readonly prepareKeystream?: () => Promise<unknown>;
  /** Default: SIMD where the runtime has it. */
  readonly makeProjector?: MakeProjector;
}

/** Runs a generator of the core with the key stream of its choice. */
export type RunStreaming = <T>(job: Streaming<T>, prg: Prg, open: OpenKeystream) => T | Promise<T>;

/** Computes the vector and its chunk hashes. The one place where `ClientWork` is interpreted. */
export async function computeVector(
  work: ClientWork,
  update: Float32Array<ArrayBuffer>,
  tools: EngineTools,
  run: RunStreaming = runStreamingAsync,
): Promise<{ readonly result: ClientWorkResult; readonly vector: Uint8Array<ArrayBuffer> }> {
  try {
    const vector =
      work.type === 'plain'
        ? plainUpdate(work, update)
        : await run(
            maskUpdate(work, update, await kernelsOf(tools, work.encoding.dimension), await encoderOf(work)),
            work.prg,
            tools.openKeystream,
          );
    return { result: { ok: true, bytes: vector.length, chunks: chunkHashList(tools.primitives, vector) }, vector };
  } catch (error) {
    if (error instanceof SottoError && (error.code === 'SECAGG_LENGTH' || error.code === 'SECAGG_NON_FINITE')) {
      return { result: { ok: false, code: error.code }, vector: new Uint8Array(0) };
    }
    throw error;
  }
}

const kernelsOf = ({ kernels }: EngineTools, dimension: number): Kernels | Promise<Kernels> =>
  typeof kernels === 'function' ? kernels(dimension) : kernels;

/** Samplers of exact noise are loaded with the first task that has any. */
const loadNoised = () => import('../protocol/secagg/noised.js');
const encoderOf = async ({ encoding }: MaskWork): Promise<EncodeInput> =>
  encoding.mechanism === undefined ? encodePlain : (await loadNoised()).encodeInput;

/** Coordinates from which WebAssembly is worth loading: below, all masks of a group of 64 take less than 10 ms in JavaScript. */
const MANY = 16_384;

/** The sums of a page: JavaScript for small models, else WebAssembly where it is there and allowed. */
export const kernelsFor = async (dimension: number): Promise<Kernels> =>
  dimension < MANY ? jsKernels : (await import('../protocol/kernels/wasm.js')).openKernels(globalThis.WebAssembly);

/** Not all tasks have sketches. */
const loadSketching = () => import('../protocol/sketch/work.js');

/** A sketch's section. The one place where `SketchWork` is interpreted. */
export const computeSketch = async (
  work: SketchWork,
  update: Float32Array<ArrayBuffer>,
  tools: EngineTools,
  run: RunStreaming = runStreamingAsync,
): Promise<Uint8Array<ArrayBuffer>> => {
  const { openProjector, sketchSection } = await loadSketching();
  const make = tools.makeProjector ?? ((matrix) => openProjector(globalThis.WebAssembly, matrix));
  return run(sketchSection(work, update, make), work.mask.prg, tools.openKeystream);
};

/** Profile `open`: the clipped update as little-endian float32. @throws SottoError SECAGG_LENGTH, SECAGG_NON_FINITE */
export function plainUpdate({ encoding }: PlainWork, update: Float32Array): Uint8Array<ArrayBuffer> {
  const factor = clipFactor(checkedNorm(update, encoding.dimension), encoding.clipNorm);
  const bytes = new Uint8Array(4 * update.length);
  const view = new DataView(bytes.buffer);
  for (let i = 0; i < update.length; i++) view.setFloat32(4 * i, (update[i] as number) * factor, true); // safe: i < length
  return bytes;
}

/** Holds the last vector of an engine; shared by the engines that differ only in where they compute. */
export class VectorSlot {
  #vector: Uint8Array | undefined;

  put(vector: Uint8Array): void {
    this.forget();
    this.#vector = vector;
  }
  chunk(index: number): Uint8Array {
    const chunk = this.#vector?.subarray(index * CHUNK_BYTES, (index + 1) * CHUNK_BYTES);
    if (chunk === undefined || chunk.length === 0)
      throw new SottoError('ENGINE_FAILED', `there is no chunk ${index} to upload`);
    return chunk;
  }
  forget(): void {
    this.#vector?.fill(0);
    this.#vector = undefined;
  }
}

/** Computes in place: right for small models, and in a browser, where WebCrypto works off the page's thread anyway. */
export function inlineEngine(tools: EngineTools, run?: RunStreaming): ClientEngine {
  const slot = new VectorSlot();
  return {
    prepare: ({ dimension, noise, sketches }) =>
      Promise.all([
        kernelsOf(tools, dimension),
        noise && loadNoised(),
        sketches && loadSketching(),
        tools.prepareKeystream?.(),
      ]),
    async run(work, update) {
      const { result, vector } = await computeVector(work, update, tools, run);
      slot.put(vector);
      return result;
    },
    sketch: (work, update) => computeSketch(work, update, tools, run),
    chunk: (index) => slot.chunk(index),
    forget: () => slot.forget(),
  };
}
