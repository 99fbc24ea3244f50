// Order statistics of columns: the work inside median and trimmed mean, for any number of rows, float32 or float64, in plain
// JavaScript. `order-simd.ts` does the same for float32 rows in WASM; both give the same bits.
// Not here: checks and reports (median.ts, trimmed-mean.ts); callers have passed `checkInputs`.

import { isFiniteVector, type Vector } from './inputs.js';

/** Averages the sorted column's entries [from, to); counts who is below entry `f` and above entry m − 1 − f. */
export interface Selection {
  readonly rows: number;
  readonly faulty: number;
  readonly from: number;
  readonly to: number;
}

export interface OrderResult {
  /** float32 where all rows are: one rounding of the float64 result, which whoever publishes it would do next. */
  readonly vector: Float64Array<ArrayBuffer> | Float32Array<ArrayBuffer>;
  /** Per row: coordinates in which it lies below (above) every kept value. */
  readonly low: Float64Array;
  readonly high: Float64Array;
  /** Coordinates in which anybody was cut. */
  readonly effective: number;
  /**
   * True where a row holds NaN or ±Infinity, and then nothing else means anything. A kernel may also suspect extreme finite rows:
   * the caller looks itself, and where all is finite the result stands.
   */
  readonly suspect: boolean;
}

/** The seam for faster kernels. Implementations agree to the bit. */
export type OrderKernel = (rows: readonly Vector[], selection: Selection) => OrderResult;

/** Kept are order statistics f+1 … m−f (1-based). */
export const trimmedSelection = (rows: number, faulty: number): Selection => ({
  rows,
  faulty,
  from: faulty,
  to: rows - faulty,
});

/** The middle one, or the two middle ones. f only decides what is counted. */
export const medianSelection = (rows: number, faulty: number): Selection => ({
  rows,
  faulty,
  from: (rows - 1) >> 1,
  to: (rows >> 1) + 1,
});

/** Above this insertion sort loses to the built-in sort of typed arrays. */
const INSERTION_ROWS = 48;
/** Columns transposed at a time: 128 columns of 64 float64 rows are 64 KiB, inside a level-2 cache. */
const BLOCK = 128;

/** No extreme ever enters a total (robustness.md, trap 2), and the order of the rows cannot show in the bits of the result. */
export const orderPlain: OrderKernel = (rows, { faulty, from, to }) => {
  const m = rows.length;
  const d = rows[0]?.length ?? 0;
  const single = rows.every((row) => row instanceof Float32Array);
  const vector = single ? new Float32Array(d) : new Float64Array(d);
  const low = new Float64Array(m);
  const high = new Float64Array(m);
  const block = new Float64Array(BLOCK * m);
  const column = new Float64Array(m);
  if (!rows.every(isFiniteVector)) return { vector, low, high, effective: 0, suspect: true };
  let effective = 0;
  for (let start = 0; start < d; start += BLOCK) {
    const width = Math.min(BLOCK, d - start);
    transpose(rows, start, width, block);
    for (let c = 0; c < width; c++) {
      const base = c * m;
      if (m <= INSERTION_ROWS) insertionSort(block, base, m, column);
      else {
        column.set(block.subarray(base, base + m));
        column.sort();
      }
      // + 0: rounding to float32 may give −0.
      const value = average(column, from, to);
      vector[start + c] = single ? Math.fround(value) + 0 : value;
      // safe: all indices are below m.
      const [least, most] = [column[faulty]!, column[m - 1 - faulty]!];
      if (column[0]! < least || most < column[m - 1]!) {
        effective++;
        count(block, base, least, most, low, high);
      }
    }
  }
  return { vector, low, high, effective, suspect: false };
};

/**
 * Mean of a sorted stretch, summed upwards in float64. Clamped to the stretch, because (x + x + x) / 3 may miss x by a bit;
 * + 0 turns −0 into 0, since the sort does not order the two.
 */
function average(column: Float64Array, from: number, to: number): number {
  // safe: 0 ≤ from < to ≤ the length of the column.
  let sum = 0;
  for (let i = from; i < to; i++) sum += column[i]!;
  let result = sum / (to - from);
  if (!Number.isFinite(result)) {
    // Only float64 rows near 1e308 get here: divide first.
    result = 0;
    for (let i = from; i < to; i++) result += column[i]! / (to - from);
  }
  return Math.max(column[from]!, Math.min(column[to - 1]!, result)) + 0;
}

/** Rows are read along memory, columns written together: each cache line of a row is touched once. */
function transpose(rows: readonly Vector[], start: number, width: number, block: Float64Array): void {
  const m = rows.length;
  rows.forEach((row, i) => {
    // safe: start + width is at most the dimension.
    for (let c = 0; c < width; c++) block[c * m + i] = row[start + c]!;
  });
}

function insertionSort(block: Float64Array, base: number, m: number, column: Float64Array): void {
  for (let i = 0; i < m; i++) {
    // safe: base + i lies in the block, j in [0, i].
    const value = block[base + i]!;
    let j = i;
    while (j > 0 && column[j - 1]! > value) {
      column[j] = column[j - 1]!;
      j--;
    }
    column[j] = value;
  }
}

function count(
  block: Float64Array,
  base: number,
  least: number,
  most: number,
  low: Float64Array,
  high: Float64Array,
): void {
  for (let i = 0; i < low.length; i++) {
    // safe: low has one entry per row.
    const value = block[base + i]!;
    if (value < least) low[i]! += 1;
    else if (value > most) high[i]! += 1;
  }
}
