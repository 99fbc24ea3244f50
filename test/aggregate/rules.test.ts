// What the first rules claim: symmetries, bounds, robustness constants, degenerate inputs, and what their reports say.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { checkRule, leastInputs, type RuleSpec } from '../../protocol/rule.js';
import {
  clip,
  createRule,
  type OrderReport,
  pipeline,
  type Rule,
  sketch,
  update,
  type Visible,
} from '../../server/aggregate/index.js';
import { Random } from '../../simulations/random.js';
import { ALL_CASES } from '../robustness-cases.js';
import { worstOfTrials } from './kappa.js';
import { aggregate, codeOf, f64, inputsOf } from './rows.js';

type Plain = 'mean' | 'median' | 'trimmed-mean';
const rule = (name: Plain, faulty = 0): Rule =>
  createRule(name === 'mean' ? { name } : { name, faulty }, () => Number.NaN);
const ROBUST = ['median', 'trimmed-mean'] as const;
const ALL = ['mean', ...ROBUST] as const;
const orderReport = (of: Rule, rows: readonly (readonly number[])[]): OrderReport =>
  of.aggregate(inputsOf(f64(rows)), []).reports.at(-1) as OrderReport;

/** Up to 9 rows of up to 5 coordinates on a coarse grid (ties!), and an f that 2f < rows allows. */
const trial = fc.tuple(fc.integer({ min: 1, max: 9 }), fc.integer({ min: 1, max: 5 }), fc.nat(4)).chain(([m, d, f]) =>
  fc.record({
    rows: fc.array(
      fc.array(
        fc.integer({ min: -40, max: 40 }).map((n) => n / 10),
        { minLength: d, maxLength: d },
      ),
      {
        minLength: m,
        maxLength: m,
      },
    ),
    f: fc.constant(Math.min(f, (m - 1) >> 1)),
    seed: fc.nat(),
  }),
);
const settings = { seed: 31, numRuns: 300 };

describe.each(ALL)('%s', (name) => {
  it('does not depend on the order of its inputs (order statistics: to the bit), and its report follows them', () => {
    fc.assert(
      fc.property(trial, ({ rows, f, seed }) => {
        const order = [...Random.fromSeed(seed).sample(rows.length, rows.length)];
        const shuffled = order.map((i) => rows[i] ?? []);
        const [one, other] = [aggregate(rule(name, f), shuffled), aggregate(rule(name, f), rows)];
        if (name === 'mean') {
          one.forEach((value, i) => {
            expect(value).toBeCloseTo(other[i] ?? Number.NaN, 12);
          });
          return;
        }
        expect(one).toEqual(other);
        const [before, after] = [orderReport(rule(name, f), rows), orderReport(rule(name, f), shuffled)];
        expect(after.low).toEqual(order.map((i) => before.low[i]));
        expect(after.high).toEqual(order.map((i) => before.high[i]));
      }),
      settings,
    );
  });

  it('moves with its inputs: shift and scale of all rows shift and scale the result', () => {
    fc.assert(
      fc.property(trial, fc.integer({ min: -9, max: 9 }), fc.constantFrom(-2, 0.5, 3), ({ rows, f }, shift, scale) => {
        const moved = rows.map((row) => row.map((value) => value * scale + shift));
        const expected = aggregate(rule(name, f), rows).map((value) => value * scale + shift);
        aggregate(rule(name, f), moved).forEach((value, i) => {
          expect(value).toBeCloseTo(expected[i] ?? Number.NaN, 9);
        });
      }),
      settings,
    );
  });

  it('returns one input, and identical inputs, as they are, −0 as 0, and trims nobody', () => {
    for (const count of [1, 2, 3, 7, 10]) {
      const rows = Array.from({ length: count }, () => [0.1, -7.3, 1e-300, -0]);
      expect(aggregate(rule(name, (count - 1) >> 1), rows).slice(0, 3)).toEqual(
        name === 'mean' ? [expect.closeTo(0.1, 15), expect.closeTo(-7.3, 14), expect.any(Number)] : [0.1, -7.3, 1e-300],
      );
      if (name !== 'mean') {
        const report = orderReport(rule(name, (count - 1) >> 1), rows);
        expect(report.effective).toBe(0);
        expect([...report.low, ...report.high].every((share) => share === 0)).toBe(true);
      }
    }
    expect(aggregate(rule(name), [[3.5, -2]])).toEqual([3.5, -2]);
    expect(Object.is(aggregate(rule(name), [[-0], [0], [-0]])[0], -0)).toBe(false);
  });

  it('never changes its inputs and shares no memory with them', () => {
    const rows = f64([
      [3, 1],
      [1, 2],
      [2, 9],
    ]);
    const before = structuredClone(rows);
    const { vector } = rule(name, name === 'mean' ? 0 : 1).aggregate(inputsOf(rows), []);
    vector.fill(99);
    expect(rows).toEqual(before);
  });

  it('refuses no input, empty vectors, mixed lengths, bad weights and what is not finite, and names the input', () => {
    const act = (rows: number[][], weights?: number[]) => () => rule(name).aggregate(inputsOf(f64(rows), weights), []);
    expect(codeOf(act([]))).toBe('AGGREGATE_EMPTY');
    expect(codeOf(act([[], []]))).toBe('AGGREGATE_EMPTY');
    expect(codeOf(act([[1, 2], [1]]))).toBe('AGGREGATE_SHAPE');
    expect(codeOf(act([[1], [2]], [1, 0]))).toBe('AGGREGATE_WEIGHT');
    expect(codeOf(act([[1], [2]], [1, Number.NaN]))).toBe('AGGREGATE_WEIGHT');
    for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
      expect(
        codeOf(
          act([
            [1, 2],
            [3, bad],
            [5, 6],
          ]),
        ),
      ).toBe('AGGREGATE_NON_FINITE');
      expect(
        act([
          [1, 2],
          [3, bad],
          [5, 6],
        ]),
      ).toThrow(/inputs 1 hold/);
    }
  });

  it('stays finite where a total of the inputs would not be', () => {
    expect(aggregate(rule(name), [[1.7e308], [1.7e308], [1.7e308], [1.6e308]])[0]).toBeLessThan(
      Number.POSITIVE_INFINITY,
    );
  });
});

