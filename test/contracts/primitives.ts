// What every implementation of Primitives must do beyond the published vectors: refuse what the core refuses, in the same
// places, so that no crafted key or signature is good for one client and bad for another. Run by test/crypto/primitives.test.ts.
import { ed25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { describe, expect, it } from 'vitest';
import { concat } from '../../protocol/crypto/enc.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { bytes, hex, range, testRng } from '../crypto/implementations.js';

const { Point } = ed25519;
const ORDER = Point.Fn.ORDER;
const MESSAGE = bytes('736f74746f20766f6365');

const littleEndian = (value: bigint): Uint8Array =>
  Uint8Array.from({ length: 32 }, (_, i) => Number((value >> BigInt(8 * i)) & 0xffn));
const toInteger = (value: Uint8Array): bigint => value.reduceRight((sum, byte) => (sum << 8n) | BigInt(byte), 0n);
const challenge = (...parts: Uint8Array[]): bigint => toInteger(sha512(concat(...parts))) % ORDER;

/** Every encoding of a point whose order divides 8: the eight points, and their non-canonical forms. */
const LOW_ORDER_POINTS = [
  `01${'00'.repeat(31)}`,
  `ec${'ff'.repeat(30)}7f`,
  '00'.repeat(32),
  `${'00'.repeat(31)}80`,
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac037a',
  'c7176a703d4dd84fba3c0b760d10670f2a2053fa2c39ccc64ec7fd7792ac03fa',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc05',
  '26e8958fc2b227b045c3f489f2ef98f0d5dfac05d3c63339b13802886d53fc85',
  `01${'00'.repeat(30)}80`, // x = 0 with the sign bit
  `ec${'ff'.repeat(31)}`,
  `ed${'ff'.repeat(30)}7f`, // y = p, p + 1: zero and one again
  `ed${'ff'.repeat(31)}`,
  `ee${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(31)}`,
].map(bytes);

/** u-coordinates of the low-order points of Curve25519 and its twist, and their forms above p. */
const LOW_ORDER_U = [
  '00'.repeat(32),
  `01${'00'.repeat(31)}`,
  'e0eb7a7c3b41b8ae1656e3faf19fc46ada098deb9c32b1fd866205165f49b800',
  '5f9c95bca3508c24b1d0b1559c83ef5b04445cc4581c8e86d8224eddd09f1157',
  `ec${'ff'.repeat(30)}7f`,
  `ed${'ff'.repeat(30)}7f`,
  `ee${'ff'.repeat(30)}7f`,
].map(bytes);

export function primitivesContract(name: string, crypto: Primitives): void {
  describe(`${name}: signatures`, () => {
    const secret = range(1, 32);
    const publicKey = crypto.signingPublic(secret);
    const signature = crypto.sign(secret, MESSAGE);

    it('a changed bit anywhere in key, message or signature is refused', () => {
      expect(crypto.verify(publicKey, MESSAGE, signature)).toBe(true);
      for (let bit = 0; bit < 512; bit += 7) {
        const wrong = signature.slice();
        wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(crypto.verify(publicKey, MESSAGE, wrong), `signature bit ${bit}`).toBe(false);
      }
      for (let bit = 0; bit < 256; bit += 5) {
        const wrong = publicKey.slice();
        wrong[bit >> 3] = (wrong[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        expect(crypto.verify(wrong, MESSAGE, signature), `key bit ${bit}`).toBe(false);
      }
      expect(crypto.verify(publicKey, concat(MESSAGE, bytes('00')), signature)).toBe(false);
      expect(crypto.verify(publicKey, MESSAGE.subarray(1), signature)).toBe(false);
    });

    it('lengths other than 32 and 64 are refused without an exception', () => {
      for (const length of [0, 1, 31, 33, 64]) {
        expect(crypto.verify(new Uint8Array(length), MESSAGE, signature)).toBe(false);
      }
      for (const length of [0, 32, 63, 65]) {
        expect(crypto.verify(publicKey, MESSAGE, new Uint8Array(length))).toBe(false);
      }
    });

    it('I add the group order to S and the second signature for the same message is refused', () => {
      const s = toInteger(signature.subarray(32));
      for (let forged = s + ORDER; forged < 2n ** 256n; forged += ORDER) {
        const second = concat(signature.subarray(0, 32), littleEndian(forged));
        expect(crypto.verify(publicKey, MESSAGE, second)).toBe(false);
      }
    });

    it('I enrol a key of low order, which would sign anything, and no signature of it counts', () => {
      // For A of order dividing 8 and k ≡ 0 mod 8, R = [S]B satisfies the equation; try until k is such.
      for (const key of LOW_ORDER_POINTS) {
        let accepted = 0;
        for (let s = 1n; s <= 40n; s++) {
          const r = Point.BASE.multiply(s).toBytes();
          if (crypto.verify(key, MESSAGE, concat(r, littleEndian(s)))) accepted++;
        }
        expect(accepted, hex(key)).toBe(0);
      }
    });

    it('I sign with the nonce zero, so R is the neutral point, and am refused', () => {
      // R = 0 and S = k·a satisfy the equation.
      const a = 123456789n;
      const key = Point.BASE.multiply(a).toBytes();
      const r = Point.ZERO.toBytes();
      const s = (challenge(r, key, MESSAGE) * a) % ORDER;
      expect(crypto.verify(key, MESSAGE, concat(r, littleEndian(s)))).toBe(false);
    });

    it('I hide a torsion component that only the cofactor would forgive, and am refused', () => {
      // A = aB + T with T of order 8, R = rB, S = r + k·a: [8]([S]B − R − [k]A) = 0 always, without the 8 only if 8 | k.
      const torsion = Point.fromBytes(LOW_ORDER_POINTS[4] ?? new Uint8Array(), false);
      const a = 987654321n;
      const key = Point.BASE.multiply(a).add(torsion).toBytes();
      let differing = 0;
      for (let nonce = 1n; nonce <= 24n; nonce++) {
        const r = Point.BASE.multiply(nonce).toBytes();
        const k = challenge(r, key, MESSAGE);
        const forged = concat(r, littleEndian((nonce + k * a) % ORDER));
        expect(ed25519.verify(forged, MESSAGE, key, { zip215: false })).toBe(true);
        expect(crypto.verify(key, MESSAGE, forged)).toBe(k % 8n === 0n);
        if (k % 8n !== 0n) differing++;
      }
      expect(differing).toBeGreaterThan(0);
    });

    it('a key that is no point of the curve is refused', () => {
      for (let y = 2; y < 20; y++) {
        const key = bytes(`${y.toString(16).padStart(2, '0')}${'00'.repeat(31)}`);
        expect(crypto.verify(key, MESSAGE, signature)).toBe(false);
      }
    });

    it('a secret array that is filled anew signs with its new content', () => {
      const array = range(1, 32);
      crypto.sign(array, MESSAGE);
      array.set(range(101, 132));
      const other = portablePrimitives.signingPublic(range(101, 132));
      expect(hex(crypto.signingPublic(array))).toBe(hex(other));
      expect(portablePrimitives.verify(other, MESSAGE, crypto.sign(array, MESSAGE))).toBe(true);
    });

    it('a secret of a wrong length throws: that is our own bug, not a peer', () => {
      expect(() => crypto.sign(new Uint8Array(31), MESSAGE)).toThrow();
      expect(() => crypto.signingPublic(new Uint8Array(33))).toThrow();
    });
  });

  describe(`${name}: key agreement`, () => {
    const secret = range(1, 32);

    it('I send a public key of low order and no agreement comes of it', () => {
      for (const u of LOW_ORDER_U) {
        const high = u.slice();
        high[31] = (high[31] ?? 0) | 0x80;
        expect(crypto.agree(secret, u), hex(u)).toBeUndefined();
        expect(crypto.agree(secret, high), hex(high)).toBeUndefined();
      }
    });

    it('the top bit of a peer key is ignored (RFC 7748 §5)', () => {
      const peer = crypto.agreementPublic(range(33, 64));
      const high = peer.slice();
      high[31] = (high[31] ?? 0) | 0x80;
      expect(hex(crypto.agree(secret, high))).toBe(hex(crypto.agree(secret, peer)));
    });

    it('a peer key of a wrong length gives undefined, a secret of a wrong length throws', () => {
      for (const length of [0, 31, 33]) expect(crypto.agree(secret, new Uint8Array(length))).toBeUndefined();
      expect(() => crypto.agree(new Uint8Array(31), crypto.agreementPublic(secret))).toThrow();
      expect(() => crypto.agreementPublic(new Uint8Array(31))).toThrow();
    });

    it('a secret array that is wiped or filled anew agrees with its new content', () => {
      const array = range(1, 32);
      const peer = crypto.agreementPublic(range(33, 64));
      const before = hex(crypto.agree(array, peer));
      array.set(range(101, 132));
      expect(hex(crypto.agree(array, peer))).toBe(hex(portablePrimitives.agree(range(101, 132), peer)));
      expect(hex(crypto.agree(array, peer))).not.toBe(before);
      array.fill(0);
      expect(hex(crypto.agreementPublic(array))).toBe(hex(portablePrimitives.agreementPublic(new Uint8Array(32))));
    });
  });

  describe(`${name}: boxes`, () => {
    const rng = testRng(7);
    const [key, nonce, aad] = [rng(32), rng(12), rng(20)];
    const plaintext = rng(100);

    it('a changed byte anywhere in box, nonce, key or associated data does not open', () => {
      const box = crypto.seal(key, nonce, aad, plaintext);
      expect(box).toHaveLength(116);
      expect(hex(crypto.open(key, nonce, aad, box))).toBe(hex(plaintext));
      const flip = (array: Uint8Array, i: number): Uint8Array => array.map((byte, j) => (i === j ? byte ^ 1 : byte));
      for (let i = 0; i < box.length; i++) expect(crypto.open(key, nonce, aad, flip(box, i))).toBeUndefined();
      for (let i = 0; i < 12; i++) expect(crypto.open(key, flip(nonce, i), aad, box)).toBeUndefined();
      for (let i = 0; i < 32; i++) expect(crypto.open(flip(key, i), nonce, aad, box)).toBeUndefined();
      for (let i = 0; i < 20; i++) expect(crypto.open(key, nonce, flip(aad, i), box)).toBeUndefined();
    });

    it('a truncated or extended box does not open, down to nothing at all', () => {
      const box = crypto.seal(key, nonce, aad, plaintext);
      for (let length = 0; length < box.length; length++) {
        expect(crypto.open(key, nonce, aad, box.subarray(0, length))).toBeUndefined();
      }
      expect(crypto.open(key, nonce, aad, concat(box, bytes('00')))).toBeUndefined();
    });

    it('empty plaintext and empty associated data are sealed and opened', () => {
      const none = new Uint8Array(0);
      expect(crypto.open(key, nonce, none, crypto.seal(key, nonce, none, none))).toHaveLength(0);
      expect(hex(crypto.open(key, nonce, none, crypto.seal(key, nonce, none, plaintext)))).toBe(hex(plaintext));
    });

    it('a key or nonce of a wrong length throws when sealing', () => {
      expect(() => crypto.seal(key.subarray(1), nonce, aad, plaintext)).toThrow();
      expect(() => crypto.seal(key, nonce.subarray(1), aad, plaintext)).toThrow();
    });
  });

  describe(`${name}: agrees with the portable one on random input`, () => {
    it('hashes, derived keys, signatures, agreements and boxes', () => {
      const rng = testRng(11);
      for (const length of [0, 1, 63, 64, 65, 300]) {
        const [a, b, message] = [rng(32), rng(32), rng(length)];
        const nonce = rng(12);
        const both = (use: (one: Primitives) => Uint8Array | undefined): void =>
          expect(hex(use(crypto))).toBe(hex(use(portablePrimitives)));
        both((one) => one.sha256(a, message, b));
        both((one) => one.hkdf(a, b, message, 32 + length));
        both((one) => one.hkdf(message, b, a, 33));
        both((one) => one.sign(a, message));
        both((one) => one.agree(a, one.agreementPublic(b)));
        both((one) => one.seal(a, nonce, b, message));
      }
    });

    it('results are plain arrays that own their buffer, so that none shares memory with another', () => {
      const [a, b] = [range(1, 32), range(33, 64)];
      const opened = crypto.open(a, b.subarray(0, 12), a, crypto.seal(a, b.subarray(0, 12), a, b));
      const results = [
        crypto.sha256(a),
        crypto.hkdf(a, b, b, 32),
        crypto.signingPublic(a),
        crypto.sign(a, b),
        crypto.agreementPublic(a),
        crypto.agree(a, crypto.agreementPublic(b)),
        crypto.seal(a, b.subarray(0, 12), a, b),
        opened,
      ];
      for (const result of results) {
        expect(Object.getPrototypeOf(result)).toBe(Uint8Array.prototype);
        expect(result?.byteLength).toBe(result?.buffer.byteLength);
      }
    });
  });
}
