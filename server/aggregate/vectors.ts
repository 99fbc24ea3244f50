// The few sums over whole rows that rules share, in float64: mean of some rows, distance of two, weighted sum.
// Not here: all pairs at once (distances.ts), order statistics (order.ts).

import { isFiniteVector, type Vector } from './inputs.js';

/** Columns summed at a time: 32 KiB of float64 stay in a level-1 cache while row after row is added. */
const BLOCK = 4_096;

/** (1/k) Σ rows, in the order given. @param rows at least one, all of dimension d */
export function meanOfRows(rows: readonly Vector[]): Float64Array<ArrayBuffer> {
  const vector = weightedSum(
    rows,
    rows.map(() => 1),
  );
  // Only float64 rows near 1e308 take the second way: divide first, then sum.
  const shares = rows.map(() => 1 / rows.length);
  if (!isFiniteVector(vector)) return weightedSum(rows, shares);
  for (let i = 0; i < vector.length; i++) vector[i] = (vector[i] ?? 0) / rows.length;
  return vector;
}

/** Σ w_i x_i. @param rows at least one, all of dimension d.  @param weights one for each */
export function weightedSum(rows: readonly Vector[], weights: readonly number[]): Float64Array<ArrayBuffer> {
  const vector = new Float64Array(rows[0]?.length ?? 0);
  for (let start = 0; start < vector.length; start += BLOCK) {
    const end = Math.min(vector.length, start + BLOCK);
    rows.forEach((row, i) => {
      addBlock(vector, row, weights[i] ?? 0, start, end);
    });
  }
  return vector;
}

function addBlock(sum: Float64Array, row: Vector, weight: number, start: number, end: number): void {
  // safe: start … end lies within both.
  if (weight === 1) for (let i = start; i < end; i++) sum[i]! += row[i]!;
  else for (let i = start; i < end; i++) sum[i]! += weight * row[i]!;
}

/** ‖a − b‖², from differences (never ‖a‖² + ‖b‖² − 2a·b: robustness.md, trap 3), in four running sums. */
export function squaredDistance(a: Vector, b: Vector): number {
  let [s0, s1, s2, s3] = [0, 0, 0, 0];
  const whole = a.length & ~3;
  // safe: both have the length of a.
  for (let i = 0; i < whole; i += 4) {
    const d0 = a[i]! - b[i]!;
    const d1 = a[i + 1]! - b[i + 1]!;
    const d2 = a[i + 2]! - b[i + 2]!;
    const d3 = a[i + 3]! - b[i + 3]!;
    s0 += d0 * d0;
    s1 += d1 * d1;
    s2 += d2 * d2;
    s3 += d3 * d3;
  }
  for (let i = whole; i < a.length; i++) s0 += (a[i]! - b[i]!) ** 2;
  return s0 + s2 + (s1 + s3);
}

export const distance = (a: Vector, b: Vector): number => Math.sqrt(squaredDistance(a, b));

/** Whether what is made of these rows may be float32 again: one float64 row among them keeps all off the SIMD kernels. */
export const areSingle = (rows: readonly Vector[]): boolean => rows.every((row) => row instanceof Float32Array);

/** `vector` as float32 where `single`. One rounding, as when the row itself came in. */
export const asKind = (vector: Float64Array<ArrayBuffer>, single: boolean): Vector =>
  single ? Float32Array.from(vector) : vector;
