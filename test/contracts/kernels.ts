// What every set of kernels must give: the sums and packings that BigInt-free arithmetic on single numbers gives, at any
// length, alignment and place, and nothing outside of the arrays it was handed. Run by test/kernels/kernels.test.ts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import { testRng } from '../crypto/implementations.js';

const SUMS = [
  { kind: 'addU32', bytes: 4, modulus: 2 ** 32, sign: 1 },
  { kind: 'subU32', bytes: 4, modulus: 2 ** 32, sign: -1 },
  { kind: 'addU16', bytes: 2, modulus: 2 ** 16, sign: 1 },
  { kind: 'subU16', bytes: 2, modulus: 2 ** 16, sign: -1 },
] as const;
type Numbers = Uint32Array | Uint16Array;

/** Lengths about the vector width (16 numbers), and about the pieces that WASM works in. */
const length = fc.oneof(fc.nat(70), fc.constantFrom(16_000, 16_001, 16_383, 16_384, 16_385, 32_768, 32_771, 50_001));

/** Random numbers, with zeros and all-ones sprinkled in, between guards of 0xa5 that must survive. */
function guarded(width: 2 | 4, count: number, offset: number, seed: number) {
  const start = 64 + offset * width;
  const bytes = new Uint8Array(start + count * width + 64).fill(0xa5);
  const rng = testRng(seed);
  bytes.set(rng(count * width), start);
  const numbers: Numbers =
    width === 4 ? new Uint32Array(bytes.buffer, start, count) : new Uint16Array(bytes.buffer, start, count);
  for (let i = 0; i < count; i += 5) numbers[i] = i % 2 === 0 ? 0 : -1;
  const intact = (): boolean =>
    bytes.subarray(0, start).every((byte) => byte === 0xa5) &&
    bytes.subarray(start + count * width).every((byte) => byte === 0xa5);
  return { numbers, intact };
}

function firstDifference(a: ArrayLike<number>, b: ArrayLike<number>): number {
  if (a.length !== b.length) return 0;
  for (let i = 0; i < a.length; i++) if (a[i] !== b[i]) return i;
  return -1;
}

export function kernelsContract(name: string, open: () => Kernels): void {
  const kernels = open();
  const run = (kind: (typeof SUMS)[number]['kind'], acc: Numbers, x: Numbers): void => {
    if (acc instanceof Uint32Array && x instanceof Uint32Array) kernels[kind as 'addU32' | 'subU32'](acc, x);
    if (acc instanceof Uint16Array && x instanceof Uint16Array) kernels[kind as 'addU16' | 'subU16'](acc, x);
  };

  describe(`${name}: kernels`, () => {
    it.each(SUMS)(
      '$kind is the sum modulo $modulus at every length and alignment',
      ({ kind, bytes, modulus, sign }) => {
        fc.assert(
          fc.property(length, fc.nat(8), fc.nat(8), fc.nat(), (count, offset, other, seed) => {
            const acc = guarded(bytes, count, offset, seed);
            const x = guarded(bytes, count, other, seed + 1);
            const xBefore = x.numbers.slice();
            const expected = Array.from(
              acc.numbers,
              (value, i) => (((value + sign * (x.numbers[i] ?? 0)) % modulus) + modulus) % modulus,
            );
            run(kind, acc.numbers, x.numbers);
            expect(firstDifference(acc.numbers, expected)).toBe(-1);
            expect(firstDifference(x.numbers, xBefore)).toBe(-1);
            expect(acc.intact() && x.intact()).toBe(true);
          }),
          { seed: 21, numRuns: 60 },
        );
      },
    );

    it('a mask added and subtracted again leaves what was there', () => {
      const { numbers: acc } = guarded(4, 20_003, 3, 1);
      const { numbers: x } = guarded(4, 20_003, 1, 2);
      const before = acc.slice();
      run('addU32', acc, x);
      expect(firstDifference(acc, before)).not.toBe(-1);
      run('subU32', acc, x);
      expect(firstDifference(acc, before)).toBe(-1);
    });

    it('pack24 keeps the lower three bytes, least first, and unpack24 brings them back', () => {
      const packed = new Uint8Array(9);
      kernels.pack24(Uint32Array.of(0x00123456, 0xffabcdef, 1), packed);
      expect([...packed]).toEqual([0x56, 0x34, 0x12, 0xef, 0xcd, 0xab, 1, 0, 0]);
      const back = new Uint32Array(3);
      kernels.unpack24(packed, back);
      expect([...back]).toEqual([0x123456, 0xabcdef, 1]);
    });

    it('packing is exact at every length, and writes nowhere else', () => {
      fc.assert(
        fc.property(length, fc.nat(8), fc.nat(40), fc.nat(), (count, offset, shift, seed) => {
          const numbers = guarded(4, count, offset, seed);
          const area = new Uint8Array(shift + 3 * count + 40).fill(0xa5);
          const packed = area.subarray(shift, shift + 3 * count);
          kernels.pack24(numbers.numbers as Uint32Array, packed);
          const expected = new Uint8Array(3 * count);
          numbers.numbers.forEach((value, i) => {
            expected.set([value & 255, (value >>> 8) & 255, (value >>> 16) & 255], 3 * i);
          });
          expect(firstDifference(packed, expected)).toBe(-1);
          expect(area.subarray(0, shift).every((byte) => byte === 0xa5)).toBe(true);
          expect(area.subarray(shift + 3 * count).every((byte) => byte === 0xa5)).toBe(true);
          const back = guarded(4, count, shift % 9, seed + 1);
          kernels.unpack24(packed, back.numbers as Uint32Array);
          expect(
            firstDifference(
              back.numbers,
              Array.from(numbers.numbers, (value) => value % 2 ** 24),
            ),
          ).toBe(-1);
          expect(numbers.intact() && back.intact()).toBe(true);
        }),
        { seed: 22, numRuns: 60 },
      );
    });

    it('two sets of kernels, used in turn, do not disturb each other', () => {
      const other = open();
      const [a, b] = [Uint32Array.of(1, 2, 3), Uint32Array.of(10, 20, 30)];
      kernels.addU32(a, b);
      other.addU32(b, a);
      kernels.subU32(a, b);
      expect([[...a], [...b]]).toEqual([
        [2 ** 32 - 10, 2 ** 32 - 20, 2 ** 32 - 30],
        [21, 42, 63],
      ]);
    });

    it('arrays of different lengths are refused', () => {
      expect(() => kernels.addU32(new Uint32Array(4), new Uint32Array(3))).toThrow(RangeError);
      expect(() => kernels.subU32(new Uint32Array(4), new Uint32Array(5))).toThrow(RangeError);
      expect(() => kernels.addU16(new Uint16Array(4), new Uint16Array(3))).toThrow(RangeError);
      expect(() => kernels.subU16(new Uint16Array(4), new Uint16Array(5))).toThrow(RangeError);
      expect(() => kernels.pack24(new Uint32Array(4), new Uint8Array(11))).toThrow(RangeError);
      expect(() => kernels.unpack24(new Uint8Array(13), new Uint32Array(4))).toThrow(RangeError);
    });
  });
}
