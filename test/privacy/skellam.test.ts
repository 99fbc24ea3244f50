// Skellam noise: exact samples against the exact pmf and against Poisson differences, its price against the divergence itself, and whole
// rounds. The pmf here is summed from its series in floats, not from the ratios the sampler uses.

import { describe, expect, it } from 'vitest';
import { nativeKeystream } from '../../protocol/native/index.js';
import type { Ratio } from '../../protocol/privacy/discrete/bernoulli.js';
import { type Bits, BufferedBits } from '../../protocol/privacy/discrete/bits.js';
import { drawNoise } from '../../protocol/privacy/discrete/noise.js';
import { skellam } from '../../protocol/privacy/discrete/poisson.js';
import { skellamShape } from '../../protocol/privacy/discrete/skellam.js';
import { noiseTable } from '../../protocol/privacy/discrete/table.js';
import { rdpSkellam } from '../../protocol/privacy/integer-noise.js';
import { eventsInForce, ledgerOf } from '../../protocol/privacy/ledger.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { deriveTask } from '../../protocol/task.js';
import { makeMembers, openedLevels, World } from '../protocol/world.js';
import { chiSquare, LIMIT } from './chi-square.js';
import { privateTask } from './tasks.js';

const ratioOf = (variance: number): Ratio => ({ num: BigInt(variance * 4), den: 4n });
const keyOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const draws = (variance: number, count: number, seed: number): Int32Array =>
  runStreaming(
    drawNoise(noiseTable(skellamShape(ratioOf(variance))), count, keyOf(seed)),
    'aes256ctr',
    nativeKeystream,
  );

/** ln Γ(n+1) by summing logarithms. */
const lnFactorials = Float64Array.from({ length: 3_000 }, () => 0);
for (let n = 1; n < 3_000; n++) lnFactorials[n] = (lnFactorials[n - 1] as number) + Math.log(n);
/** e^−μ·I_x(μ) = e^−μ Σ_j (μ/2)^(2j+x) / (j!(j+x)!). */
function pmf(mu: number, x: number): number {
  const at = Math.abs(x);
  let sum = 0;
  for (let j = 0; j + at < 3_000; j++) {
    const ln = (2 * j + at) * Math.log(mu / 2) - (lnFactorials[j] as number) - (lnFactorials[j + at] as number) - mu;
    const term = Math.exp(ln);
    sum += term;
    if (j > mu && term < 1e-18 * sum) break;
  }
  return sum;
}

describe('Skellam noise from the table', () => {
  it.each([
    [0.25, 61],
    [1, 62],
    [4, 63],
    [100, 64],
  ])('gives 10⁶ draws at variance %s that are those of the exact pmf', (variance, seed) => {
    expect(chiSquare(draws(variance, 1_000_000, seed), 1_000_000, (x) => pmf(variance, x))).toBeLessThan(LIMIT);
  });

  it('is no discrete Gaussian of the same variance, and no Skellam of one that is 3 % off', () => {
    const normal = (x: number): number => Math.exp(-(x * x) / 8) / Math.sqrt(8 * Math.PI);
    expect(chiSquare(draws(4, 1_000_000, 63), 1_000_000, normal)).toBeGreaterThan(10 * LIMIT);
    expect(chiSquare(draws(103, 1_000_000, 64), 1_000_000, (x) => pmf(100, x))).toBeGreaterThan(2 * LIMIT);
  });

  it('adds up exactly: the sum of five shares of variance 7 is Skellam of variance 35', () => {
    const shares = Array.from({ length: 5 }, (_, i) => draws(7, 200_000, 70 + i));
    const sums = Int32Array.from({ length: 200_000 }, (_, i) =>
      shares.reduce((s, share) => s + (share[i] as number), 0),
    );
    expect(chiSquare(sums, sums.length, (x) => pmf(35, x))).toBeLessThan(LIMIT);
  });

  it.each([0.25, 4, 300, 250_000])(
    'has weights whose bounds enclose I_x(μ)/I_0(μ) and close as places are added, μ = %s',
    (mu) => {
      const shape = skellamShape(ratioOf(mu));
      const width = Math.max(1, Math.floor(Math.sqrt(mu)));
      for (const x of [0, 1, 3 * width, 7 * width, 20 * width]) {
        const [coarse, fine] = [shape.at(x, 96), shape.at(x, 256)];
        expect(fine.high - fine.low).toBeLessThan(8n);
        expect(coarse.high - coarse.low).toBeLessThan(8n);
        expect(fine.low >> 160n).toBeGreaterThanOrEqual(coarse.low);
        expect(fine.high >> 160n).toBeLessThanOrEqual(coarse.high);
        if (mu > 1_000) continue; // the series in floats is for small ones
        const exact = pmf(mu, x) / pmf(mu, 0);
        const found = Number(fine.low >> 56n) / 2 ** 200;
        if (exact > 1e-50) expect(Math.abs(found / exact - 1)).toBeLessThan(1e-10);
      }
    },
  );

  it.each([1, 2, 8, 8.25, 63, 300, 4_000, 8_000])('has a table for σ = %s that lies above the weights', (deviation) => {
    const shape = skellamShape(ratioOf(Math.ceil(deviation ** 2)));
    const { floors, buckets, widthBits, scale } = noiseTable(shape);
    expect(buckets).toBeLessThan(63);
    for (const x of [0, 1, (buckets << widthBits) >> 1, (buckets << widthBits) - 1]) {
      const { low, high } = shape.at(x, 128);
      const floor = BigInt(floors[x] as number);
      expect(floor << 128n).toBeLessThanOrEqual(scale * low);
      expect((floor + 2n) << 128n).toBeGreaterThan(scale * high);
    }
    const { high } = shape.at(buckets << widthBits, 128);
    expect(scale * high).toBeLessThanOrEqual(1n << 128n);
    expect(2n * shape.at((buckets + 1) << widthBits, 128).high).toBeLessThanOrEqual(high + 64n);
  });

  it.each([0n, -1n, 2n ** 40n])('refuses a variance of %s', (num) => {
    expect(() => skellamShape({ num, den: 1n })).toThrowError(expect.objectContaining({ code: 'CONFIG_PRIVACY' }));
  });
});

