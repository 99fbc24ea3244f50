// The numbers that verified sketches rest on: quantiles, rows, ring, and every refusal of a configuration on both sides of its limit.
// Not here: the matrix itself (matrix.test.ts), the checks in a round (round.test.ts), the argument (docs/verified-sketches.md).

import { describe, expect, it } from 'vitest';
import { nativeKeystream } from '../../protocol/native/index.js';
import { encodeUpdate } from '../../protocol/secagg/encode.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import {
  checkSketch,
  encodedNormOf,
  reachableBits,
  ringBitsFor,
  rowsFor,
  type SketchSpec,
  sketchBounds,
} from '../../protocol/sketch/bounds.js';
import { binomialLower, chiSquareLower, chiSquareUpper } from '../../protocol/sketch/quantiles.js';
import { seeded } from '../protocol/world.js';
import { readText } from '../wire/raw.js';

const encoding: Encoding = {
  dimension: 1_000_000,
  clipNorm: 5,
  range: 1,
  levels: 127,
  ring: 32,
  weighted: false,
};
const spec: SketchSpec = {
  kind: 'sketch',
  rows: 48,
  securityBits: 20,
  malicious: 10,
  exclusions: 12,
  dropouts: 3,
  selection: [],
  window: { count: { min: 33, max: 48 }, time: { min: 0, max: 1000 } },
};

describe('the quantiles', () => {
  it('are the published ones at 2^-30', () => {
    for (const [k, u] of [
      [64, 2.45],
      [96, 2.124],
      [256, 1.626],
    ] as const)
      expect(chiSquareUpper(k, 30) / k).toBeCloseTo(u, 3);
  });
  it('agree with the closed forms: χ² with 2 and with 4 degrees of freedom', () => {
    expect(chiSquareUpper(2, 30)).toBeCloseTo(2 * 30 * Math.LN2, 9);
    expect(chiSquareLower(2, 10)).toBeCloseTo(-2 * Math.log1p(-(2 ** -10)), 9);
    const x = chiSquareUpper(4, 25);
    expect(Math.log2((1 + x / 2) * Math.exp(-x / 2))).toBeCloseTo(-25, 9);
  });
  it('of the fair coin count exactly', () => {
    expect([9, 10, 11].map((bits) => binomialLower(10, bits))).toEqual([1, 1, 0]);
    // 1 + 10 + 45 of 1024 is 2^-4.19.
    expect([4, 5].map((bits) => binomialLower(10, bits))).toEqual([3, 2]);
  });
  it('give the published slack √(u/ℓ) where no count-sketch is blind and nothing is allowed for', () => {
    const slack = (k: number, bits: number) =>
      Math.sqrt(chiSquareUpper(k, bits) / Math.min(chiSquareLower(k, bits), 2 * binomialLower(k, bits)));
    for (const [k, bits, published] of [
      [48, 30, 3.6],
      [64, 30, 3.0],
      [96, 30, 2.4],
      [128, 30, 2.15],
      [256, 30, 1.7],
      [256, 40, 1.9],
    ] as const)
      expect(Math.abs(slack(k, bits) - published)).toBeLessThan(0.05);
    // The published table has 3.6, 2.7 and 2.3 at 2^-40; those of 64, 96 and 128 rows are larger.
    expect([64, 96, 128].map((k) => slack(k, 40).toFixed(2))).toEqual(['3.86', '2.86', '2.46']);
  });
});

