// `OrderKernel` over float32 rows in WASM SIMD, bit-identical to `orderPlain`. The module is written for the numbers of the
// selection (emit.ts) and kept. Not here: the mathematics; what it cannot take goes to `orderPlain`.

import { emitSelection, KEPT_BYTES, STEP_BYTES } from './emit.js';
import type { Vector } from './inputs.js';
import { type OrderKernel, type OrderResult, orderPlain, type Selection } from './order.js';
import { type RowLayout, RowMemory, SKEW_BYTES } from './row-memory.js';
import { instantiate, openMemory, type Unit } from './wasm-code.js';

/** Bytes of one block over all rows: fits a level-2 cache beside its results, and the copies in are few. */
const BLOCK_BYTES = 256 * 1024;
/** Above this the straight-line code takes longer to compile than a round saves. Rows. */
export const MAX_SIMD_ROWS = 128;
/** Compiled selections kept; a task uses one, a comparison run a handful. */
const MAX_COMPILED = 16;

interface Compiled extends Unit {
  readonly columns: number;
  readonly rowBytes: number;
  readonly out: number;
  readonly counters: number;
}

/** A kernel, and the memory in which it reads rows where they are; those from anywhere else it copies in, block by block. */
export interface SimdKernel extends OrderKernel {
  /** `RowMemory.take`, for 2 to `MAX_SIMD_ROWS` rows; `undefined` for other numbers, which gain nothing. */
  takeRows(count: number, dimension: number): readonly Float32Array<ArrayBuffer>[] | undefined;
}

/** A kernel with caches of its own. Synchronous and single-threaded: a worker makes its own. */
export function createSimdKernel(): SimdKernel {
  const blocks = new Map<string, Compiled | undefined>();
  const memory = new RowMemory();
  const inPlace = { layout: undefined as RowLayout | undefined, units: new Map<string, Unit | undefined>() };
  const kernel: OrderKernel = (rows, selection) => {
    const layout = memory.layoutOf(rows);
    if (layout !== undefined) {
      if (inPlace.layout !== layout) {
        inPlace.layout = layout;
        inPlace.units.clear();
      }
      const unit = cached(inPlace.units, selection, () => instantiate(emitSelection(selection, layout), layout.memory));
      if (unit !== undefined) return runInPlace(unit, layout);
    }
    const isEligible =
      rows.length > 1 && rows.length <= MAX_SIMD_ROWS && rows.every((row) => row instanceof Float32Array);
    if (!isEligible) return orderPlain(rows, selection);
    const unit = cached(blocks, selection, () => compile(selection));
    return unit === undefined ? orderPlain(rows, selection) : runBlocks(unit, rows);
  };
  const takeRows: SimdKernel['takeRows'] = (count, dimension) =>
    count > 1 && count <= MAX_SIMD_ROWS ? memory.take(count, dimension) : undefined;
  return Object.assign(kernel, { takeRows });
}

function cached<T>(known: Map<string, T>, { rows, faulty, from, to }: Selection, make: () => T): T {
  const key = `${rows} ${faulty} ${from} ${to}`;
  const found = known.get(key);
  if (found !== undefined || known.has(key)) return found as T; // safe: what the map has under the key
  if (known.size >= MAX_COMPILED) known.clear();
  const made = make();
  known.set(key, made);
  return made;
}

function compile(selection: Selection): Compiled | undefined {
  const columns = Math.max(16, Math.floor(BLOCK_BYTES / 4 / selection.rows / 16) * 16);
  const rowBytes = 4 * columns + SKEW_BYTES;
  const out = selection.rows * rowBytes;
  const kept = out + rowBytes;
  const counters = kept + (selection.faulty > 0 ? KEPT_BYTES : 0);
  const bytes = counters + 32 * selection.rows + 32;
  const unit = instantiate(emitSelection(selection, { rowBytes, out, kept, counters }), openMemory(bytes));
  return unit && { ...unit, columns, rowBytes, out, counters };
}

function runInPlace({ memory, run }: Unit, { rows, dimension, end, out, counters }: RowLayout): OrderResult {
  const counts = new Uint32Array(memory.buffer, counters, 8 * rows.length + 8).fill(0);
  run(end);
  return resultOf(new Float32Array(memory.buffer, out, dimension).slice(), rows.length, counts);
}

function runBlocks({ memory, run, columns, rowBytes, out, counters }: Compiled, rows: readonly Vector[]): OrderResult {
  const m = rows.length;
  const d = rows[0]?.length ?? 0;
  const vector = new Float32Array(d);
  const input = rows.map((_, i) => new Float32Array(memory.buffer, rowBytes * i, columns));
  const result = new Float32Array(memory.buffer, out, columns);
  const counts = new Uint32Array(memory.buffer, counters, 8 * m + 8).fill(0);
  for (let start = 0; start < d; start += columns) {
    const width = Math.min(columns, d - start);
    const padded = Math.ceil((4 * width) / STEP_BYTES) * (STEP_BYTES / 4);
    for (let i = 0; i < m; i++) {
      // safe: both have m rows. Equal values in the padding count as nothing.
      const target = input[i]!;
      target.set((rows[i] as Float32Array).subarray(start, start + width));
      if (padded > width) target.fill(0, width, padded);
    }
    run(4 * padded);
    vector.set(width === columns ? result : result.subarray(0, width), start);
  }
  return resultOf(vector, m, counts);
}

/** Four lanes for each of the 2m tails and the effective columns; suspicion lies behind them. */
function resultOf(vector: Float32Array<ArrayBuffer>, m: number, counts: Uint32Array): OrderResult {
  const total = (at: number): number => counts.subarray(4 * at, 4 * at + 4).reduce((sum, lane) => sum + lane, 0);
  return {
    vector,
    low: Float64Array.from({ length: m }, (_, i) => total(2 * i)),
    high: Float64Array.from({ length: m }, (_, i) => total(2 * i + 1)),
    effective: total(2 * m),
    suspect: counts.subarray(8 * m + 4).some((bits) => bits !== 0),
  };
}
