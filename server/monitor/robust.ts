// Robust location and scale, and how far out is too far for so few values. Not here: what is measured (clients.ts, groups.ts).

import { studentUpper } from './distributions.js';

/** Makes the MAD of Gaussian values their standard deviation: 1/Φ⁻¹(¾), as robustness.md writes it. */
const MAD_SCALE = 1.4826;

/** Middle value; mean of the two middle ones for an even number; NaN for none. */
export function medianOf(values: readonly number[]): number {
  const sorted = Float64Array.from(values).sort();
  const half = sorted.length >> 1;
  // safe: half is an index for a non-empty list; NaN stands for the median of nothing.
  return sorted.length === 0
    ? Number.NaN
    : sorted.length % 2 === 1
      ? sorted[half]!
      : (sorted[half - 1]! + sorted[half]!) / 2;
}

/**
 * (x − median)/(1.4826·MAD) for each value. @param floor of the denominator, in the unit of the values: identical values have MAD 0,
 * and a hair more than nothing must not be infinitely far. With floor 0 and MAD 0, what differs is ±Infinity and the rest 0.
 */
export function robustZ(values: readonly number[], floor = 0): number[] {
  const centre = medianOf(values);
  const scale = Math.max(floor, MAD_SCALE * medianOf(values.map((value) => Math.abs(value - centre))));
  return values.map((value) => (value === centre ? 0 : (value - centre) / scale));
}

/** What is so far out that one in a hundred and sixty is does not take part in estimating what is usual: 2.5σ where there are many. */
const CUT_ALPHA = 0.0062;
/** Each pass can only leave more out; a handful settles. */
const PASSES = 10;

/**
 * The same with location and scale of the values that are left when those far out have been put aside, over and over until nothing
 * changes: a quarter of attackers on one side moves the plain median by 0.4σ and makes the plain MAD 1.6σ, so that they hide each
 * other. Never puts aside more than half.
 */
export function cleanZ(values: readonly number[], floor: number): number[] {
  const cut = values.length < 3 ? Number.POSITIVE_INFINITY : studentUpper(CUT_ALPHA, 0.37 * (values.length - 1));
  let kept = values;
  for (let pass = 0; pass < PASSES; pass++) {
    const z = robustZ(kept, floor);
    const next = kept.filter((_, i) => Math.abs(z[i] ?? 0) <= cut);
    if (next.length === kept.length || 2 * next.length < values.length) break;
    kept = next;
  }
  const centre = medianOf(kept);
  const scale = Math.max(floor, MAD_SCALE * medianOf(kept.map((value) => Math.abs(value - centre))));
  return values.map((value) => (value - centre) / scale);
}

/**
 * The `cleanZ` that one honest value of `count` exceeds (on one side) with probability `alpha`.
 * Derivation: for Gaussian values the MAD estimates σ with 37 % of the efficiency of the standard deviation (Rousseeuw and Croux 1993),
 * so x/MAD is spread like x/s with s from 0.37 times as many values: Student's t with 0.37·(count − 1) degrees of freedom. Putting
 * values aside costs more, and by simulation 0.2 in place of 0.37 keeps the rate below 1.7·alpha from 6 to 100 values and 10⁻² to
 * 1.7·10⁻⁴ (test/server/monitor.test.ts). For 48 values and 1.7·10⁻⁴ that is 5.3 where the normal quantile is 3.6; for 6 values almost
 * nothing is too far, which is the truth about 6 values.
 */
export function robustThreshold(alpha: number, count: number): number {
  return count < 3 ? Number.POSITIVE_INFINITY : studentUpper(alpha, Math.max(0.5, 0.2 * (count - 1)));
}
