// MeaMed: per coordinate the mean around the median. Not here: the selection (closest.ts).

import { meanOfClosest } from './closest.js';
import { checkInputs, type Visible } from './inputs.js';
import { type Rule, requireCount, requireMajority, vectorsOf } from './rule.js';

/**
 * Per coordinate the mean of the m − f values closest to the median (Xie et al. 2018, Definition 9, "mean around median").
 * Breakdown point f < m/2. Unweighted. Where two values are equally far from the median the lower index stays, which is the only way
 * in which the order of the inputs shows.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): first and last are equally far, the first stays.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ m
 */
export function meamed(faulty: number): Rule {
  requireCount('meamed', 'faulty', faulty, 0);
  return {
    name: `meamed(${faulty})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      const dimension = checkInputs(inputs);
      requireMajority('meamed', faulty, inputs.length);
      const { vector, cut } = meanOfClosest(vectorsOf(inputs), inputs.length - faulty);
      const report = { stage: 'meamed', faulty, cut: Array.from(cut, (count) => count / dimension) } as const;
      return { vector, state: [], reports: [report] };
    },
  };
}
