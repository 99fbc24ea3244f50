// Skellam noise for the table sampler: the difference of two Poisson variables of mean μ/2 each, variance μ, and closed under sums
// (Agarwal, Kairouz, Liu 2021). P(x) = e^−μ·I_x(μ), so ρ(x) = I_x(μ)/I_0(μ), I the modified Bessel function. Whole numbers only.
//
// I_{n−1} − I_{n+1} = (2n/μ)·I_n (DLMF 10.29.1), so r_n = I_{n+1}/I_n is 1/(2(n+1)/μ + r_{n+1}), and ρ(x) is the product of r_0 … r_{x−1}.
// The recurrence is run downwards from 0 ≤ r_N ≤ 1 with both bounds: each step exchanges them and narrows what lies between by r_n². So the
// bounds are proven whatever N is, and N only decides how far apart they are. I_x is log-concave in x (Amos 1974), as `Shape` asks.
// Not here: Poisson variables themselves, the plain algorithm that this is checked against (poisson.ts).

import { SottoError } from '../../errors.js';
import type { Ratio } from './bernoulli.js';
import type { Bounds } from './exponential.js';
import { ERROR_BITS, PRECISION, requireDrawable, type Shape } from './shape.js';

/** Places beyond those asked for, so that the products do not eat them: one unit for each factor. */
const GUARD_BITS = 32;

/** Variance μ = num/den. @throws SottoError CONFIG_PRIVACY */
export function skellamShape(variance: Ratio): Shape {
  requireDrawable(variance);
  return {
    variance,
    at: (x, precision) => {
      const { low, high } = product(ratios(variance, x, precision + GUARD_BITS), precision + GUARD_BITS);
      return { low: low >> BigInt(GUARD_BITS), high: (high >> BigInt(GUARD_BITS)) + 1n };
    },
    weights: (count) => weights(variance, count),
  };
}

/** Bounds of r_0 … r_{count−1} over 2^places. */
function ratios({ num, den }: Ratio, count: number, places: number): Bounds[] {
  const one = 1n << BigInt(places);
  // Between r_count and here the bounds close by ρ(start)²/ρ(count)², about exp(−(start² − count²)/μ) at first and by a factor a step beyond μ.
  const needed = BigInt(count) * BigInt(count) * den + BigInt(places) * num;
  let start = count + places;
  while (BigInt(start) * BigInt(start) * den < needed) start += places;
  const out: Bounds[] = new Array(count);
  let [low, high] = [0n, one];
  const top = num << BigInt(2 * places);
  for (let n = start - 1; n >= 0; n--) {
    const fixed = (2n * BigInt(n + 1) * den) << BigInt(places);
    [low, high] = [top / (fixed + num * high), top / (fixed + num * low) + 1n];
    if (n < count) out[n] = { low, high };
  }
  return out;
}

function product(factors: readonly Bounds[], places: number): Bounds {
  const shift = BigInt(places);
  let [low, high] = [1n << shift, 1n << shift];
  for (const factor of factors) {
    low = (low * factor.low) >> shift;
    high = ((high * factor.high) >> shift) + 1n;
  }
  return { low, high };
}

function* weights(variance: Ratio, count: number): Generator<bigint> {
  const shift = BigInt(PRECISION);
  const worst = 1n << BigInt(PRECISION - ERROR_BITS);
  let [low, high] = [1n << shift, 1n << shift];
  for (const factor of ratios(variance, count, PRECISION)) {
    if (high - low > worst) throw new SottoError('INTERNAL', 'the table of Skellam noise is not exact enough');
    yield low;
    low = (low * factor.low) >> shift;
    high = ((high * factor.high) >> shift) + 1n;
  }
}
