// Coordinate-wise median and trimmed mean: the two rules over order statistics. Not here: the selection itself (order.ts).

import { checkFinite, checkShapes, type Visible } from './inputs.js';
import { medianSelection, type OrderKernel, orderPlain, type Selection, trimmedSelection } from './order.js';
import type { OrderReport } from './reports.js';
import { type Rule, requireCount, requireMajority, vectorsOf } from './rule.js';

/**
 * Per coordinate the middle order statistic, for an even number the mean of the two middle ones (Yin et al. 2018, Definition 1).
 * `faulty` does not change the result; it is the claim that is checked (2f < m) and the tails the report counts.
 * Breakdown point ⌊(m−1)/2⌋ of m inputs; (f, 4(1 + f/(m−2f))²)-robust (Allouah et al. 2023). Unweighted.
 * Example: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6); column {1, 2, 3, 4, 1e10} → 3.
 */
export const median = (faulty: number, kernel: OrderKernel = orderPlain): Rule =>
  orderRule('median', faulty, medianSelection, kernel);

/**
 * Per coordinate the mean of the order statistics f+1 … m−f (Yin et al. 2018, Definition 2, with f = βm a count), selected, never
 * computed by taking extremes off a total. f = 0 is the unweighted mean.
 * Breakdown point f; (f, 6r(1 + r))-robust with r = f/(m−2f) (Allouah et al. 2023). Unweighted.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6); column {1, 2, 3, 4, 1e10} → 3.
 */
export const trimmedMean = (faulty: number, kernel: OrderKernel = orderPlain): Rule =>
  orderRule('trimmed-mean', faulty, trimmedSelection, kernel);

function orderRule(
  stage: OrderReport['stage'],
  faulty: number,
  select: (rows: number, faulty: number) => Selection,
  kernel: OrderKernel,
): Rule {
  requireCount(stage, 'faulty', faulty, 0);
  return {
    name: `${stage}(${faulty})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      checkShapes(inputs);
      requireMajority(stage, faulty, inputs.length);
      // The kernel looks for what is not finite on its way: a pass of its own would cost as much as the rule.
      const { vector, low, high, effective, suspect } = kernel(vectorsOf(inputs), select(inputs.length, faulty));
      if (suspect) checkFinite(inputs);
      const share = (count: number) => (effective === 0 ? 0 : count / effective);
      const report: OrderReport = {
        stage,
        faulty,
        low: Array.from(low, share),
        high: Array.from(high, share),
        effective,
      };
      return { vector, state: [], reports: [report] };
    },
  };
}
