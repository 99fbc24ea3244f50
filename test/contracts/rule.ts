// What every aggregation rule must do, whatever it computes; run by each rule alone and behind each step. Not a test file.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Rule } from '../../server/aggregate/index.js';
import { Random } from '../../simulations/random.js';
import { codeOf, f64, inputsOf } from '../aggregate/rows.js';

export interface RuleClaims {
  readonly name: string;
  /** A fresh rule for f bad inputs. */
  readonly make: (faulty: number) => Rule;
  /** The fewest inputs for f. */
  readonly least: (faulty: number) => number;
  /** The fewest inputs with which random rows do not tie; `undefined`: some step of the rule always compares a pair with itself. */
  readonly untied: (faulty: number) => number | undefined;
  /** Whether a shift of all inputs shifts the result. */
  readonly shifts: boolean;
  /** Whether one input, or identical ones, come back. */
  readonly returnsOne: boolean;
}

const settings = { seed: 17, numRuns: 150 };

/** Rows without ties, and an f for which they are enough. */
const trialOf = (claims: RuleClaims) =>
  fc
    .record({ faulty: fc.nat(2), extra: fc.nat(4), d: fc.integer({ min: 1, max: 6 }), seed: fc.nat() })
    .map(({ faulty, extra, d, seed }) => {
      const random = Random.fromSeed(seed);
      const count = claims.least(faulty) + extra;
      return {
        faulty,
        seed,
        rows: Array.from({ length: count }, () => Array.from({ length: d }, () => random.normal())),
      };
    });

const closeTo = (got: readonly number[], expected: readonly number[], tolerance: number): void => {
  expect(got.length).toBe(expected.length);
  got.forEach((value, i) => {
    expect(Math.abs(value - (expected[i] ?? Number.NaN))).toBeLessThanOrEqual(tolerance);
  });
};

const run = (rule: Rule, rows: readonly (readonly number[])[]): number[] => [
  ...rule.aggregate(inputsOf(f64(rows)), rule.init(rows[0]?.length ?? 0)).vector,
];

