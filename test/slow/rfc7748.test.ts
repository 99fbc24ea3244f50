// RFC 7748 §5.2 after 1,000 iterations, by every implementation. Everyday part: test/crypto/rfc7748.test.ts.

import { expect, it } from 'vitest';
import { AFTER_1000, iterated, PRIMITIVES } from '../crypto/implementations.js';

it.each(PRIMITIVES)('X25519 after 1,000 iterations, %s', { timeout: 120_000 }, (_, crypto) => {
  expect(iterated(crypto, 1_000)).toBe(AFTER_1000);
});
