// GF(2^8) by FIPS 197, and Shamir sharing: rebuilt by any t, and, exhaustively at one byte, silent below t.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { gfInverse, gfMul, gfMulWord } from '../../protocol/crypto/gf256.js';
import { combineShares, combineWith, lagrangeAtZero, splitSecret } from '../../protocol/crypto/shamir.js';
import { SottoError } from '../../protocol/errors.js';
import { hex, testRng } from './implementations.js';

/** The schoolbook way, on polynomials: multiply without carries, then divide by the modulus (FIPS 197 §4.2). */
function slowMul(a: number, b: number): number {
  let product = 0;
  for (let i = 0; i < 8; i++) if ((b >> i) & 1) product ^= a << i;
  for (let i = 14; i >= 8; i--) if ((product >> i) & 1) product ^= 0x11b << (i - 8);
  return product;
}
const allBytes = Array.from({ length: 256 }, (_, i) => i);
const codeOf = (run: () => unknown): string => {
  try {
    run();
    return 'no error';
  } catch (error) {
    return error instanceof SottoError ? error.code : String(error);
  }
};

describe('GF(2^8), FIPS 197 §4.2', () => {
  it('{57}·{83} = {c1}, {57}·{13} = {fe}, and the doublings of §4.2.1', () => {
    expect(gfMul(0x57, 0x83)).toBe(0xc1);
    expect(gfMul(0x57, 0x13)).toBe(0xfe);
    expect([2, 4, 8, 16].map((x) => gfMul(0x57, x))).toEqual([0xae, 0x47, 0x8e, 0x07]);
  });
  it('is the schoolbook product for all 65,536 pairs, one at a time and four at a time', () => {
    for (const a of allBytes) {
      for (const b of allBytes) {
        const expected = slowMul(a, b);
        if (gfMul(a, b) !== expected) expect(gfMul(a, b), `${a}·${b}`).toBe(expected);
        const word = (a << 24) | (b << 16) | ((a ^ 0xff) << 8) | 1;
        const four = [slowMul(a, b), slowMul(b, b), slowMul(a ^ 0xff, b), b];
        const got = gfMulWord(word, b);
        const parts = [got >>> 24, (got >>> 16) & 255, (got >>> 8) & 255, got & 255];
        if (parts.join() !== four.join()) expect(parts).toEqual(four);
      }
    }
  });
  it('every element but zero has an inverse; {53} and {ca} are each other’s', () => {
    expect(gfInverse(0x53)).toBe(0xca);
    for (const a of allBytes.slice(1)) expect(gfMul(a, gfInverse(a))).toBe(1);
    expect(gfInverse(0)).toBe(0);
  });
});

