// The ledger: what is reserved counts until it is settled, what does not fit is refused before it starts, facts are never lost.
// Not here: stores (ledger-stores.test.ts), prices against vectors (accountant-vectors.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { noiseMultiplierFor, roundsWithinBudget } from '../../protocol/privacy/calibrate.js';
import {
  type CohortLedger,
  EMPTY_COHORT,
  replay,
  reserveRound,
  settleRound,
} from '../../protocol/privacy/cohort-ledger.js';
import type { PrivacyEvent } from '../../protocol/privacy/events.js';
import {
  append,
  createCurves,
  EMPTY_LEDGER,
  epsilonOfSum,
  eventsInForce,
  type Ledger,
  ledgerOf,
  openReservations,
  reserve,
  settle,
  sumsInForce,
} from '../../protocol/privacy/ledger.js';
import { readOdometer, roundsWithin } from '../../protocol/privacy/odometer.js';
import { price } from '../../protocol/privacy/price.js';
import { headlinesOf, type PrivacyRecord, readingsOf, renamed } from '../../protocol/privacy/record.js';
import { eachCase, num } from './cases.js';
import { event, groupSum, sampled } from './events.js';

const curves = createCurves();
const BUDGETS = { client: { epsilon: 3, delta: 1e-5 }, record: { epsilon: 3, delta: 1e-5 } };
const refused = (code: string) => expect.objectContaining({ code });
const spent = (ledger: Ledger): number => price(eventsInForce(ledger), 1e-5, { accountant: 'rdp', curves }).epsilon;

/** No budget of these tests lasts so long; a ledger that never refuses must fail and not run for ever. */
const MOST_ROUNDS = 10_000;

/** Reserves and settles one round after the other until one is refused. */
function runOut(one: PrivacyEvent, budgets = BUDGETS): { rounds: number; ledger: Ledger; refusal: unknown } {
  let ledger = EMPTY_LEDGER;
  for (let rounds = 0; rounds < MOST_ROUNDS; rounds++) {
    try {
      ledger = reserve(ledger, `round ${rounds + 1}`, [one], budgets, curves).ledger;
      ledger = settle(ledger, `round ${rounds + 1}`, [one], curves).ledger;
    } catch (refusal) {
      return { rounds, ledger, refusal };
    }
  }
  throw new Error(`nothing was refused in ${MOST_ROUNDS} rounds`);
}

describe('calibration', () => {
  eachCase('calibration/noiseMultiplierForEpsilon', undefined, ({ params }) => {
    const budget = { epsilon: num(params.epsilon), delta: num(params.delta) };
    const z = noiseMultiplierFor((z) => [sampled(num(params.samplingRate), z, num(params.steps))], budget, 'rdp');
    // Rounded up: what comes out is inside the budget, and a step less is not.
    const cost = (z: number) =>
      price([sampled(num(params.samplingRate), z, num(params.steps))], budget.delta, { accountant: 'rdp' }).epsilon;
    expect(cost(z)).toBeLessThanOrEqual(budget.epsilon);
    expect(cost(z - 2e-5)).toBeGreaterThan(budget.epsilon);
    return z;
  });
  eachCase('calibration/roundsWithinBudget', undefined, ({ params }) => {
    const budget = { epsilon: num(params.epsilon), delta: num(params.delta) };
    const events = (count: number) => [sampled(num(params.samplingRate), num(params.noiseMultiplier), count)];
    const rdp = roundsWithinBudget(events, budget, 'rdp');
    // The ledger stops at the same round, and names the one that it refused.
    const run = runOut(events(1)[0] as PrivacyEvent, { client: budget, record: budget });
    expect(run.rounds).toBe(rdp);
    expect(run.refusal).toEqual(refused('PRIVACY_BUDGET'));
    expect(roundsWithin([], events(1), budget, curves)).toBe(rdp);
    return { rdp, exact: roundsWithinBudget(events, budget, 'gaussian') };
  });
  it('refuses a budget that no noise can meet, and one that is none', () => {
    const events = () => [sampled(1, 1, 10)];
    expect(() => noiseMultiplierFor(events, { epsilon: 1, delta: 1e-5 }, 'rdp')).toThrowError(
      refused('PRIVACY_CALIBRATION'),
    );
    for (const epsilon of [0, -1, Infinity, Number.NaN])
      expect(() => noiseMultiplierFor(events, { epsilon, delta: 1e-5 }, 'rdp')).toThrowError(
        refused('PRIVACY_EPSILON'),
      );
    for (const delta of [0, 1, -1e-9, Number.NaN])
      expect(() => noiseMultiplierFor(events, { epsilon: 1, delta }, 'rdp')).toThrowError(refused('PRIVACY_DELTA'));
  });
});

