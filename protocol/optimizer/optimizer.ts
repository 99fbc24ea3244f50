// The server optimisers: next model = function of (model, state, aggregate). Coordinator and every client compute it and compare
// hashes, so the result must have the same bits on every engine: only + − × ÷ and Math.sqrt on float64, which IEEE 754 and
// ECMA-262 fix to the bit, one rounding to float32 where a vector is stored; no pow, no exp, no sum whose order is open.
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
  if (moments.length !== MOMENTS[spec.name]) {
    throw new SottoError(
      'OPTIMIZER_SHAPE',
      `${spec.name} keeps ${MOMENTS[spec.name]} moments, the state has ${moments.length}`,
    );
  }
  moments.forEach((moment, i) => {
    requireLength(`moment ${i}`, moment, dimension);
    requireFinite(`moment ${i}`, moment);
    const bad = i === 1 ? moment.findIndex((value) => value < 0) : -1;
    if (bad >= 0) throw new SottoError('OPTIMIZER_NON_FINITE', `moment 1 is negative at coordinate ${bad}`);
  });
  return { steps, moments };
}

/**
 * One step. `aggregate` is Δ_t, the (robust) mean of the updates; it points downhill, so it is added.
 *
 * - fedavg: x + ηΔ.
 * - fedavgm: m ← βm + Δ, x + ηm (Hsu et al. 2019, §4.3, with their sign turned: their Δ points uphill).
 * - adaptive, Reddi et al. 2021 (ICLR), Algorithm 2: m ← β₁m + (1−β₁)Δ, then
 *   FedAdagrad v ← v + Δ²; FedYogi v ← v − (1−β₂)Δ² sign(v − Δ²); FedAdam v ← β₂v + (1−β₂)Δ²;
 *   x + η m / (√v + τ).
 *   There is no bias correction, as in the paper: v starts at τ², not at 0. Adam's m̂ and v̂ would need powers of β.
 *
 * Arguments are not changed; the results share no memory with them.
 * @throws OPTIMIZER_SHAPE where a length is not that of the weights
 * @throws OPTIMIZER_NON_FINITE where the aggregate, or the model or a moment it would give, is not finite in float32
 */
export function applyAggregate(
  spec: OptimizerSpec,
  weights: Float32Array,
  state: OptimizerState,
  aggregate: Float32Array,
): { readonly weights: Float32Array<ArrayBuffer>; readonly state: OptimizerState } {
  const d = weights.length;
  if (state.moments.length !== MOMENTS[spec.name]) {
    throw new SottoError(
      'OPTIMIZER_SHAPE',
      `${spec.name} keeps ${MOMENTS[spec.name]} moments, the state has ${state.moments.length}`,
    );
  }
  requireLength('the aggregate', aggregate, d);
  state.moments.forEach((moment, i) => {
    requireLength(`moment ${i}`, moment, d);
  });
  requireFinite('the aggregate', aggregate);

  const next = new Float32Array(d);
  const moments = state.moments.map(() => new Float32Array(d));
  const [m, v] = [state.moments[0] ?? NONE, state.moments[1] ?? NONE];
  const [mNext, vNext] = [moments[0] ?? NONE, moments[1] ?? NONE];
  switch (spec.name) {
    case 'fedavg':
      stepPlain(spec.learningRate, weights, aggregate, next);
      break;
    case 'fedavgm':
      stepMomentum(spec.learningRate, spec.momentum, weights, aggregate, m, mNext, next);
      break;
    case 'fedadagrad':
      firstMoment(spec.beta1, aggregate, m, mNext);
      for (let i = 0; i < d; i++) vNext[i] = at(v, i) + at(aggregate, i) * at(aggregate, i);
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      break;
    case 'fedyogi': {
      firstMoment(spec.beta1, aggregate, m, mNext);
      const fresh = 1 - spec.beta2;
      for (let i = 0; i < d; i++) {
        const square = at(aggregate, i) * at(aggregate, i);
        const gap = at(v, i) - square;
        vNext[i] = gap > 0 ? at(v, i) - fresh * square : gap < 0 ? at(v, i) + fresh * square : at(v, i);
      }
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      break;
    }
    case 'fedadam': {
      firstMoment(spec.beta1, aggregate, m, mNext);
      const fresh = 1 - spec.beta2;
      for (let i = 0; i < d; i++) vNext[i] = spec.beta2 * at(v, i) + fresh * (at(aggregate, i) * at(aggregate, i));
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      break;
    }
    default:
      return spec satisfies never;
  }
  requireFinite('the next model', next);
  moments.forEach((moment, i) => {
    requireFinite(`moment ${i}`, moment);
  });
  return { weights: next, state: { steps: state.steps + 1, moments } };
}

const NONE: Float32Array<ArrayBuffer> = new Float32Array(0);

// safe: every loop below runs over the dimension, and every vector was checked to have it.
const at = (vector: Float32Array, i: number): number => vector[i]!;

function stepPlain(eta: number, weights: Float32Array, aggregate: Float32Array, next: Float32Array): void {
  for (let i = 0; i < next.length; i++) next[i] = at(weights, i) + eta * at(aggregate, i);
}

function stepMomentum(
  eta: number,
  beta: number,
  weights: Float32Array,
  aggregate: Float32Array,
  m: Float32Array,
  mNext: Float32Array,
  next: Float32Array,
): void {
  for (let i = 0; i < next.length; i++) {
    mNext[i] = beta * at(m, i) + at(aggregate, i);
    // Read back: the stored float32, not the float64 before rounding, is what the next round and every client will see.
    next[i] = at(weights, i) + eta * at(mNext, i);
  }
}

function firstMoment(beta1: number, aggregate: Float32Array, m: Float32Array, mNext: Float32Array): void {
  const fresh = 1 - beta1;
  for (let i = 0; i < mNext.length; i++) mNext[i] = beta1 * at(m, i) + fresh * at(aggregate, i);
}

function stepAdaptive(
  eta: number,
  tau: number,
  weights: Float32Array,
  m: Float32Array,
  v: Float32Array,
  next: Float32Array,
): void {
  for (let i = 0; i < next.length; i++) next[i] = at(weights, i) + (eta * at(m, i)) / (Math.sqrt(at(v, i)) + tau);
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
