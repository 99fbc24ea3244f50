// Float32 rows side by side in WebAssembly memory, where the order kernel reads them without a copy. An engine decodes its group
// means straight to them, round after round: no page is new after the first. Measured, median of 16 x 1M: copying the rows in takes as
// long as selecting from them. Not here: what reads them (order-simd.ts), what writes them (engine/).

import { KEPT_BYTES, STEP_BYTES } from './emit.js';
import type { Vector } from './inputs.js';
import { openMemory, type WasmMemory } from './wasm-code.js';

/** One cache line between rows: at a distance of a power of two all rows would fall into the same few places of a level-1 cache. */
export const SKEW_BYTES = 64;
/** What a 32-bit address reaches, less than a page. */
const MAX_BYTES = 2 ** 32 - 65_536;

/** Where everything is, in bytes. `end` is what `run` of the kernel is called with: a row rounded up to whole steps. */
export interface RowLayout {
  readonly memory: WasmMemory;
  readonly dimension: number;
  readonly rows: readonly Float32Array<ArrayBuffer>[];
  readonly rowBytes: number;
  readonly end: number;
  readonly out: number;
  readonly kept: number;
  readonly counters: number;
}

export class RowMemory {
  #layout: RowLayout | undefined;

  /**
   * `count` rows of `dimension` float32 values. They hold what was left there, and belong to the caller until the next call, which may
   * hand out the same memory again. `undefined` where so much cannot be had.
   */
  take(count: number, dimension: number): readonly Float32Array<ArrayBuffer>[] | undefined {
    if (this.#layout?.rows.length !== count || this.#layout.dimension !== dimension) {
      // Not grown: that would empty the arrays that somebody may still hold.
      this.#layout = undefined;
      this.#layout = layOut(count, dimension);
    }
    return this.#layout?.rows;
  }

  /** The layout, where these are all of its rows in their order. */
  layoutOf(rows: readonly Vector[]): RowLayout | undefined {
    const layout = this.#layout;
    const isAll = layout?.rows.length === rows.length && layout.rows.every((row, i) => row === rows[i]);
    return isAll ? layout : undefined;
  }
}

function layOut(count: number, dimension: number): RowLayout | undefined {
  const end = Math.ceil((4 * dimension) / STEP_BYTES) * STEP_BYTES;
  const rowBytes = end + SKEW_BYTES;
  const out = count * rowBytes;
  const kept = out + rowBytes;
  const counters = kept + KEPT_BYTES;
  const bytes = counters + 32 * count + 32;
  // Fresh memory is zero, and nobody can write behind the end of a row: what fills up its last step is equal in all of them.
  const memory = bytes > MAX_BYTES ? undefined : openMemory(bytes);
  if (memory === undefined) return undefined;
  const rows = Array.from({ length: count }, (_, i) => new Float32Array(memory.buffer, rowBytes * i, dimension));
  return { memory, dimension, rows, rowBytes, end, out, kept, counters };
}
