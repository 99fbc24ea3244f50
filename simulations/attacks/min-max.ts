// Min-Max and Min-Sum: as far from the honest mean as the honest are from each other, in closed form.
// Not here: attacks that know the rule (optimised.ts).

import type { AttackOf } from './attack.js';
import { along, deviation, dot, mean, norm, type Row, scale, squaredDistance } from './vectors.js';

/** p: `unit` −μ/‖μ‖, `sign` −sign(μ), `std` −sd. */
export type Perturbation = 'unit' | 'sign' | 'std';

export interface Perturbed {
  readonly gamma: number;
  readonly vector: Float64Array;
}

/**
 * x = μ + γp with the largest γ for which max_i ‖x − h_i‖² ≤ D² = max_ij ‖h_i − h_j‖² (Shejwalkar and Houmansadr 2021, §IV-B,
 * AGR-agnostic Min-Max). Closed form in place of their search: for each honest h_i the positive root of
 * ‖p‖²γ² + 2p·(μ − h_i)γ + ‖μ − h_i‖² − D² = 0; γ is the smallest of them.
 * @throws RangeError on no honest vector
 */
export function minMax(honest: readonly Row[], direction: Perturbation): Perturbed {
  const centre = mean(honest);
  const p = perturbation(honest, centre, direction);
  const bound = honest.reduce(
    (most, a, i) => honest.slice(0, i).reduce((m, b) => Math.max(m, squaredDistance(a, b)), most),
    0,
  );
  const quadratic = dot(p, p);
  const gamma = honest.reduce((least, h) => {
    const linear = 2 * (dot(p, centre) - dot(p, h));
    return Math.min(least, positiveRoot(quadratic, linear, squaredDistance(centre, h) - bound));
  }, Number.POSITIVE_INFINITY);
  return { gamma, vector: along(centre, gamma, p) };
}

/**
 * The same with Σ_i ‖x − h_i‖² ≤ bound_i Σ_j ‖h_i − h_j‖² (AGR-agnostic Min-Sum): one quadratic. The bound is the smallest such
 * sum, or the largest as some statements have it. The linear term vanishes, since Σ(μ − h_i) = 0.
 */
export function minSum(honest: readonly Row[], direction: Perturbation, bound: 'min' | 'max' = 'min'): Perturbed {
  const centre = mean(honest);
  const p = perturbation(honest, centre, direction);
  const sums = honest.map((a) => honest.reduce((sum, b) => sum + squaredDistance(a, b), 0));
  const limit = bound === 'min' ? Math.min(...sums) : Math.max(...sums);
  const spread = honest.reduce((sum, h) => sum + squaredDistance(centre, h), 0);
  const gamma = positiveRoot(honest.length * dot(p, p), 0, spread - limit);
  return { gamma, vector: along(centre, gamma, p) };
}

export interface HidesInDistances {
  readonly direction: Perturbation;
  /** Of Min-Sum; absent: min. */
  readonly bound?: 'min' | 'max';
}

export const minMaxAttack = ({ direction }: HidesInDistances): AttackOf<'omniscient'> => ({
  name: `Min-Max (${direction})`,
  knows: 'omniscient',
  clips: true,
  corrupt: (_, { honest }) => scale(minMax(honest, direction).vector, 1),
});

export const minSumAttack = ({ direction, bound }: HidesInDistances): AttackOf<'omniscient'> => ({
  name: `Min-Sum (${direction})`,
  knows: 'omniscient',
  clips: true,
  corrupt: (_, { honest }) => scale(minSum(honest, direction, bound).vector, 1),
});

function perturbation(honest: readonly Row[], centre: Float64Array, direction: Perturbation): Float64Array {
  switch (direction) {
    case 'unit': {
      const length = norm(centre);
      return centre.map((value) => (length === 0 ? 0 : -value / length));
    }
    case 'sign':
      return centre.map((value) => -Math.sign(value));
    case 'std':
      return deviation(honest, centre).map((value) => -value);
    default:
      return direction satisfies never;
  }
}

/** The root ≥ 0 of aγ² + bγ + c with c ≤ 0; 0 where p = 0, as there is nowhere to go. */
function positiveRoot(a: number, b: number, c: number): number {
  if (a === 0) return 0;
  const root = Math.sqrt(Math.max(0, b * b - 4 * a * c));
  // Of the two forms the one without cancellation.
  return Math.max(0, b > 0 ? (-2 * c) / (b + root) : (root - b) / (2 * a));
}
