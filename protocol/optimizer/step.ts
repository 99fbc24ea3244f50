// The state of the server optimisers, and one step of them around the formula: checks before and after, FedAvg itself. A page loads
// the other formulas (moments.ts) with the first task that has one. How bits stay the same on every engine: optimizer.ts.
// Not here: the ranges of the numbers (spec.ts) and where the aggregate came from.

import { SottoError } from '../errors.js';
import type { OptimizerSpec } from './spec.js';

/** What lasts from round to round. A value: `applyAggregate` makes new vectors and leaves these alone. */
export interface OptimizerState {
  /** Aggregates applied so far. No formula uses it; it makes states of different rounds differ. */
  readonly steps: number;
  /** [] for FedAvg, [m] for FedAvgM, [m, v] for the adaptive three; each of the model's dimension. */
  readonly moments: readonly Float32Array<ArrayBuffer>[];
}

const MOMENTS = { fedavg: 0, fedavgm: 1, fedadagrad: 2, fedyogi: 2, fedadam: 2 } as const;

/** m = 0; v = τ², the least value that the initialisation of Algorithm 2 (v₋₁ ≥ τ²) allows. `spec` has passed `checkOptimizer`. */
export function initOptimizer(spec: OptimizerSpec, dimension: number): OptimizerState {
  const moments = Array.from({ length: MOMENTS[spec.name] }, () => new Float32Array(dimension));
  if ('tau' in spec) moments[1]?.fill(spec.tau * spec.tau);
  return { steps: 0, moments };
}

/** The vectors a hash of the state has to cover, in order. Hash `steps` beside them. */
export const stateVectors = (state: OptimizerState): readonly Float32Array<ArrayBuffer>[] => state.moments;

/**
 * A state from its stored or received parts (a pinned checkpoint). Takes the vectors over.
 * @throws OPTIMIZER_SHAPE, OPTIMIZER_NON_FINITE (a negative second moment counts: its root is NaN)
 */
export function restoreOptimizer(
  spec: OptimizerSpec,
  dimension: number,
  steps: number,
  moments: readonly Float32Array<ArrayBuffer>[],
): OptimizerState {
  if (!Number.isSafeInteger(steps) || steps < 0) throw new SottoError('OPTIMIZER_SHAPE', `steps is ${steps}, no count`);
  requireCount(spec, moments);
  moments.forEach((moment, i) => {
    requireLength(`moment ${i}`, moment, dimension);
    requireFinite(`moment ${i}`, moment);
    const bad = i === 1 ? moment.findIndex((value) => value < 0) : -1;
    if (bad >= 0) throw new SottoError('OPTIMIZER_NON_FINITE', `moment 1 is negative at coordinate ${bad}`);
  });
  return { steps, moments };
}

/** The formula of every optimiser but FedAvg: writes the next model and the next moments, all of the model's dimension. */
export type Moments = (
  spec: Exclude<OptimizerSpec, { name: 'fedavg' }>,
  weights: Float32Array,
  aggregate: Float32Array,
  moments: readonly Float32Array[],
  nextMoments: readonly Float32Array[],
  next: Float32Array,
) => void;

/** `applyAggregate` with the formulas given. @throws RangeError where they are needed and missing */
export function applyStep(
  spec: OptimizerSpec,
  weights: Float32Array,
  state: OptimizerState,
  aggregate: Float32Array,
  formulas: Moments | undefined,
): { readonly weights: Float32Array<ArrayBuffer>; readonly state: OptimizerState } {
  const d = weights.length;
  requireCount(spec, state.moments);
  requireLength('the aggregate', aggregate, d);
  state.moments.forEach((moment, i) => {
    requireLength(`moment ${i}`, moment, d);
  });
  requireFinite('the aggregate', aggregate);

  const next = new Float32Array(d);
  const moments = state.moments.map(() => new Float32Array(d));
  if (spec.name === 'fedavg')
    for (let i = 0; i < d; i++) next[i] = at(weights, i) + spec.learningRate * at(aggregate, i);
  else if (formulas !== undefined) formulas(spec, weights, aggregate, state.moments, moments, next);
  else throw new RangeError(`the formula of ${spec.name} is not loaded`);
  requireFinite('the next model', next);
  moments.forEach((moment, i) => {
    requireFinite(`moment ${i}`, moment);
  });
  return { weights: next, state: { steps: state.steps + 1, moments } };
}

// safe: every loop runs over the dimension, and every vector was checked to have it.
export const at = (vector: Float32Array, i: number): number => vector[i]!;

function requireCount({ name }: OptimizerSpec, moments: readonly unknown[]): void {
  if (moments.length !== MOMENTS[name])
    throw new SottoError('OPTIMIZER_SHAPE', `${name} keeps ${MOMENTS[name]} moments, the state has ${moments.length}`);
}

function requireLength(what: string, vector: Float32Array, dimension: number): void {
  if (vector.length !== dimension) {
    throw new SottoError('OPTIMIZER_SHAPE', `${what} has ${vector.length} coordinates, the model ${dimension}`);
  }
}

function requireFinite(what: string, vector: Float32Array): void {
  for (let i = 0; i < vector.length; i++) {
    if (!Number.isFinite(at(vector, i))) {
      throw new SottoError('OPTIMIZER_NON_FINITE', `${what} is ${at(vector, i)} at coordinate ${i}`, { coordinate: i });
    }
  }
}
