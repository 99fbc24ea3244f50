// Completeness of verified sketches by brute force; minutes, so in the slow suite. A few draws in test/sketch/matrix.test.ts.

import { expect, test } from 'vitest';
import { worstHonest } from '../sketch/honest.js';

test('an honest client passes the norm check in each of 10^6 draws at δ = 2^-20', () => {
  expect(worstHonest(1_000_000)).toBeLessThan(1);
}, 3_600_000);
