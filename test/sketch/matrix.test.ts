// The random matrix A and its application: distributions, the two projectors, and the lemma that carries the soundness argument.
// Not here: quantiles and settings (bounds.test.ts), rounds (round.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { WASM_BASE64 } from '../../protocol/kernels/sketch.wasm.js';
import { fromBase64 } from '../../protocol/kernels/wasm.js';
import { nativeKeystream, nativePrimitives as primitives } from '../../protocol/native/index.js';
import type { Words } from '../../protocol/secagg/encode.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { BLOCK, BUCKETS, expandMatrix, matrixKey, type SketchMatrix } from '../../protocol/sketch/matrix.js';
import {
  jsProjector,
  openProjector,
  type Projector,
  project,
  projectStream,
  wasmProjector,
} from '../../protocol/sketch/project.js';
import { projectInput } from '../../protocol/sketch/work.js';
import { seeded } from '../protocol/world.js';
import { sharpest, worstHonest } from './honest.js';

const keyOf = (seed: number): Uint8Array => new Uint8Array(32).fill(seed);
const matrixOf = (rows: number, length: number, seed = 1): SketchMatrix =>
  runStreaming(expandMatrix(keyOf(seed), rows, length), 'aes256ctr', nativeKeystream);
const wasm = (matrix: SketchMatrix): Projector =>
  wasmProjector(new WebAssembly.Instance(new WebAssembly.Module(fromBase64(WASM_BASE64))), matrix);
/** Σ (seen − expected)² ÷ expected. */
const chiSquare = (seen: readonly number[], expected: readonly number[]): number =>
  seen.reduce((sum, n, i) => sum + (n - (expected[i] as number)) ** 2 / (expected[i] as number), 0);

describe('the matrix', () => {
  // Fixed key, so these either hold for ever or never; the limits are 5 standard deviations of χ².
  const matrix = matrixOf(24, 200_000);
  it('has uniform offsets', () => {
    const seen = Array<number>(256).fill(0);
    for (const one of matrix.offsets) seen[one >> 6] = (seen[one >> 6] as number) + 1;
    expect(Math.max(...matrix.offsets)).toBeLessThan(BUCKETS);
    expect(chiSquare(seen, Array<number>(256).fill(matrix.offsets.length / 256))).toBeLessThan(
      255 + 5 * Math.sqrt(2 * 255),
    );
  });
  it('has fair signs', () => {
    const negative = matrix.signs.reduce((sum, byte) => sum + byte.toString(2).replaceAll('0', '').length, 0);
    const n = 8 * matrix.signs.length;
    expect(Math.abs(negative - n / 2)).toBeLessThan(5 * Math.sqrt(n / 4));
  });
  it('has dense entries of −1 (¼), 0 (½) and 1 (¼)', () => {
    const n = matrix.dense.length;
    const seen = [-1, 0, 1].map((value) => matrix.dense.reduce((sum, one) => sum + (one === value ? 1 : 0), 0));
    expect(seen.reduce((a, b) => a + b)).toBe(n);
    expect(chiSquare(seen, [n / 4, n / 2, n / 4])).toBeLessThan(2 + 5 * 2);
  });
  it('is one for all groups of a round, and another for another nonce or round', () => {
    const [ctx, other, nonce] = [keyOf(2), keyOf(3), keyOf(4)];
    const key = matrixKey(primitives, ctx, nonce); // no group in it
    expect(matrixKey(primitives, ctx, nonce)).toEqual(key);
    expect(matrixKey(primitives, other, nonce)).not.toEqual(key);
    expect(matrixKey(primitives, ctx, other)).not.toEqual(key);
    expect(matrixOf(12, 100, 2).dense).not.toEqual(matrixOf(12, 100, 3).dense);
  });
  it('is the same from every key stream', () => {
    const portable = runStreaming(expandMatrix(keyOf(1), 12, 1000), 'aes256ctr', portableKeystream);
    expect(portable).toEqual(matrixOf(12, 1000));
  });
});

