// The discrete Gaussian, ρ(x) = exp(−x²/2σ²), for the table sampler (Canonne, Kamath, Steinke 2020). Whole numbers only.

import type { Ratio } from './bernoulli.js';
import { expBounds } from './exponential.js';
import { PRECISION, requireDrawable, type Shape } from './shape.js';

/** N_ℤ(0, σ²), σ² = num/den. @throws SottoError CONFIG_PRIVACY */
export function gaussianShape(variance: Ratio): Shape {
  requireDrawable(variance);
  const { num, den } = variance;
  return {
    variance,
    at: (x, precision) => expBounds(BigInt(x) * BigInt(x) * den, 2n * num, precision),
    weights: () => weights(variance),
  };
}

/**
 * ρ(x+1) = ρ(x)·r(x), r(x+1) = r(x)·exp(−1/σ²), r(0) = exp(−1/2σ²). All factors are at most 1, so errors add: after x steps less than
 * 4(x+1)²·2^8 units, which for x < 2^19 is below 2^(PRECISION − ERROR_BITS).
 */
function* weights({ num, den }: Ratio): Generator<bigint> {
  const places = BigInt(PRECISION);
  let ratio = expBounds(den, 2n * num, PRECISION).low;
  const shrink = expBounds(den, num, PRECISION).low;
  for (let rho = 1n << places; ; rho = (rho * ratio) >> places, ratio = (ratio * shrink) >> places) yield rho;
}
