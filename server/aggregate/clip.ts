// The pre-step that bounds the L2 norm of every input. Not here: clipping at the client, which is what privacy rests on.

import { SottoError } from '../../protocol/errors.js';
import { type Comparable, checkInputs, type Vector } from './inputs.js';
import type { PreStep } from './rule.js';

/**
 * x_i · min(1, norm/‖x_i‖) (robustness.md §1.2, static clip). A zero vector stays zero; one inside the bound is passed on as it is.
 * Example with norm 5: (6, 8) → (3, 4). @throws CONFIG_INVALID where norm is not a positive number
 */
export function clip<I extends Comparable>(norm: number): PreStep<I> {
  if (!(Number.isFinite(norm) && norm > 0))
    throw new SottoError('CONFIG_INVALID', `clip norm ${norm} is not a positive number`);
  return {
    name: `clip(${norm})`,
    apply(inputs) {
      checkInputs(inputs);
      const norms = inputs.map((input) => normOf(input.vector));
      const factors = norms.map((size) => (size > norm ? norm / size : 1));
      return {
        inputs: inputs.map((input, row) => {
          const factor = factors[row] ?? 1;
          return factor === 1
            ? input
            : { ...input, vector: Float64Array.from(input.vector, (value) => value * factor) };
        }),
        report: { stage: 'clip', norm, norms, factors },
      };
    },
  };
}

/** L2 norm in float64. Scaled by the largest entry: squares of 1e200 would overflow and a clip to norm/∞ erase the input. */
export function normOf(vector: Vector): number {
  let largest = 0;
  for (let i = 0; i < vector.length; i++) largest = Math.max(largest, Math.abs(vector[i] ?? 0));
  if (largest === 0) return 0;
  const scale = largest > 1e150 || largest < 1e-150 ? largest : 1;
  let squares = 0;
  for (let i = 0; i < vector.length; i++) {
    const value = (vector[i] ?? 0) / scale;
    squares += value * value;
  }
  return scale * Math.sqrt(squares);
}
