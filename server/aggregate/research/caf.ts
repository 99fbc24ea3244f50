// CAF: weighs inputs down along the direction in which they spread most, again and again. Not here: the exact subset (subsets.ts), the
// one-shot filter by subsampled coordinates (dnc.ts).

import type { DistanceKernel } from '../distances.js';
import { createDistanceKernel } from '../distances-simd.js';
import { checkSquarable, type Visible } from '../inputs.js';
import { type Rule, requireCount, requireMajority, vectorsOf } from '../rule.js';
import { meanOfRows, weightedSum } from '../vectors.js';
import { centredProducts, largestEigenpair } from './spectrum.js';

/**
 * Covariance-bound agnostic filter (Allouah et al. 2025, Algorithm 2): c_i = 1; while Σ c > n − 2f: with (λ, v) the top eigenpair of the
 * covariance under the weights c, remember the weighted mean of the smallest λ so far, τ_i = ((x_i − μ)·v)², c_i ← c_i (1 − τ_i / max τ).
 * Breakdown point f < n/2. Unweighted at the start. f = 0, or no spread: the mean. Where the top eigenvalue is not simple (rows that are each
 * other's mirror image) the direction is a matter of rounding.
 * The maximum is over all rows, also those that weigh nothing any more, as published: a row L times as far as the others' spread makes
 * about L² steps necessary. After `MAX_STEPS` the best mean so far stands; it is without that row since the first of them.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6): first and last go together, what is left has no spread.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n
 */
export function caf(faulty: number, distances: DistanceKernel = createDistanceKernel()): Rule {
  requireCount('caf', 'faulty', faulty, 0);
  return {
    name: `caf(${faulty})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      checkSquarable(inputs);
      const rows = vectorsOf(inputs);
      requireMajority('caf', faulty, rows.length);
      const weights = faulty === 0 ? rows.map(() => 1 / rows.length) : cafWeights(distances(rows), rows.length, faulty);
      const isMean = weights.every((weight) => weight === weights[0]);
      const vector = isMean ? meanOfRows(rows) : weightedSum(rows, weights);
      return { vector, state: [], reports: [{ stage: 'caf', faulty, weights }] };
    },
  };
}

/** Each is an eigenvalue problem of all rows. The reference vector takes 122. */
const MAX_STEPS = 500;

/** Sum 1. */
function cafWeights(square: Float64Array, n: number, faulty: number): number[] {
  let left = Array.from({ length: n }, () => 1);
  let best = left.map(() => 1 / n);
  let least = Number.POSITIVE_INFINITY;
  for (let step = 0; step < MAX_STEPS; step++) {
    const total = left.reduce((sum, c) => sum + c, 0);
    if (total <= n - 2 * faulty) break;
    const shares = left.map((c) => c / total);
    const products = centredProducts(square, shares);
    // The covariance has the non-zero eigenvalues of √(s_i s_j)⟨x_i − μ, x_j − μ⟩, and x_i·v follows from that matrix's vector.
    // safe: indices below n.
    const root = shares.map(Math.sqrt);
    const { value, vector } = largestEigenpair(
      products.map((product, at) => root[Math.floor(at / n)]! * root[at % n]! * product),
      n,
    );
    if (value < least) [best, least] = [shares, value];
    if (!(value > 0)) break;
    const scores = left.map((_, i) => {
      let along = 0;
      for (let j = 0; j < n; j++) along += root[j]! * vector[j]! * products[i * n + j]!;
      return (along * along) / value;
    });
    const most = Math.max(...scores);
    if (!(most > 0)) break;
    left = left.map((c, i) => (scores[i]! >= most ? 0 : c * (1 - scores[i]! / most)));
  }
  return best;
}
