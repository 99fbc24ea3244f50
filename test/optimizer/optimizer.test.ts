// The server optimisers against hand-computed numbers and against a float64 reference written from Algorithm 2, not from the code.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  applyAggregate,
  initOptimizer,
  type OptimizerState,
  restoreOptimizer,
  stateVectors,
} from '../../protocol/optimizer/optimizer.js';
import { checkOptimizer, type OptimizerSpec } from '../../protocol/optimizer/spec.js';

const f32 = (...values: number[]) => Float32Array.from(values);
const adaptive = { learningRate: 0.1, beta1: 0.9, tau: 0.001 };
const SPECS: readonly OptimizerSpec[] = [
  { name: 'fedavg', learningRate: 0.7 },
  { name: 'fedavgm', learningRate: 0.7, momentum: 0.8 },
  { name: 'fedadagrad', ...adaptive },
  { name: 'fedyogi', ...adaptive, beta2: 0.99 },
  { name: 'fedadam', ...adaptive, beta2: 0.99 },
];

/** Reddi et al. 2021, Algorithm 2 (and Hsu et al. 2019 for momentum) for one coordinate, in float64 throughout. */
function reference(spec: OptimizerSpec, x0: number, deltas: readonly number[]): number {
  let x = x0;
  let m = 0;
  let v = 'tau' in spec ? spec.tau ** 2 : 0;
  for (const delta of deltas) {
    if (spec.name === 'fedavg') x += spec.learningRate * delta;
    else if (spec.name === 'fedavgm') {
      m = spec.momentum * m + delta;
      x += spec.learningRate * m;
    } else {
      m = spec.beta1 * m + (1 - spec.beta1) * delta;
      if (spec.name === 'fedadagrad') v += delta ** 2;
      if (spec.name === 'fedadam') v = spec.beta2 * v + (1 - spec.beta2) * delta ** 2;
      if (spec.name === 'fedyogi') v -= (1 - spec.beta2) * delta ** 2 * Math.sign(v - delta ** 2);
      x += (spec.learningRate * m) / (v ** 0.5 + spec.tau);
    }
  }
  return x;
}

function run(spec: OptimizerSpec, weights: Float32Array, aggregates: readonly Float32Array[]) {
  let state: OptimizerState = initOptimizer(spec, weights.length);
  let model = weights;
  for (const aggregate of aggregates) ({ weights: model, state } = applyAggregate(spec, model, state, aggregate));
  return { model, state };
}

const errorOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};

describe('hand-computed steps', () => {
  it('FedAvg at rate 1 adds the aggregate, at rate 0.5 half of it', () => {
    const weights = f32(1, -2, 4);
    expect([...run({ name: 'fedavg', learningRate: 1 }, weights, [f32(0.5, 1, -4)]).model]).toEqual([1.5, -1, 0]);
    expect([...run({ name: 'fedavg', learningRate: 0.5 }, weights, [f32(0.5, 1, -4)]).model]).toEqual([1.25, -1.5, 2]);
  });

  it('FedAvgM carries half of the last step into the next: 1, then 1 + 0.5', () => {
    const { model, state } = run({ name: 'fedavgm', learningRate: 1, momentum: 0.5 }, f32(0), [f32(1), f32(1)]);
    expect([...model]).toEqual([2.5]);
    expect(stateVectors(state).map((moment) => [...moment])).toEqual([[1.5]]);
    expect(state.steps).toBe(2);
  });

  // τ = 0.5, β = 0.5, Δ = 2 after v = 0.25: m = 1; squares: 4.
  const half = { learningRate: 1, beta1: 0.5, tau: 0.5 };
  it('FedAdagrad: v = 0.25 + 4, step 1 / (√4.25 + 0.5)', () => {
    const { model, state } = run({ name: 'fedadagrad', ...half }, f32(0), [f32(2)]);
    expect(state.moments[1]?.[0]).toBe(4.25);
    expect(model[0]).toBe(Math.fround(0.39038820320220757));
  });
  it('FedAdam: v = 0.125 + 2, step 1 / (√2.125 + 0.5), without bias correction', () => {
    const { model, state } = run({ name: 'fedadam', ...half, beta2: 0.5 }, f32(0), [f32(2)]);
    expect(state.moments[1]?.[0]).toBe(2.125);
    expect(model[0]).toBeCloseTo(1 / (1.4577379737113252 + 0.5), 7);
  });
  it('FedYogi: v grows by (1 − β₂)Δ² while below Δ², and shrinks by it while above', () => {
    const spec: OptimizerSpec = { name: 'fedyogi', ...half, beta2: 0.5 };
    const first = run(spec, f32(0), [f32(2)]);
    expect(first.state.moments[1]?.[0]).toBe(2.25);
    expect(first.model[0]).toBe(0.5);
    const second = applyAggregate(spec, first.model, first.state, f32(1));
    expect(second.state.moments[1]?.[0]).toBe(1.75);
  });
});

