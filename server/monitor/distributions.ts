// Distribution functions that thresholds are made of: normal, Student's t, binomial tail. Chi-square and ln Γ are those of the
// sketch bounds. Not here: what is compared with them (scores.ts, drift.ts, thresholds.ts).

import { lnGamma } from '../../protocol/sketch/quantiles.js';

/** Φ(x), by the continued fraction of erfc beyond 3 and its series inside; absolute error below 1e-14. */
export function normalCdf(x: number): number {
  const upper = normalUpper(Math.abs(x));
  return x > 0 ? 1 - upper : upper;
}

/** 1 − Φ(x) for x ≥ 0, accurate in the tail. */
function normalUpper(x: number): number {
  const density = Math.exp(-0.5 * x * x) / Math.sqrt(2 * Math.PI);
  if (x < 3) {
    // Φ(x) − ½ = φ(x) Σ x^(2n+1) / (1·3·5…(2n+1)), Abramowitz and Stegun 26.2.11.
    let term = x;
    let sum = x;
    for (let n = 3; term > sum * 1e-17; n += 2) {
      term *= (x * x) / n;
      sum += term;
    }
    return 0.5 - density * sum;
  }
  // Abramowitz and Stegun 26.2.14, from the inside out.
  let fraction = x;
  for (let n = 200; n >= 1; n--) fraction = x + n / fraction;
  return density / fraction;
}

/** Φ⁻¹(p), p in (0, 1), by bisection to the last bit or two. @throws RangeError */
export function normalQuantile(p: number): number {
  requireProbability(p);
  return bisect((x) => normalCdf(x) >= p, -40, 40);
}

/** P[T ≤ t] of Student's t with `freedom` > 0 degrees of freedom; need not be whole. */
export function studentCdf(t: number, freedom: number): number {
  const tail = 0.5 * incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t));
  return t > 0 ? 1 - tail : tail;
}

/** The t with P[T > t] = p, p in (0, ½). Solved in the upper tail, where 1 − P would lose its digits. @throws RangeError */
export function studentUpper(p: number, freedom: number): number {
  requireProbability(p);
  const tail = (t: number): number => 0.5 * incompleteBeta(freedom / 2, 0.5, freedom / (freedom + t * t));
  let high = 1;
  while (tail(high) > p && high < 1e150) high *= 2;
  return bisect((t) => tail(t) <= p, 0, high);
}

/** P[Bin(n, p) ≥ k]. */
export function binomialUpper(n: number, p: number, k: number): number {
  if (k <= 0) return 1;
  if (p <= 0) return 0;
  if (p >= 1) return k <= n ? 1 : 0;
  let tail = 0;
  for (let i = k; i <= n; i++) {
    const choose = lnGamma(n + 1) - lnGamma(i + 1) - lnGamma(n - i + 1);
    tail += Math.exp(choose + i * Math.log(p) + (n - i) * Math.log1p(-p));
  }
  return Math.min(1, tail);
}

/** I_x(a, b), the regularised incomplete beta function (DLMF 8.17.22, by Lentz's method). */
function incompleteBeta(a: number, b: number, x: number): number {
  if (x <= 0) return 0;
  if (x >= 1) return 1;
  if (x > (a + 1) / (a + b + 2)) return 1 - incompleteBeta(b, a, 1 - x);
  const front = lnGamma(a + b) - lnGamma(a) - lnGamma(b) + a * Math.log(x) + b * Math.log1p(-x);
  const tiny = 1e-300;
  let c = 1;
  let d = 1 / away(1 - ((a + b) * x) / (a + 1), tiny);
  let h = d;
  for (let m = 1; m < 10_000; m++) {
    const even = (m * (b - m) * x) / ((a + 2 * m - 1) * (a + 2 * m));
    d = 1 / away(1 + even * d, tiny);
    c = away(1 + even / c, tiny);
    h *= d * c;
    const odd = (-(a + m) * (a + b + m) * x) / ((a + 2 * m) * (a + 2 * m + 1));
    d = 1 / away(1 + odd * d, tiny);
    c = away(1 + odd / c, tiny);
    const change = d * c;
    h *= change;
    if (Math.abs(change - 1) < 1e-16) break;
  }
  return (Math.exp(front) * h) / a;
}

const away = (value: number, tiny: number): number => (Math.abs(value) < tiny ? tiny : value);

function requireProbability(p: number): void {
  if (!(p > 0 && p < 1)) throw new RangeError(`${p} is no probability between 0 and 1`);
}

function bisect(above: (x: number) => boolean, from: number, to: number): number {
  let [low, high] = [from, to];
  for (let i = 0; i < 200; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (above(middle)) high = middle;
    else low = middle;
  }
  return high;
}
