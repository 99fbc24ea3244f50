// The rules for comparison: what they refuse, what they do where nobody is left, and where each differs from its neighbours. Their vectors
// are in vectors.test.ts, what they share with every rule in robust.test.ts.

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_RULE_SUBSETS } from '../../protocol/limits.js';
import { checkRule, isRandomised, type RuleSpec, subsetsOf } from '../../protocol/rule.js';
import {
  caf,
  createRule,
  dnc,
  flTrust,
  foolsGold,
  foolsGoldWeights,
  type GroupMean,
  mda,
  monna,
  type Rule,
  smea,
  type Update,
  update,
} from '../../server/aggregate/index.js';
import { largestEigenpair } from '../../server/aggregate/research/spectrum.js';
import { Random } from '../../simulations/random.js';
import { aggregate, codeOf, f64 } from './rows.js';

const updatesOf = (rows: readonly (readonly number[])[]): Update[] =>
  f64(rows).map((row, i) => update(String(i).padStart(64, '0') as ClientId, row, 1));
const run = (rule: Rule<Update>, rows: readonly (readonly number[])[]): number[] => [
  ...rule.aggregate(updatesOf(rows), []).vector,
];
const THREE = [
  [1, 2, 3],
  [4, 5, 6],
  [7, 8, 9],
];
const near = (got: readonly number[], expected: readonly number[]): void => {
  expect(got).toHaveLength(expected.length);
  for (const [i, value] of expected.entries()) expect(got[i]).toBeCloseTo(value, 3);
};

describe('the examples of the docstrings', () => {
  it.each([
    ['mda', [2.5, 3.5, 4.5], () => aggregate(mda(1), THREE)],
    ['smea', [2.5, 3.5, 4.5], () => aggregate(smea(1), THREE)],
    ['caf', [4, 5, 6], () => aggregate(caf(1), THREE)],
    [
      'dnc',
      [2.5, 3.5, 4.5],
      () =>
        aggregate(
          dnc({ faulty: 1, filter: 1, iterations: 1, coordinates: 3 }, () => 0),
          THREE,
        ),
    ],
    ['monna', [2.5, 3.5, 4.5], () => run(monna({ faulty: 1, trusted: 1 }), THREE)],
    ['fltrust', [0.713, 0.97, 1.227], () => run(flTrust(Float64Array.of(1, 1, 1)), THREE)],
    ['foolsgold', [1, 2, 3], () => run(foolsGold(f64(THREE), 1), THREE)],
  ] as const)('%s gives %j', (_, expected, act) => {
    near(act(), expected);
  });
});

describe('the spectrum', () => {
  it('is that of matrices with known eigenvalues, and the vector belongs to it', () => {
    // The path of n points: 2 − 2 cos(kπ/(n + 1)); the largest for k = n.
    const n = 9;
    const path = Float64Array.from({ length: n * n }, (_, at) => {
      const apart = Math.abs(Math.floor(at / n) - (at % n));
      return apart === 0 ? 2 : apart === 1 ? -1 : 0;
    });
    const { value, vector } = largestEigenpair(path, n);
    expect(value).toBeCloseTo(2 - 2 * Math.cos((n * Math.PI) / (n + 1)), 12);
    for (let i = 0; i < n; i++) {
      let sum = 0;
      for (let j = 0; j < n; j++) sum += (path[i * n + j] ?? 0) * (vector[j] ?? 0);
      expect(sum).toBeCloseTo(value * (vector[i] ?? 0), 10);
    }
    expect(largestEigenpair(new Float64Array(4), 2).value).toBe(0);
  });
});

describe('the subset rules', () => {
  it('are refused above the budget, when the task is made and when it runs, with a way out', () => {
    expect(subsetsOf(25, 5)).toBe(53_130);
    expect(subsetsOf(26, 5)).toBeGreaterThan(MAX_RULE_SUBSETS);
    expect(subsetsOf(1_000, 400)).toBe(Number.POSITIVE_INFINITY);
    for (const name of ['mda', 'smea'] as const) {
      checkRule({ name, faulty: 5 }, 25);
      expect(() => checkRule({ name, faulty: 5 }, 26)).toThrow(/CONFIG_RULE_COUNT.*65780 subsets.*use caf/);
      const rows = Array.from({ length: 26 }, (_, i) => [i]);
      expect(codeOf(() => aggregate(createRule({ name, faulty: 5 }, Math.random), rows))).toBe(
        'AGGREGATE_PRECONDITION',
      );
    }
  });
  it('MDA takes the tightest cluster, SMEA the one that spreads least in its worst direction', () => {
    // Diameter 3 along a line against a square with sides of 2 (diameter 2.8): MDA and SMEA agree on the square.
    const square = [
      [0, 0],
      [2, 0],
      [0, 2],
      [2, 2],
    ];
    const rows = [...square, [30, 30], [-40, 10], [20, -60]];
    near(aggregate(mda(3), rows), [1, 1]);
    near(aggregate(smea(3), rows), [1, 1]);
    // The page's {1, 2, 3, 4, 1e10}.
    for (const rule of [mda(1), smea(1), caf(1)])
      expect(aggregate(rule, [[1], [2], [3], [4], [1e10]])[0]).toBeLessThan(3);
  });
});

