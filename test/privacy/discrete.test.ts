// Exact noise against the exact distribution. Seeds are fixed: a χ² test at p > 1e-3 is not a coin that a build throws each time.

import { readdirSync, readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { nativeKeystream } from '../../protocol/native/index.js';
import {
  bernoulliExp,
  gaussian,
  laplace,
  proposalScale,
  type Ratio,
  uniform,
} from '../../protocol/privacy/discrete/bernoulli.js';
import { type Bits, BufferedBits } from '../../protocol/privacy/discrete/bits.js';
import { expBounds } from '../../protocol/privacy/discrete/exponential.js';
import { gaussianShape } from '../../protocol/privacy/discrete/gaussian.js';
import { drawNoise } from '../../protocol/privacy/discrete/noise.js';
import { noiseTable, sample } from '../../protocol/privacy/discrete/table.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { eachCase, num } from './cases.js';
import { chiSquare, LIMIT } from './chi-square.js';

const QUARTER: Ratio = { num: 1n, den: 4n };
const whole = (variance: number): Ratio => ({ num: BigInt(variance), den: 1n });
const ratioOf = (variance: number): Ratio =>
  Number.isInteger(variance) ? whole(variance) : { num: BigInt(variance * 4), den: 4n };
const gaussianTable = (variance: Ratio) => noiseTable(gaussianShape(variance));
const keyOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const draws = (variance: Ratio, count: number, seed: number): Int32Array =>
  runStreaming(drawNoise(gaussianTable(variance), count, keyOf(seed)), 'aes256ctr', nativeKeystream);
/** Bits without end, from a key stream. */
function bitsOf(seed: number): Bits {
  const stream = nativeKeystream('aes256ctr', keyOf(seed));
  let buffer = new BufferedBits(stream.read(65_536) as Uint8Array);
  return {
    word() {
      if (buffer.at === 16_384) buffer = new BufferedBits(stream.read(65_536) as Uint8Array);
      return buffer.word();
    },
  };
}
/** exp(−num/den) as a float, through the integer bounds under test, whose width is checked on the way. */
function exp(value: bigint, den: bigint): number {
  const { low, high } = expBounds(value, den, 120);
  expect(high - low).toBeLessThan(64n);
  return Number(low) / 2 ** 120;
}
const rho = (x: number, { num: a, den: b }: Ratio): number => exp(BigInt(x * x) * b, 2n * a);
const massOf = (variance: Ratio): number => {
  let mass = 1;
  for (let x = 1; ; x++) {
    const one = 2 * rho(x, variance);
    mass += one;
    if (one < 1e-30) return mass;
  }
};

describe('the exponential in whole numbers', () => {
  it.each([
    [0n, 1n],
    [1n, 3n],
    [5n, 2n],
    [40n, 1n],
    [700n, 1n],
  ])('encloses exp(−%s/%s), and more places only narrow it', (a, b) => {
    const coarse = expBounds(a, b, 64);
    const fine = expBounds(a, b, 256);
    expect(fine.low >> 192n).toBeGreaterThanOrEqual(coarse.low);
    expect(fine.high >> 192n).toBeLessThanOrEqual(coarse.high);
    const value = Number(fine.low >> 150n) / 2 ** 106;
    expect(Math.abs(value - Math.exp(-Number(a) / Number(b)))).toBeLessThan(1e-15);
  });
});

describe('the table sampler', () => {
  it.each([
    [0.25, 1],
    [1, 2],
    [4, 3],
    [100, 4],
    [90_000, 5],
  ])('gives 10⁶ draws at σ² = %s that are those of the exact pmf', (variance, seed) => {
    const ratio = ratioOf(variance);
    const mass = massOf(ratio);
    expect(chiSquare(draws(ratio, 1_000_000, seed), 1_000_000, (x) => rho(x, ratio) / mass)).toBeLessThan(LIMIT);
  });

  it('would be told from one whose variance is 2 % off', () => {
    const mass = massOf(whole(100));
    const pmf = (x: number) => rho(x, whole(100)) / mass;
    expect(chiSquare(draws(whole(102), 1_000_000, 4), 1_000_000, pmf)).toBeGreaterThan(2 * LIMIT);
  });

  it.each([1n, 7n, 64n, 3_000n, 5_000_000n])(
    'lies above the curve everywhere, every unit of it in one place (σ² = %s)',
    (variance) => {
      const ratio = { num: variance, den: 1n };
      const table = gaussianTable(ratio);
      const pieces: [number, number][][] = Array.from({ length: 64 }, () => []);
      for (let column = 0; column < 64; column++) {
        const limit = table.limits[column] as number;
        const own = table.ownStart[column] as number;
        pieces[column]?.push([own, own + limit]);
        const start = table.otherStart[column] as number;
        if (limit < 2 ** 24) pieces[table.other[column] as number]?.push([start, start + 2 ** 24 - limit]);
      }
      for (const [bucket, list] of pieces.entries()) {
        const sorted = list.filter(([a, b]) => a < b).sort(([a], [b]) => a - b);
        const height = sorted.reduce((at, [from, to]) => (from === at ? to : Number.NaN), 0);
        if (bucket > table.buckets) expect(height).toBe(0);
        else if (bucket === table.buckets) expect(height).toBe(2);
        else {
          const x = BigInt(bucket) << BigInt(table.widthBits);
          const { high } = expBounds(x * x, 2n * variance, 96);
          expect(BigInt(height) << 96n).toBeGreaterThanOrEqual(table.scale * high);
        }
      }
      const step = Math.max(1, Math.floor(table.floors.length / 50));
      for (let x = 0; x < table.floors.length; x += step) {
        const { low, high } = expBounds(BigInt(x) * BigInt(x), 2n * variance, 128);
        const floor = BigInt(table.floors[x] as number);
        expect(floor << 128n).toBeLessThanOrEqual(table.scale * low);
        expect((floor + 2n) << 128n).toBeGreaterThan(table.scale * high);
      }
    },
  );

  it('reaches beyond its table: the tail is drawn by coins, kept as often as the curve says', () => {
    const variance = whole(300);
    const { buckets, widthBits, scale } = gaussianTable(variance);
    const table = gaussianTable(variance);
    const rest = bitsOf(31);
    const from = buckets << widthBits;
    const rounds = 20_000;
    let kept = 0;
    for (let i = 0; i < rounds; i++) {
      let first = true;
      // The column of the tail, and in it the part that is its own.
      const word = (): number => (first ? buckets << 24 : rest.word());
      const bits: Bits = {
        word() {
          const value = word();
          first = false;
          return value;
        },
      };
      const x = sample(table, bits);
      if (Math.abs(x) >= from) kept++;
    }
    let mass = 0;
    for (let x = from; x < 3 * from; x++) mass += Number(scale) * rho(x, variance);
    const expected = (rounds * mass) / (2 * 2 ** widthBits);
    expect(expected).toBeGreaterThan(100);
    expect(Math.abs(kept - expected)).toBeLessThan(4 * Math.sqrt(expected));
  });

  it('draws the same wherever buffers end: a draw that was cut off is made again from its own bits', () => {
    const table = gaussianTable(whole(300));
    const bits = bitsOf(9);
    const unbroken = Array.from({ length: 50_000 }, () => sample(table, bits));
    expect([...draws(whole(300), 50_000, 9)]).toEqual(unbroken);
  });

  it.each([0n, -1n, 2n ** 40n])('refuses a variance of %s', (variance) => {
    expect(() => gaussianTable({ num: variance, den: 1n })).toThrowError(
      expect.objectContaining({ code: 'CONFIG_PRIVACY' }),
    );
  });
});

describe('the algorithms of the paper', () => {
  it.each([
    [QUARTER, 11],
    [whole(1), 12],
    [whole(100), 13],
  ])('draw the same Gaussian as the table (%o)', (variance, seed) => {
    const bits = bitsOf(seed);
    const mass = massOf(variance);
    const samples = Array.from({ length: 20_000 }, () => Number(gaussian(bits, variance)));
    expect(chiSquare(samples, samples.length, (x) => rho(x, variance) / mass)).toBeLessThan(LIMIT);
  });
  it('draw Laplace, uniform and exponential coins as they should', () => {
    const bits = bitsOf(21);
    const decay = exp(1n, 3n);
    const pmf = (x: number) => ((1 - decay) / (1 + decay)) * exp(BigInt(Math.abs(x)), 3n);
    const samples = Array.from({ length: 20_000 }, () => Number(laplace(bits, 3n)));
    expect(chiSquare(samples, samples.length, pmf)).toBeLessThan(LIMIT);
    const rolls = Array.from({ length: 6_000 }, () => Number(uniform(bits, 6n)) - 2);
    expect(
      chiSquare(
        rolls.filter((x) => Math.abs(x) < 3),
        rolls.length,
        (x) => (Math.abs(x) < 3 ? 1 / 6 : 0),
      ),
    ).toBeLessThan(LIMIT + 50);
    const heads = Array.from({ length: 10_000 }, () => bernoulliExp(bits, { num: 5n, den: 2n })).filter(Boolean).length;
    expect(Math.abs(heads - 10_000 * Math.exp(-2.5))).toBeLessThan(4 * Math.sqrt(10_000 * Math.exp(-2.5)));
  });
});

describe('vectors', () => {
  eachCase('discreteGaussian/pmf', undefined, ({ params }) => {
    const ratio = ratioOf(num(params.variance));
    const mass = massOf(ratio);
    const p = (x: number) => rho(x, ratio) / mass;
    let variance = 0;
    for (let x = 1; x < 200; x++) variance += 2 * x * x * p(x);
    return { ...Object.fromEntries(Array.from({ length: 41 }, (_, x) => [`p${x}`, p(x)])), variance };
  });
  eachCase('discreteGaussian/laplacePmf', undefined, ({ params }) => {
    const t = BigInt(num(params.scale));
    const decay = exp(1n, t);
    const p = (x: number) => ((1 - decay) / (1 + decay)) * exp(BigInt(x), t);
    return Object.fromEntries(Array.from({ length: 10 }, (_, x) => [`p${x}`, p(x)]));
  });
  eachCase('discreteGaussian/acceptanceProbability', undefined, ({ params }) => {
    const ratio = ratioOf(num(params.variance));
    const t = proposalScale(ratio);
    const decay = exp(1n, t);
    const scale = Number(t);
    // Σ over proposals of Laplace pmf × P(kept): closed sum of ρ against the Laplace mass.
    const offset = Math.exp(-num(params.variance) / (2 * scale * scale));
    const acceptance = ((1 - decay) / (1 + decay)) * massOf(ratio) * offset;
    return { laplaceScale: scale, acceptance };
  });
});

it('nothing on the path of exact noise is a float function, a clock or a generator of the engine', () => {
  const folder = 'protocol/privacy/discrete';
  const files = readdirSync(folder).filter((name) => name.endsWith('.ts'));
  expect(files.length).toBeGreaterThan(4);
  const code = (path: string) => readFileSync(path, 'utf8').replace(/\/\*[\s\S]*?\*\/|\/\/.*$/gm, '');
  const forbidden =
    /\bMath\b|\bDate\b|parseFloat|toFixed|\b\d+\.\d|\bFloat(32|64)Array|\bInfinity\b|\bNaN\b|performance/;
  for (const name of files) expect(code(`${folder}/${name}`), name).not.toMatch(forbidden);
  expect('const x = Math.log(2)').toMatch(forbidden);
  expect('x * 0.5').toMatch(forbidden);
  // Where the noise is added to an update: one pass of whole numbers, drawn before.
  expect(code('protocol/secagg/noised.ts')).not.toMatch(/Math\.(exp|log|cos|sin|random)|Date/);
});
