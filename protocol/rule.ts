// The aggregation rule of a task, as data: part of the signed configuration, so that clients know what is done with their sums.
// Not here: the rules themselves (server/aggregate) and which rule a profile allows.

import { SottoError } from './errors.js';

/** `faulty` is f, the number of bad inputs (groups or clients) the task is ready for; the trimmed mean cuts f on each side. */
export type RuleSpec =
  | { readonly name: 'mean' }
  | { readonly name: 'median'; readonly faulty: number }
  | { readonly name: 'trimmed-mean'; readonly faulty: number };

/** f of a rule; the mean is ready for none. */
export const faultyOf = (spec: RuleSpec): number => (spec.name === 'mean' ? 0 : spec.faulty);

/** The fewest inputs a rule makes sense with: 2f < inputs, so 2f + 1 (Yin et al. 2018; no rule survives half). */
export const leastInputs = (spec: RuleSpec): number => 2 * faultyOf(spec) + 1;

/**
 * @param inputs how many groups or clients the rule will see at least.
 * @throws CONFIG_RULE_COUNT where f is no count, or 2f ≥ inputs; CONFIG_INVALID for an unknown name
 */
export function checkRule(spec: RuleSpec, inputs: number): void {
  const name: string = spec.name;
  if (name !== 'mean' && name !== 'median' && name !== 'trimmed-mean') {
    throw new SottoError('CONFIG_INVALID', `rule.name is "${name}"; it must be one of mean, median, trimmed-mean`);
  }
  const faulty = faultyOf(spec);
  if (!Number.isSafeInteger(faulty) || faulty < 0) {
    throw new SottoError('CONFIG_RULE_COUNT', `rule.faulty is ${faulty}; it must be an integer of at least 0`);
  }
  if (2 * faulty >= inputs) {
    throw new SottoError(
      'CONFIG_RULE_COUNT',
      `${name} with faulty ${faulty} needs at least ${2 * faulty + 1} inputs, there are ${inputs}; lower faulty or make more, smaller groups`,
      { faulty, inputs },
    );
  }
}
