// The first test of the protocol (protocol.md §9.1): whoever is lost, whenever, a round ends as the exact sum over the survivors or
// as an abort that says in which phase the quorum was missed. Everyday part; all of N = 4 and 5 is test/slow/dropout-matrix.test.ts.

import { describe, expect, it } from 'vitest';
import { atRandom, everyAssignment, everySubset } from './dropouts.js';

describe('dropout matrix', () => {
  for (const n of [2, 3, 4])
    it(`N = ${n}: every subset lost at every single phase gives the exact sum of the survivors or a named quorum`, () => {
      everySubset(n);
    });

  it.each([
    [2, 16],
    [3, 36],
  ])('N = %i: every assignment of clients to phases, each lost at its own: %i different runs', (n, distinct) => {
    expect(everyAssignment(n)).toBe(distinct);
  });

  it('N = 4: one in nine of these assignments: 40 different runs', () => {
    expect(everyAssignment(4, 9)).toBe(40);
  });

  it('N = 8 … 40 at random: rings 16, 24 and 32, several chunks, any message order', { timeout: 120_000 }, () => {
    atRandom(5);
  });
});
