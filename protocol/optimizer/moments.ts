// The formulas of the optimisers that keep moments. Only + − × ÷ and Math.sqrt, one rounding where a vector is stored (optimizer.ts).
// Not here: the checks around them (step.ts).
import { at, type Moments } from './step.js';

const NONE: Float32Array = new Float32Array(0);

/** See applyAggregate. */
export const momentFormulas: Moments = (spec, weights, aggregate, moments, nextMoments, next) => {
  const d = weights.length;
  const [m = NONE, v = NONE] = moments;
  const [mNext = NONE, vNext = NONE] = nextMoments;
  switch (spec.name) {
    case 'fedavgm':
      stepMomentum(spec.learningRate, spec.momentum, weights, aggregate, m, mNext, next);
      return;
    case 'fedadagrad':
      firstMoment(spec.beta1, aggregate, m, mNext);
      for (let i = 0; i < d; i++) vNext[i] = at(v, i) + at(aggregate, i) * at(aggregate, i);
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      return;
    case 'fedyogi': {
      firstMoment(spec.beta1, aggregate, m, mNext);
      const fresh = 1 - spec.beta2;
      for (let i = 0; i < d; i++) {
        const square = at(aggregate, i) * at(aggregate, i);
        const gap = at(v, i) - square;
        vNext[i] = gap > 0 ? at(v, i) - fresh * square : gap < 0 ? at(v, i) + fresh * square : at(v, i);
      }
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      return;
    }
    case 'fedadam': {
      firstMoment(spec.beta1, aggregate, m, mNext);
      const fresh = 1 - spec.beta2;
      for (let i = 0; i < d; i++) vNext[i] = spec.beta2 * at(v, i) + fresh * (at(aggregate, i) * at(aggregate, i));
      stepAdaptive(spec.learningRate, spec.tau, weights, mNext, vNext, next);
      return;
    }
    default:
      spec satisfies never;
  }
};

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
