// Bugs of client-level noise, put into the real path one by one: each must be seen, and the path as it is must pass.
// Not here: bugs of record-level privacy (seeded-bugs-records.test.ts), the statistics (audit.test.ts).

import { describe, expect, it } from 'vitest';
import { fractionOf, isUnclipped, nextClip } from '../../protocol/privacy/adaptive-clip.js';
import { roundBy } from '../../protocol/secagg/noised.js';
import { halfTooLow, reusedNoise, varianceTooLow } from '../../simulations/audit/checks.js';
import { canaryReading } from '../../simulations/audit/client-canaries.js';
import {
  type ClientAudit,
  clientTarget,
  type NoisedPath,
  noisedPath,
  noisedSum,
  settingOf,
} from '../../simulations/audit/client-target.js';
import { auditOnce } from '../../simulations/audit/harness.js';
import { Random } from '../../simulations/random.js';
import { ALARM, bytesFrom } from './seeds.js';

const audit: ClientAudit = {
  canaries: 400,
  dimension: 800,
  noiseMultiplier: 2,
  losses: 0,
  delta: 1e-5,
  rotation: true,
};
/** Eight clients that send zeros: what comes out is noise alone. */
const eight: ClientAudit = { ...audit, canaries: 8, dimension: 4_096, rotation: false };

/** Noise of a sum of zeros, in grid steps, and the variance it should have: 8σ_l². */
function noiseOf(path: NoisedPath, seed: string): { noise: Float64Array; variance: number } {
  const rng = bytesFrom(seed);
  const setting = settingOf(eight, rng);
  const zeros = Array.from({ length: 8 }, () => new Float32Array(eight.dimension));
  const sum = noisedSum(setting, zeros, rng, path);
  return { noise: Float64Array.from(sum, (x) => x * setting.encoding.levels), variance: 8 * setting.variance };
}
/** The real path with other shares. @param change of the values drawn for the i-th client */
function withShares(change: (values: Int32Array, client: number) => void): NoisedPath {
  let client = 0;
  return {
    ...noisedPath,
    drawShare(encoding, variance, key) {
      const share = noisedPath.drawShare(encoding, variance, key);
      if (share.values !== 'spent') change(share.values, client++);
      return share;
    },
  };
}

