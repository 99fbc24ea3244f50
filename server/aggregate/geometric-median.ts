// The geometric median by smoothed Weiszfeld steps. Not here: the same point as a centre of sketches (selection/centre.ts calls `weiszfeld`).

import type { MedianStart } from '../../protocol/rule.js';
import { checkSquarable, type Vector, type Visible } from './inputs.js';
import { medianSelection, type OrderKernel, orderPlain } from './order.js';
import type { GeometricMedianReport } from './reports.js';
import { type Rule, requireCount, requireMajority, requirePositive, vectorsOf } from './rule.js';
import { distance, weightedSum } from './vectors.js';

/** Where it starts and how long it goes is part of the rule: with few steps the result depends on both (robustness.md §1.2). */
export interface WeiszfeldOptions {
  /** ν: distances below count as this. Same unit as the inputs. */
  readonly nu: number;
  /** At most so many steps. 3 with ν = 0.1 is fast, 200 with ν = 1e-6 accurate (robustness.md §1.2). */
  readonly steps: number;
  readonly start: MedianStart;
}

/** A step that moves the point by less than this share of its distances changes nothing any more. */
const STILL = 1e-12;

/**
 * z⁰ = start; z ← Σ w_i x_i / Σ w_i with w_i = 1 / max(ν, ‖x_i − z‖) (Weiszfeld 1937; RFA, Pillutla et al. 2022, Algorithm 2).
 * Unweighted: a client's weight would be a lever. Breakdown point ⌊(m−1)/2⌋ of m; the exact point is (f, 4(1 + f/(m−2f))²)-robust
 * (Allouah et al. 2023, Table 1). With start `zero` and few steps it does not move with a shift of its inputs.
 * Example with ν = 0.1, 3 steps from zero: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (3.788, 4.788, 5.788).
 * @throws AGGREGATE_PRECONDITION where 2f ≥ m
 */
export function geometricMedian(
  { faulty, ...options }: WeiszfeldOptions & { readonly faulty: number },
  kernel: OrderKernel = orderPlain,
): Rule {
  requireCount('geometric-median', 'faulty', faulty, 0);
  requireWeiszfeld('geometric-median', options);
  return {
    name: `geometric-median(${faulty}, ν ${options.nu}, ${options.steps} steps from ${options.start})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      checkSquarable(inputs);
      requireMajority('geometric-median', faulty, inputs.length);
      const { point, steps, distances, weights } = weiszfeld(vectorsOf(inputs), options, kernel);
      const report: GeometricMedianReport = {
        stage: 'geometric-median',
        faulty,
        start: options.start,
        steps,
        distances,
        weights,
      };
      return { vector: point, state: [], reports: [report] };
    },
  };
}

/** @throws AGGREGATE_PRECONDITION where ν or the steps are no positive numbers */
export function requireWeiszfeld(name: string, { nu, steps }: WeiszfeldOptions): void {
  requirePositive(name, 'nu', nu);
  requireCount(name, 'steps', steps, 1);
}

export interface Weiszfeld {
  readonly point: Float64Array<ArrayBuffer>;
  readonly steps: number;
  readonly distances: readonly number[];
  readonly weights: readonly number[];
}

/** @param rows finite and squarable, at least one */
export function weiszfeld(
  rows: readonly Vector[],
  { nu, steps, start }: WeiszfeldOptions,
  kernel: OrderKernel,
): Weiszfeld {
  let point = startOf(rows, start, kernel);
  // One input is returned as it is, −0 as 0: w·x/w may miss x by a bit.
  if (rows.length === 1) return { point: weightedSum(rows, [1]), steps: 0, distances: [0], weights: [1] };
  for (let step = 1; ; step++) {
    const before = point;
    const distances = rows.map((row) => distance(row, before));
    const pulls = distances.map((size) => 1 / Math.max(nu, size));
    const total = pulls.reduce((sum, pull) => sum + pull, 0);
    const weights = pulls.map((pull) => pull / total);
    point = weightedSum(rows, weights);
    const moved = distance(point, before);
    if (step >= steps || moved <= STILL * Math.max(...distances)) return { point, steps: step, distances, weights };
  }
}

/** A vector of its own. */
export function startOf(rows: readonly Vector[], start: MedianStart, kernel: OrderKernel): Float64Array<ArrayBuffer> {
  if (start === 'zero') return new Float64Array(rows[0]?.length ?? 0);
  return Float64Array.from(kernel(rows, medianSelection(rows.length, 0)).vector);
}
