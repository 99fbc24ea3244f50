// The exact price of one unsampled Gaussian, three ways round (Balle, Wang 2018), and how several become one.
// T unsampled Gaussians with multipliers z_t are exactly one with 1/z² = Σ 1/z_t². Not here: sampled ones (rdp-sampled.ts, pld.ts).

import { logNormalCdf } from './normal.js';

/** ln δ(ε) = ln[Φ(1/(2z) − εz) − e^ε Φ(−1/(2z) − εz)]; e^ε Φ(·) is formed as one exponential, or it would overflow. */
function logDelta(z: number, epsilon: number): number {
  const first = logNormalCdf(1 / (2 * z) - epsilon * z);
  const second = epsilon + logNormalCdf(-1 / (2 * z) - epsilon * z);
  return second >= first ? -Infinity : first + Math.log(-Math.expm1(second - first));
}

/** δ of a Gaussian with noise multiplier z > 0 at ε ≥ 0. */
export const gaussianDelta = (z: number, epsilon: number): number => Math.exp(logDelta(z, epsilon));

/** The smallest ε with δ(ε) ≤ δ, rounded up by less than 1e-12 of itself; 0 where δ(0) is small enough. */
export function gaussianEpsilon(z: number, delta: number): number {
  if (z === Infinity) return 0;
  const target = Math.log(delta);
  if (logDelta(z, 0) <= target) return 0;
  let high = 1;
  while (logDelta(z, high) > target) high *= 2;
  return smallest((epsilon) => logDelta(z, epsilon) <= target, 0, high);
}

/** The smallest z whose price at δ is at most ε, rounded up. Not √(2 ln(1.25/δ))/ε, which is wrong above ε ≈ 8 and wasteful below. */
export function gaussianNoiseMultiplier(epsilon: number, delta: number): number {
  const target = Math.log(delta);
  let high = 1;
  while (logDelta(high, epsilon) > target) high *= 2;
  return smallest((z) => logDelta(z, epsilon) <= target, 0, high);
}

/** One Gaussian that tells as much as all of them: 1/z² = Σ 1/z_t². None gives +∞. */
export const composedMultiplier = (multipliers: readonly number[]): number =>
  1 / Math.sqrt(multipliers.reduce((sum, z) => sum + 1 / (z * z), 0));

/** The border in (low, high] from which on `fits` holds, from above: what is returned fits. */
export function smallest(fits: (x: number) => boolean, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let i = 0; i < 200 && high - low > 1e-13 * high; i++) {
    const middle = (low + high) / 2;
    if (fits(middle)) high = middle;
    else low = middle;
  }
  return high;
}
