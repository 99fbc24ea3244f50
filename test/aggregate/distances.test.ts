// Pairwise distances: WASM and JavaScript to the bit, and right where Gram matrices go wrong. Not here: what rules make of them.

import { describe, expect, it } from 'vitest';
import { nearest } from '../../server/aggregate/distances.js';
import { createDistanceKernel, distancesPlain, type Vector } from '../../server/aggregate/index.js';
import { squaredDistance } from '../../server/aggregate/vectors.js';
import { Random } from '../../simulations/random.js';

const bytes = (square: Float64Array): Buffer => Buffer.from(square.buffer, square.byteOffset, square.byteLength);

function rowsOf(n: number, d: number, random: Random): Vector[] {
  const odd = [0, -0, 1e-40, 3e38, -3e38, 1];
  return Array.from({ length: n }, (_, i) => {
    const values = Array.from({ length: d }, () =>
      random.integer(9) === 0 ? (odd[random.integer(6)] ?? 0) : random.normal(),
    );
    return i % 3 === 0 ? Float64Array.from(values) : Float32Array.from(values);
  });
}

describe('the SIMD kernel of distances', () => {
  it.each([2, 3, 8, 17])(
    'gives the bits of plain JavaScript for %i rows, float32 and float64 mixed, round the widths of lanes and blocks',
    (n) => {
      const kernel = createDistanceKernel();
      const random = Random.fromSeed(n);
      for (const d of [1_030, 1, 2, 3, 4, 5, 511, 512, 513, 516]) {
        const rows = rowsOf(n, d, random);
        expect(bytes(kernel(rows)).equals(bytes(distancesPlain(rows)))).toBe(true);
      }
    },
  );

  it('sees nothing of an earlier, larger call, and grows for a later one', () => {
    const kernel = createDistanceKernel();
    const random = Random.fromSeed(1);
    for (const n of [20, 3, 40, 2]) {
      const rows = rowsOf(n, 70, random);
      expect(bytes(kernel(rows)).equals(bytes(distancesPlain(rows)))).toBe(true);
    }
  });

  it('of one row is one zero', () => {
    expect([...createDistanceKernel()([Float32Array.of(3)])]).toEqual([0]);
  });
});

describe.each([
  ['plain', distancesPlain],
  ['SIMD', createDistanceKernel()],
])('distances, %s', (_, kernel) => {
  it('at norm 1,000 are within 1e-6 of the truth, where ‖a‖² + ‖b‖² − 2ab in float32 is noise (robustness.md, trap 3)', () => {
    const random = Random.fromSeed(2);
    for (let i = 0; i < 20; i++) {
      const a = Float32Array.from({ length: 100 }, () => 100 + random.normal());
      const b = a.map((value) => value + 0.01 * random.normal());
      const truth = a.reduce((sum, value, j) => sum + (value - (b[j] ?? Number.NaN)) ** 2, 0);
      const square = kernel([a, b]);
      expect(Math.abs((square[1] ?? 9) / truth - 1)).toBeLessThan(1e-6);
      expect(square[2]).toBe(square[1]);
      expect([square[0], square[3]]).toEqual([0, 0]);
      expect(Math.abs(squaredDistance(a, b) / truth - 1)).toBeLessThan(1e-12);
    }
  });
});

describe('the nearest of a row', () => {
  it('are k, in ascending order, equal distances by the lower index', () => {
    const square = distancesPlain([0, 2, -2, 1, 2].map((value) => Float64Array.of(value)));
    expect(nearest(square, 5, 0, 3)).toEqual([0, 1, 3]);
    expect(nearest(square, 5, 0, 4)).toEqual([0, 1, 2, 3]);
    expect(nearest(square, 5, 0, 5)).toEqual([0, 1, 2, 3, 4]);
    expect(nearest(square, 5, 4, 1)).toEqual([1]);
  });
});
