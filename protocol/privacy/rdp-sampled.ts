// Rényi divergence of one Poisson-sampled Gaussian, add-or-remove neighbours (Mironov, Talwar, Zhang 2019): the series for whole
// and fractional orders, and the quadrature that takes over where the series would cancel and that tests compare it with.
// Not here: composition and prices (curve.ts, convert.ts).

import { SottoError } from '../errors.js';
import { MAX_SERIES_TERMS } from '../limits.js';
import { logAdd, logErfc } from './normal.js';
import { legendreNodes } from './quadrature.js';

/** ln A below this has lost half of its digits in the series of a fractional order: 1e-16 of round-off beside A = 1. */
const CANCELS_BELOW = 1e-7;
const NODES = legendreNodes(16);

/**
 * RDP of one step at `order` > 1: ln A(α) / (α − 1).
 * @param q sampling rate in [0, 1] @param z noise multiplier, > 0; both checked by the caller (domain.ts)
 * @throws PRIVACY_NO_CONVERGENCE
 */
export function rdpSampledGaussian(q: number, z: number, order: number): number {
  if (q === 0) return 0;
  if (q === 1) return order / (2 * z * z);
  if (Number.isInteger(order)) return logMomentWhole(q, z, order) / (order - 1);
  const series = logMomentSeries(q, z, order);
  return (series < CANCELS_BELOW ? logMomentQuadrature(q, z, order) : series) / (order - 1);
}

/**
 * ln A at a whole order, in log space: A − 1 = Σ_{k ≥ 2} C(α,k)(1−q)^(α−k) q^k · (e^((k²−k)/(2z²)) − 1), all terms positive, since
 * the terms k = 0 and 1 have exponent 0. So nothing cancels for tiny q and nothing overflows at 1024.
 */
function logMomentWhole(q: number, z: number, order: number): number {
  const [lnQ, lnRest] = [Math.log(q), Math.log1p(-q)];
  let lnChoose = Math.log(order);
  let sum = -Infinity;
  for (let k = 2; k <= order; k++) {
    lnChoose += Math.log((order - k + 1) / k);
    sum = logAdd(sum, lnChoose + k * lnQ + (order - k) * lnRest + logExpm1((k * k - k) / (2 * z * z)));
  }
  return sum > 700 ? sum : Math.log1p(Math.exp(sum));
}

/** ln(e^x − 1), x > 0. */
const logExpm1 = (x: number): number => (x > 1 ? x + Math.log1p(-Math.exp(-x)) : Math.log(Math.expm1(x)));

/**
 * ln A at a fractional order, §3.3 of the paper. C(α, i) changes its sign for i > α: dropping the signs gives a larger, wrong
 * value that has been printed often. Terms fall only like i^−(α+2): near α = 1 and q = ½ some 10⁴ are needed.
 */
export function logMomentSeries(q: number, z: number, order: number): number {
  const [lnQ, lnRest] = [Math.log(q), Math.log1p(-q)];
  const z0 = z * z * (lnRest - lnQ) + 0.5;
  const root = Math.SQRT2 * z;
  let lnChoose = 0;
  let sign = 1;
  let [plus, minus] = [-Infinity, -Infinity];
  for (let i = 0; i < MAX_SERIES_TERMS; i++) {
    const j = order - i;
    const low = i * lnQ + j * lnRest + (i * i - i) / (2 * z * z) + logErfc((i - z0) / root) - Math.LN2;
    const high = j * lnQ + i * lnRest + (j * j - j) / (2 * z * z) + logErfc((z0 - j) / root) - Math.LN2;
    const term = lnChoose + logAdd(low, high);
    if (sign > 0) plus = logAdd(plus, term);
    else minus = logAdd(minus, term);
    // Beyond α the signs alternate and the terms fall, so the first term left out bounds the rest.
    if (i > order && term < plus + LN_RELATIVE) return plus + Math.log1p(-Math.exp(minus - plus));
    lnChoose += Math.log(Math.abs(j) / (i + 1));
    if (j < 0) sign = -sign;
  }
  throw new SottoError(
    'PRIVACY_NO_CONVERGENCE',
    `the series for order ${order}, sampling rate ${q} and noise multiplier ${z} needs more than ${MAX_SERIES_TERMS} terms; price this event at whole orders`,
    { order, samplingRate: q, noiseMultiplier: z },
  );
}
const LN_RELATIVE = Math.log(1e-14);

/**
 * ln A by quadrature: A − 1 = E_{x ~ N(0, z²)}[(1 + w)^α − 1 − αw] with w = q(e^((2x−1)/(2z²)) − 1), whose mean is 0. The bracket is
 * never negative and of order w², so that it keeps its digits however small q is. Panels of z/2 over [−15z, α + 15z].
 */
export function logMomentQuadrature(q: number, z: number, order: number): number {
  const [from, to] = [-15 * z, order + 15 * z];
  const panels = Math.ceil((to - from) / (z / 2));
  const half = (to - from) / panels / 2;
  let sum = -Infinity;
  for (let panel = 0; panel < panels; panel++) {
    const middle = from + (2 * panel + 1) * half;
    for (let n = 0; n < NODES.x.length; n++) {
      const x = middle + half * (NODES.x[n] as number);
      const lnDensity = (-x * x) / (2 * z * z) - Math.log(z) - 0.5 * Math.log(2 * Math.PI);
      const bracket = logBracket(q, (2 * x - 1) / (2 * z * z), order);
      sum = logAdd(sum, Math.log((NODES.weight[n] as number) * half) + lnDensity + bracket);
    }
  }
  return sum > 700 ? sum : Math.log1p(Math.exp(sum));
}

/** ln((1 + w)^α − 1 − αw), w = q(e^t − 1) > −1. */
function logBracket(q: number, t: number, order: number): number {
  if (t > 600) return order * (Math.log(q) + t);
  const w = q * Math.expm1(t);
  if (Math.abs(w) < 0.01) {
    // The binomial series from its second term on.
    let term = (order * (order - 1) * w * w) / 2;
    let sum = term;
    for (let k = 3; Math.abs(term) > Math.abs(sum) * 1e-17; k++) {
      term *= ((order - k + 1) * w) / k;
      sum += term;
    }
    return sum > 0 ? Math.log(sum) : -Infinity;
  }
  const power = order * Math.log1p(w);
  if (power > 500) return power;
  const value = Math.expm1(power) - order * w;
  return value > 0 ? Math.log(value) : -Infinity;
}
