// Lower bounds of ε from attacks that were repeated, and the estimate from client canaries (privacy.md 11). Not here: the bound from
// one run (one-run.ts), making the attacks (harness.ts).

import { normalBetween, normalCdf } from '../../protocol/privacy/normal.js';
import { binomialUpper } from '../../server/monitor/distributions.js';

/** Where a share lies with confidence: Clopper and Pearson 1934, `error` outside on each side. */
export function clopperPearson(
  hits: number,
  of: number,
  error: number,
): { readonly lower: number; readonly upper: number } {
  const border = (above: (p: number) => boolean): number => {
    let [low, high] = [0, 1];
    for (let i = 0; i < 60; i++) {
      const middle = (low + high) / 2;
      if (above(middle)) high = middle;
      else low = middle;
    }
    return (low + high) / 2;
  };
  return {
    lower: hits === 0 ? 0 : border((p) => binomialUpper(of, p, hits) > error),
    upper: hits === of ? 1 : border((p) => 1 - binomialUpper(of, p, hits + 1) < error),
  };
}

export interface Confusion {
  readonly truePositives: number;
  readonly positives: number;
  readonly falsePositives: number;
  readonly negatives: number;
}

/**
 * ε_LB = max(ln((TPR_lo − δ)/FPR_hi), ln((TNR_lo − δ)/FNR_hi), 0) from runs with and without the target.
 * @param confidence of the whole statement; half of what is left on each side
 */
export function thresholdLowerBound(seen: Confusion, delta: number, confidence: number) {
  const error = (1 - confidence) / 2;
  const tprLower = clopperPearson(seen.truePositives, seen.positives, error).lower;
  const fprUpper = clopperPearson(seen.falsePositives, seen.negatives, error).upper;
  const ratio = (good: number, bad: number): number => (good > delta ? Math.log((good - delta) / bad) : 0);
  const epsilonLowerBound = Math.max(0, ratio(tprLower, fprUpper), ratio(1 - fprUpper, 1 - tprLower));
  return { tprLower, fprUpper, epsilonLowerBound };
}

interface Normal {
  readonly mean: number;
  readonly std: number;
}

/** P(region) − e^ε Q(region) over the region where p > e^ε q: the least δ for which P is ε-close to Q. */
function hockeyStick(p: Normal, q: Normal, epsilon: number): number {
  // ln p − ln q − ε = a·x² + b·x + c in units where q is standard.
  const [m, s] = [(p.mean - q.mean) / q.std, p.std / q.std];
  const a = (1 - 1 / (s * s)) / 2;
  const b = m / (s * s);
  const c = (-m * m) / (2 * s * s) - Math.log(s) - epsilon;
  const mass = (from: number, to: number): number =>
    normalBetween((from - m) / s, (to - m) / s) - Math.exp(epsilon + Math.log(normalBetween(from, to)));
  if (Math.abs(a) < 1e-12) {
    if (b === 0) return 0;
    return b > 0 ? mass(-c / b, Infinity) : mass(-Infinity, -c / b);
  }
  const root = b * b - 4 * a * c;
  if (root <= 0) return a > 0 ? Math.max(0, -Math.expm1(epsilon)) : 0;
  const half = -(b + Math.sign(b || 1) * Math.sqrt(root)) / 2;
  const [low, high] = [half / a, c / half].sort((x, y) => x - y) as [number, number];
  return a < 0 ? mass(low, high) : mass(-Infinity, low) + mass(high, Infinity);
}

/**
 * ε from client canaries (Andrew et al. 2024): unseen ones have cosines N(0, 1/d) with the result, seen ones the mean and deviation
 * that were measured; the larger ε of the two directions. An estimate, not a bound.
 */
export function canaryEstimate(meanCosine: number, stdCosine: number, dimension: number, delta: number): number {
  const [seen, unseen] = [
    { mean: meanCosine, std: stdCosine },
    { mean: 0, std: 1 / Math.sqrt(dimension) },
  ];
  const close = (epsilon: number): boolean =>
    Math.max(hockeyStick(seen, unseen, epsilon), hockeyStick(unseen, seen, epsilon)) <= delta;
  if (close(0)) return 0;
  let high = 1;
  while (!close(high) && high < 600) high *= 2;
  let low = 0;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (close(middle)) high = middle;
    else low = middle;
  }
  return high;
}

/** The same where the canaries' cosines are given. @param cosines of at least two canaries */
export function canaryEstimateOf(cosines: readonly number[], dimension: number, delta: number): number {
  const mean = cosines.reduce((sum, x) => sum + x, 0) / cosines.length;
  const variance = cosines.reduce((sum, x) => sum + (x - mean) ** 2, 0) / (cosines.length - 1);
  return canaryEstimate(mean, Math.sqrt(variance), dimension, delta);
}

/** Both tails of a standard normal beyond |x|: the p-value of a score. */
export const twoSided = (x: number): number => 2 * normalCdf(-Math.abs(x));
