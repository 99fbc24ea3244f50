// Rates of the monitor that take long to see. Everyday part: test/server/monitor.test.ts.

import { describe, expect, it } from 'vitest';
import { fleet, rateAbove, run } from '../server/monitored-fleet.js';

describe('the threshold of a robust z', { timeout: 120_000 }, () => {
  it.each([
    [24, 0.000167],
    [48, 0.000167],
  ])('is exceeded by an honest one of %i values with probability %f at most, about', (count, alpha) => {
    const rate = rateAbove(count, alpha);
    expect(rate).toBeLessThan(1.8 * alpha);
    expect(rate).toBeGreaterThan(0.05 * alpha);
  });
});

describe('500 rounds without an attacker', { timeout: 120_000 }, () => {
  it.each(['two', 'three'])('quarantine at most one honest client of 48 and ban none (seed %s)', (seed) => {
    const { of, events } = run(500, fleet({ clients: 48, seed }));
    expect(of('ban')).toEqual([]);
    expect(of('quarantine').length).toBeLessThanOrEqual(1);
    const findings = events.filter((event) => event.type === 'observe' && event.finding.signal !== 'participation');
    expect(findings.length).toBeLessThan(72);
  });
});