describe('DnC', () => {
  const options = { faulty: 1, filter: 1, iterations: 3, coordinates: 8 };
  it('draws other coordinates with another seed, and says nobody is left rather than average nothing', () => {
    const random = Random.fromSeed('dnc');
    const rows = Array.from({ length: 6 }, () => Array.from({ length: 64 }, () => random.normal()));
    const drawn = (seed: string) => {
      const stream = Random.fromSeed(seed);
      return aggregate(
        dnc(options, () => stream.uniform()),
        rows,
      );
    };
    expect(drawn('a')).toEqual(drawn('a'));
    expect(['b', 'c', 'd', 'e'].some((seed) => drawn(seed).join() !== drawn('a').join())).toBe(true);
    const spec: RuleSpec = { name: 'dnc', ...options };
    expect(isRandomised(spec)).toBe(true);
    const greedy = { faulty: 2, filter: 2, iterations: 100, coordinates: 1 };
    expect(
      codeOf(() =>
        aggregate(
          dnc(greedy, () => random.uniform()),
          rows.slice(0, 5),
        ),
      ),
    ).toBe('AGGREGATE_NOBODY_LEFT');
    expect(
      codeOf(() =>
        aggregate(
          dnc({ ...options, filter: 6 }, () => 0),
          rows,
        ),
      ),
    ).toBe('AGGREGATE_PRECONDITION');
  });
});

describe('the rules that trust something', () => {
  it('FLTrust skips the round where nobody points its way, and gives a zero input nothing', () => {
    const rule = flTrust(Float64Array.of(1, 0));
    expect(
      codeOf(() =>
        run(rule, [
          [-1, 0],
          [0, 0],
          [0, 1],
        ]),
      ),
    ).toBe('AGGREGATE_NOBODY_LEFT');
    // The far one is cut to the root's length.
    near(
      run(rule, [
        [1e9, 0],
        [0, 0],
        [-1, 3],
      ]),
      [1, 0],
    );
    expect(codeOf(() => flTrust(Float64Array.of(0, 0)))).toBe('AGGREGATE_PRECONDITION');
    expect(codeOf(() => run(rule, [[1, 2, 3]]))).toBe('AGGREGATE_SHAPE');
  });
  it('MoNNA follows its trusted row into a minority, and knows no row beyond the last', () => {
    const rows = [[0], [0.1], [0.2], [10], [10.2]];
    near(run(monna({ faulty: 2, trusted: 0 }), rows), [0.1]);
    near(run(monna({ faulty: 2, trusted: 4 }), rows), [20.4 / 3]);
    expect(codeOf(() => run(monna({ faulty: 2, trusted: 5 }), rows))).toBe('AGGREGATE_PRECONDITION');
  });
  it('neither takes group means: who hands in a group sum has no row to trust', () => {
    const groups: GroupMean[] = [];
    // @ts-expect-error a GroupMean is no Update
    expect(codeOf(() => monna({ faulty: 0, trusted: 0 }).aggregate(groups, []))).toBe('AGGREGATE_EMPTY');
    // @ts-expect-error a GroupMean is no Update
    expect(codeOf(() => flTrust(Float64Array.of(1)).aggregate(groups, []))).toBe('AGGREGATE_EMPTY');
    // @ts-expect-error a GroupMean is no Update
    expect(codeOf(() => foolsGold([], 1).aggregate(groups, []))).toBe('AGGREGATE_EMPTY');
  });
});

describe('FoolsGold', () => {
  it('gives clones nothing and a lone client its all; all alike is a skipped round, not uniform weights', () => {
    expect(foolsGoldWeights(f64([[1, 2]]), 1)).toEqual([1]);
    const clones = [
      [1, 1],
      [1, 1],
      [2, 2],
    ];
    expect(foolsGoldWeights(f64(clones), 1)).toEqual([0, 0, 0]);
    expect(codeOf(() => run(foolsGold(f64(clones), 1), clones))).toBe('AGGREGATE_NOBODY_LEFT');
    expect(codeOf(() => run(foolsGold(f64(clones), 1), [[1, 1]]))).toBe('AGGREGATE_SHAPE');
    expect(
      foolsGoldWeights(
        f64([
          [0, 0],
          [1, 0],
          [0, 1],
        ]),
        1,
      ),
    ).toEqual([1, 1, 1]);
  });
});

describe('CAF', () => {
  it('ends with the honest mean however far the others are, and whatever it takes', () => {
    const random = Random.fromSeed('caf');
    const honest = Array.from({ length: 7 }, () => [random.normal(), random.normal()]);
    const centre = [0, 1].map((c) => honest.reduce((sum, row) => sum + (row[c] ?? 0), 0) / 7);
    for (const far of [1e2, 1e4, 1e9]) {
      const rows = [...honest, [far, 0], [0, -far]];
      const result = aggregate(caf(2), rows);
      for (const c of [0, 1]) expect(Math.abs((result[c] ?? 0) - (centre[c] ?? 0))).toBeLessThan(0.5);
    }
  });
});
