// The normal distribution as privacy needs it: logarithms that stay right far out in the tail, where 1 − Φ is 10^-300 and less.
// Not here: thresholds of the monitor (server/monitor/distributions.ts), chi-square and ln Γ (sketch/quantiles.ts).

const SQRT_PI = Math.sqrt(Math.PI);
/** Below this the series of erf is short and 1 − erf has lost three digits at most; above it the continued fraction is short. */
const SERIES_BELOW = 2;

/** erf(x) for 0 ≤ x ≤ 2 by its series of positive terms, 2/√π · e^(−x²) · Σ 2ⁿx^(2n+1)/(1·3·5…) (DLMF 7.6.2): no cancellation. */
function erfSeries(x: number): number {
  let term = x;
  let sum = x;
  for (let n = 3; term > sum * 1e-17; n += 2) {
    term *= (2 * x * x) / n;
    sum += term;
  }
  return (2 / SQRT_PI) * Math.exp(-x * x) * sum;
}

/** √π · e^(x²) · erfc(x) for x ≥ 2: the continued fraction x + ½/(x + 1/(x + 3/2/(x + …))) from the inside out (DLMF 7.9.3). */
function scaledTail(x: number): number {
  // Enough for 1e-16 at x = 2; further out fewer would do.
  const depth = x > 6 ? 24 : 90;
  let fraction = x;
  for (let n = depth; n >= 1; n--) fraction = x + n / 2 / fraction;
  return 1 / fraction;
}

/** ln erfc(x) for every x; relative error of erfc about 1e-14. */
export function logErfc(x: number): number {
  if (x >= SERIES_BELOW) return -x * x + Math.log(scaledTail(x) / SQRT_PI);
  if (x >= 0) return Math.log(1 - erfSeries(x));
  return Math.log1p(x > -SERIES_BELOW ? erfSeries(-x) : 1 - Math.exp(logErfc(-x)));
}

/** ln Φ(x). */
export const logNormalCdf = (x: number): number => logErfc(-x / Math.SQRT2) - Math.LN2;

/** Φ(x); accurate in relative terms for negative x. */
export const normalCdf = (x: number): number => Math.exp(logNormalCdf(x));

/** P[a < X < b] of the standard normal: differences are taken of tails, not of numbers near 1. */
export function normalBetween(a: number, b: number): number {
  if (!(a < b)) return 0;
  return a > 0 ? normalCdf(-a) - normalCdf(-b) : normalCdf(b) - normalCdf(a);
}

/** Φ⁻¹(p) for 0 < p < 1, by bisection on ln Φ in the lower half: good to the last digits also at p = 1e-300. @throws RangeError */
export function normalQuantile(p: number): number {
  if (!(p > 0 && p < 1)) throw new RangeError(`${p} is no probability between 0 and 1`);
  if (p > 0.5) return -normalQuantile(1 - p);
  const target = Math.log(p);
  let [low, high] = [-40, 0];
  for (let i = 0; i < 100; i++) {
    const middle = (low + high) / 2;
    if (middle === low || middle === high) break;
    if (logNormalCdf(middle) < target) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/** ln(e^a + e^b) without overflow; −∞ is ln 0. */
export function logAdd(a: number, b: number): number {
  const [high, low] = a > b ? [a, b] : [b, a];
  return low === -Infinity ? high : high + Math.log1p(Math.exp(low - high));
}
