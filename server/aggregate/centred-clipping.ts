// Centred clipping: every input pulls at a centre, none with more than a fixed length. The one rule with a memory.
// Not here: client momentum, without which it loses most of its worth on non-IID data (robustness.md §5.1): that is
// `training.clientMomentum` (client/momentum.ts).

import { SottoError } from '../../protocol/errors.js';
import type { ClippingStart } from '../../protocol/rule.js';
import { startOf } from './geometric-median.js';
import { checkSquarable, type Vector, type Visible } from './inputs.js';
import { type OrderKernel, orderPlain } from './order.js';
import type { CentredClippingReport } from './reports.js';
import { type Rule, type RuleState, requireCount, requireMajority, requirePositive, vectorsOf } from './rule.js';
import { distance, weightedSum } from './vectors.js';

export interface CentredClippingOptions {
  readonly faulty: number;
  /** τ, same unit as the inputs. 10 in the paper's experiments; with client momentum β τ/(1 − β). */
  readonly tau: number;
  /** L; 3 in the paper's experiments. */
  readonly steps: number;
  /** `previous` is the rule of the paper; the other two have no memory. */
  readonly start: ClippingStart;
}

/**
 * v⁰ = start; L times v ← v + (1/n) Σ (x_i − v) · min(1, τ/‖x_i − v‖) (Karimireddy et al. 2021, Algorithm 2, with its L steps).
 * The factor is 1 where the norm is 0. One input moves v by at most Lτ/n, wherever it lies; 2f < n is required (breakdown point ½,
 * their Theorem III, with a τ that fits the honest spread). Unweighted. Alone it does not stop backdoors (robustness.md §5.10).
 * An input farther than Lτ from the start is not reached, not even by itself: unlike the other rules one input need not come back.
 * State: [v], rounded to float32 as it is published, so that after a restart the last aggregate of the chain is the state.
 * Example with one step, τ = 100, from zero: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (4, 5, 6): nobody is clipped, so the mean.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n; AGGREGATE_SHAPE where the state has another dimension than the inputs
 */
export function centredClipping(
  { faulty, tau, steps, start }: CentredClippingOptions,
  kernel: OrderKernel = orderPlain,
): Rule {
  const name = 'centred-clipping';
  requireCount(name, 'faulty', faulty, 0);
  requirePositive(name, 'tau', tau);
  requireCount(name, 'steps', steps, 1);
  return {
    name: `${name}(${faulty}, τ ${tau}, ${steps} steps from ${start})`,
    faulty,
    init: (dimension) => (start === 'previous' ? [new Float64Array(dimension)] : []),
    aggregate(inputs: readonly Visible[], state: RuleState) {
      const dimension = checkSquarable(inputs);
      requireMajority(name, faulty, inputs.length);
      const rows = vectorsOf(inputs);
      const from = start === 'previous' ? previous(state, dimension) : startOf(rows, start, kernel);
      const { vector, distances, factors } = clippingSteps(rows, from, tau, steps);
      const report: CentredClippingReport = { stage: name, faulty, tau, start, distances, factors };
      const next = start === 'previous' ? [Float64Array.from(Float32Array.from(vector))] : [];
      return { vector, state: next, reports: [report] };
    },
  };
}

function previous([last]: RuleState, dimension: number): Float64Array<ArrayBuffer> {
  if (last?.length === dimension) return Float64Array.from(last);
  const text = `centred-clipping has a state of ${last?.length ?? 0} coordinates for inputs of ${dimension}`;
  throw new SottoError('AGGREGATE_SHAPE', text);
}

function clippingSteps(rows: readonly Vector[], from: Float64Array<ArrayBuffer>, tau: number, steps: number) {
  let vector = from;
  let distances: number[] = [];
  let factors: number[] = [];
  for (let step = 0; step < steps; step++) {
    const centre = vector;
    distances = rows.map((row) => distance(row, centre));
    factors = distances.map((size) => (size > tau ? tau / size : 1));
    // v + (1/n) Σ c_i (x_i − v) as (1 − c̄) v + Σ (c_i/n) x_i: no difference is stored; with nobody clipped it is the mean itself.
    const shares = factors.map((factor) => factor / rows.length);
    const kept = factors.reduce((sum, factor) => sum + (1 - factor), 0) / rows.length;
    vector = weightedSum([...rows, centre], [...shares, kept]);
  }
  return { vector, distances, factors };
}
