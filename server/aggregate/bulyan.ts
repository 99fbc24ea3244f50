// Bulyan: Krum again and again, then the mean around the median of what it took. Not here: the selection per coordinate (closest.ts).

import { meanOfClosest } from './closest.js';
import { type DistanceKernel, ranked } from './distances.js';
import { createDistanceKernel } from './distances-simd.js';
import { checkSquarable, type Visible } from './inputs.js';
import { neighbourCount } from './krum.js';
import { type Rule, requireCount, requireInputs, vectorsOf } from './rule.js';

/**
 * θ = n − 2f times: Krum (n-f-2 neighbours of those left) among the inputs left, whose winner moves to the selection; then per
 * coordinate the mean of the θ − 2f selected values closest to their median (El Mhamdi et al. 2018, Algorithm 1). One ranking cut
 * at θ would be a different, weaker rule. Breakdown: proven for n ≥ 4f + 3. Ties: the lower index first, as in Krum
 * and MeaMed. With f < 3 the last steps count one neighbour, where the two of a nearest pair always tie: the order of inputs shows.
 * Example with f = 0: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6), all taken; with f = 1 seven inputs are needed.
 * @throws AGGREGATE_PRECONDITION where f > 0 and n < 4f + 3
 */
export function bulyan(faulty: number, distances: DistanceKernel = createDistanceKernel()): Rule {
  requireCount('bulyan', 'faulty', faulty, 0);
  return {
    name: `bulyan(${faulty})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      const dimension = checkSquarable(inputs);
      const rows = vectorsOf(inputs);
      requireInputs('bulyan', faulty, rows.length, faulty > 0 ? 4 * faulty + 3 : 1);
      const chosen = bulyanSelection(distances(rows), rows.length, faulty);
      // In the order of the inputs, so that ties go to the lower index of these.
      const ascending = [...chosen].sort((a, b) => a - b);
      // safe: chosen are indices of rows; n ≥ 4f + 3 leaves θ − 2f ≥ 3.
      const taken = ascending.map((i) => rows[i]!);
      const { vector, cut } = meanOfClosest(taken, rows.length - 4 * faulty);
      const kept = rows.map(() => 0);
      ascending.forEach((row, at) => {
        kept[row] = 1 - (cut[at] ?? 0) / dimension;
      });
      return { vector, state: [], reports: [{ stage: 'bulyan', faulty, chosen, kept }] };
    },
  };
}

/** Indices in the order in which Krum took them. Neighbours are ranked once: θ rounds cost n² each, not n² log n. */
export function bulyanSelection(square: Float64Array, n: number, faulty: number): number[] {
  const order = Array.from({ length: n }, (_, i) => Uint32Array.from(ranked(square.subarray(i * n, (i + 1) * n))));
  const isLeft = new Uint8Array(n).fill(1);
  const chosen: number[] = [];
  for (let left = n; chosen.length < n - 2 * faulty; left--) {
    const k = neighbourCount(left, faulty, 'n-f-2');
    let [best, bestScore] = [-1, Number.POSITIVE_INFINITY];
    order.forEach((neighbours, i) => {
      if (isLeft[i] === 0) return;
      let [score, counted] = [0, 0];
      for (let at = 0; counted < k && at < n; at++) {
        // safe: at is below n, and so is every entry.
        const j = neighbours[at]!;
        if (j === i || isLeft[j] === 0) continue;
        score += square[i * n + j]!;
        counted++;
      }
      if (best < 0 || score < bestScore) [best, bestScore] = [i, score];
    });
    isLeft[best] = 0;
    chosen.push(best);
  }
  return chosen;
}
