// Drift statistics over histograms and samples: PSI, Kolmogorov-Smirnov, Jensen-Shannon, each with a threshold that knows how much
// data there are (robustness.md §3.6). The histograms come out of masked sums; single clients are never seen here.

import { chiSquareUpper } from '../../protocol/sketch/quantiles.js';

/** Σ (a − e)·ln(a/e) over shares, all above 0. @throws RangeError on different lengths or an empty bin (use `psiOfCounts`) */
export function psi(expected: readonly number[], actual: readonly number[]): number {
  requireSameLength(expected, actual);
  return expected.reduce((sum, e, b) => {
    const a = actual[b] ?? 0;
    if (!(e > 0 && a > 0)) throw new RangeError(`bin ${b} is empty; smooth the counts`);
    return sum + (a - e) * Math.log(a / e);
  }, 0);
}

/** The same of counts, with Laplace smoothing: (count + 1)/(N + B). */
export function psiOfCounts(expected: readonly number[], actual: readonly number[]): number {
  requireSameLength(expected, actual);
  const smooth = (counts: readonly number[]): number[] => {
    const total = counts.reduce((sum, count) => sum + count, 0) + counts.length;
    return counts.map((count) => (count + 1) / total);
  };
  return psi(smooth(expected), smooth(actual));
}

/**
 * Without drift PSI ≈ (1/n + 1/m)·χ²_{B−1}; the threshold is that at the given level. Fixed cut-offs such as 0.1 are wrong for
 * small cohorts. @param level 0.95: one false alarm in twenty
 */
export function psiThreshold(n: number, m: number, bins: number, level: number): number {
  return (1 / n + 1 / m) * chiSquareUpper(bins - 1, -Math.log2(1 - level));
}

/** What noise of variance `sigma`² in each bin of a histogram of `total` adds to PSI on average: take it off before comparing. */
export function psiNoiseBias(expected: readonly number[], sigma: number, total: number): number {
  return expected.reduce((sum, e) => sum + sigma ** 2 / (total ** 2 * e), 0);
}

/** Natural logarithm: from 0 to ln 2; 0·ln 0 = 0. */
export function jensenShannon(p: readonly number[], q: readonly number[]): number {
  requireSameLength(p, q);
  const part = (x: number, middle: number): number => (x === 0 ? 0 : x * Math.log(x / middle));
  return p.reduce((sum, a, i) => {
    const b = q[i] ?? 0;
    return sum + 0.5 * (part(a, (a + b) / 2) + part(b, (a + b) / 2));
  }, 0);
}

/** D = sup |F − G| of two samples. @throws RangeError on an empty one */
export function ksStatistic(x: readonly number[], y: readonly number[]): number {
  if (x.length === 0 || y.length === 0) throw new RangeError('a sample is empty');
  const a = Float64Array.from(x).sort();
  const b = Float64Array.from(y).sort();
  let [i, j, most] = [0, 0, 0];
  while (i < a.length && j < b.length) {
    // safe: both indices are below their lengths; all values equal to the smaller are passed at once.
    const at = Math.min(a[i]!, b[j]!);
    while (i < a.length && a[i] === at) i++;
    while (j < b.length && b[j] === at) j++;
    most = Math.max(most, Math.abs(i / a.length - j / b.length));
  }
  return most;
}

/** The large-sample critical value at 5 %. */
export const ksCritical = (n: number, m: number): number => 1.358 * Math.sqrt((n + m) / (n * m));

/**
 * P[D ≥ d] without drift, exactly, by counting lattice paths that stay inside |i/n − j/m| < d; two-sided, as if there were no ties
 * (conservative where there are). O(n·m): for n·m up to about 10⁴.
 */
export function ksExactP(x: readonly number[], y: readonly number[]): number {
  const d = ksStatistic(x, y);
  const [n, m] = [x.length, y.length];
  // Of i/n against j/m, in whole numbers: |i·m − j·n| < d·n·m.
  const limit = Math.round(d * n * m);
  // Paths are counted relative to C(n+m, n), so that nothing overflows: row by row, ways(i, j) as a share of all ways there.
  let row = new Float64Array(m + 1);
  for (let i = 0; i <= n; i++) {
    const next = new Float64Array(m + 1);
    for (let j = 0; j <= m; j++) {
      if (Math.abs(i * m - j * n) >= limit) continue;
      if (i === 0 && j === 0) next[j] = 1;
      // Of all paths to (i, j) a share i/(i+j) comes from (i−1, j), the rest from (i, j−1).
      else next[j] = (i * (row[j] ?? 0) + j * (j > 0 ? (next[j - 1] ?? 0) : 0)) / (i + j);
    }
    row = next;
  }
  return Math.min(1, Math.max(0, 1 - (row[m] ?? 0)));
}

function requireSameLength(a: readonly number[], b: readonly number[]): void {
  if (a.length !== b.length) throw new RangeError(`${a.length} bins against ${b.length}`);
}
