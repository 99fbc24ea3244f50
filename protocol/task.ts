// A task's settings with all that they may use, and their contradictions in words: for coordinators, simulations and tests.
// Not here: the settings and what follows from them (terms.ts), which pages load without the rest.

import { allClauses } from './clauses/all.js';
import { contradictionError } from './contradictions.js';
import { Contradiction, type Derived, deriveTerms, type TaskConfig } from './terms.js';

export { encodingOf } from './clauses/noise.js';
export * from './terms.js';

/**
 * Checks that the settings mean something together and gives what follows from them.
 * @throws SottoError CONFIG_INVALID, CONFIG_GROUP_SIZE, CONFIG_THRESHOLD, CONFIG_RING, CONFIG_RULE_PROFILE, CONFIG_RULE_COUNT,
 *   CONFIG_PHASE_WINDOW, CONFIG_OPTIMIZER, CONFIG_SKETCH, CONFIG_PRIVACY, PRIVACY_*: each message names both sides of the contradiction and a way out
 */
export function deriveTask(config: TaskConfig): Derived {
  try {
    return deriveTerms(config, allClauses);
  } catch (error) {
    throw error instanceof Contradiction ? contradictionError(error) : error;
  }
}
