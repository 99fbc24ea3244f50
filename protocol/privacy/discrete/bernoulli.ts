// Coins and discrete distributions from uniform bits by whole numbers alone: Canonne, Kamath, Steinke 2020, Algorithms 1-3, as they
// stand in the paper. Slow and plain: what the fast table (table.ts) is checked against. Not on the path of a round.

import { type Bits, bigBits } from './bits.js';

/** A ratio of whole numbers. */
export interface Ratio {
  readonly num: bigint;
  readonly den: bigint;
}

/** Uniform in [0, n), by rejection. @param n ≥ 1 */
export function uniform(bits: Bits, n: bigint): bigint {
  const size = (n - 1n).toString(2).length;
  for (;;) {
    const value = bigBits(bits, size);
    if (value < n) return value;
  }
}

/** True with probability num/den. */
export const bernoulli = (bits: Bits, { num, den }: Ratio): boolean => uniform(bits, den) < num;

/** True with probability exp(−num/den), num/den ≥ 0 (Algorithm 1). */
export function bernoulliExp(bits: Bits, { num, den }: Ratio): boolean {
  for (let whole = num / den; whole > 0n; whole--) if (!bernoulliExpBelowOne(bits, 1n, 1n)) return false;
  return bernoulliExpBelowOne(bits, num % den, den);
}

/** x = num/den ≤ 1. K grows while bernoulli(x/K): the two factors are drawn apart so that products stay small. */
function bernoulliExpBelowOne(bits: Bits, num: bigint, den: bigint): boolean {
  let k = 1n;
  while (bernoulli(bits, { num, den }) && bernoulli(bits, { num: 1n, den: k })) k++;
  return k % 2n === 1n;
}

/** Discrete Laplace of scale t: P(x) ∝ exp(−|x|/t) (Algorithm 2). @param t ≥ 1 */
export function laplace(bits: Bits, t: bigint): bigint {
  for (;;) {
    const low = uniform(bits, t);
    if (!bernoulliExp(bits, { num: low, den: t })) continue;
    let high = 0n;
    while (bernoulliExp(bits, { num: 1n, den: 1n })) high++;
    const magnitude = low + t * high;
    const negative = bernoulli(bits, { num: 1n, den: 2n });
    if (negative && magnitude === 0n) continue;
    return negative ? -magnitude : magnitude;
  }
}

/** Scale of the Laplace proposals for a variance: ⌊σ⌋ + 1. */
export function proposalScale({ num, den }: Ratio): bigint {
  let root = 0n;
  while ((root + 1n) * (root + 1n) * den <= num) root++;
  return root + 1n;
}

/** Discrete Gaussian: P(x) ∝ exp(−x²/2σ²), σ² = num/den (Algorithm 3). */
export function gaussian(bits: Bits, variance: Ratio): bigint {
  const { num, den } = variance;
  const t = proposalScale(variance);
  for (;;) {
    const y = laplace(bits, t);
    const distance = (y < 0n ? -y : y) * t * den - num;
    if (bernoulliExp(bits, { num: distance * distance, den: 2n * num * den * t * t })) return y;
  }
}
