// Every attack and metric case of vectors/robustness.json, in float64, and what the formulas promise beyond them.
// Not here: attacks as values in a fleet (attacks.test.ts, red-team.test.ts).

import { describe, expect, it } from 'vitest';
import type { Dataset } from '../../client/dataset.js';
import {
  alie,
  alieZ,
  createAttack,
  DBA_LOCAL,
  DBA_TARGET,
  drawWithin,
  fangIntervals,
  fangKrum,
  fangPartialIntervals,
  freeRider,
  ipm,
  krumSelects,
  labelFlip,
  mimicTarget,
  minMax,
  minSum,
  modelReplacement,
  optAlie,
  optIpm,
  type Perturbation,
  type Pipeline,
  searchTwice,
} from '../../simulations/attacks/index.js';
import { attackSuccessRate, detectionCeiling, kappaBounds } from '../../simulations/metrics.js';
import { Random } from '../../simulations/random.js';
import { type Case, casesOf, difference } from '../robustness-cases.js';

const rows = (list: readonly (readonly number[])[]): Float64Array[] => list.map((row) => Float64Array.from(row));

/** The pipeline of a vector, written out here: an attacker's damage must not be measured by the code under test elsewhere. */
function pipelineOf(stages: readonly string[], honest: readonly Float64Array[], f: number): Pipeline {
  const square = (a: Float64Array, b: Float64Array): number => a.reduce((sum, x, c) => sum + (x - (b[c] ?? 0)) ** 2, 0);
  const average = (list: readonly Float64Array[]): Float64Array =>
    (list[0] ?? new Float64Array()).map((_, c) => list.reduce((sum, row) => sum + (row[c] ?? 0), 0) / list.length);
  return (sent) => {
    let list: Float64Array[] = [...honest, ...Array.from({ length: f }, () => Float64Array.from(sent))];
    for (const stage of stages) {
      const [name = '', argument = ''] = stage.replace(')', '').split('(');
      const count = Number(argument);
      if (name === 'nnm') {
        const all = list;
        list = all.map((row) =>
          average([...all].sort((a, b) => square(a, row) - square(b, row)).slice(0, all.length - count)),
        );
      } else if (name === 'staticClip') {
        list = list.map((row) => {
          const norm = Math.sqrt(square(row, new Float64Array(row.length)));
          return row.map((x) => x * Math.min(1, norm === 0 ? 1 : count / norm));
        });
      } else {
        const kept = list;
        return (kept[0] ?? new Float64Array()).map((_, c) => {
          const column = kept
            .map((row) => row[c] ?? 0)
            .sort((a, b) => a - b)
            .slice(count, kept.length - count);
          return column.reduce((sum, x) => sum + x, 0) / column.length;
        });
      }
    }
    return average(list);
  };
}

const withLabels = (labels: readonly number[], classes: number): Dataset => ({
  inputs: new Float32Array(labels.length),
  shape: [1],
  labels: Uint8Array.from(labels),
  classes,
});

/** What the code gives for a case; `undefined`: the case is somebody else's. */
function answer({ rule, params, inputs }: Case): unknown {
  // The file is untyped by nature; each case is read as its rule says.
  const p = params as Record<string, unknown>;
  const i = inputs as Record<string, unknown>;
  const honest = Array.isArray(i.honest) ? rows(i.honest as number[][]) : [];
  switch (rule) {
    case 'signFlipOmniscient':
      return [...ipm(honest, 1)];
    case 'ipm':
      return [...ipm(honest, p.epsilon as number)];
    case 'alie':
      return [...alie(honest, p.z as number, p.sign as 1 | -1)];
    case 'alieZ':
      return alieZ(p.n as number, p.f as number);
    case 'optIpm':
    case 'optAlie': {
      const search = p.search as { evals: number; start: number; delta: number; ratio: number };
      const pipeline = pipelineOf(p.pipeline as string[], honest, p.f as number);
      const found = (rule === 'optIpm' ? optIpm : optAlie)(honest, pipeline, { ...search, evaluations: search.evals });
      return { ...found, vector: [...found.vector] };
    }
    case 'minMax':
    case 'minSum': {
      const { gamma, vector } = (rule === 'minMax' ? minMax : minSum)(honest, p.direction as Perturbation);
      return { gamma, vector: [...vector] };
    }
    case 'fangTrimIntervals':
      return fangIntervals(honest, p.b as number);
    case 'modelReplacement': {
      const settings = { n: p.n as number, eta: p.eta as number, attackers: p.attackers as number };
      const { gamma, model } = modelReplacement(
        Float64Array.from(i.global as number[]),
        Float64Array.from(i.target as number[]),
        settings,
      );
      return { gamma, model: [...model] };
    }
    case 'labelFlip': {
      const flip =
        p.mode === 'targeted'
          ? labelFlip({ mode: 'targeted', from: p.from as number, to: p.to as number })
          : labelFlip({ mode: p.mode as 'reverse' });
      const data = withLabels(i.labels as number[], 10);
      return [...(flip.poison?.(data, { rank: 0, attackers: 1, random: Random.fromSeed(1) }).labels ?? [])];
    }
    case 'mimicTarget':
      return mimicTarget(honest, Float64Array.from(i.direction as number[]));
    case 'dbaPattern':
      return { local: DBA_LOCAL.map(({ pixels }) => pixels), target: DBA_TARGET };
    case 'freeRiderReplay': {
      const [model, previousModel] = [i.current, i.previous].map((row) => Float32Array.from(row as number[]));
      const view = { model, previousModel, random: Random.fromSeed(1) } as never;
      return [...(freeRider({ send: 'replay' }).corrupt?.(new Float32Array(2), view) ?? [])];
    }
    case 'attackSuccessRate':
      return attackSuccessRate(i.labels as number[], i.predictions as number[], p.target as number);
    case 'kappaBounds':
      return kappaBounds(p.n as number, p.f as number);
    case 'detectionCeiling':
      return detectionCeiling(p.noiseMultiplier as number, p.rounds as number, p.falsePositiveRate as number);
    default:
      return undefined;
  }
}