describe('a ledger', () => {
  it('counts a reservation that a crash left open, at its worst', () => {
    const first = reserve(EMPTY_LEDGER, 'a', [groupSum(2)], BUDGETS, curves);
    expect(spent(first.ledger)).toBeCloseTo(price([groupSum(2)], 1e-5, { accountant: 'rdp' }).epsilon, 12);
    expect(openReservations(ledgerOf([first.entry]))).toEqual(['a']);
    expect(spent(ledgerOf([first.entry]))).toBe(spent(first.ledger));
  });

  it('costs what was released once the round is settled, and nothing where nothing was', () => {
    const { ledger } = reserve(EMPTY_LEDGER, 'a', [groupSum(2)], BUDGETS, curves);
    expect(spent(settle(ledger, 'a', [groupSum(4)], curves).ledger)).toBeLessThan(spent(ledger));
    expect(spent(settle(ledger, 'a', [], curves).ledger)).toBe(0);
  });

  it('takes a fact in that costs more than was reserved, and says so', () => {
    const { ledger } = reserve(EMPTY_LEDGER, 'a', [groupSum(4)], BUDGETS, curves);
    expect(settle(ledger, 'a', [groupSum(4)], curves).exceeds).toBe(false);
    const worse = settle(ledger, 'a', [groupSum(3.9)], curves);
    expect(worse.exceeds).toBe(true);
    expect(eventsInForce(worse.ledger)).toEqual([groupSum(3.9)]);
  });

  it('refuses to reserve twice, to settle twice, to settle what was never reserved, to reserve nothing', () => {
    const { ledger } = reserve(EMPTY_LEDGER, 'a', [groupSum(4)], BUDGETS, curves);
    expect(() => reserve(ledger, 'a', [groupSum(4)], BUDGETS, curves)).toThrowError(refused('PRIVACY_LEDGER'));
    expect(() => settle(ledger, 'b', [], curves)).toThrowError(refused('PRIVACY_LEDGER'));
    const settled = settle(ledger, 'a', [], curves).ledger;
    expect(() => settle(settled, 'a', [], curves)).toThrowError(refused('PRIVACY_LEDGER'));
    expect(() => reserve(settled, 'a', [groupSum(4)], BUDGETS, curves)).toThrowError(refused('PRIVACY_LEDGER'));
    expect(() => reserve(EMPTY_LEDGER, 'c', [], BUDGETS, curves)).toThrowError(refused('PRIVACY_LEDGER'));
  });

  it('refuses a unit without a budget, and an event that nobody can price', () => {
    expect(() => reserve(EMPTY_LEDGER, 'a', [sampled(0.1, 1, 1)], { client: BUDGETS.client }, curves)).toThrowError(
      refused('PRIVACY_BUDGET'),
    );
    const unknown = { ...groupSum(4), type: 'shuffledGaussian' } as unknown as PrivacyEvent;
    expect(() => append(EMPTY_LEDGER, { type: 'reserved', id: 'a', events: [unknown] }, curves)).toThrowError(
      refused('PRIVACY_EVENT'),
    );
  });

  it('keeps records and clients apart: what one spends, the other has left', () => {
    const records = runOut(sampled(0.01, 1, 100));
    const both = reserve(records.ledger, 'client', [groupSum(4)], BUDGETS, curves).ledger;
    const readings = readOdometer(both, BUDGETS, [], { tight: true, curves });
    expect(readings.map(({ statement }) => statement.unit)).toEqual(['record', 'client']);
    for (const { spent, tight, left } of readings) {
      expect(tight?.epsilon).toBeLessThan(spent.epsilon);
      expect(left).toBeCloseTo(3 - spent.epsilon, 12);
    }
    expect(() => price(eventsInForce(both), 1e-5, { accountant: 'rdp' })).toThrowError(refused('PRIVACY_MIXED'));
  });

  it('never lets a sequence of reservations and crashes spend more than its budget', () => {
    // However rounds end (settled at the worst, better, with nothing, or never), what is in force stays inside the budget.
    fc.assert(
      fc.property(
        fc.array(
          fc.record({
            z: fc.double({ min: 1.5, max: 30, noNaN: true }),
            end: fc.constantFrom('worst', 'better', 'nothing', 'crash'),
          }),
          { maxLength: 12 },
        ),
        (rounds) => {
          let ledger = EMPTY_LEDGER;
          rounds.forEach(({ z, end }, i) => {
            try {
              ledger = reserve(ledger, `${i}`, [groupSum(z)], BUDGETS, curves).ledger;
            } catch (error) {
              expect(error).toEqual(refused('PRIVACY_BUDGET'));
              return;
            }
            if (end === 'worst') ledger = settle(ledger, `${i}`, [groupSum(z)], curves).ledger;
            if (end === 'better') ledger = settle(ledger, `${i}`, [groupSum(2 * z)], curves).ledger;
            if (end === 'nothing') ledger = settle(ledger, `${i}`, [], curves).ledger;
            expect(spent(ledger)).toBeLessThanOrEqual(3);
            for (const sum of sumsInForce(ledger, curves))
              expect(epsilonOfSum(sum, BUDGETS.client)).toBeCloseTo(spent(ledger), 9);
            expect(eventsInForce(ledgerOf(ledger.entries))).toEqual(eventsInForce(ledger));
          });
        },
      ),
      { numRuns: 40, seed: 4 },
    );
  });
});