describe('client-level noise under audit', () => {
  it.each([true, false])('as it is: the claim is not refuted (rotated: %s)', async (rotation) => {
    const rng = bytesFrom(`as it is ${rotation}`);
    const { verdict, correct } = await auditOnce(clientTarget({ ...audit, rotation }, rng), bytesFrom('coins'));
    expect(verdict).toBe('not refuted');
    expect(correct).toBeGreaterThan(50);
  });

  it('as it is: the variance is that of eight shares, in both halves, and two rounds share nothing', () => {
    const [first, second] = [noiseOf(noisedPath, 'first'), noiseOf(noisedPath, 'second')];
    expect(varianceTooLow(first.noise, first.variance).pValue).toBeGreaterThan(ALARM);
    expect(halfTooLow(first.noise, first.variance).pValue).toBeGreaterThan(ALARM);
    expect(reusedNoise(first.noise, second.noise).pValue).toBeGreaterThan(ALARM);
  });

  it('bug: a quarter of the noise (z/4) is refuted', async () => {
    const quarter: NoisedPath = {
      ...noisedPath,
      drawShare: (encoding, variance, key) => noisedPath.drawShare(encoding, Math.ceil(variance / 16), key),
    };
    const { verdict } = await auditOnce(clientTarget(audit, bytesFrom('quarter'), quarter), bytesFrom('coins'));
    expect(verdict).toBe('refuted');
  });

  it('canaries in random directions: the estimate is near the claim, and far above it with a quarter of the noise', () => {
    const directions: ClientAudit = { ...audit, canaries: 150, dimension: 4_096 };
    const claimed = clientTarget(directions, bytesFrom('claim')).claimed.epsilon;
    const real = canaryReading(directions, bytesFrom('canaries'));
    // The mean of 150 cosines is known to a tenth of its size or so.
    expect(real.epsilonEstimate).toBeGreaterThan(0.6 * claimed);
    expect(real.epsilonEstimate).toBeLessThan(1.8 * claimed);
    const quarter: NoisedPath = {
      ...noisedPath,
      drawShare: (encoding, variance, key) => noisedPath.drawShare(encoding, Math.ceil(variance / 16), key),
    };
    expect(canaryReading(directions, bytesFrom('canaries'), quarter).epsilonEstimate).toBeGreaterThan(2.5 * claimed);
  });

  it('bug: one share of eight is missing, and the variance shows it', () => {
    const { noise, variance } = noiseOf(
      withShares((values, client) => {
        if (client === 3) values.fill(0);
      }),
      'missing',
    );
    expect(varianceTooLow(noise, variance).pValue).toBeLessThan(ALARM);
  });

  it('bug: noise goes twice to one half and never to the other; the whole looks right, the half does not', () => {
    const { noise, variance } = noiseOf(
      withShares((values) => {
        const half = values.length / 2;
        for (let i = 0; i < half; i++) {
          values[i] = (values[i] as number) + (values[i + half] as number);
          values[i + half] = 0;
        }
      }),
      'halves',
    );
    expect(varianceTooLow(noise, variance).pValue).toBeGreaterThan(ALARM);
    expect(halfTooLow(noise, variance).pValue).toBeLessThan(ALARM);
  });

  it('bug: a retry that uses its noise again is seen', () => {
    const key = new Uint8Array(32).fill(7);
    const again: NoisedPath = {
      ...noisedPath,
      drawShare: (encoding, variance) => noisedPath.drawShare(encoding, variance, key),
    };
    const [first, retry] = [noiseOf(again, 'attempt 1'), noiseOf(again, 'attempt 2')];
    expect(reusedNoise(first.noise, retry.noise).pValue).toBeLessThan(ALARM);
  });

  it('bug: rounding without the norm check makes vectors longer than Δ₂; the real one never does', () => {
    // Norm c = 64 with fractions of nearly one half everywhere: a seventh of plain roundings is too long.
    const rng = bytesFrom('rounding');
    const { encoding } = settingOf({ ...eight, dimension: 64 }, rng);
    const values = Float64Array.from({ length: 64 }, (_, i) => (i % 2 === 0 ? 7.5 : 8.5));
    const update = Float32Array.from(values, (value) => value / encoding.levels);
    const tooLong = (levels: ArrayLike<number>): boolean =>
      Array.from(levels).reduce((sum, level) => sum + (level | 0) ** 2, 0) > encoding.mechanism.maxSquare;
    const random = Random.fromSeed('rounding');
    const scale = encoding.levels / Math.hypot(...values);
    let [plain, real] = [0, 0];
    for (let i = 0; i < 200; i++) {
      if (tooLong(Array.from(values, (value) => roundBy(value * scale, random.uniform())))) plain++;
      if (tooLong(noisedPath.encode(encoding, update, rng(32)))) real++;
    }
    expect(plain).toBeGreaterThan(0);
    expect(real).toBe(0);
  });

  it('bug: the sign of the clipping rule inverted runs away; the real one finds the median from both sides', () => {
    const random = Random.fromSeed('norms');
    const norms = Array.from({ length: 200 }, () => Math.exp(0.5 * random.normal())).sort((x, y) => x - y);
    const median = ((norms[99] as number) + (norms[100] as number)) / 2;
    const clipFrom = (start: number, sign: 1 | -1): number => {
      let clip = start;
      for (let round = 0; round < 100; round++) {
        const sum = norms.reduce((total, norm) => total + (isUnclipped(norm, clip) ? 0.5 : -0.5), 0);
        clip = nextClip(clip, fractionOf(sum, norms.length), 0.5, sign * 0.2);
      }
      return clip;
    };
    for (const start of [0.1, 5]) {
      expect(Math.abs(clipFrom(start, 1) / median - 1)).toBeLessThan(0.05);
      expect(Math.abs(clipFrom(start, -1) / median - 1)).toBeGreaterThan(0.9);
    }
  });
});