describe('Shamir', () => {
  it('two of three rebuild every one-byte secret under every coefficient (exhaustive)', () => {
    const secret = Uint8Array.from(allBytes); // all 256 secrets at once; bytes do not mix
    for (const coefficient of allBytes) {
      const shares = splitSecret(secret, 2, 3, (length) => new Uint8Array(length).fill(coefficient));
      for (const pair of [
        [0, 1],
        [0, 2],
        [1, 2],
        [2, 0],
      ]) {
        const chosen = pair.map((rank) => ({ rank, bytes: shares[rank] ?? new Uint8Array() }));
        expect(hex(combineShares(chosen, 2))).toBe(hex(secret));
      }
    }
  });

  it('Lagrange at zero: Σ λ_j·x_j^k is 1 for k = 0 and 0 for 0 < k < t (that is, f(0) for every monomial)', () => {
    const power = (x: number, k: number): number => (k === 0 ? 1 : slowMul(x, power(x, k - 1)));
    for (const ranks of [
      [0, 1],
      [5, 2, 9],
      [0, 254],
      [7, 3, 127, 64, 100, 11],
      Array.from({ length: 86 }, (_, i) => i),
    ]) {
      const lambdas = lagrangeAtZero(ranks);
      for (let k = 0; k < ranks.length; k++) {
        const sum = ranks.reduce((total, rank, j) => total ^ slowMul(lambdas[j] ?? 0, power(rank + 1, k)), 0);
        expect(sum).toBe(k === 0 ? 1 : 0);
      }
    }
  });

  it('one share of a 2-threshold sharing says nothing: every value once, for every secret (exhaustive)', () => {
    const secret = Uint8Array.from(allBytes);
    const seen = [0, 1, 2].map(() => allBytes.map(() => new Set<number>())); // [rank][secret] → values
    for (const coefficient of allBytes) {
      const shares = splitSecret(secret, 2, 3, (length) => new Uint8Array(length).fill(coefficient));
      shares.forEach((share, rank) => {
        for (const [s, value] of share.entries()) seen[rank]?.[s]?.add(value);
      });
    }
    for (const perSecret of seen) for (const values of perSecret) expect(values.size).toBe(256);
  });

  it('two shares of a 3-threshold sharing say nothing: every pair of values once (exhaustive in the coefficients)', () => {
    const secret = Uint8Array.of(0x00, 0x01, 0x57, 0xff);
    const pairs = [
      [0, 1],
      [0, 2],
      [1, 2],
    ] as const;
    const seen = pairs.map(() => [...secret].map(() => new Uint8Array(65_536)));
    for (let both = 0; both < 65_536; both++) {
      const shares = splitSecret(secret, 3, 3, (length) =>
        Uint8Array.from({ length }, (_, i) => (i < secret.length ? both & 255 : both >> 8)),
      );
      pairs.forEach(([i, j], p) => {
        for (let s = 0; s < secret.length; s++) {
          const table = seen[p]?.[s];
          const index = ((shares[i]?.[s] ?? 0) << 8) | (shares[j]?.[s] ?? 0);
          if (table) table[index] = (table[index] ?? 0) + 1;
        }
      });
    }
    for (const perSecret of seen) for (const table of perSecret) expect(table.every((times) => times === 1)).toBe(true);
  });

  it('any t of n, in any order, rebuild 32 bytes; the sizes of real groups among them', () => {
    fc.assert(
      fc.property(
        fc.constantFrom([2, 2], [6, 8], [11, 16], [43, 64], [86, 128], [255, 255], [2, 255]),
        fc.nat(),
        ([t = 2, n = 2], seed) => {
          const rng = testRng(seed);
          const secret = rng(32);
          const shares = splitSecret(secret, t, n, rng).map((bytes, rank) => ({ rank, bytes }));
          const order = shares.map((share) => ({ share, at: rng(4).join() })).sort((a, b) => (a.at < b.at ? -1 : 1));
          const some = order.map(({ share }) => share).slice(0, t);
          expect(hex(combineShares(some, t))).toBe(hex(secret));
          expect(hex(combineShares([...some].reverse(), t))).toBe(hex(secret));
        },
      ),
      { seed: 6, numRuns: 30 },
    );
  });

  it('one computation of the coefficients serves many secrets of the same ranks', () => {
    const rng = testRng(8);
    const ranks = [3, 0, 6, 7, 1, 5];
    const lambdas = lagrangeAtZero(ranks);
    for (let i = 0; i < 5; i++) {
      const secret = rng(32);
      const shares = splitSecret(secret, 6, 8, rng);
      const chosen = ranks.map((rank) => shares[rank] ?? new Uint8Array());
      expect(hex(combineWith(lambdas, chosen))).toBe(hex(secret));
    }
  });

  it('I send one rank several times, and it counts once', () => {
    const rng = testRng(9);
    const secret = rng(32);
    const shares = splitSecret(secret, 3, 5, rng).map((bytes, rank) => ({ rank, bytes }));
    const [a, b, c] = shares;
    if (!a || !b || !c) throw new Error('five shares were asked for');
    expect(codeOf(() => combineShares([a, b], 3))).toBe('SECAGG_TOO_FEW_SHARES');
    expect(codeOf(() => combineShares([a, b, b, a], 3))).toBe('SECAGG_TOO_FEW_SHARES');
    expect(hex(combineShares([a, a, b, c], 3))).toBe(hex(secret));
  });

  it('one share too few, combined all the same, gives something else', () => {
    const rng = testRng(10);
    const secret = rng(32);
    const shares = splitSecret(secret, 4, 6, rng).map((bytes, rank) => ({ rank, bytes }));
    expect(hex(combineShares(shares.slice(0, 3), 3))).not.toBe(hex(secret));
  });

  it('a threshold of 1, one above n, and more than 255 shares are refused', () => {
    const rng = testRng(11);
    for (const [t, n] of [
      [1, 5],
      [0, 5],
      [6, 5],
      [2, 256],
      [2.5, 5],
      [Number.NaN, 5],
    ] as const) {
      expect(codeOf(() => splitSecret(new Uint8Array(32), t, n, rng))).toBe('CONFIG_THRESHOLD');
    }
    expect(splitSecret(new Uint8Array(32), 2, 255, rng)).toHaveLength(255);
  });

  it('ranks that are repeated or out of range are refused by the coefficients', () => {
    for (const ranks of [
      [0, 0],
      [-1, 2],
      [0, 255],
      [0.5, 1],
    ])
      expect(() => lagrangeAtZero(ranks)).toThrow(RangeError);
  });

  it('the secret given is not changed, and the randomness drawn is wiped', () => {
    const secret = testRng(12)(32);
    const before = hex(secret);
    let drawn = new Uint8Array();
    splitSecret(secret, 3, 5, (length) => {
      drawn = new Uint8Array(length).fill(7);
      return drawn;
    });
    expect(hex(secret)).toBe(before);
    expect(drawn).toHaveLength(64);
    expect(drawn.every((byte) => byte === 0)).toBe(true);
  });
});
