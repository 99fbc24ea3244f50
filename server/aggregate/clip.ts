// The pre-steps that bound the L2 norm of every input: to a number (clip), to one of the inputs' own norms (ARC).
// Not here: clipping at the client, which is what privacy rests on.

import { SottoError } from '../../protocol/errors.js';
import { type Comparable, checkInputs, type Vector } from './inputs.js';
import { type PreStep, requireMajority } from './rule.js';

/**
 * x_i · min(1, norm/‖x_i‖) (robustness.md §1.2, static clip). A zero vector stays zero; one inside the bound is passed on as it is;
 * a float32 row stays float32 (and may be beyond the bound by a rounding, 6e-8 of it).
 * Example with norm 5: (6, 8) → (3, 4). @throws CONFIG_INVALID where norm is not a positive number
 */
export function clip<I extends Comparable>(norm: number): PreStep<I> {
  if (!(Number.isFinite(norm) && norm > 0))
    throw new SottoError('CONFIG_INVALID', `clip norm ${norm} is not a positive number`);
  return {
    name: `clip(${norm})`,
    apply(inputs) {
      checkInputs(inputs);
      const { clipped, ...report } = clipTo(
        norm,
        inputs,
        inputs.map((input) => normOf(input.vector)),
      );
      return { inputs: clipped, report: { stage: 'clip', ...report } };
    },
  };
}

/**
 * Adaptive robust clipping (Allouah et al. 2025, ICLR, Algorithm 2): clips to the (n − k)-th smallest norm, k = ⌊2f(n − f)/n⌋ in
 * integers, so that the k longest are as long as the next. Keeps the robustness of the rule behind it. f = 0 clips nothing.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → k = 1, the third is scaled to the norm √77 of the second.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n
 */
export function arc<I extends Comparable>(): PreStep<I> {
  return {
    name: 'arc',
    apply(inputs, faulty) {
      checkInputs(inputs);
      const n = inputs.length;
      requireMajority('arc', faulty, n);
      const norms = inputs.map((input) => normOf(input.vector));
      const longest = Math.floor((2 * faulty * (n - faulty)) / n);
      // safe: 2f < n makes k ≤ n − 1.
      const norm = Float64Array.from(norms).sort()[n - longest - 1]!;
      const { clipped, ...report } = clipTo(norm, inputs, norms);
      return { inputs: clipped, report: { stage: 'arc', ...report } };
    },
  };
}

function clipTo<I extends Comparable>(norm: number, inputs: readonly I[], norms: readonly number[]) {
  const factors = norms.map((size) => (size > norm ? norm / size : 1));
  const clipped = inputs.map((input, row) => {
    const factor = factors[row] ?? 1;
    return factor === 1 ? input : { ...input, vector: scaled(input.vector, factor) };
  });
  return { clipped, norm, norms, factors };
}

/** The kind of the vector stays: one float64 row would keep all of them off the SIMD kernels, a gift to whoever sends a long one. */
const scaled = (vector: Vector, factor: number): Vector =>
  vector instanceof Float32Array
    ? Float32Array.from(vector, (value) => value * factor)
    : Float64Array.from(vector, (value) => value * factor);

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
