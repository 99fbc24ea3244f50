// The weighted mean: the baseline, and the rule of one secure sum. Robust against nothing: one input moves it anywhere.

import { checkInputs, type Visible } from './inputs.js';
import type { Rule } from './rule.js';

/**
 * F(x) = Σ a_i x_i / Σ a_i with a_i the weight of input i (McMahan et al. 2017, Algorithm 1), in float64. Breakdown point 0.
 * Example, all weights 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6).
 */
export function mean(): Rule {
  return {
    name: 'mean',
    faulty: 0,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      const vector = new Float64Array(checkInputs(inputs));
      // Relative to the largest: the sum cannot overflow, and equal weights become exactly 1.
      const heaviest = Math.max(...inputs.map((input) => input.weight));
      const relative = inputs.map((input) => input.weight / heaviest);
      const total = relative.reduce((sum, weight) => sum + weight, 0);
      inputs.forEach((input, row) => {
        const weight = relative[row] ?? 0;
        // safe: all vectors have the checked dimension.
        for (let i = 0; i < vector.length; i++) vector[i]! += weight * input.vector[i]!;
      });
      const weights = relative.map((weight) => weight / total);
      for (let i = 0; i < vector.length; i++) {
        // safe: i is below the dimension. Only float64 inputs near 1e308 take the second way: divide first, then sum.
        const sum = vector[i]!;
        vector[i] = Number.isFinite(sum)
          ? sum / total
          : inputs.reduce((partial, input, row) => partial + (weights[row] ?? 0) * input.vector[i]!, 0);
      }
      return { vector, state: [], reports: [{ stage: 'mean', weights }] };
    },
  };
}
