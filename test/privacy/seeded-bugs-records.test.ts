// Bugs of record-level privacy, put into the real trainer one by one: each must be seen, and the trainer as it is must pass.
// Not here: bugs of client-level noise (seeded-bugs-clients.test.ts), the statistics (audit.test.ts).

import '@tensorflow/tfjs';
import { describe, expect, it } from 'vitest';
import { poissonBatch } from '../../client/tfjs/dp-sgd/poisson.js';
import { notPoisson } from '../../simulations/audit/checks.js';
import { auditOnce } from '../../simulations/audit/harness.js';
import { auditedTrainer, type RecordAudit, recordTarget } from '../../simulations/audit/record-target.js';
import { Random } from '../../simulations/random.js';
import { ALARM, bytesFrom } from './seeds.js';

const audit: RecordAudit = {
  canaries: 400,
  noiseMultiplier: 2,
  samplingRate: 1,
  steps: 1,
  delta: 1e-5,
  noise: 'float',
};

describe('DP-SGD under audit', () => {
  it('as it is: the claim is not refuted', async () => {
    // The trainer draws from the system, so this may fail once in twenty runs by the bound; by its slack it does not in a million:
    // 100 guesses would have to be right 95 times where three of four are.
    const result = await auditOnce(recordTarget(audit), bytesFrom('coins'));
    expect(result.verdict).toBe('not refuted');
    // Not because nothing is seen at all.
    expect(result.correct).toBeGreaterThan(50);
  });

  it('bug: a quarter of the noise (z/4) is refuted', async () => {
    const quarter: typeof auditedTrainer = (setting, included) => {
      const real = auditedTrainer(setting, included);
      return {
        ...real,
        train: (weights, round) => {
          const { spec } = round;
          if (spec.dpSgd === undefined) throw new TypeError('the audit trains by DP-SGD');
          const dpSgd = { ...spec.dpSgd, noiseMultiplier: spec.dpSgd.noiseMultiplier / 4 };
          return real.train(weights, { ...round, spec: { ...spec, dpSgd } });
        },
      };
    };
    // 100 guesses refute ε = 1.99 from 96 right ones on; at z = ½ there are 97.6 on average: three seeds, two must see it.
    const verdicts = [];
    for (const seed of ['a', 'b', 'c'])
      verdicts.push((await auditOnce(recordTarget(audit, quarter), bytesFrom(seed))).verdict);
    expect(verdicts.filter((verdict) => verdict === 'refuted').length).toBeGreaterThanOrEqual(2);
  });

  it('bug: shuffled batches of one size in place of coins are seen', () => {
    const [records, rate] = [400, 0.1];
    const rng = bytesFrom('batches');
    const real = Array.from({ length: 200 }, () => poissonBatch(records, rate, rng).length);
    expect(notPoisson(real, records, rate).pValue).toBeGreaterThan(ALARM);
    const random = Random.fromSeed('shuffle');
    const shuffled = Array.from({ length: 200 }, () => random.sample(records, records * rate).length);
    expect(notPoisson(shuffled, records, rate).pValue).toBeLessThan(ALARM);
  });
});
