// The rules that the order of events has to keep, each broken by a coordinator that signs whatever it likes: `sotto verify` names it.
// Not here: models (model-links.test.ts), transcripts (transcripts.test.ts), hashes and signatures of events (data.test.ts).

import { describe, expect, it } from 'vitest';
import type { Fact } from '../../server/audit/events.js';
import { RoundRules } from '../../server/audit/round-rules.js';

const [anna, bert, carl, dora] = ['a', 'b', 'c', 'd'].map((letter) => letter.repeat(64)) as [
  string,
  string,
  string,
  string,
];
const MEMBERS = [anna, bert, carl];

const announced = (round: number, attempt = 1): Fact => ({
  type: 'attempt-started',
  body: { round, attempt, model: '', head: '', groups: [{ id: 0, members: MEMBERS }] },
});
const fixed = (round: number, u3: readonly number[], u4: readonly number[], attempt = 1): Fact => ({
  type: 'survivors-fixed',
  body: { round, attempt, group: 0, u3, u4, excluded: [] },
});
const asked = (round: number, attempt = 1): Fact => ({ type: 'unmasking-asked', body: { round, attempt, group: 0 } });
const committed = (round: number, survivors: readonly string[], attempt = 1): Fact => ({
  type: 'round-committed',
  body: { round, attempt, groups: [{ group: 0, survivors }], voided: [] },
});
const lost = (round: number): Fact => ({ type: 'round-void', body: { round, attempts: 1, code: '', text: '' } });
const back = (round: number): Fact => ({
  type: 'model-recorded',
  body: { hash: '', record: { type: 'rollback', round } },
});
const restored = (lastRound: number): Fact => ({ type: 'restored', body: { seq: 1, hash: '', lastRound } });
/** A round as it should be: Carl has dropped out. */
const whole = (round: number): Fact[] => [
  announced(round),
  fixed(round, [0, 1], [0, 1]),
  asked(round),
  committed(round, [anna, bert]),
];

function problems(...facts: readonly Fact[]): string[] {
  const found: string[] = [];
  const rules = new RoundRules((text) => found.push(text));
  for (const [at, fact] of facts.entries()) rules.take(fact, at + 1);
  return found;
}

describe('a log that keeps the rules', () => {
  it.each<[string, readonly Fact[]]>([
    ['rounds one after the other', [...whole(1), ...whole(2)]],
    ['another attempt of a round of which nothing was opened', [announced(1), announced(1, 2), lost(1), ...whole(2)]],
    ['a roll-back with a number of its own', [...whole(1), ...whole(2), back(3), ...whole(4)]],
    [
      'a roll-back that takes the number behind a round that was given up',
      [...whole(1), announced(2), lost(2), back(3)],
    ],
    ['rounds behind those that a restored log may have had', [...whole(1), restored(7), ...whole(8)]],
    ['a sum of everybody without masks', [announced(1), committed(1, MEMBERS)]],
  ])('%s: nothing is said', (_, facts) => expect(problems(...facts)).toEqual([]));
});

describe('I sign a log in which', () => {
  it.each<[string, readonly Fact[], RegExp]>([
    [
      'a round is announced a second time when it is over',
      [...whole(1), announced(1, 2)],
      /round 1 is announced though/,
    ],
    ['rounds go backwards', [...whole(2), announced(1)], /round 1 is announced though round 2 was over/],
    ['attempts go backwards', [announced(1, 2), announced(1, 1)], /attempt 1\.1 comes after 1\.2/],
    [
      'a round is tried again when its sum may be open: two sums that differ by one client',
      [announced(1), fixed(1, [0, 1], [0, 1]), asked(1), announced(1, 2)],
      /round 1 was asked to be opened/,
    ],
    [
      'the survivors are fixed twice, and the second set is the one that is opened',
      [announced(1), fixed(1, [0, 1, 2], [0, 1, 2]), fixed(1, [0, 1], [0, 1]), asked(1), committed(1, [anna, bert])],
      /fixed a second time/,
    ],
    ['somebody survives whose input was not there', [announced(1), fixed(1, [0, 1], [0, 1, 2])], /whose input was not/],
    ['somebody is in who was not announced', [announced(1), fixed(1, [0, 1, 3], [0, 1])], /who were not announced/],
    [
      'a sum is opened before its survivors are fixed',
      [announced(1), asked(1)],
      /opened before its survivors are fixed/,
    ],
    [
      'the sum is of others than the survivors',
      [announced(1), fixed(1, [0, 1], [0, 1]), asked(1), committed(1, [anna, carl])],
      /of others than the survivors/,
    ],
    [
      'the sum is of fewer than the survivors',
      [...whole(1).slice(0, 3), committed(1, [anna])],
      /of others than the surv/,
    ],
    [
      'a stranger is in a sum without masks',
      [announced(1), committed(1, [anna, dora])],
      /of others than the survivors/,
    ],
    ['somebody is in a sum twice', [announced(1), committed(1, [anna, bert, anna])], /somebody is in the sum .* twice/],
    [
      'a sum is there that nobody was asked to open: what else was opened in secret?',
      [announced(1), fixed(1, [0, 1], [0, 1]), committed(1, [anna, bert])],
      /nobody was asked to open it/,
    ],
    ['an attempt is opened that nobody announced', [announced(1), fixed(1, [0, 1], [0, 1], 2)], /attempt 1\.2 is not/],
    ['a round is committed that nobody announced', [...whole(1), committed(2, [anna])], /attempt 2\.1 is not/],
    ['a round ends twice', [...whole(1), lost(1)], /round 1 ends a second time/],
    [
      'a roll-back takes the number of the round before it',
      [...whole(1), back(1)],
      /has the number 1, and round 1 was/,
    ],
    [
      'a roll-back takes a number from long ago',
      [...whole(1), ...whole(2), back(1)],
      /has the number 1, and round 2 was/,
    ],
    [
      'a round takes the number of a roll-back',
      [...whole(1), back(2), announced(2)],
      /round 2 is announced though round 2/,
    ],
    [
      'the model is rolled back while a sum of it is being opened',
      [announced(1), fixed(1, [0, 1], [0, 1]), asked(1), back(2)],
      /rolled back while round 1 is open/,
    ],
    [
      'a restored log gives out a number again that may be spent',
      [...whole(1), restored(7), announced(7)],
      /round 7 is ann/,
    ],
  ])('%s: it is named', (_, facts, says) => {
    const found = problems(...facts);
    expect(found).toContainEqual(expect.stringMatching(says));
    // At the event that breaks the rule, and nowhere before.
    expect(found.every((text) => /^event \d+: /.test(text))).toBe(true);
  });
});
