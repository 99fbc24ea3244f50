// What groups cost and risk: variance and bias of rules over group means, the odds of a split, against vectors/robustness.json.
// Not here: the rules themselves (rules.test.ts).

import { describe, expect, it } from 'vitest';
import type { RuleSpec } from '../../protocol/rule.js';
import { createRule, largestGroup, medianBreakProbability, type Rule } from '../../server/aggregate/index.js';
import { Random } from '../../simulations/random.js';
import { casesOf } from '../robustness-cases.js';
import { codeOf, inputsOf } from './rows.js';

const all = casesOf('test/aggregate/grouping.test.ts');
const rule = (name: 'median' | 'trimmed-mean', faulty = 0): Rule =>
  createRule({ name, faulty } satisfies RuleSpec, Math.random);

it('no case here is of a rule that is not run', () => {
  expect(new Set(all.map((one) => one.rule))).toEqual(
    new Set(['varianceFactor', 'oneSidedBias', 'medianBreakProbability', 'largestGroup']),
  );
});

describe('variance under Gaussian noise relative to the mean (0.02 of the exact value, fixed seed)', () => {
  const cases = all.filter(({ rule: name }) => name === 'varianceFactor');
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const m = Number(one.params.m);
    const d = 60_000;
    const random = Random.fromSeed(one.id);
    const rows = Array.from({ length: m }, () => Float64Array.from({ length: d }, () => random.normal()));
    const of = one.params.rule === 'median' ? rule('median') : rule('trimmed-mean', Number(one.params.b));
    const { vector } = of.aggregate(inputsOf(rows), []);
    const variance = [...vector].reduce((sum, value) => sum + value * value, 0) / d;
    // Standard error of a variance: √(2/d) = 0.6 %; three of them beside the tolerance of the table.
    expect(Math.abs(m * variance - Number(one.expected))).toBeLessThan(one.tolerance + 3 * 1.5 * Math.sqrt(2 / d));
  });
});

describe('bias where b groups go to +∞, in deviations of a group mean (0.02 of the exact value, fixed seed)', () => {
  const cases = all.filter(({ rule: name }) => name === 'oneSidedBias');
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const [m, b] = [Number(one.params.m), Number(one.params.b)];
    const d = 40_000;
    const random = Random.fromSeed(one.id);
    const rows = Array.from({ length: m }, (__, i) =>
      Float64Array.from({ length: d }, () => (i < b ? 1e9 : random.normal())),
    );
    const expected = one.expected as Record<string, number>;
    for (const [name, key] of [
      ['median', 'median'],
      ['trimmed-mean', 'trimmedMean'],
    ] as const) {
      const bias = [...rule(name, b).aggregate(inputsOf(rows), []).vector].reduce((sum, value) => sum + value, 0) / d;
      // Standard error of the mean of 40,000 order statistics with deviation below 0.6: 0.003.
      expect(Math.abs(bias - (expected[key] ?? Number.NaN))).toBeLessThan(one.tolerance + 0.009);
    }
  });
});

describe('the odds of a split into groups', () => {
  const cases = all.filter(({ rule: name }) => ['medianBreakProbability', 'largestGroup'].includes(name));
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, { rule: name, params, expected, tolerance }) => {
    const value =
      name === 'largestGroup'
        ? largestGroup(Number(params.maliciousFraction), Number(params.badGroupBelow))
        : medianBreakProbability(Number(params.n), Number(params.f), Number(params.g));
    expect(Math.abs(value - Number(expected))).toBeLessThanOrEqual(tolerance);
  });

  it('refuse groups of unequal size', () => {
    expect(cases).toHaveLength(25);
    expect(codeOf(() => medianBreakProbability(10, 1, 3))).toBe('AGGREGATE_PRECONDITION');
    expect(codeOf(() => medianBreakProbability(10, 11, 5))).toBe('AGGREGATE_PRECONDITION');
  });
});