describe.each(ROBUST)('%s', (name) => {
  it('takes {1, 2, 3, 4, 1e10} with one bad input to 3, float64 and float32 alike', () => {
    expect(aggregate(rule(name, 1), [[1], [2], [3], [4], [1e10]])).toEqual([3]);
    const rows = [1, 2, 3, 4, 1e10].map((value) => Float32Array.of(value));
    expect([...rule(name, 1).aggregate(inputsOf(rows), []).vector]).toEqual([3]);
  });

  it('lies within the honest values in every coordinate, whatever f inputs say', () => {
    fc.assert(
      fc.property(
        trial,
        fc.array(fc.double({ noNaN: true, noDefaultInfinity: true }), { minLength: 5, maxLength: 5 }),
        (one, lies) => {
          const honest = one.rows.slice(one.f);
          const rows = [...one.rows.slice(0, one.f).map((row) => row.map((_, i) => lies[i] ?? 0)), ...honest];
          aggregate(rule(name, one.f), rows).forEach((value, i) => {
            const column = honest.map((row) => row[i] ?? Number.NaN);
            expect(value).toBeGreaterThanOrEqual(Math.min(...column));
            expect(value).toBeLessThanOrEqual(Math.max(...column));
          });
        },
      ),
      settings,
    );
  });

  it('refuses 2f ≥ m and an f that is no count, and never lowers f', () => {
    expect(codeOf(() => aggregate(rule(name, 2), [[1], [2], [3], [4]]))).toBe('AGGREGATE_PRECONDITION');
    expect(codeOf(() => aggregate(rule(name, 1), [[1], [2]]))).toBe('AGGREGATE_PRECONDITION');
    expect(aggregate(rule(name, 2), [[1], [2], [3], [4], [9]])).toEqual([3]);
    expect(codeOf(() => rule(name, -1))).toBe('AGGREGATE_PRECONDITION');
    expect(codeOf(() => rule(name, 0.5))).toBe('AGGREGATE_PRECONDITION');
  });

  it('reports whom it cut on which side, in shares of the coordinates where inputs differ', () => {
    const report = orderReport(rule(name, 1), [
      [0, 1, 1, 5],
      [0, 2, 2, 5],
      [0, 3, 3, 5],
      [0, 4, 4, 5],
      [0, -9, 9, 5.5],
    ]);
    expect(report).toEqual({
      stage: name,
      faulty: 1,
      effective: 3,
      low: [1 / 3, 0, 0, 0, 1 / 3],
      high: [0, 0, 0, 1 / 3, 2 / 3],
    });
  });

  it('trims everybody f/m of the time on each side where nobody attacks (z below 4.5 with a fixed seed)', () => {
    const random = Random.fromSeed(5);
    const [m, f, d] = [11, 2, 4_000];
    const rows = Array.from({ length: m }, () => Array.from({ length: d }, () => random.normal()));
    const report = orderReport(rule(name, f), rows);
    const p = f / m;
    for (const share of [...report.low, ...report.high]) {
      expect(Math.abs(share - p) / Math.sqrt((p * (1 - p)) / d)).toBeLessThan(4.5);
    }
  });

  it('works over more rows than its fast path holds', () => {
    const rows = Array.from({ length: 101 }, (_, i) => [((i * 37) % 101) - 50, i]);
    expect(aggregate(rule(name, 20), rows)).toEqual([0, 50]);
  });
});

