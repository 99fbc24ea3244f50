// Rényi divergence of sums with distributed integer noise: discrete Gaussian shares (Kairouz, Liu, Steinke 2021, Theorem 1) and
// Skellam shares (Agarwal, Kairouz, Liu 2021, Theorem 3.5), and what sampling does to any such mechanism (Zhu, Wang 2019).
// Everything in grid steps. Not here: how shares are drawn, how large they must be (noise-share.ts), sensitivities (grid.ts).

import { logAdd } from './normal.js';

/**
 * τ = 10 Σ_{k=1}^{N−1} exp(−2π²σ_l²·k/(k+1)): what it costs that a sum of discrete Gaussians is not exactly one.
 * N = 10: 22.9, 0.118, 5.4e-4, 7e-17 at σ_l = 0.3, 0.7, 1, 2; so nothing from two grid steps on.
 */
export function discreteGaussianTau(shares: number, localVariance: number): number {
  let sum = 0;
  for (let k = 1; k < shares; k++) sum += Math.exp((-2 * Math.PI ** 2 * localVariance * k) / (k + 1));
  return 10 * sum;
}

export interface IntegerSum {
  /** Shares that count, N ≥ 1. */
  readonly shares: number;
  /** Variance of one share. */
  readonly localVariance: number;
  readonly l2: number;
  readonly l1: number;
  readonly dimension: number;
}

/** The smallest of the three bounds, at `order` > 1; `tau` is `discreteGaussianTau` of the same sum. */
export function rdpDiscreteGaussian(sum: IntegerSum, tau: number, order: number): number {
  const { shares, localVariance, dimension: d } = sum;
  const spread = Math.sqrt(shares * localVariance);
  const [d2, d1] = [sum.l2 / spread, sum.l1 / spread];
  return Math.min(
    (order * d2 * d2) / 2 + tau * d,
    (order / 2) * (d2 * d2 + 2 * d1 * tau + tau * tau * d),
    (order / 2) * (d2 + Math.sqrt(d) * tau) ** 2,
  );
}

/**
 * αΔ₂²/(2μ) + min{((2α−1)Δ₂² + 6Δ₁)/(4μ²), 3Δ₁/(2μ)} with the variance μ of the whole sum, proven at whole orders. Between them
 * (α−1)·D_α = ln Σ p^α·q^(1−α) lies below the chord: it is convex in α by Hölder's inequality (van Erven, Harremoës 2014). At α = 1 it is 0.
 */
export function rdpSkellam(centralVariance: number, l2: number, l1: number, order: number): number {
  const mu = centralVariance;
  const at = (whole: number): number =>
    (whole * l2 * l2) / (2 * mu) + Math.min(((2 * whole - 1) * l2 * l2 + 6 * l1) / (4 * mu * mu), (3 * l1) / (2 * mu));
  const [below, above] = [Math.floor(order), Math.ceil(order)];
  if (below === above) return at(order);
  return ((above - order) * (below - 1) * at(below) + (order - below) * (above - 1) * at(above)) / (order - 1);
}

/**
 * Upper bound at a whole order for any mechanism that sees each unit with probability q (Zhu, Wang 2019, Theorem 6), never more
 * than the unsampled value. For claims against an observer who does not learn who was sampled.
 * @param base rdp of the unsampled mechanism at a whole order
 */
export function rdpSampledBound(q: number, order: number, base: (order: number) => number): number {
  if (q === 0) return 0;
  if (q === 1) return base(order);
  const [lnQ, lnRest] = [Math.log(q), Math.log1p(-q)];
  let sum = (order - 1) * lnRest + Math.log(order * q - q + 1);
  let lnChoose = Math.log(order);
  for (let l = 2; l <= order; l++) {
    lnChoose += Math.log((order - l + 1) / l);
    const term = lnChoose + l * lnQ + (order - l) * lnRest + (l - 1) * base(l);
    sum = logAdd(sum, l === 2 ? term : term + Math.log(3));
  }
  return Math.min(base(order), Math.max(0, sum) / (order - 1));
}
