// The SIMD kernel is the plain one, to the bit; and the sorting networks it is written from select what they claim.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { createSimdKernel, median, orderPlain, trimmedMean } from '../../server/aggregate/index.js';
import { type Comparator, prune, sortingNetwork } from '../../server/aggregate/network.js';
import { medianSelection, type OrderResult, type Selection, trimmedSelection } from '../../server/aggregate/order.js';
import { MAX_SIMD_ROWS } from '../../server/aggregate/order-simd.js';
import { Random } from '../../simulations/random.js';
import { codeOf, inputsOf } from './rows.js';

/** float32 rows with ties, both zeros, denormals and large values among ordinary ones. */
function hostileRows(m: number, d: number, random: Random): Float32Array[] {
  const odd = [0, -0, 1e-45, -1e-45, 3e38, -3e38, 1, 1];
  return Array.from({ length: m }, () =>
    Float32Array.from({ length: d }, () => (random.integer(3) === 0 ? (odd[random.integer(8)] ?? 0) : random.normal())),
  );
}

const bits = ({ vector, low, high, effective }: OrderResult) => ({
  vector: Buffer.from(vector.buffer).toString('hex'),
  low: [...low],
  high: [...high],
  effective,
});

const selectionsOf = (m: number): Selection[] =>
  [0, 1, 2, (m - 1) >> 1].filter((f) => 2 * f < m).flatMap((f) => [trimmedSelection(m, f), medianSelection(m, f)]);

describe('the SIMD kernel', () => {
  it.each([2, 3, 4, 5, 6, 7, 8, 11, 16, 17, 25, 48, 49, 64])('gives the bits of the plain kernel for %i rows', (m) => {
    const kernel = createSimdKernel();
    const random = Random.fromSeed(m);
    // Widths round the four lanes, and round a block of a 256 KiB buffer.
    const block = Math.floor(65_536 / m / 16) * 16;
    for (const d of [1, 3, 4, 5, 130, block - 1, block, block + 1]) {
      const rows = hostileRows(m, d, random);
      for (const selection of selectionsOf(m)) {
        expect(bits(kernel(rows, selection))).toEqual(bits(orderPlain(rows, selection)));
      }
    }
  });

  it.each([2, 16, 25])('gives the same bits for %i rows that lie in its own memory, whatever lay there before', (m) => {
    const kernel = createSimdKernel();
    const random = Random.fromSeed(m);
    for (const d of [1, 5, 130, 4_097, 16, 16]) {
      const places = kernel.takeRows(m, d) ?? [];
      const rows = hostileRows(m, d, random);
      rows.forEach((row, i) => {
        places[i]?.set(row);
      });
      // Not copied: what is written to the places afterwards is what the kernel reads.
      for (const selection of selectionsOf(m)) {
        expect(bits(kernel(places, selection))).toEqual(bits(orderPlain(rows, selection)));
      }
    }
  });

  it('hands out the same memory again, and reads rows from elsewhere beside it', () => {
    const kernel = createSimdKernel();
    const selection = medianSelection(3, 1);
    const places = kernel.takeRows(3, 2) ?? [];
    expect(kernel.takeRows(3, 2)).toBe(places);
    places.forEach((place, i) => {
      place.fill(i);
    });
    const first = kernel(places, selection).vector;
    places[1]?.fill(9);
    expect([[...first], [...kernel(places, selection).vector]]).toEqual([
      [1, 1],
      [2, 2],
    ]);
    const swapped = [2, 0, 1].map((i) => places[i] as Float32Array);
    // In another order they are no longer where the code looks for them.
    const { low, high } = kernel(swapped, selection);
    expect([[...low], [...high]]).toEqual([
      [0, 2, 0],
      [0, 0, 2],
    ]);
    // A result is in memory of its own: the engine posts it to another thread.
    expect(first.buffer).not.toBe(places[0]?.buffer);
    for (const count of [0, 1, MAX_SIMD_ROWS + 1, Number.POSITIVE_INFINITY])
      expect(kernel.takeRows(count, 2)).toBeUndefined();
  });

  it('counts over more blocks than a 16-bit counter holds', () => {
    const d = 300_000;
    const rows = [0, 1, 2].map((value) => new Float32Array(d).fill(value));
    const result = createSimdKernel()(rows, trimmedSelection(3, 1));
    expect([[...result.low], [...result.high], result.effective]).toEqual([[d, 0, 0], [0, 0, d], d]);
  });

  it('leaves its own memory clean: a second, smaller call sees nothing of the first', () => {
    const kernel = createSimdKernel();
    const random = Random.fromSeed(1);
    for (const d of [9_000, 5, 7_001]) {
      const rows = hostileRows(5, d, random);
      expect(bits(kernel(rows, medianSelection(5, 1)))).toEqual(bits(orderPlain(rows, medianSelection(5, 1))));
    }
  });

  it('takes float64 rows, mixed rows, one row and more rows than it is written for to the plain kernel', () => {
    const kernel = createSimdKernel();
    expect([
      ...kernel([Float64Array.of(0.1), Float32Array.of(0.5), Float64Array.of(0.3)], medianSelection(3, 1)).vector,
    ]).toEqual([0.3]);
    expect([...kernel([Float32Array.of(7)], medianSelection(1, 0)).vector]).toEqual([7]);
    const many = Array.from({ length: MAX_SIMD_ROWS + 1 }, (_, i) => Float32Array.of(i));
    expect([...kernel(many, medianSelection(many.length, 3)).vector]).toEqual([MAX_SIMD_ROWS / 2]);
    expect([...kernel(many.slice(1), medianSelection(MAX_SIMD_ROWS, 3)).vector]).toEqual([(MAX_SIMD_ROWS + 1) / 2]);
  });

  it('keeps working through more kinds of selection than it keeps compiled', () => {
    const kernel = createSimdKernel();
    for (const m of [...Array.from({ length: 20 }, (_, i) => i + 2), 2, 3]) {
      const rows = hostileRows(m, 6, Random.fromSeed(m));
      expect(bits(kernel(rows, trimmedSelection(m, 0)))).toEqual(bits(orderPlain(rows, trimmedSelection(m, 0))));
    }
  });
});