describe('the ledger of a cohort', () => {
  const id = (name: string): ClientId => name.repeat(32) as ClientId;
  const [a, b, c] = [id('aa'), id('bb'), id('cc')];
  const none: CohortLedger = new Map();
  const members = new Map([
    [0, [a, b]],
    [1, [c]],
  ]);
  const round = (z0: number, z1: number) => [groupSum(z0, { group: 0 }), groupSum(z1, { group: 1 })];

  it('lets a client pay for its own group only', () => {
    const { ledger } = reserveRound(none, 'r1', round(2, 8), members, BUDGETS, curves);
    const cost = (z: number) => price([groupSum(z)], 1e-5, { accountant: 'rdp' }).epsilon;
    expect(spent(ledger.get(a) ?? EMPTY_LEDGER)).toBeCloseTo(cost(2), 12);
    expect(spent(ledger.get(c) ?? EMPTY_LEDGER)).toBeCloseTo(cost(8), 12);
  });

  it('gives back what a client reserved that sent nothing, and lets one that was never reserved not pay silently', () => {
    const { ledger } = reserveRound(none, 'r1', round(2, 8), members, BUDGETS, curves);
    const settled = settleRound(
      ledger,
      'r1',
      round(2, 8),
      new Map([
        [0, [a]],
        [1, [c]],
      ]),
      curves,
    );
    expect(spent(settled.ledger.get(b) ?? EMPTY_LEDGER)).toBe(0);
    expect(spent(settled.ledger.get(a) ?? EMPTY_LEDGER)).toBeGreaterThan(0);
    expect(settled.exceeds).toEqual([]);
    const late = new Map([
      [0, [a, id('dd')]],
      [1, [c]],
    ]);
    expect(() => settleRound(ledger, 'r1', round(2, 8), late, curves)).toThrowError(refused('PRIVACY_LEDGER'));
  });

  it('refuses a round because of the one client that cannot afford it, and leaves all others as they were', () => {
    let { ledger } = reserveRound(none, 'r1', round(2, 2), members, BUDGETS, curves);
    ledger = settleRound(
      ledger,
      'r1',
      round(2, 2),
      new Map([
        [0, []],
        [1, [c]],
      ]),
      curves,
    ).ledger;
    expect(() => reserveRound(ledger, 'r2', round(2, 2), members, BUDGETS, curves)).toThrowError(
      expect.objectContaining({ code: 'PRIVACY_BUDGET', details: expect.objectContaining({ client: c }) }),
    );
    expect(spent(ledger.get(a) ?? EMPTY_LEDGER)).toBe(0);
  });

  it('refuses an event of a group of which nobody is a member', () => {
    expect(() => reserveRound(none, 'r1', [groupSum(4, { group: 7 })], members, BUDGETS, curves)).toThrowError(
      refused('PRIVACY_LEDGER'),
    );
  });
});