it.each([
  [0.25, 81],
  [9, 82],
])(
  'differences of Poisson variables, drawn by coins alone, are the same distribution (variance %s)',
  (variance, seed) => {
    const stream = nativeKeystream('aes256ctr', keyOf(seed));
    let buffer = new BufferedBits(stream.read(65_536) as Uint8Array);
    const bits: Bits = {
      word() {
        if (buffer.at === 16_384) buffer = new BufferedBits(stream.read(65_536) as Uint8Array);
        return buffer.word();
      },
    };
    const samples = Array.from({ length: 8_000 }, () => Number(skellam(bits, ratioOf(variance))));
    expect(chiSquare(samples, samples.length, (x) => pmf(variance, x))).toBeLessThan(LIMIT);
  },
);

describe('its price', () => {
  it.each([
    [4, 1],
    [4, 3],
    [25, 2],
    [100, 5],
    [400, 30],
  ])('is no less than the divergence of one coordinate itself, and not far from it (μ = %s, moved by %s)', (mu, by) => {
    const reach = Math.ceil(14 * Math.sqrt(mu)) + 40;
    for (const order of [1.5, 2, 3, 3.4, 8, 20]) {
      let sum = 0;
      for (let x = -reach; x <= reach; x++) {
        const [p, q] = [pmf(mu, x - by), pmf(mu, x)];
        if (p > 0 && q > 0) sum += Math.exp(order * Math.log(p) - (order - 1) * Math.log(q));
      }
      const exact = Math.log(sum) / (order - 1);
      const bound = rdpSkellam(mu, by, by, order);
      expect(bound).toBeGreaterThanOrEqual(exact * (1 - 1e-9));
      if (mu >= 100 && order >= 2 && order <= 8) expect(bound).toBeLessThan(exact * 1.2);
    }
  });
});

describe('a round with Skellam shares', () => {
  const config = privateTask({ size: 8, dimension: 2_048, losses: 2, noiseless: 1, noise: 'skellam' });
  it('opens a sum with the promised variance, and both ledgers say which noise it was', () => {
    const members = makeMembers(config).map((m) => ({ ...m, update: new Float32Array(config.dimension) }));
    const { sums } = new World({ config, members }).start().run();
    const derived = deriveTask(config);
    if (derived.noise === 'none') throw new Error('no noise');
    const levels = openedLevels([...sums.values()][0] as Uint16Array<ArrayBuffer>, derived.encoding.ring);
    const variance = levels.reduce((sum, x) => sum + x * x, 0) / levels.length;
    const slack = 5 * Math.sqrt(2 / levels.length);
    expect(Math.abs(variance / (8 * derived.noise.localVariance) - 1)).toBeLessThan(slack);
    expect(eventsInForce(ledgerOf(members[0]?.ledger ?? []))).toMatchObject([
      { type: 'distributedSkellam', honestShares: 7, arithmetic: 'exact' },
    ]);
  });
  it('is refused together with sketches, whose price is derived for Gaussian shares', () => {
    const sketched = { ...config, profile: 'sketch' as const, integrity: { rows: 16 } as never };
    expect(() => deriveTask(sketched)).toThrowError(
      expect.objectContaining({ code: 'CONFIG_PRIVACY', details: { field: 'privacy.noise' } }),
    );
  });
});
