// A·x for vectors of words that arrive piece by piece. Two makers, bit-identical: plain loops here, SIMD in ../kernels/assembly/sketch.ts.
// Not here: what is projected and why (participant/, round/), drawing A (matrix.ts).

import { WASM_BASE64 } from '../kernels/sketch.wasm.js';
import { fromBase64, type WasmEngine } from '../kernels/wasm.js';
import type { Words } from '../secagg/encode.js';
import type { Streaming } from '../secagg/keystreams.js';
import { BLOCK, BUCKETS, blocksOf, SKETCHES, type SketchMatrix } from './matrix.js';

/** Serves one vector at a time: start, absorb pieces in order, finish. */
export interface Projector {
  readonly name: 'js' | 'wasm';
  readonly matrix: SketchMatrix;
  start(): void;
  /** Coordinates `from` … of the vector; `from` a multiple of 64, a multiple of 64 words unless it is the end. 16-bit words are taken as signed. */
  absorb(words: Words, from: number): void;
  /** A·x mod 2^32, k words. */
  finish(): Uint32Array<ArrayBuffer>;
}

/** Words of one bucket array: a run may start in the last bucket, its overhang is folded back to the front. */
const STRIDE = BUCKETS + BLOCK;

export function jsProjector(matrix: SketchMatrix): Projector {
  const buckets = Array.from({ length: SKETCHES }, () => new Int32Array(STRIDE));
  return {
    name: 'js',
    matrix,
    start() {
      for (const one of buckets) one.fill(0);
    },
    absorb(words, from) {
      const narrow = words instanceof Uint16Array;
      for (let i = 0; i < words.length; i++) {
        const at = from + i;
        const word = words[i] as number; // safe: i < length
        const value = narrow ? (word << 16) >> 16 : word;
        const signed = ((matrix.signs[at >> 3] as number) >> (at & 7)) & 1 ? -value : value;
        const block = Math.floor(at / BLOCK) * SKETCHES;
        for (let s = 0; s < SKETCHES; s++) {
          const z = buckets[s] as Int32Array; // safe: SKETCHES arrays
          const b = (matrix.offsets[block + s] as number) + (at % BLOCK);
          z[b] = (z[b] as number) + signed;
        }
      }
    },
    finish() {
      const out = new Uint32Array(matrix.rows);
      const perSketch = matrix.rows / SKETCHES;
      for (const [s, z] of buckets.entries()) {
        foldOverhang(z);
        for (let r = 0; r < perSketch; r++) {
          const row = (s * perSketch + r) * BUCKETS;
          let sum = 0;
          for (let b = 0; b < BUCKETS; b++)
            sum = (sum + Math.imul(matrix.dense[row + b] as number, z[b] as number)) | 0;
          out[s * perSketch + r] = sum;
        }
      }
      return out;
    },
  };
}

function foldOverhang(z: Int32Array): void {
  for (let b = 0; b < BLOCK; b++) {
    z[b] = (z[b] as number) + (z[BUCKETS + b] as number);
    z[BUCKETS + b] = 0;
  }
}

interface SketchExports {
  readonly memory: { readonly buffer: ArrayBuffer };
  absorb32(x: number, blocks: number, signs: number, offsets: number, z: number, stride: number): void;
  absorb16(x: number, blocks: number, signs: number, offsets: number, z: number, stride: number): void;
  dense(z: number, d: number, rows: number, width: number, out: number): void;
}

// Memory of the module, bytes: page 0 is the compiler's. Then a piece of the vector, its signs and offsets, the buckets, the result, D.
const PAGE = 65_536;
const PIECE = PAGE; // one page: 16,384 words of 32 bits
const PIECE_WORDS = PAGE / 4;
const SIGNS = PIECE + PAGE;
const OFFSETS = SIGNS + PAGE / 4;
const BUCKET_AREA = 3 * PAGE;
const RESULT = BUCKET_AREA + 4 * PAGE;
const DENSE = RESULT + PAGE;
const PAGES = 100;
/** Most rows that fit the module's memory. */
export const MAX_ROWS = Math.floor((PAGES * PAGE - DENSE) / BUCKETS / SKETCHES) * SKETCHES;

