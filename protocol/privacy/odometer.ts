// What a ledger says after each round: spent, left, and how many more rounds like the next one fit. Not here: the refusal (ledger.ts).

import { epsilonOf } from './convert.js';
import type { PrivacyBudget, PrivacyEvent } from './events.js';
import { type Curves, eventsInForce, type Ledger } from './ledger.js';
import { ORDERS } from './orders.js';
import { curveOf, type Price, price, type Statement, sameStatement, statementsOf, tightPrice } from './price.js';
import { SKETCH_DELTA } from './sketch-noise.js';

export interface Odometer {
  readonly statement: Statement;
  /** The bound that stops the run. It also holds as a filter over rounds chosen adaptively. */
  readonly spent: Price;
  /** Tight, for a schedule that was fixed in advance; absent where δ is too small for it. */
  readonly tight?: Price;
  readonly budget: PrivacyBudget;
  /** ε left by the bound, never below 0. */
  readonly left: number;
  /** Further rounds like `next` that would still be let in; absent where no next round was given. */
  readonly roundsLeft?: number;
}

/**
 * One reading for each statement that the ledger or the next round makes.
 * @param next the reservation that the next round would make; empty where there is none
 * @param options.tight PLD takes up to a second for sampled events
 * @throws as `price`
 */
export function readOdometer(
  ledger: Ledger,
  budgets: Readonly<Partial<Record<Statement['unit'], PrivacyBudget>>>,
  next: readonly PrivacyEvent[],
  options: { readonly tight: boolean; readonly curves: Curves },
): readonly Odometer[] {
  const spentBefore = eventsInForce(ledger);
  return statementsOf([...spentBefore, ...next]).flatMap(({ statement }) => {
    const budget = budgets[statement.unit];
    if (budget === undefined) return [];
    const mine = (events: readonly PrivacyEvent[]) => events.filter((event) => sameStatement(event, statement));
    const [events, further] = [mine(spentBefore), mine(next)];
    const spent = price(events, budget.delta, { accountant: 'rdp', curves: options.curves });
    return [
      {
        statement,
        spent,
        ...(options.tight ? { tight: tightPrice(events, budget.delta) } : {}),
        budget,
        left: Math.max(0, budget.epsilon - spent.epsilon),
        ...(further.length === 0 ? {} : { roundsLeft: roundsWithin(events, further, budget, options.curves) }),
      },
    ];
  });
}

/** Largest number of repetitions of `round` after `before` that the bound lets in; stops looking at a million. */
export function roundsWithin(
  before: readonly PrivacyEvent[],
  round: readonly PrivacyEvent[],
  budget: PrivacyBudget,
  curves: Curves,
): number {
  const [start, step] = [curveOf(before, curves), curveOf(round, curves)];
  const sketches = (events: readonly PrivacyEvent[]) => events.filter(({ type }) => type === 'sketch').length;
  const [used, each] = [sketches(before) * SKETCH_DELTA, sketches(round) * SKETCH_DELTA];
  const fits = (count: number): boolean => {
    const sum = start.map((value, i) => value + count * (step[i] as number));
    const delta = budget.delta - used - count * each;
    return delta > 0 && epsilonOf(sum, ORDERS, delta).epsilon <= budget.epsilon;
  };
  return largest(fits, 1_000_000);
}

/** Largest n ≤ most that fits, where fitting ends once and for all; 0 where not even 1 does. */
export function largest(fits: (n: number) => boolean, most: number): number {
  let high = 1;
  while (high < most && fits(high)) high = Math.min(most, high * 2);
  if (fits(high)) return high;
  let low = Math.floor(high / 2);
  while (high - low > 1) {
    const middle = Math.floor((low + high) / 2);
    if (fits(middle)) low = middle;
    else high = middle;
  }
  return low;
}