describe('the mean', () => {
  it('weighs: (1 · 1 + 3 · 5) / 4', () => {
    const result = rule('mean').aggregate(inputsOf(f64([[1], [5]]), [1, 3]), []);
    expect([...result.vector]).toEqual([4]);
    expect(result.reports).toEqual([{ stage: 'mean', weights: [0.25, 0.75] }]);
  });

  it('is the trimmed mean with nobody trimmed', () => {
    fc.assert(
      fc.property(trial, ({ rows }) => {
        const trimmed = aggregate(rule('trimmed-mean'), rows);
        aggregate(rule('mean'), rows).forEach((value, i) => {
          expect(value).toBeCloseTo(trimmed[i] ?? Number.NaN, 12);
        });
      }),
      settings,
    );
  });
});

describe('robustness constants (Allouah et al. 2023, Definition 2 and Table 1)', () => {
  const bounds = ALL_CASES.filter(({ family }) => family === 'kappaBound');
  const trials = (name: Plain, n: number, f: number, count: number): number => {
    return worstOfTrials((rows) => aggregate(rule(name, name === 'mean' ? 0 : f), rows), n, f, count);
  };

  it.each([
    [5, 1],
    [7, 2],
  ])(
    'n = %i, f = %i: no adversarial trial exceeds the bound, the search comes near what is known, the mean exceeds all',
    (n, f) => {
      const r = f / (n - 2 * f);
      const bound = { 'trimmed-mean': 6 * r * (1 + r), median: 4 * (1 + r) ** 2 };
      const expected = bounds.find(({ params }) => params.n === n && params.f === f)?.expected as Record<
        string,
        number
      >;
      expect(bound['trimmed-mean']).toBeCloseTo(expected.trimmedMean ?? 0, 9);
      expect(bound.median).toBeCloseTo(expected.median ?? 0, 9);
      for (const name of ROBUST) {
        const worst = trials(name, n, f, 5_000);
        expect(worst).toBeLessThanOrEqual(bound[name]);
        // No rule is below r, so a search that never gets there has no teeth.
        expect(worst).toBeGreaterThan(0.9 * r);
      }
      expect(trials('mean', n, f, 400)).toBeGreaterThan(1e3);
    },
  );
});

describe('pipelines', () => {
  it('run from left to right and report every stage, the rule last', () => {
    const robust = pipeline([clip<Visible>(5)], rule('median', 1));
    expect(robust.name).toBe('clip(5) → median(1)');
    expect(robust.faulty).toBe(1);
    const rows = f64([
      [6, 8],
      [0, 0],
      [3, 4],
    ]);
    const result = robust.aggregate(inputsOf(rows), robust.init(2));
    expect([...result.vector]).toEqual([3, 4]);
    expect(result.reports[0]).toEqual({ stage: 'clip', norm: 5, norms: [10, 0, 5], factors: [0.5, 1, 1] });
    expect(result.reports[1]?.stage).toBe('median');
  });

  it('clip: a norm whose square overflows is still clipped, not erased', () => {
    const result = aggregate(pipeline([clip<Visible>(1)], rule('mean')), [[3e200, 4e200]]);
    expect(result[0]).toBeCloseTo(0.6, 12);
    expect(result[1]).toBeCloseTo(0.8, 12);
  });

  it('clip refuses a bound that is no positive number', () => {
    expect(codeOf(() => clip(0))).toBe('CONFIG_INVALID');
    expect(codeOf(() => clip(Number.NaN))).toBe('CONFIG_INVALID');
  });

  it('a sketch is not something a rule over coordinates can be given', () => {
    const id = 'ab'.repeat(32) as ClientId;
    const one = rule('mean');
    // @ts-expect-error sketches decide membership, they never become a model
    one.aggregate([sketch(id, Float64Array.of(1))], []);
    one.aggregate([update(id, Float64Array.of(1), 1)], []);
  });
});

describe('checkRule', () => {
  it('passes exactly while 2f < inputs', () => {
    for (const name of ROBUST) {
      checkRule({ name, faulty: 2 }, 5);
      expect(leastInputs({ name, faulty: 2 })).toBe(5);
      expect(codeOf(() => checkRule({ name, faulty: 2 }, 4))).toBe('CONFIG_RULE_COUNT');
      expect(() => checkRule({ name, faulty: 3 }, 6)).toThrow(
        /faulty 3 needs at least 7 inputs, there are 6; lower faulty/,
      );
      expect(codeOf(() => checkRule({ name, faulty: -1 }, 6))).toBe('CONFIG_RULE_COUNT');
      expect(codeOf(() => checkRule({ name, faulty: 1.5 }, 6))).toBe('CONFIG_RULE_COUNT');
    }
    checkRule({ name: 'mean' }, 1);
    expect(codeOf(() => checkRule({ name: 'mean' }, 0))).toBe('CONFIG_RULE_COUNT');
    expect(codeOf(() => checkRule({ name: 'krum', faulty: 1 } as unknown as RuleSpec, 9))).toBe('CONFIG_INVALID');
  });
});
