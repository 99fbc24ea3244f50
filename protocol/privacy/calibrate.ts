// The planner's questions: how much noise for a budget, how many rounds for a noise. Answers are rounded to the private side: the
// multiplier up, rounds down. Not here: what a plan looks like (server/cli/privacy).

import { SottoError } from '../errors.js';
import { checkBudget } from './domain.js';
import type { PrivacyBudget, PrivacyEvent } from './events.js';
import { largest } from './odometer.js';
import { type Accountant, price } from './price.js';

/** Multipliers are given to five decimals, upwards. */
const STEP = 1e-5;
const MOST = 1e6;

/**
 * The smallest noise multiplier whose events stay within the budget, rounded up, never to nearest.
 * @param eventsFor what would be released at multiplier z; dearer for smaller z
 * @throws PRIVACY_CALIBRATION where no multiplier up to 10^6 is enough; as `price`
 */
export function noiseMultiplierFor(
  eventsFor: (noiseMultiplier: number) => readonly PrivacyEvent[],
  budget: PrivacyBudget,
  accountant: Accountant,
): number {
  checkBudget(budget);
  const fits = (z: number): boolean => price(eventsFor(z), budget.delta, { accountant }).epsilon <= budget.epsilon;
  let high = 1;
  while (!fits(high)) {
    high *= 2;
    if (high > MOST)
      throw new SottoError(
        'PRIVACY_CALIBRATION',
        `no noise multiplier up to ${MOST} keeps these releases within ε = ${budget.epsilon} at δ = ${budget.delta}; allow more, or release less often`,
        { epsilon: budget.epsilon, delta: budget.delta },
      );
  }
  let low = high / 2;
  // Below a twentieth the series need ever more terms, and nobody is protected.
  while (low > 0.05 && fits(low)) [low, high] = [low / 2, low];
  let [from, to] = [low, high];
  while (to - from > STEP / 2) {
    const middle = (from + to) / 2;
    if (fits(middle)) to = middle;
    else from = middle;
  }
  const rounded = Math.ceil(to / STEP) * STEP;
  return Number(rounded.toFixed(5)) >= to ? Number(rounded.toFixed(5)) : Number((rounded + STEP).toFixed(5));
}

/** Largest number of rounds whose price stays within the budget, at most a million; the next one must be refused. */
export function roundsWithinBudget(
  eventsFor: (rounds: number) => readonly PrivacyEvent[],
  budget: PrivacyBudget,
  accountant: Accountant,
): number {
  checkBudget(budget);
  return largest((n) => price(eventsFor(n), budget.delta, { accountant }).epsilon <= budget.epsilon, 1_000_000);
}
