// The statistics of audits: reference vectors, and that each check sees its bug and lets the right thing pass, on plain Gaussians from a
// seed. Not here: the same against the real pipeline (seeded-bugs.test.ts), the one-run bound (test/simulations/audit-vectors.test.ts).

import { describe, expect, it } from 'vitest';
import type { Rng } from '../../protocol/crypto/primitives.js';
import { gaussianEpsilon } from '../../protocol/privacy/gaussian.js';
import {
  type Confusion,
  canaryEstimate,
  canaryEstimateOf,
  thresholdLowerBound,
} from '../../simulations/audit/bounds.js';
import { halfTooLow, notPoisson, reusedNoise, varianceTooLow } from '../../simulations/audit/checks.js';
import { type AuditTarget, auditOnce } from '../../simulations/audit/harness.js';
import { Random } from '../../simulations/random.js';
import { eachCase, num } from './cases.js';

describe('reference vectors', () => {
  eachCase('audit/thresholdLowerBound', undefined, ({ params, inputs }) =>
    thresholdLowerBound(inputs as unknown as Confusion, num(params.delta), num(params.confidence)),
  );
  eachCase('audit/canaryEstimate', undefined, ({ params, inputs }) =>
    canaryEstimate(num(inputs.meanCosine), num(inputs.stdCosine), num(params.dimension), num(params.delta)),
  );
});

const fromSeed =
  (random: Random): Rng =>
  (length) =>
    Uint8Array.from({ length }, () => random.uint32() & 255);

/** A false alarm once in a million runs, for each check. */
const ALARM = 1e-6;
const gaussians = (random: Random, n: number, std: number) =>
  Float64Array.from({ length: n }, () => std * random.normal());

describe('checks of noise and batches', () => {
  const random = Random.fromSeed('audit');
  const noise = gaussians(random, 4_000, 3);

  it('let the right variance pass, and more than that', () => {
    expect(varianceTooLow(noise, 9).pValue).toBeGreaterThan(ALARM);
    expect(varianceTooLow(noise, 4).pValue).toBeGreaterThan(0.999);
    expect(halfTooLow(noise, 9).pValue).toBeGreaterThan(ALARM);
  });
  it('see one share missing among eight, and noise that went to one half', () => {
    const [missing] = [varianceTooLow(gaussians(random, 4_000, Math.sqrt(9 * (7 / 8))), 9)];
    expect(missing.pValue).toBeLessThan(ALARM);
    expect(missing.ratio).toBeCloseTo(7 / 8, 1);
    const lopsided = noise.map((x, i) => (i < 2_000 ? Math.SQRT2 * x : 0));
    expect(varianceTooLow(lopsided, 9).pValue).toBeGreaterThan(ALARM);
    expect(halfTooLow(lopsided, 9).pValue).toBeLessThan(ALARM);
  });
  it('see noise that was used before, and let fresh noise pass', () => {
    expect(reusedNoise(noise, noise).correlation).toBeCloseTo(1, 12);
    expect(reusedNoise(noise, noise).pValue).toBeLessThan(ALARM);
    // One share of ten used again is a correlation of a tenth.
    const mostly = gaussians(random, 4_000, Math.sqrt(8.1)).map((x, i) => x + Math.sqrt(0.1) * (noise[i] as number));
    expect(reusedNoise(noise, mostly).pValue).toBeLessThan(ALARM);
    expect(reusedNoise(noise, gaussians(random, 4_000, 3)).pValue).toBeGreaterThan(ALARM);
  });
  it('see batches of one size and batches that clump, and let coins pass', () => {
    const coins = () =>
      Array.from({ length: 500 }, () => (random.uniform() < 0.1 ? 1 : 0)).reduce((a: number, b) => a + b, 0);
    const poisson = Array.from({ length: 200 }, coins);
    expect(notPoisson(poisson, 500, 0.1).pValue).toBeGreaterThan(ALARM);
    expect(
      notPoisson(
        poisson.map(() => 50),
        500,
        0.1,
      ).pValue,
    ).toBeLessThan(ALARM);
    expect(
      notPoisson(
        poisson.map((size) => 50 + 3 * (size - 50)),
        500,
        0.1,
      ).pValue,
    ).toBeLessThan(ALARM);
  });
});

describe('the one-run audit', () => {
  const DELTA = 1e-5;
  /** Canaries that add 1 to a coordinate of their own; noise `z`, claimed as `claim`. */
  const gaussian = (seed: number, z: number, claim: number): AuditTarget => {
    const random = Random.fromSeed(`mechanism ${seed}`);
    return {
      name: 'Gaussian',
      canaries: 1_000,
      claimed: { epsilon: gaussianEpsilon(claim, DELTA), delta: DELTA },
      release: async (included) => Float64Array.from(included, (is) => (is ? 1 : 0) + z * random.normal()),
    };
  };
  const coins = (seed: number) => fromSeed(Random.fromSeed(`coins ${seed}`));

  it('refutes no true claim in twenty runs: by the bound one in twenty might be, by its slack none', async () => {
    for (let seed = 0; seed < 20; seed++)
      expect((await auditOnce(gaussian(seed, 2, 2), coins(seed))).verdict).toBe('not refuted');
  });
  it('refutes a quarter of the noise: ε = 1.99 is claimed and the bound is above', async () => {
    const { epsilonLowerBound, claimed, verdict } = await auditOnce(gaussian(1, 0.5, 2), coins(1));
    expect(verdict).toBe('refuted');
    expect(epsilonLowerBound).toBeGreaterThan(claimed.epsilon);
    expect(epsilonLowerBound).toBeLessThan(gaussianEpsilon(0.5, DELTA));
  });
  it('client canaries: an estimate near the exact ε, and nothing where they were not seen', () => {
    // d = 10⁴, one sum with z = 1: the cosine of a canary of norm C has mean about 1/√d over the noise and deviation 1/√d.
    const random = Random.fromSeed('cosines');
    const d = 10_000;
    const cosines = (mean: number) => Array.from({ length: 400 }, () => mean + random.normal() / Math.sqrt(d));
    expect(canaryEstimateOf(cosines(1 / Math.sqrt(d)), d, DELTA)).toBeGreaterThan(0.8 * gaussianEpsilon(1, DELTA));
    expect(canaryEstimateOf(cosines(1 / Math.sqrt(d)), d, DELTA)).toBeLessThan(1.5 * gaussianEpsilon(1, DELTA));
    // 400 cosines leave an error of a twentieth in their deviation, which alone reads as about 1.
    expect(canaryEstimateOf(cosines(0), d, DELTA)).toBeLessThan(1.5);
  });
});
