// RFC 7748, "Elliptic Curves for Security": X25519 of §5.2 (with its 1,000 iterations) and §6.1.
import { describe, expect, it } from 'vitest';
import { AFTER_1000, bytes, hex, iterated, PRIMITIVES } from './implementations.js';

describe.each(PRIMITIVES)('RFC 7748, %s', (name, crypto) => {
  it.each([
    [
      'a546e36bf0527c9d3b16154b82465edd62144c0ac1fc5a18506a2244ba449ac4',
      'e6db6867583030db3594c1a424b15f7c726624ec26b3353b10a903a6d0ab1c4c',
      'c3da55379de9c6908e94ea4df28d084f32eccf03491c71f754b4075577a28552',
    ],
    [
      '4b66e9d4d1b4673c5ad22691957d6af5c11b6421e0ea01d42ca4169e7918ba0d',
      'e5210f12786811d3f4b7959d0538ae2c31dbe7106fc03c3efc4cd549c715a493',
      '95cbde9476e8907d7aade45cb4b873f88b595a68799fa152e6f8f7647aac7957',
    ],
  ])('§5.2 scalar %s', (scalar, u, expected) => {
    expect(hex(crypto.agree(bytes(scalar), bytes(u)))).toBe(expected);
  });

  it('§5.2 after 1 iteration, and natively after 1,000 (the others: test/slow)', () => {
    expect(iterated(crypto, 1)).toBe('422c8e7a6227d7bca1350b3e2bb7279f7897b87bb6854b783c60e80311ae3079');
    if (name === 'native') expect(iterated(crypto, 1_000)).toBe(AFTER_1000);
  });

  it('§6.1 Alice and Bob agree', () => {
    const a = bytes('77076d0a7318a57d3c16c17251b26645df4c2f87ebc0992ab177fba51db92c2a');
    const b = bytes('5dab087e624a8a4b79e17f8b83800ee66f3bb1292618b6fd1c2f8b27ff88e0eb');
    const publicA = crypto.agreementPublic(a);
    const publicB = crypto.agreementPublic(b);
    expect(hex(publicA)).toBe('8520f0098930a754748b7ddcb43ef75a0dbf3a0d26381af4eba4a98eaa9b4e6a');
    expect(hex(publicB)).toBe('de9edb7d7b7dc1b4d35b61c2ece435373f8343c85b78674dadfc7e146f882b4f');
    const shared = '4a5d9d5ba4ce2de1728e3bf480350f25e07e21c947d19e3376f09b3c1e161742';
    expect(hex(crypto.agree(a, publicB))).toBe(shared);
    expect(hex(crypto.agree(b, publicA))).toBe(shared);
  });
});
