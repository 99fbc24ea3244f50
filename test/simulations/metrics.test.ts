// What a red team reports, at values worked by hand. The vectors of robustness.json are in attack-vectors.test.ts.

import { describe, expect, it } from 'vitest';
import {
  attackImpact,
  attackSuccessRate,
  detection,
  falseBanRate,
  kappaOf,
  spread,
  successDecay,
  timeToDetect,
} from '../../simulations/metrics.js';

describe('the metrics', () => {
  it('precision and recall of flags; who flags nobody has claimed nothing wrong', () => {
    const all = [1, 2, 3, 4, 5, 6, 7, 8];
    expect(detection(all, new Set([1, 2, 3]), new Set([2, 3, 4, 5]))).toEqual({
      precision: 0.5,
      recall: 2 / 3,
      falsePositiveRate: 0.4,
    });
    expect(detection(all, new Set([1]), new Set())).toEqual({ precision: 1, recall: 0, falsePositiveRate: 0 });
    expect(detection(all, new Set(), new Set([1]))).toEqual({ precision: 0, recall: 1, falsePositiveRate: 1 / 8 });
  });

  it('time to detect counts from the first act, and the missed as for ever', () => {
    const acts = new Map([
      ['a', 1],
      ['b', 3],
      ['c', 3],
      ['d', 2],
    ]);
    const flags = new Map([
      ['a', 1],
      ['b', 5],
      ['c', 12],
    ]);
    expect(timeToDetect(acts, flags)).toEqual({ median: 3, p90: Number.POSITIVE_INFINITY, missed: 1 });
    // A flag before the act was luck.
    expect(timeToDetect(new Map([['a', 4]]), new Map([['a', 2]])).missed).toBe(1);
    expect(timeToDetect(new Map(), flags).median).toBeNaN();
  });

  it('success: without the target class, NaN without anything else, and how long it lasts', () => {
    expect(attackSuccessRate([7, 7], [7, 7], 7)).toBeNaN();
    expect(successDecay([0.9, 0.9, 0.5, 0.2, 0.04, 0.3], 2)).toBe(3);
    expect(successDecay([0.01, 0.9], 1)).toBeUndefined();
    expect(attackImpact([0.5, 0.92, 0.9], [0.3, 0.62])).toBeCloseTo(0.3, 12);
    expect(falseBanRate(48, new Set(['x', 'y']))).toBeCloseTo(1 / 24, 12);
  });

  it('fairness and κ of a round', () => {
    expect(spread([0.6, 0.8, 1])).toMatchObject({ worst: 0.6 });
    expect(spread([0.6, 0.8, 1]).deviation).toBeCloseTo(Math.sqrt(0.08 / 3), 12);
    // Honest 1, 3 with mean 2 and mean square 1; output 5 is 3 away.
    expect(kappaOf([5], [[1], [3]])).toBe(9);
    expect(kappaOf([2], [[1], [3]])).toBe(0);
    expect(kappaOf([1], [[2], [2]])).toBe(Number.POSITIVE_INFINITY);
  });
});
