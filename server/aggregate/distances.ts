// All pairwise squared distances of n rows, from differences, in float64: plain JavaScript. `distances-simd.ts` does the same in
// WASM; both give the same bits. Not here: what is made of them (krum.ts, nnm.ts, bulyan.ts).

import type { Vector } from './inputs.js';

/** n × n, row by row: ‖x_i − x_j‖², symmetric, 0 on the diagonal. @param rows finite, of one dimension */
export type DistanceKernel = (rows: readonly Vector[]) => Float64Array;

/**
 * Columns of a block. Part of the definition: sums are made block by block, and within a block in four lanes (column mod 4) that
 * meet as (s₀ + s₂) + (s₁ + s₃), so that two float64 lanes of a SIMD register, twice, give the same bits. 64 rows: 256 KiB.
 */
export const BLOCK_COLUMNS = 512;

export const distancesPlain: DistanceKernel = (rows) => {
  const n = rows.length;
  const pairs = new Float64Array((n * (n - 1)) / 2);
  const width = widthOf(rows);
  const block = new Float64Array(n * width);
  eachBlock(rows, width, (start, padded) => {
    rows.forEach((row, i) => {
      copyBlock(block.subarray(i * width, (i + 1) * width), row, start, padded);
    });
    let at = 0;
    for (let i = 0; i < n; i++) {
      for (let j = i + 1; j < n; j++) pairs[at++]! += pairSum(block, i * width, j * width, padded); // safe: one for each pair
    }
  });
  return squareOf(n, pairs);
};

function pairSum(block: Float64Array, a: number, b: number, width: number): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  for (let c = 0; c < width; c += 4) {
    // safe: the width is a multiple of four and lies within the block.
    const d0 = block[a + c]! - block[b + c]!;
    const d1 = block[a + c + 1]! - block[b + c + 1]!;
    const d2 = block[a + c + 2]! - block[b + c + 2]!;
    const d3 = block[a + c + 3]! - block[b + c + 3]!;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  return s0 + s2 + (s1 + s3);
}

/** Columns of the widest block, a multiple of four. */
export const widthOf = (rows: readonly Vector[]): number =>
  Math.min(BLOCK_COLUMNS, Math.ceil((rows[0]?.length ?? 0) / 4) * 4);

/** Calls with the first column of each block and its width, rounded up to a multiple of four. */
export function eachBlock(rows: readonly Vector[], width: number, work: (start: number, padded: number) => void): void {
  const d = rows[0]?.length ?? 0;
  for (let start = 0; start < d; start += width) work(start, Math.ceil(Math.min(width, d - start) / 4) * 4);
}

/** The row's columns from `start`, then zeros: their differences add nothing. */
export function copyBlock(target: Float64Array, row: Vector, start: number, padded: number): void {
  const part = row.subarray(start, start + padded);
  target.set(part);
  if (part.length < padded) target.fill(0, part.length, padded);
}

/** From the pairs (0,1), (0,2), …, (1,2), … to the whole square. */
export function squareOf(n: number, pairs: Float64Array): Float64Array {
  const square = new Float64Array(n * n);
  let at = 0;
  for (let i = 0; i < n; i++) {
    // safe: one for each pair.
    for (let j = i + 1; j < n; j++) square[j * n + i] = square[i * n + j] = pairs[at++]!;
  }
  return square;
}

/** The k smallest of row `i` of the square, as a set of indices in ascending order; equal distances: the lower index first. */
export function nearest(square: Float64Array, n: number, i: number, k: number): number[] {
  const row = square.subarray(i * n, (i + 1) * n);
  // safe: 1 ≤ k ≤ n.
  const limit = row.slice().sort()[k - 1]!;
  let ties = k - row.reduce((below, value) => below + (value < limit ? 1 : 0), 0);
  const chosen: number[] = [];
  row.forEach((value, j) => {
    if (value < limit || (value === limit && ties-- > 0)) chosen.push(j);
  });
  return chosen;
}

/** Indices by ascending value; equal values: the lower index first. */
export const ranked = (values: ArrayLike<number>): number[] =>
  // safe: indices of the list itself.
  Array.from(values, (_, i) => i).sort((a, b) => values[a]! - values[b]! || a - b);