/** A from its definition, row by row. */
function explicit(matrix: SketchMatrix, x: readonly number[]): number[] {
  const per = matrix.rows / 3;
  return Array.from({ length: matrix.rows }, (_, row) => {
    const s = Math.floor(row / per);
    return x.reduce((sum, value, i) => {
      const sign = ((matrix.signs[i >> 3] as number) >> (i & 7)) & 1 ? -1 : 1;
      const bucket = ((matrix.offsets[Math.floor(i / BLOCK) * 3 + s] as number) + (i % BLOCK)) % BUCKETS;
      return (sum + sign * (matrix.dense[row * BUCKETS + bucket] as number) * value) | 0;
    }, 0);
  });
}

describe('projecting', () => {
  const lengths = fc.oneof(fc.integer({ min: 1, max: 300 }), fc.constantFrom(63, 64, 65, 16_384, 16_385, 20_000));
  const words = (ring: 16 | 24 | 32, length: number, next: (n: number) => number): Words => {
    const out = ring === 16 ? new Uint16Array(length) : new Uint32Array(length);
    for (let i = 0; i < length; i++) out[i] = ring === 32 ? next(2 ** 32) : next(2 ** ring);
    return out;
  };
  it('by plain loops and by SIMD gives the same bits: all rings, all lengths', () => {
    fc.assert(
      fc.property(
        fc.constantFrom(16, 24, 32),
        lengths,
        fc.constantFrom(12, 24, 33),
        fc.nat(255),
        (ring, length, rows, seed) => {
          const matrix = matrixOf(rows, length, seed);
          const x = words(ring, length, seeded(seed));
          expect(project(wasm(matrix), x)).toEqual(project(jsProjector(matrix), x));
        },
      ),
      { seed: 5, numRuns: 40 },
    );
  });
  it('twice with one projector leaves nothing behind', () => {
    const matrix = matrixOf(12, 500);
    for (const projector of [jsProjector(matrix), wasm(matrix)]) {
      const x = words(32, 500, seeded(1));
      const once = project(projector, x);
      project(projector, words(32, 500, seeded(2)));
      expect(project(projector, x)).toEqual(once);
    }
  });
  it('is A·x as the definition spells it, wherever a run wraps round', () => {
    for (const seed of [1, 2, 3]) {
      const matrix = matrixOf(12, 150, seed);
      matrix.offsets[1] = BUCKETS - 3; // a run over the end
      const next = seeded(seed);
      const x = Array.from({ length: 150 }, () => next(2 ** 32) | 0);
      expect([...new Int32Array(project(jsProjector(matrix), Uint32Array.from(x)).buffer)]).toEqual(
        explicit(matrix, x),
      );
      expect([...new Int32Array(project(wasm(matrix), Uint32Array.from(x)).buffer)]).toEqual(explicit(matrix, x));
    }
  });
  it('is linear mod 2^32, and mod 2^16 where words of 16 bits wrap', () => {
    const matrix = matrixOf(12, 1000);
    const projector = wasm(matrix);
    const next = seeded(9);
    for (const [ring, mask] of [
      [32, 0xffffffff],
      [16, 0xffff],
    ] as const) {
      const [x, y] = [words(ring, 1000, next), words(ring, 1000, next)];
      const sum = x.map((value, i) => value + (y[i] as number)) as Words;
      const [a, b, both] = [x, y, sum].map((one) => project(projector, one)) as [Uint32Array, Uint32Array, Uint32Array];
      expect(both.map((value) => (value & mask) >>> 0)).toEqual(
        a.map((value, i) => ((value + (b[i] as number)) & mask) >>> 0),
      );
    }
  });
  it('of a key stream is that of its bytes', () => {
    for (const width of [2, 4] as const) {
      const length = 20_001;
      const matrix = matrixOf(12, length);
      const bytes = portableKeystream('aes256ctr', keyOf(8)).read(length * width);
      const x = width === 2 ? new Uint16Array(bytes.slice().buffer) : new Uint32Array(bytes.slice().buffer);
      const streamed = runStreaming(projectStream(wasm(matrix), keyOf(8), width), 'aes256ctr', nativeKeystream);
      expect(streamed).toEqual(project(jsProjector(matrix), x));
    }
  });
  it('of an input in 24 bits is that of its words, over several pieces', () => {
    const length = 40_001;
    const encoding = { dimension: length, clipNorm: 1, range: 1, levels: 127, ring: 24, weighted: false } as const;
    const input = words(24, length, seeded(6));
    const packed = new Uint8Array(3 * length);
    jsKernels.pack24(input as Uint32Array, packed);
    const projector = wasm(matrixOf(12, length));
    expect(projectInput(projector, { encoding }, packed, jsKernels)).toEqual(project(projector, input));
    // Not at an address that a wider array could lie at.
    const odd = new Uint8Array(packed.length + 1);
    odd.set(packed, 1);
    expect(projectInput(projector, { encoding }, odd.subarray(1), jsKernels)).toEqual(project(projector, input));
  });

  it('runs as SIMD where there is WebAssembly, as loops elsewhere', () => {
    const matrix = matrixOf(12, 10);
    expect([openProjector(WebAssembly, matrix).name, openProjector(undefined, matrix).name]).toEqual(['wasm', 'js']);
  });
});