describe('the record of a run', () => {
  const id = (name: string): ClientId => name.repeat(32) as ClientId;
  const [a, b, c] = [id('aa'), id('bb'), id('cc')];
  const events = [groupSum(2, { group: 0 }), groupSum(4, { group: 1 })];
  const both = new Map([
    [0, [a, b]],
    [1, [c]],
  ]);
  const first = reserveRound(new Map(), 'r1', events, both, BUDGETS, curves);
  const second = settleRound(
    first.ledger,
    'r1',
    events,
    new Map([
      [0, [a]],
      [1, [c]],
    ]),
    curves,
  );
  const own = [reserve(EMPTY_LEDGER, 'own', [sampled(0.1, 2, 10)], BUDGETS, curves).entry];
  const record: PrivacyRecord = {
    budgets: BUDGETS,
    cohort: [first.entry, second.entry],
    clients: { 'client-07': own },
  };

  it('says the same of each client as the ledgers that were kept, after a round trip through JSON', () => {
    const again = JSON.parse(JSON.stringify(record)) as PrivacyRecord;
    const readings = readingsOf(again, 1e-6, true);
    expect(readings.map(({ client }) => client)).toEqual([a, c, 'client-07']);
    for (const {
      client,
      spent: { epsilon },
    } of readings.slice(0, 2))
      expect(epsilon).toBe(spent(second.ledger.get(client as ClientId) ?? EMPTY_LEDGER));
    expect(readings.at(-1)).toMatchObject({ statement: { unit: 'record' }, open: 1, rounds: 1 });
    expect(headlinesOf(readings).map(({ client }) => client)).toEqual([a, 'client-07']);
    expect(replay(EMPTY_COHORT, again.cohort, curves)).toEqual(second.ledger);
  });

  it('a coordinator that starts anew after a crash counts the round that it had reserved', () => {
    expect(
      readingsOf({ ...record, cohort: [first.entry] }, 1e-6, false).map(({ client, open }) => [client, open]),
    ).toEqual([
      [a, 1],
      [b, 1],
      [c, 1],
      ['client-07', 1],
    ]);
  });

  it('names clients where somebody knows their names, and keeps the keys of the others', () => {
    const named = renamed(record, new Map([[a, 'client-01']]));
    expect(readingsOf(named, 1e-6, false).map(({ client }) => client)).toEqual(['client-01', c, 'client-07']);
  });
});

describe('sketches in the ledger', () => {
  const sketch = event(
    { type: 'sketch', localVariance: 4000, l2: 100, k: 64, dimension: 100_000 },
    { unit: 'client', observer: 'coordinator' },
  );
  it('are priced strictly unless asked otherwise, take 2^-30 of delta each, and end a budget of delta by themselves', () => {
    const strict = price([sketch], 1e-5, { accountant: 'rdp' }).epsilon;
    expect(strict).toBeGreaterThan(price([sketch], 1e-5, { accountant: 'rdp', sketches: 'average' }).epsilon);
    expect(() => price([sketch, sketch], 2 ** -29, { accountant: 'rdp' })).toThrowError(refused('PRIVACY_DELTA'));
    expect(() =>
      reserve(EMPTY_LEDGER, 'a', [sketch, sketch], { client: { epsilon: 1e9, delta: 2 ** -29 } }, curves),
    ).toThrowError(refused('PRIVACY_BUDGET'));
    const little = { epsilon: 1e6, delta: 10.5 * 2 ** -30 };
    expect(roundsWithin([], [sketch], little, curves)).toBe(10);
  });
});
