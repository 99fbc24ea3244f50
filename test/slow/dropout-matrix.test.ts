// The dropout matrix whole (protocol.md §9.1); what npm test has of it every day is test/protocol/dropout-matrix.test.ts.

import { expect, it } from 'vitest';
import { atRandom, everyAssignment, everySubset } from '../protocol/dropouts.js';

it('N = 5: every subset lost at every single phase gives the exact sum of the survivors or a named quorum', {
  timeout: 300_000,
}, () => {
  everySubset(5);
});

it('N = 4: every assignment of clients to phases, each lost at its own: 356 different runs', {
  timeout: 300_000,
}, () => {
  expect(everyAssignment(4)).toBe(356);
});

it('N = 8 … 40 at random, 40 times: rings 16, 24 and 32, several chunks, any message order', {
  timeout: 600_000,
}, () => {
  atRandom(40);
});