describe('the lemma: a fixed non-zero vector vanishes in one count-sketch for at most one offset of a block', () => {
  const HALF = 2 ** 31;
  const fill = (value: number) => Array<number>(BLOCK).fill(value);
  const one = (at: number, value: number) => Array.from({ length: BLOCK }, (_, i) => (i === at ? value : 0));
  /** For how many offsets of the second block the sum of the two runs is zero mod R. The first lies at 16,370, over the end. */
  function cancelling(first: readonly number[], second: readonly number[]): number {
    const base = new Map<number, number>();
    for (const [a, value] of first.entries()) if (value !== 0) base.set((16_370 + a) % BUCKETS, value | 0);
    let count = 0;
    for (let offset = 0; offset < BUCKETS; offset++) {
      const z = new Map(base);
      for (const [a, value] of second.entries()) {
        const b = (offset + a) % BUCKETS;
        z.set(b, ((z.get(b) ?? 0) + value) | 0);
      }
      if ([...z.values()].every((value) => value === 0)) count++;
    }
    return count;
  }
  it.each([
    ['two coordinates of R/2', one(3, HALF), one(40, HALF), 1],
    ['two equal blocks, opposite signs', fill(7), fill(-7), 1],
    ['two blocks of R/2', fill(HALF), fill(HALF), 1],
    ['alternating R/2', fill(0).map((_, i) => (i % 2) * HALF), fill(0).map((_, i) => (i % 2) * HALF), 1],
    ['all ones twice', fill(1), fill(1), 0],
    ['a block alone', fill(0), fill(HALF), 0],
    ['blocks of different shape', fill(1), one(0, -1), 0],
  ])('%s', (_, first, second, count) => {
    expect(cancelling(first, second)).toBe(count);
  });
});

describe('an honest client', () => {
  it('passes the norm check in 2,048 draws, spread out or in one coordinate (10^6 in test/slow)', () => {
    const worst = worstHonest(2_048);
    expect(worst).toBeLessThan(1);
    expect(worst, 'the bound is not idle').toBeGreaterThan(0.4);
  });
});

describe('a coordinator that tries many matrices', () => {
  it('sees one direction sharper, by no more than ADR 10 says: 2,048 of them', () => {
    const limit = (1 + Math.sqrt((2 * Math.log(2_048)) / 24)) ** 2;
    expect(limit).toBeCloseTo(3.23, 2);
    const best = sharpest(2_048);
    expect(best).toBeLessThan(limit);
    expect(best).toBeGreaterThan(1.8); // and trying does pay: the average is 1
  });
});