describe('the bounds of a task', () => {
  const boundsOf = (rows: number, malicious: number) => sketchBounds({ ...spec, rows, malicious }, encoding);
  it('are those of the table of docs/verified-sketches.md', () => {
    const table = readText('docs/verified-sketches.md').matchAll(/^\| (\d+) \| (\S+) \| (\S+) \| (\S+) \|$/gm);
    const printed = [...table].map(([, ...cells]) => cells);
    expect(printed.length).toBeGreaterThan(5);
    for (const [rows = '', ...slacks] of printed)
      expect(slacks).toEqual(
        [0, 10, 20].map((a) =>
          (rowsFor(20 + a) ?? 0) > Number(rows) ? 'refused' : boundsOf(Number(rows), a).slack.toFixed(1),
        ),
      );
  });
  it('hold for two equal coordinates, which cancel in a count-sketch with chance 2^-14', () => {
    // Exact: A row sees d1 ± d2, squares 0 (3/8), 1 (1/2), 4 (1/8); blind rows see nothing. Σ v² must not stay below ℓ·(k/2)·‖X‖².
    const times = (p: number[], q: number[]): number[] => {
      const out = Array<number>(p.length + q.length - 1).fill(0);
      for (const [i, x] of p.entries()) for (const [j, y] of q.entries()) out[i + j] = (out[i + j] ?? 0) + x * y;
      return out;
    };
    const passes = (rows: number, limit: number): number => {
      let squares = [1];
      for (let r = 0; r < rows; r++) squares = times(squares, [3 / 8, 1 / 2, 0, 0, 1 / 8]);
      return squares.reduce((sum, chance, i) => (i < limit ? sum + chance : sum), 0);
    };
    for (const [rows, a] of [
      [48, 10],
      [96, 10],
      [48, 20],
      [129, 20],
    ] as const) {
      const { bits, lower } = boundsOf(rows, a);
      const meet = 2 ** -14; // the offsets; the signs, common to the three, must also differ
      const chance = [1, 3, 3].reduce(
        (sum, ways, blind) =>
          sum +
          (blind === 0 ? 1 : 0.5) * ways * meet ** blind * passes(rows * (1 - blind / 3), rows * lower * (1 + 1e-9)),
        0.5 * meet ** 3,
      );
      expect(Math.log2(chance)).toBeLessThan(-bits);
    }
  });
  it('a longer norm, more members who lie and more bits need a larger ring', () => {
    const bits = ringBitsFor(boundsOf(48, 10));
    expect(2 ** bits).toBeGreaterThanOrEqual(512 * boundsOf(48, 10).radius);
    expect(2 ** (bits - 1)).toBeLessThan(512 * boundsOf(48, 10).radius);
    expect(boundsOf(48, 20).radius).toBeGreaterThan(2 * boundsOf(48, 10).radius);
    expect(sketchBounds(spec, { ...encoding, clipNorm: 50 }).radius).toBeGreaterThan(boundsOf(48, 10).radius);
  });
  it('rows follow from the bits, and beyond 41 bits there are none', () => {
    expect([20, 21, 30, 40, 41].map(rowsFor)).toEqual([24, 24, 33, 48, 51]);
    expect([42, 60].map(rowsFor)).toEqual([undefined, undefined]);
    for (const bits of [20, 30, 41]) {
      const rows = rowsFor(bits) ?? 0;
      expect(reachableBits(rows)).toBeGreaterThan(bits);
      expect(sketchBounds({ ...spec, rows, malicious: bits - 20 }, encoding).lower).toBeGreaterThan(0);
    }
    expect(reachableBits(48)).toBeCloseTo(41.03, 2);
  });
  it('the encoded norm is not exceeded by real roundings, and is not idle', () => {
    const small = { ...encoding, dimension: 2000 };
    const next = seeded(7);
    let longest = 0;
    for (let i = 0; i < 200; i++) {
      const update = Float32Array.from({ length: 2000 }, () => next(2001) - 1000); // far too long: clipped to the norm
      const words = runStreaming(
        encodeUpdate(
          small,
          update,
          1,
          Uint8Array.from({ length: 32 }, () => next(256)),
        ),
        'chacha20',
        nativeKeystream,
      );
      longest = Math.max(longest, Math.sqrt([...words].reduce((sum, word) => sum + (word | 0) ** 2, 0)));
    }
    expect(longest).toBeLessThanOrEqual(encodedNormOf(small));
    expect(longest).toBeGreaterThan(0.9 * encodedNormOf(small));
    // Small vectors of many coordinates: the rounding alone is longer than the update, and never above c + √d.
    expect(encodedNormOf({ ...small, dimension: 4, clipNorm: 1 / 127 })).toBeCloseTo(1 + 2, 9);
  });
});

describe('a configuration is refused with CONFIG_SKETCH, its field and a way out', () => {
  const [size, threshold, n] = [48, 33, 48];
  const fits = 10 * 48 * n;
  const check = (patch: Partial<SketchSpec>, dimension = fits) => {
    try {
      checkSketch({ ...spec, ...patch }, size, threshold, n, dimension);
    } catch (error) {
      const { code, details } = error as { code: string; details: { field: string } };
      return `${code} ${details.field}`;
    }
    return 'fits';
  };
  const refused = (field: string) => `CONFIG_SKETCH integrity.${field}`;
  it.each([
    ['rows', { rows: 47 }, { rows: 48 }],
    ['rows', { rows: 369 }, { rows: 366 }],
    ['rows', { rows: 9 }, { rows: 33 }],
    ['rows', { rows: 30 }, { rows: 33 }],
    ['rows', { rows: 33.5 }, { rows: 33 }],
    ['securityBits', { securityBits: 19 }, { securityBits: 20 }],
    ['securityBits', { securityBits: 20.5 }, { securityBits: 21 }],
    ['securityBits', { securityBits: 32, rows: 366 }, { securityBits: 31, rows: 366 }],
    ['malicious', { malicious: -1 }, { malicious: 0 }],
    ['exclusions', { exclusions: 9 }, { exclusions: 10 }],
    ['exclusions', { exclusions: 13 }, { exclusions: 12 }],
    ['exclusions', { dropouts: 4 }, { dropouts: 3 }],
    ['dropouts', { dropouts: 0.5 }, { dropouts: 0 }],
  ] as const)('%s: %o does not fit, %o does', (field, bad, good) => {
    expect(check(bad, 10 * 366 * n)).toBe(refused(field));
    expect(check(good, 10 * 366 * n)).toBe('fits');
  });
  it('a model below 10 · k · n coordinates', () => {
    expect(check({}, fits - 1)).toBe(refused('rows'));
    expect(check({}, fits)).toBe('fits');
  });
});
