// RFC 5869, "HKDF": test cases A.1, A.2 and A.3 (SHA-256).
import { describe, expect, it } from 'vitest';
import { bytes, hex, PRIMITIVES, range } from './implementations.js';

describe.each(PRIMITIVES)('RFC 5869, %s', (_, { hkdf }) => {
  it('A.1 basic', () => {
    const okm = hkdf(bytes('0b'.repeat(22)), range(0x00, 0x0c), range(0xf0, 0xf9), 42);
    expect(hex(okm)).toBe('3cb25f25faacd57a90434f64d0362f2a2d2d0a90cf1a5a4c5db02d56ecc4c5bf34007208d5b887185865');
  });
  it('A.2 longer inputs and outputs', () => {
    const okm = hkdf(range(0x00, 0x4f), range(0x60, 0xaf), range(0xb0, 0xff), 82);
    expect(hex(okm)).toBe(
      'b11e398dc80327a1c8e7f78c596a49344f012eda2d4efad8a050cc4c19afa97c59045a99cac7827271cb41c65e590e09' +
        'da3275600c2f09b8367793a9aca3db71cc30c58179ec3e87c14c01d5c1f3434f1d87',
    );
  });
  it('A.3 empty salt and info', () => {
    const okm = hkdf(bytes('0b'.repeat(22)), new Uint8Array(0), new Uint8Array(0), 42);
    expect(hex(okm)).toBe('8da4e775a563c18f715f802a063c5a31b8a11f5c5ee1879ec3454e5f3c738d2d9d201395faa4b61a96c8');
  });
  it('§2.3 the longest output is 255 blocks, one byte more is refused', () => {
    const key = bytes('0b'.repeat(22));
    expect(hkdf(key, key, key, 255 * 32)).toHaveLength(255 * 32);
    expect(() => hkdf(key, key, key, 255 * 32 + 1)).toThrow();
  });
});
