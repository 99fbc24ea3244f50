// What one home holds and does: slots (complete inputs), rows (plain updates), accumulators (sums). Synchronous; runs to the end of each job,
// so jobs run in the order they come. Not here: inputs on their way (inbox.ts), threads (worker.ts), who gets which job (engine.ts), the
// rule (combine.ts).

import { bytesEqual, wipe } from '../../protocol/crypto/bytes.js';
import type { Prg, Primitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId, GroupId } from '../../protocol/ids.js';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import type { WasmEngine } from '../../protocol/kernels/wasm.js';
import { nativeKeystream, nativeRng } from '../../protocol/native/index.js';
import type { GroupResult } from '../../protocol/round/types.js';
import { decodeMean, encodedLength, signed, type Words } from '../../protocol/secagg/encode.js';
import type { Encoding, EngineResult, EngineWork, FoldWork, KeepWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { foldInput, newAccumulator } from '../../protocol/secagg/mask.js';
import { decodeNoised } from '../../protocol/secagg/noised.js';
import { unmaskSum } from '../../protocol/secagg/unmask.js';
import type { SketchMatrix } from '../../protocol/sketch/matrix.js';
import { openProjector, type Projector, project } from '../../protocol/sketch/project.js';
import { auditSum, openMatrix, projectInput } from '../../protocol/sketch/work.js';
import { eraseInput, type InputBytes } from './inbox.js';
import type { DirectionResult, DirectionWork, EngineFailure } from './types.js';

/** An input of the rule, as plain data that can be posted to another thread. */
export type RuleInput =
  | {
      readonly kind: 'group';
      readonly from: GroupId;
      readonly vector: Float32Array<ArrayBuffer>;
      readonly weight: number;
      /** Σ(b_i − ½) of adaptive clipping, noised; 0 elsewhere. */
      readonly bits: number;
    }
  | {
      readonly kind: 'client';
      readonly from: ClientId;
      readonly vector: Float32Array<ArrayBuffer>;
      readonly weight: number;
    };
export type InputsResult = { readonly ok: true; readonly inputs: readonly RuleInput[] } | EngineFailure;
/** Of one group: inputs from another home, or the group itself where its sum or rows are here. */
export type RulePart = { readonly given: readonly RuleInput[] } | { readonly here: GroupResult };
/** Memory for so many vectors of so many values, or none: `SimdKernel.takeRows`. */
export type TakeRows = (count: number, dimension: number) => readonly Float32Array<ArrayBuffer>[] | undefined;

/** Chunks end at the inbox. */
export type HomeWork = Exclude<EngineWork, { type: 'chunk' }>;

const OK: EngineResult = { ok: true };
const BAD_VECTOR: EngineResult = { ok: false, code: 'ROUND_BAD_VECTOR' };
/** 2^20: rounding is lost in it, and no bucket of a count-sketch can reach 2^31 below 2^22 coordinates of one size. */
const DIRECTION_NORM = 1 << 20;
const FAILED: EngineResult = { ok: false, code: 'ENGINE_FAILED' };

export class Workbench {
  readonly #slots = new Map<string, InputBytes>();
  #freed: InputBytes | undefined;
  readonly #rows = new Map<string, Float32Array<ArrayBuffer>>();
  readonly #sums = new Map<string, Words>();
  #matrix: { readonly key: Uint8Array; readonly projector: Projector } | undefined;
  readonly #primitives: Primitives;
  readonly #kernels: Kernels;

  constructor(primitives: Primitives, kernels: Kernels) {
    this.#primitives = primitives;
    this.#kernels = kernels;
  }

  /**
   * Never throws: what is not the sender's fault is ENGINE_FAILED.
   * @param input of the work's slot, where it is not here yet
   */
  run(work: HomeWork, input?: InputBytes): EngineResult {
    try {
      if (input !== undefined && 'slot' in work) this.#slots.set(work.slot, input);
      return this.#dispatch(work);
    } catch {
      return FAILED;
    }
  }

  /** Memory of the input that the last work was done with, erased. */
  takeFreed(): InputBytes | undefined {
    const freed = this.#freed;
    this.#freed = undefined;
    return freed;
  }

  #dispatch(work: HomeWork): EngineResult {
    switch (work.type) {
      case 'fold':
        return this.#fold(work);
      case 'keep':
        return this.#keep(work);
      case 'drop':
        for (const held of this.#all()) erase(held, work.slot);
        return OK;
      case 'unmask': {
        const sum = this.#sums.get(work.accumulator);
        if (sum === undefined) return FAILED;
        runStreaming(unmaskSum(work, sum, this.#primitives, this.#kernels), work.prg, nativeKeystream);
        return OK;
      }
      case 'project': {
        const bytes = this.#slots.get(work.slot);
        if (bytes === undefined || bytes.length !== (encodedLength(work.encoding) * work.encoding.ring) / 8)
          return FAILED;
        const projector = this.#projector(work.matrixKey, work.rows, work.encoding, work.prg);
        return { ok: true, values: projectInput(projector, work, bytes, this.#kernels) };
      }
      case 'audit': {
        const { accumulator, encoding, prg } = work.unmask;
        const sum = this.#sums.get(accumulator);
        if (sum === undefined) return FAILED;
        const projector = this.#projector(work.matrixKey, work.rows, encoding, prg);
        return {
          ok: true,
          values: runStreaming(auditSum(work, sum, projector, this.#primitives), prg, nativeKeystream),
        };
      }
      default:
        return work satisfies never;
    }
  }

  /** One matrix a round: drawn once here, used for every input of every group in this home. */
  #projector(key: Uint8Array, rows: number, encoding: Encoding, prg: Prg): Projector {
    if (this.#matrix === undefined || !bytesEqual(this.#matrix.key, key)) {
      const make = (matrix: SketchMatrix) =>
        openProjector((globalThis as { readonly WebAssembly?: WasmEngine }).WebAssembly, matrix);
      const projector = runStreaming(openMatrix(key, rows, encoding, make), prg, nativeKeystream);
      this.#matrix = { key: key.slice(), projector };
    }
    return this.#matrix.projector;
  }

  #fold({ slot, accumulator, encoding }: FoldWork): EngineResult {
    const bytes = this.#slots.get(slot);
    if (bytes === undefined) return FAILED;
    if (bytes.length !== (encodedLength(encoding) * encoding.ring) / 8) return BAD_VECTOR;
    let sum = this.#sums.get(accumulator);
    if (sum === undefined) {
      sum = newAccumulator(encoding);
      this.#sums.set(accumulator, sum);
    }
    foldInput(sum, bytes, encoding, this.#kernels);
    erase(this.#slots, slot);
    this.#freed = bytes;
    return OK;
  }

  #keep({ slot, encoding }: KeepWork): EngineResult {
    const bytes = this.#slots.get(slot);
    if (bytes === undefined) return FAILED;
    const row = bytes.length === 4 * encoding.dimension ? new Float32Array(new Float32Array(bytes.buffer)) : undefined;
    erase(this.#slots, slot);
    this.#freed = bytes;
    if (row?.every(Number.isFinite) !== true) return BAD_VECTOR;
    this.#rows.set(slot, row);
    return OK;
  }

  /** Means of groups, or copies of rows, in the order of the parts. @param take where those that are here go, if all are */
  inputs(parts: readonly RulePart[], encoding: Encoding, take?: TakeRows): InputsResult {
    try {
      const room = take?.(
        parts.reduce((sum, part) => sum + ('here' in part ? inputsIn(part.here) : Number.POSITIVE_INFINITY), 0),
        encoding.dimension,
      );
      const inputs: RuleInput[] = [];
      for (const part of parts) {
        if ('given' in part) inputs.push(...part.given);
        else inputs.push(...this.#inputsOf(part.here, encoding, room?.slice(inputs.length)));
      }
      return { ok: true, inputs };
    } catch (error) {
      return failureOf(error);
    }
  }

  #inputsOf(
    { group, source, survivors }: GroupResult,
    encoding: Encoding,
    room: readonly Float32Array<ArrayBuffer>[] | undefined,
  ): RuleInput[] {
    const placed = (vector: Float32Array<ArrayBuffer>, at: number): Float32Array<ArrayBuffer> => {
      const target = room?.[at];
      target?.set(vector);
      return target ?? vector;
    };
    if (source.type === 'rows') {
      return source.slots.map(({ client, slot, weight }, i) => {
        const row = this.#rows.get(slot);
        if (row === undefined) throw new SottoError('ENGINE_FAILED', `row ${slot} is not here`);
        return { kind: 'client', from: client, vector: room === undefined ? row.slice() : placed(row, i), weight };
      });
    }
    const sum = this.#sums.get(source.accumulator);
    if (sum === undefined) throw new SottoError('ENGINE_FAILED', `accumulator ${source.accumulator} is not here`);
    const { mechanism } = encoding;
    if (mechanism !== undefined) {
      const key = nativeRng(32);
      const job = decodeNoised(encoding, mechanism, sum, survivors.length, key);
      const { mean, bits } = runStreaming(job, mechanism.prg, nativeKeystream);
      wipe(key);
      return [{ kind: 'group', from: group, vector: placed(mean, 0), weight: survivors.length, bits }];
    }
    const vector = decodeMean(encoding, sum, survivors.length, room?.[0]);
    // A mean over groups weighs them as a mean over clients would: by members, or by the opened sum of weights.
    // safe: a weighted sum has its weight at index d; decodeMean has checked the length
    const weight = encoding.weighted
      ? signed(sum[encoding.dimension]!, encoding.ring) / encoding.levels
      : survivors.length;
    return [{ kind: 'group', from: group, vector, weight, bits: 0 }];
  }

  /** Scaled to one length before rounding, so that neither grid nor ring can cut it: only the direction is meant. */
  direction({ vector, encoding, prg, matrixKey, rows }: DirectionWork): DirectionResult {
    try {
      const projector = this.#projector(matrixKey, rows, encoding, prg);
      let square = 0;
      for (const x of vector) square += x * x;
      const scale = square === 0 ? 0 : DIRECTION_NORM / Math.sqrt(square);
      const words = new Uint32Array(encodedLength(encoding));
      for (const [i, x] of vector.entries()) words[i] = Math.round(x * scale);
      return { ok: true, sketch: new Int32Array(project(projector, words).buffer) };
    } catch (error) {
      return failureOf(error);
    }
  }

  held(): string[] {
    return this.#all().flatMap((held) => [...held.keys()]);
  }

  forget(keep: readonly string[]): void {
    this.#matrix = undefined; // its memory has seen inputs
    const kept = new Set(keep);
    for (const held of this.#all()) for (const name of [...held.keys()]) if (!kept.has(name)) erase(held, name);
  }

  #all(): readonly Held[] {
    return [this.#slots, this.#rows, this.#sums];
  }
}

const inputsIn = ({ source }: GroupResult): number => (source.type === 'rows' ? source.slots.length : 1);

type Held = Map<string, InputBytes> | Map<string, Float32Array<ArrayBuffer>> | Map<string, Words>;

/** The garbage collector comes when it comes; zeros now are the most that JavaScript can promise. */
function erase(held: Held, name: string): void {
  const vector = held.get(name);
  if (vector instanceof Uint8Array) eraseInput(vector);
  else vector?.fill(0);
  held.delete(name);
}

/** A typed failure of whatever was thrown. */
export function failureOf(error: unknown): EngineFailure {
  if (error instanceof SottoError) return { ok: false, code: error.code, text: error.message };
  return { ok: false, code: 'ENGINE_FAILED', text: error instanceof Error ? error.message : String(error) };
}
