// The contract of Primitives, run by each implementation, and the common checks before a signature is verified.
import { describe, expect, it } from 'vitest';
import { concat } from '../../protocol/crypto/enc.js';
import { isAcceptablePoint, isAcceptableSignature } from '../../protocol/crypto/strict25519.js';
import { primitivesContract } from '../contracts/primitives.js';
import { bytes, PRIMITIVES, range } from './implementations.js';

for (const [name, crypto] of PRIMITIVES) primitivesContract(name, crypto);

// noble and OpenSSL refuse S ≥ L themselves; ours must not depend on it.
describe('before a signature is verified', () => {
  const point = bytes('d75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a');

  it('S may be L − 1 and not L', () => {
    const last = bytes('ecd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
    const order = bytes('edd3f55c1a631258d69cf7a2def9de1400000000000000000000000000000010');
    expect(isAcceptableSignature(point, concat(point, last))).toBe(true);
    expect(isAcceptableSignature(point, concat(point, order))).toBe(false);
    expect(isAcceptableSignature(point, concat(point, range(0xe0, 0xff)))).toBe(false);
  });

  it('y may be p − 2 and none of p … 2^255 − 1, with either sign', () => {
    const withLow = (low: number, top: string): Uint8Array => bytes(`${low.toString(16)}${'ff'.repeat(30)}${top}`);
    for (const top of ['7f', 'ff']) {
      expect(isAcceptablePoint(withLow(0xeb, top))).toBe(true);
      for (let low = 0xec; low <= 0xff; low++) expect(isAcceptablePoint(withLow(low, top))).toBe(false); // ec: order 2
    }
  });
});
