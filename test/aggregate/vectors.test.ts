// Reference vectors of the robustness page for the rules there are: mean, median, trimmed mean, static clip.

import { describe, expect, it } from 'vitest';
import { clip, mean, median, pipeline, type Rule, trimmedMean } from '../../server/aggregate/index.js';
import { aggregate, type Case, codeOf, readCases } from './rows.js';

const cases = readCases().filter(
  ({ family, rule }) =>
    ['aggregator', 'edge'].includes(family) && ['mean', 'median', 'trimmedMean', 'staticClip'].includes(rule),
);

function ruleOf({ rule, params, inputs }: Case): Rule {
  const count = inputs.vectors?.length ?? 0;
  const f = typeof params.fraction === 'number' ? Math.floor(params.fraction * count) : Number(params.f ?? 0);
  if (rule === 'median') return median(f);
  return rule === 'mean' ? mean() : trimmedMean(f);
}

describe('vectors/robustness.json', () => {
  it('has the cases this file is about', () => {
    expect(cases.length).toBe(23);
  });

  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    const rows = (one.inputs.vectors ?? []).map((row) => row.map(Number));
    if (one.rule === 'staticClip') {
      // A clip has rows for its result: each row by itself through a mean of one.
      const step = clip(Number(one.params.c));
      const clipped = rows.map((row) => aggregate(pipeline([step], mean()), [row]));
      expect(clipped.length).toBe((one.expected as number[][]).length);
      (one.expected as number[][]).forEach((row, i) => {
        row.forEach((value, j) => {
          expect(Math.abs((clipped[i]?.[j] ?? Number.NaN) - value)).toBeLessThanOrEqual(one.tolerance);
        });
      });
    } else if (Array.isArray(one.expected)) {
      const result = aggregate(ruleOf(one), rows);
      expect(result.length).toBe(one.expected.length);
      (one.expected as number[]).forEach((value, j) => {
        expect(Math.abs((result[j] ?? Number.NaN) - value)).toBeLessThanOrEqual(one.tolerance);
      });
    } else {
      expect(one.expected).toEqual({ throws: true });
      expect(codeOf(() => aggregate(ruleOf(one), rows))).toMatch(/^AGGREGATE_/);
    }
  });
});
