// Exact noise on a grid: what one record can move it, and how much noise there is, in the same unit. Seeds are fixed; a false alarm of
// the variance would come once in 10^6. Not here: the sampler's distribution (test/privacy/discrete.test.ts), training (mechanism.test.ts).

import { describe, expect, it } from 'vitest';
import { exactNoise } from '../../client/tfjs/dp-sgd/noise-exact.js';
import { floatNoise } from '../../client/tfjs/dp-sgd/noise-float.js';
import { seededBytes } from '../../client/tfjs/random.js';

const D = 5_000;
const [C, Z] = [0.5, 1.3];
const released = (sum: Float64Array, seed: string): Float64Array => {
  const noise = exactNoise(sum.length, C, Z, seededBytes(seed));
  noise.draw();
  noise.release(sum);
  return sum;
};
const norm = (values: Float64Array): number => Math.sqrt(values.reduce((sum, v) => sum + v * v, 0));
const { noiseMultiplier } = exactNoise(D, C, Z, seededBytes('any'));

describe('noise: exact', () => {
  it('is as wide as promised against the clipping norm, rounding included', () => {
    const values = released(new Float64Array(200_000), 'wide');
    const std = norm(values) / Math.sqrt(values.length);
    expect(Math.abs(std / (Z * C) - 1)).toBeLessThan(0.02);
    expect(std).toBeGreaterThan(Z * C * (1 - 5 / Math.sqrt(2 * values.length)));
    expect(noiseMultiplier).toBeGreaterThanOrEqual(Z);
    expect(noiseMultiplier).toBeLessThan(Z * 1.001);
  });

  it('no record moves the whole numbers by more than the sensitivity in the ledger, wherever on the grid its gradient lies', () => {
    for (let k = 0; k < 40; k++) {
      // All coordinates alike and below zero: without a dither each of them is rounded away from zero.
      const length = C * (1 - k / 400);
      const others = Float64Array.from({ length: D }, (_, i) => (k % 2 === 0 ? 0 : Math.sin(i * (k + 1)) / 7));
      const more = others.map((v) => v - length / Math.sqrt(D));
      const [a, b] = [released(others.slice(), `${k}`), released(more, `${k}`)];
      const moved = norm(a.map((v, i) => v - (b[i] as number)));
      // The noise is Z·C·(1 + 2^-10) wide and more; a plain floor would make this 1.06 for some of them.
      expect(moved).toBeLessThan(length * 1.005);
      expect(moved).toBeGreaterThan(length * 0.99);
    }
  });

  it('is on the grid: every value is a whole number of steps, whatever floats were in the sum', () => {
    const a = released(
      Float64Array.from({ length: D }, (_, i) => Math.sin(i) / 3),
      'grid',
    );
    const sorted = [...new Set(a)].sort((x, y) => x - y);
    const step = sorted.reduce((least, v, i) => (i === 0 ? least : Math.min(least, v - (sorted[i - 1] as number))), 1);
    for (const v of a) expect(Math.abs(v / step - Math.round(v / step))).toBeLessThan(1e-6);
  });

  it('a draw is used once, and is fresh each time', () => {
    const noise = exactNoise(D, C, Z, seededBytes('once'));
    expect(() => noise.release(new Float64Array(D))).toThrow(/INTERNAL/);
    const [a, b] = [new Float64Array(D), new Float64Array(D)];
    for (const sum of [a, b]) {
      noise.draw();
      noise.release(sum);
    }
    expect(() => noise.release(new Float64Array(D))).toThrow(/INTERNAL/);
    const difference = norm(a.map((v, i) => v - (b[i] as number))) / Math.sqrt(D);
    expect(Math.abs(difference / (Z * C * Math.SQRT2) - 1)).toBeLessThan(0.06);
  });

  it('says exact, and float says real', () => {
    expect(exactNoise(D, C, Z, seededBytes('a')).arithmetic).toBe('exact');
    expect(floatNoise(D, C, Z, seededBytes('a')).arithmetic).toBe('real');
  });

  it('more noise than the grid holds is refused with the field', () => {
    expect(() => exactNoise(1_000_000, C, 1_000, seededBytes('a'))).toThrow(/dpSgd\.noiseMultiplier is 1000/);
  });
});