describe.each(SPECS)('$name', (spec) => {
  it('follows the float64 reference over ten rounds to float32 accuracy', () => {
    const deltas = [0.3, -0.2, 0.05, 0.9, 0, -1.5, 0.001, 2, -0.4, 0.1];
    const { model } = run(
      spec,
      f32(0.25),
      deltas.map((delta) => f32(delta)),
    );
    expect(model[0]).toBeCloseTo(reference(spec, 0.25, deltas.map(Math.fround)), 5);
  });

  it('treats every coordinate alone: a vector step is its scalar steps side by side', () => {
    const value = fc.float({ noNaN: true, min: -100, max: 100 });
    fc.assert(
      fc.property(fc.array(fc.tuple(value, value, value), { minLength: 1, maxLength: 9 }), (rows) => {
        const column = (k: 0 | 1 | 2) => Float32Array.from(rows, (row) => row[k]);
        const together = run(spec, column(0), [column(1), column(2)]).model;
        const alone = rows.map((row) => run(spec, f32(row[0]), [f32(row[1]), f32(row[2])]).model[0]);
        expect([...together]).toEqual(alone);
      }),
      { seed: 20, numRuns: 50 },
    );
  });

  it('leaves weights, aggregate and old state as they were, and repeats bit for bit', () => {
    const weights = f32(1, 2, 3);
    const aggregate = f32(0.1, -0.2, 0.3);
    const { state } = run(spec, weights, [f32(1, 1, 1)]);
    const before = structuredClone({ weights, aggregate, state });
    const first = applyAggregate(spec, weights, state, aggregate);
    expect({ weights, aggregate, state }).toEqual(before);
    expect(applyAggregate(spec, weights, state, aggregate)).toEqual(first);
    expect(first.weights.buffer).not.toBe(weights.buffer);
  });

  it('moves nothing on a zero aggregate in its first round', () => {
    expect([...run(spec, f32(1, -0.5), [f32(0, 0)]).model]).toEqual([1, -0.5]);
  });

  it('continues from restored parts as if it had never stopped', () => {
    const { model, state } = run(spec, f32(1, 2), [f32(0.5, -0.5)]);
    const restored = restoreOptimizer(
      spec,
      2,
      state.steps,
      state.moments.map((moment) => moment.slice()),
    );
    expect(applyAggregate(spec, model, restored, f32(1, 1))).toEqual(applyAggregate(spec, model, state, f32(1, 1)));
  });

  it('refuses wrong lengths and what is not finite, in the aggregate and in what it would give', () => {
    const state = initOptimizer(spec, 2);
    expect(errorOf(() => applyAggregate(spec, f32(1, 2), state, f32(1)))).toBe('OPTIMIZER_SHAPE');
    expect(errorOf(() => applyAggregate(spec, f32(1, 2), state, f32(1, Number.NaN)))).toBe('OPTIMIZER_NON_FINITE');
    expect(errorOf(() => applyAggregate(spec, f32(1, 2), state, f32(1, -Infinity)))).toBe('OPTIMIZER_NON_FINITE');
    expect(errorOf(() => applyAggregate(spec, f32(3.4e38, 2), state, f32(3.4e38, 0)))).toBe('OPTIMIZER_NON_FINITE');
    expect(errorOf(() => restoreOptimizer(spec, 2, 0, [f32(1, 1), f32(1, 1), f32(1, 1)]))).toBe('OPTIMIZER_SHAPE');
    expect(errorOf(() => restoreOptimizer(spec, 2, -1, state.moments))).toBe('OPTIMIZER_SHAPE');
  });
});

it('a state of one optimiser is refused by another', () => {
  const state = initOptimizer({ name: 'fedavg', learningRate: 1 }, 1);
  expect(errorOf(() => applyAggregate({ name: 'fedadam', ...adaptive, beta2: 0.9 }, f32(1), state, f32(1)))).toBe(
    'OPTIMIZER_SHAPE',
  );
});

it('a restored second moment below zero is refused: its root would be NaN', () => {
  const spec: OptimizerSpec = { name: 'fedadam', ...adaptive, beta2: 0.9 };
  expect(errorOf(() => restoreOptimizer(spec, 1, 1, [f32(-1), f32(-1)]))).toBe('OPTIMIZER_NON_FINITE');
});

describe('checkOptimizer', () => {
  it('passes every optimiser at sensible numbers', () => {
    for (const spec of SPECS) checkOptimizer(spec);
  });

  it.each([
    [{ name: 'sgd', learningRate: 1 }, /optimizer\.name is "sgd"; it must be one of fedavg/],
    [{ name: 'fedavg', learningRate: 0 }, /learningRate of fedavg is 0; it must be a finite number above 0/],
    [{ name: 'fedavg', learningRate: Number.POSITIVE_INFINITY }, /learningRate/],
    [{ name: 'fedavg' }, /learningRate of fedavg is undefined/],
    [{ name: 'fedavg', learningRate: '1' }, /learningRate/],
    [{ name: 'fedavg', learningRate: 1, momentum: 0.9 }, /fedavg has no field momentum; its fields are learningRate/],
    [{ name: 'fedavgm', learningRate: 1, momentum: 1 }, /momentum of fedavgm is 1; it must be a number from 0/],
    [{ name: 'fedavgm', learningRate: 1, momentum: Number.NaN }, /momentum/],
    [{ name: 'fedadam', ...adaptive, beta2: 1 }, /beta2/],
    [{ name: 'fedadam', ...adaptive, beta2: 0.9, tau: 0 }, /tau/],
    [{ name: 'fedadagrad', ...adaptive, beta1: -0.1 }, /beta1/],
  ])('refuses %j and names the field and the remedy', (spec, message) => {
    expect(errorOf(() => checkOptimizer(spec as OptimizerSpec))).toBe('CONFIG_OPTIMIZER');
    expect(() => checkOptimizer(spec as OptimizerSpec)).toThrow(message);
  });
});
