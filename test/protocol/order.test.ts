// Order is data (protocol.md §9.6): whatever a network does to the messages, a round ends; done means the exact sum of exactly the
// survivors; nothing throws; the same events give the same effects. The promises are written down in ops.ts.

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { type Op, type Play, type Played, play } from './ops.js';
import { REPRODUCTIONS } from './reproductions.js';

const small = fc.nat({ max: 31 });
const op: fc.Arbitrary<Op> = fc.oneof(
  {
    weight: 12,
    arbitrary: fc.record({
      op: fc.constant('deliver' as const),
      count: fc.nat({ max: 60 }),
      seed: fc.nat({ max: 999 }),
    }),
  },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('duplicate' as const), pair: small }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('drop' as const), pair: small }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('lose' as const), client: small }) },
  { weight: 2, arbitrary: fc.record({ op: fc.constant('reconnect' as const), client: small }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('deadline' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('early tick' as const) }) },
  { weight: 1, arbitrary: fc.record({ op: fc.constant('garble' as const), pair: small, at: fc.nat({ max: 4_000 }) }) },
);
const plays: fc.Arbitrary<Play> = fc.record({
  clients: fc.integer({ min: 8, max: 12 }).map((n) => n - (n % 2)),
  groups: fc.constantFrom(1 as const, 2 as const),
  hold: fc.boolean(),
  ops: fc.array(op, { maxLength: 20 }),
});

describe('any order, loss, repetition or damage of messages', () => {
  it('ends in done with the exact sum, or in a failure that keeps nothing', () => {
    const seen: Played[] = [];
    const result = fc.check(
      fc.property(plays, (p) => {
        seen.push(play(p));
      }),
      { seed: 20_261, numRuns: 80, endOnFailure: false },
    );
    if (result.failed) {
      const entry = { found: String(result.errorInstance), play: result.counterexample?.[0] };
      throw new Error(`paste into reproductions.ts:\n${JSON.stringify(entry)}`, { cause: result.errorInstance });
    }
    // The lists are neither all harmless nor all fatal: both endings are seen, and refusals and losses in both.
    expect(seen.filter(({ outcome }) => outcome === 'done').length).toBeGreaterThan(50);
    expect(seen.filter(({ outcome }) => outcome === 'failed').length).toBeGreaterThan(3);
    expect(seen.some(({ outcome, refused }) => outcome === 'done' && refused > 0)).toBe(true);
  }, 120_000);

  for (const { found, play: list } of REPRODUCTIONS)
    it(`never again: ${found}`, () => {
      play(list);
    });

  it('nobody touched anything: everybody is in the sum', () => {
    for (const groups of [1, 2] as const)
      expect(play({ clients: 12, groups, hold: false, ops: [] })).toEqual({
        outcome: 'done',
        survivors: 12,
        refused: 0,
      });
  });
});