/** The SIMD projector where the engine has it, else the plain one. 6.4 MiB of its own; drop it to forget what it saw. */
export function openProjector(engine: WasmEngine | undefined, matrix: SketchMatrix): Projector {
  if (engine === undefined || matrix.rows > MAX_ROWS) return jsProjector(matrix);
  try {
    const bytes = fromBase64(WASM_BASE64);
    if (!engine.validate(bytes)) return jsProjector(matrix);
    return wasmProjector(new engine.Instance(new engine.Module(bytes) as never), matrix);
  } catch {
    return jsProjector(matrix);
  }
}

export function wasmProjector(instance: { readonly exports: unknown }, matrix: SketchMatrix): Projector {
  const wasm = instance.exports as SketchExports;
  const bytes = new Uint8Array(wasm.memory.buffer);
  const buckets = new Int32Array(wasm.memory.buffer, BUCKET_AREA, SKETCHES * STRIDE);
  const offsetBytes = new Uint8Array(matrix.offsets.buffer, matrix.offsets.byteOffset, matrix.offsets.byteLength);
  bytes.set(new Uint8Array(matrix.dense.buffer, matrix.dense.byteOffset, matrix.dense.byteLength), DENSE);
  return {
    name: 'wasm',
    matrix,
    start() {
      buckets.fill(0);
    },
    absorb(words, from) {
      const width = words.BYTES_PER_ELEMENT;
      const run = width === 2 ? wasm.absorb16 : wasm.absorb32;
      for (let at = 0; at < words.length; at += PIECE_WORDS) {
        const part = words.subarray(at, Math.min(words.length, at + PIECE_WORDS));
        const blocks = blocksOf(part.length);
        bytes.set(new Uint8Array(part.buffer, part.byteOffset, part.byteLength), PIECE);
        if (part.length % BLOCK !== 0) bytes.fill(0, PIECE + part.byteLength, PIECE + blocks * BLOCK * width);
        const first = (from + at) / BLOCK;
        bytes.set(matrix.signs.subarray(first * 8, (first + blocks) * 8), SIGNS);
        bytes.set(offsetBytes.subarray(first * 6, (first + blocks) * 6), OFFSETS);
        run(PIECE, blocks, SIGNS, OFFSETS, BUCKET_AREA, 4 * STRIDE);
      }
    },
    finish() {
      const perSketch = matrix.rows / SKETCHES;
      for (let s = 0; s < SKETCHES; s++) {
        foldOverhang(buckets.subarray(s * STRIDE, (s + 1) * STRIDE));
        wasm.dense(
          BUCKET_AREA + 4 * s * STRIDE,
          DENSE + s * perSketch * BUCKETS,
          perSketch,
          BUCKETS,
          RESULT + 4 * s * perSketch,
        );
      }
      return new Uint32Array(wasm.memory.buffer.slice(RESULT, RESULT + 4 * matrix.rows));
    },
  };
}

/** A·x of a vector that is there in full. */
export function project(projector: Projector, words: Words): Uint32Array<ArrayBuffer> {
  projector.start();
  projector.absorb(words, 0);
  return projector.finish();
}

/** Key-stream bytes taken at once: a whole number of blocks. */
const STREAM_PIECE = 32_768;

/** A·PRG(key) for a mask of `width` bytes a coordinate: the mask itself is never held in full. */
export function* projectStream(
  projector: Projector,
  key: Uint8Array,
  width: 2 | 4,
): Streaming<Uint32Array<ArrayBuffer>> {
  const { length } = projector.matrix;
  const piece = STREAM_PIECE / width;
  projector.start();
  for (let from = 0; from < length; from += piece) {
    const count = Math.min(piece, length - from);
    const bytes = yield { key, length: count * width };
    const aligned = bytes.byteOffset % width === 0 ? bytes : bytes.slice();
    projector.absorb(
      width === 2
        ? new Uint16Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, count)
        : new Uint32Array(aligned.buffer as ArrayBuffer, aligned.byteOffset, count),
      from,
    );
  }
  return projector.finish();
}