describe.each([
  ['plain', orderPlain],
  ['SIMD', createSimdKernel()],
])('rules on the %s kernel', (_, kernel) => {
  it('refuse one value that is not finite wherever it hides, also two that cancel', () => {
    for (const at of [0, 3, 4, 1_029]) {
      for (const bad of [Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY]) {
        const rows = Array.from({ length: 5 }, () => new Float32Array(1_030));
        (rows[2] as Float32Array)[at] = bad;
        expect(codeOf(() => trimmedMean(1, kernel).aggregate(inputsOf(rows), []))).toBe('AGGREGATE_NON_FINITE');
        (rows[3] as Float32Array)[at] = -bad;
        expect(() => median(1, kernel).aggregate(inputsOf(rows), [])).toThrow(/inputs 2, 3 hold/);
      }
    }
  });

  it('accept finite rows whose sum is beyond float32', () => {
    const rows = [3e38, 3e38, 3.1e38, -3e38].map((value) => Float32Array.of(value, 1));
    expect([...trimmedMean(1, kernel).aggregate(inputsOf(rows), []).vector]).toEqual([Math.fround(3e38), 1]);
  });
});

describe('sorting networks', () => {
  const apply = (network: readonly Comparator[], values: readonly number[]): number[] => {
    const out = [...values];
    for (const { a, b, keeps } of network) {
      const [x, y] = [out[a] ?? 0, out[b] ?? 0];
      // What nobody reads is poisoned: a wrong `keeps` shows.
      out[a] = keeps === 'larger' ? Number.NaN : Math.min(x, y);
      out[b] = keeps === 'smaller' ? Number.NaN : Math.max(x, y);
    }
    return out;
  };

  it('sort every 0-1 input up to 12 rows, hence every input (Knuth vol. 3, Theorem Z)', () => {
    for (let rows = 1; rows <= 12; rows++) {
      const network = sortingNetwork(rows);
      for (let pattern = 0; pattern < 2 ** rows; pattern++) {
        const values = Array.from({ length: rows }, (_, i) => (pattern >> i) & 1);
        expect(apply(network, values)).toEqual([...values].sort());
      }
    }
  });

  it('have Batcher’s sizes: 63 for 16 rows, 543 for 64', () => {
    expect([16, 64].map((rows) => sortingNetwork(rows).length)).toEqual([63, 543]);
  });

  it('give the wanted order statistics after pruning, with fewer comparators', () => {
    fc.assert(
      fc.property(fc.integer({ min: 2, max: 40 }), fc.nat(), fc.nat(), (rows, one, other) => {
        const wanted = [one % rows, other % rows];
        const network = prune(sortingNetwork(rows), wanted);
        const values = [...Random.fromSeed(one).sample(rows, rows)];
        const out = apply(network, values);
        for (const rank of wanted) expect(out[rank]).toBe(rank);
      }),
      { seed: 4, numRuns: 300 },
    );
    expect(prune(sortingNetwork(16), [7, 8]).length).toBeLessThan(63);
  });
});
