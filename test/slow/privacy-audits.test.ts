// Audits of the real mechanisms at sizes that take minutes, so in the slow suite: a true claim must stand in every one of them.
// False alarms: the verdict's level is 5 % at most for each run, in truth far less; the seeds are fixed.
// Small audits and seeded bugs: test/privacy.

import { describe, expect, it } from 'vitest';
import { canaryReading } from '../../simulations/audit/client-canaries.js';
import { clientTarget } from '../../simulations/audit/client-target.js';
import { auditOnce } from '../../simulations/audit/harness.js';
import { recordTarget } from '../../simulations/audit/record-target.js';
import { bytesFrom } from '../privacy/seeds.js';

const MINUTES = 60_000;

describe('one-run audits of 2,000 canaries', () => {
  it.each([1, 2, 4])(
    'whole clients at z = %d, with losses: not refuted',
    async (noiseMultiplier) => {
      const audit = { canaries: 2_000, dimension: 4_000, noiseMultiplier, losses: 50, delta: 1e-5, rotation: true };
      const { verdict, correct, guesses } = await auditOnce(
        clientTarget(audit, bytesFrom(`clients ${noiseMultiplier}`)),
        bytesFrom('coins'),
      );
      expect(verdict).toBe('not refuted');
      expect(correct / guesses).toBeGreaterThan(0.5);
    },
    10 * MINUTES,
  );

  it.each(['exact', 'float'] as const)(
    'records, noise %s: not refuted',
    async (noise) => {
      const audit = { canaries: 2_000, noiseMultiplier: 2, samplingRate: 1, steps: 2, delta: 1e-5, noise };
      const { verdict } = await auditOnce(recordTarget(audit), bytesFrom(`records ${noise}`));
      expect(verdict).toBe('not refuted');
    },
    10 * MINUTES,
  );
});

// The spread of 500 cosines is known to 3 %: at z = 4 that alone is worth as much as the signal, and the estimate is off by 60 %.
describe('client canaries', () => {
  it.each([1, 2])(
    '500 random directions at z = %d: the estimate is within a third of the claim',
    (noiseMultiplier) => {
      const audit = { canaries: 500, dimension: 16_384, noiseMultiplier, losses: 0, delta: 1e-5, rotation: true };
      const { claimed } = clientTarget(audit, bytesFrom('claim'));
      const { epsilonEstimate } = canaryReading(audit, bytesFrom(`canaries ${noiseMultiplier}`));
      expect(Math.abs(epsilonEstimate / claimed.epsilon - 1)).toBeLessThan(1 / 3);
    },
    10 * MINUTES,
  );
});