export function ruleContract(claims: RuleClaims): void {
  const { name, make, least } = claims;
  describe(`${name}, as every rule`, () => {
    it.runIf(claims.untied(1) !== undefined)(
      'does not depend on the order of inputs without ties, beyond the rounding of sums',
      () => {
        fc.assert(
          fc.property(trialOf(claims), ({ faulty, rows, seed }) => {
            fc.pre(rows.length >= (claims.untied(faulty) ?? 0));
            const order = [...Random.fromSeed(seed).sample(rows.length, rows.length)];
            closeTo(
              run(
                make(faulty),
                order.map((i) => rows[i] ?? []),
              ),
              run(make(faulty), rows),
              1e-9,
            );
          }),
          settings,
        );
      },
    );

    it.runIf(claims.shifts)('moves with its inputs: a shift of all rows shifts the result', () => {
      fc.assert(
        fc.property(trialOf(claims), fc.integer({ min: -9, max: 9 }), ({ faulty, rows }, shift) => {
          const moved = rows.map((row) => row.map((value) => value + shift));
          closeTo(
            run(make(faulty), moved),
            run(make(faulty), rows).map((value) => value + shift),
            1e-6,
          );
        }),
        settings,
      );
    });

    it.runIf(claims.returnsOne)('returns one input, and identical inputs, as they are, −0 as 0', () => {
      const row = [0.1, -7.3, 1e-300, -0];
      closeTo(run(make(0), [row]), row, 1e-15);
      expect(run(make(0), [row]).some((value) => Object.is(value, -0))).toBe(false);
      for (const faulty of [0, 1, 2]) {
        for (const more of [0, 1, 4])
          closeTo(
            run(
              make(faulty),
              Array.from({ length: least(faulty) + more }, () => row),
            ),
            row,
            1e-12,
          );
      }
    });

    it('gives finite numbers for zeros, ties and values far apart, in float32 as in float64', () => {
      const columns = [0, -0, 1, 1, 1e-30, -1e30, 1e30, 3];
      for (const faulty of [0, 1]) {
        const count = least(faulty) + 1;
        const rows = Array.from({ length: count }, (_, i) => columns.map((_c, j) => columns[(i + j) % 8] ?? 0));
        expect(run(make(faulty), rows).every(Number.isFinite)).toBe(true);
        const rule = make(faulty);
        const single = rule.aggregate(inputsOf(rows.map((row) => Float32Array.from(row))), rule.init(8)).vector;
        expect([...single].every(Number.isFinite)).toBe(true);
        expect(
          run(
            make(faulty),
            Array.from({ length: count }, () => [0, 0]),
          ),
        ).toEqual([0, 0]);
      }
    });

    it('never changes its inputs or its state, and shares no memory with them', () => {
      const rows = Array.from({ length: least(1) + 1 }, (_, i) => Float64Array.of(i * i, -i, 50 * (i % 2)));
      const rule = make(1);
      const state = rule.init(3);
      const before = structuredClone({ rows, state });
      const result = rule.aggregate(inputsOf(rows), state);
      result.vector.fill(99);
      for (const part of result.state) part.fill(99);
      expect({ rows, state }).toEqual(before);
    });

    it('gives the same bits twice', () => {
      const random = Random.fromSeed(name);
      const rows = Array.from({ length: least(2) + 2 }, () => Array.from({ length: 40 }, () => random.normal()));
      expect(run(make(2), rows)).toEqual(run(make(2), rows));
    });

    it('refuses no input, mixed lengths, bad weights and what is not finite', () => {
      const act = (rows: number[][], weights?: number[]) => () =>
        make(0).aggregate(inputsOf(f64(rows), weights), make(0).init(rows[0]?.length ?? 1));
      expect(codeOf(act([]))).toBe('AGGREGATE_EMPTY');
      expect(codeOf(act([[], []]))).toBe('AGGREGATE_EMPTY');
      expect(codeOf(act([[1, 2], [1]]))).toBe('AGGREGATE_SHAPE');
      expect(codeOf(act([[1], [2]], [1, 0]))).toBe('AGGREGATE_WEIGHT');
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])
        expect(codeOf(act([[1], [bad], [3], [4]]))).toBe('AGGREGATE_NON_FINITE');
    });

    it('refuses one input less than it needs, with both numbers, and an f that is no count', () => {
      for (const faulty of [1, 2]) {
        const rows = Array.from({ length: least(faulty) }, (_, i) => [i, i * i]);
        expect(run(make(faulty), rows).every(Number.isFinite)).toBe(true);
        expect(codeOf(() => run(make(faulty), rows.slice(1)))).toBe('AGGREGATE_PRECONDITION');
      }
      expect(codeOf(() => make(-1))).toBe('AGGREGATE_PRECONDITION');
      expect(codeOf(() => make(0.5))).toBe('AGGREGATE_PRECONDITION');
    });

    it('says what it did: one report per stage, one entry per input of the stage', () => {
      const rows = Array.from({ length: least(1) + 2 }, (_, i) => [i, -i, i * i]);
      const rule = make(1);
      const { reports } = rule.aggregate(inputsOf(f64(rows)), rule.init(3));
      expect(reports).toHaveLength(rule.name.split(' → ').length);
      for (const report of reports) {
        const lists = Object.entries(report).filter(([key, value]) => Array.isArray(value) && key !== 'chosen');
        expect(lists.length).toBeGreaterThan(0);
        for (const [, list] of lists) expect((list as unknown[]).length).toBeGreaterThan(0);
        // Nothing in a report is a vector of the model's size by accident of a typed array.
        expect(JSON.parse(JSON.stringify(report))).toEqual(report);
      }
    });

    it('one bad input of any size moves the result by a bounded amount', () => {
      const random = Random.fromSeed(`${name} far`);
      const honest = Array.from({ length: least(1) - 1 + 2 }, () => [random.normal(), random.normal()]);
      for (const size of [1e3, 1e9, 1e30]) {
        const result = run(make(1), [[size, -size], ...honest]);
        for (const value of result) expect(Math.abs(value)).toBeLessThan(20);
      }
    });
  });
}
