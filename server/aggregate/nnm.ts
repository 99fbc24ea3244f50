// Nearest-neighbour mixing: every input becomes the mean of its neighbourhood. Not here: the distances (distances.ts).

import { type DistanceKernel, nearest } from './distances.js';
import { createDistanceKernel } from './distances-simd.js';
import { type Comparable, checkSquarable } from './inputs.js';
import { type PreStep, requireMajority, vectorsOf } from './rule.js';
import { areSingle, asKind, meanOfRows } from './vectors.js';

/**
 * x_i → the mean of its n − f nearest inputs, itself included (Allouah et al. 2023, Algorithm 2). Lifts a rule from κ to at most
 * 8f/(n−f) · (κ + 1), the best order there is. Equal distances: the lower index first, the only way in which the order of the
 * inputs shows (beyond the rounding of sums). f = 0: every input becomes the mean. float32 inputs give float32 mixtures.
 * A mixture keeps the name and the members of the row whose place it takes.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5), (2.5, 3.5, 4.5), (5.5, 6.5, 7.5).
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n
 */
export function nnm<I extends Comparable>(distances: DistanceKernel = createDistanceKernel()): PreStep<I> {
  return {
    name: 'nnm',
    apply(inputs, faulty) {
      checkSquarable(inputs);
      const n = inputs.length;
      requireMajority('nnm', faulty, n);
      const rows = vectorsOf(inputs);
      const square = distances(rows);
      const single = areSingle(rows);
      const chosenBy = new Float64Array(n);
      const radius: number[] = [];
      const mixed = inputs.map((input, i) => {
        const neighbours = nearest(square, n, i, n - faulty);
        // safe: neighbours are indices of rows.
        for (const j of neighbours) chosenBy[j]! += 1;
        radius.push(Math.sqrt(neighbours.reduce((largest, j) => Math.max(largest, square[i * n + j]!), 0)));
        return { ...input, vector: asKind(meanOfRows(neighbours.map((j) => rows[j]!)), single) };
      });
      const popularity = Array.from(chosenBy, (count) => count / n);
      return { inputs: mixed, report: { stage: 'nnm', faulty, popularity, radius } };
    },
  };
}
