// Poisson variables and their differences from uniform bits by whole numbers alone, slow and plain: what Skellam noise from the table
// (skellam.ts) is checked against. Not on the path of a round.

import { bernoulli, type Ratio } from './bernoulli.js';
import type { Bits } from './bits.js';

/**
 * Poisson of mean λ = num/den. For λ ≤ ½ a geometric n, P(n) ∝ λ^n, is kept with probability 1/n! (rejection: Devroye 1986, II.3), which
 * leaves P(n) ∝ λ^n/n!; means above ½ are sums of such.
 */
export function poisson(bits: Bits, { num, den }: Ratio): bigint {
  const parts = (2n * num + den - 1n) / den;
  const small = { num, den: den * parts };
  let sum = 0n;
  for (let part = 0n; part < parts; part++) sum += smallPoisson(bits, small);
  return sum;
}

function smallPoisson(bits: Bits, mean: Ratio): bigint {
  for (;;) {
    let n = 0n;
    while (bernoulli(bits, mean)) n++;
    let kept = true;
    for (let k = 2n; kept && k <= n; k++) kept = bernoulli(bits, { num: 1n, den: k });
    if (kept) return n;
  }
}

/** Skellam of variance μ = num/den: Poisson(μ/2) − Poisson(μ/2). */
export function skellam(bits: Bits, { num, den }: Ratio): bigint {
  const half = { num, den: 2n * den };
  return poisson(bits, half) - poisson(bits, half);
}