const mine = casesOf('test/simulations/attack-vectors.test.ts');
const near = (actual: unknown, expected: unknown, tolerance: number, at: string): void =>
  expect(difference(actual, expected, tolerance, at)).toBe('');

describe('the vectors', () => {
  it('of attacks are 31', () => {
    expect(mine.filter(({ family }) => family === 'attack')).toHaveLength(31);
  });

  it.each(mine.map((one) => [one.id, one] as const))('%s', (_, one) => {
    near(answer(one), one.expected, one.tolerance, one.id);
  });
});

const honest = rows([
  [1, -2, 3, -0.5, 0],
  [2, -1, -0.5, -1.5, 0.25],
  [1.5, -3, 2, 0.5, -0.25],
]);

describe('Fang against order statistics', () => {
  it('puts every coordinate of every draw into its interval, beyond the honest on the side that undoes the step', () => {
    const intervals = fangIntervals(honest, 2);
    const random = Random.fromSeed('fang');
    for (let draw = 0; draw < 200; draw++) {
      const vector = drawWithin(intervals, random);
      vector.forEach((value, j) => {
        const [low, high] = intervals[j] ?? [1, 0];
        expect(value).toBeGreaterThanOrEqual(low - 1e-6);
        expect(value).toBeLessThanOrEqual(high + 1e-6);
        const column = honest.map((row) => row[j] ?? 0);
        const step = column.reduce((sum, x) => sum + x, 0);
        // Trap 6: neither branch may send 0 or stay among the honest.
        if (step < 0) expect(value).toBeGreaterThanOrEqual(Math.max(...column) - 1e-6);
        else expect(value).toBeLessThanOrEqual(Math.min(...column) + 1e-6);
      });
    }
  });

  it('with partial knowledge goes three to four deviations against the own mean', () => {
    const own = rows([
      [1, -1],
      [3, -5],
    ]);
    const sd = Math.SQRT2;
    near(
      fangPartialIntervals(own),
      [
        [2 - 4 * sd, 2 - 3 * sd],
        [-3 + 6 * sd, -3 + 8 * sd],
      ],
      1e-12,
      'partial',
    );
  });
});

describe('Fang against Krum', () => {
  it('finds the largest halving that Krum selects, and Krum does select it', () => {
    const random = Random.fromSeed(3);
    const crowd = Array.from({ length: 8 }, () => Float64Array.from({ length: 6 }, () => 0.05 + 0.2 * random.normal()));
    const { lambda, vector } = fangKrum(crowd, 3, krumSelects(3));
    expect(lambda).toBeGreaterThan(0);
    const all = (x: Float64Array) => [x, x, x, ...crowd];
    expect(krumSelects(3)(all(vector))).toBeLessThan(3);
    if (lambda < 1) expect(krumSelects(3)(all(vector.map((x) => 2 * x)))).toBeGreaterThanOrEqual(3);
    expect([...vector].every((x) => Math.abs(x) === lambda)).toBe(true);
  });
});

describe('Min-Max and Min-Sum', () => {
  it.each(['unit', 'sign', 'std'] as const)('touch their bound in direction %s: a hair more breaks it', (direction) => {
    const square = (a: Float64Array, b: Float64Array): number =>
      a.reduce((sum, x, c) => sum + (x - (b[c] ?? 0)) ** 2, 0);
    const diameter = Math.max(...honest.flatMap((a) => honest.map((b) => square(a, b))));
    const farthest = (x: Float64Array) => Math.max(...honest.map((h) => square(x, h)));
    expect(farthest(minMax(honest, direction).vector)).toBeCloseTo(diameter, 9);
    const sums = honest.map((a) => honest.reduce((sum, b) => sum + square(a, b), 0));
    const total = (x: Float64Array) => honest.reduce((sum, h) => sum + square(x, h), 0);
    expect(total(minSum(honest, direction).vector)).toBeCloseTo(Math.min(...sums), 9);
    expect(total(minSum(honest, direction, 'max').vector)).toBeCloseTo(Math.max(...sums), 9);
  });
});

describe('the optimised attacks', () => {
  it('say so when the search never leaves its start, and find the way with a smaller first step', () => {
    // Worth 1 at 0, more only between 0.4 and 0.6: ten evaluations of 10·0.8^k never fall there, steps of 0.5 do.
    const score = (x: number): number => (x > 0.4 && x < 0.6 ? 2 : 1);
    const search = { start: 0, delta: 10, ratio: 0.8, evaluations: 10 };
    expect(searchTwice(score, search, 0.5)).toMatchObject({ factor: 0.5, second: true, degenerate: false });
    expect(searchTwice(() => 1, search, 0.5)).toMatchObject({ factor: 0, degenerate: true });
  });
});

describe('ALIE', () => {
  it('is refused where its formula is no attack: 2 of 10, 1 of 12', () => {
    const attack = createAttack({ kind: 'alie' }) as { corrupt?: (u: Float32Array, v: unknown) => Float32Array };
    const view = { honest: honest.map((row) => Float32Array.from(row)), cohort: 10, attackers: 2 };
    expect(() => attack.corrupt?.(new Float32Array(5), view)).toThrow(/no attack/);
    expect(() => createAttack({ kind: 'alie', z: 0 })).toThrow(/z is 0; it must be a number above 0/);
  });
});
