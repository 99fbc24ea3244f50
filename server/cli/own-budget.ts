// What `sotto client` allows itself of its own privacy, from the command line, and how it tells what it has spent. Not here: the limits
// at work (client/privacy-guard.ts, protocol/participant/spend.ts), the ledger's file (client/node/file-ledgers.ts).

import type { ClientEvents } from '../../client/options.js';
import { SottoError } from '../../protocol/errors.js';
import type { Policy } from '../../protocol/participant/types.js';
import { checkBudget } from '../../protocol/privacy/domain.js';
import { spent } from './format.js';

export interface BudgetOptions {
  /** ε for all that this client has, over all rounds of the task. */
  readonly maxEpsilon?: number;
  /** ε for each of its records (DP-SGD). */
  readonly maxRecordEpsilon?: number;
  /** δ of both. */
  readonly delta?: number;
  readonly guards?: string;
}

/**
 * @throws SottoError CONFIG_INVALID where δ is missing, or there is no folder to remember in what was spent; PRIVACY_EPSILON, PRIVACY_DELTA
 */
export function budgetsOf({ maxEpsilon, maxRecordEpsilon, delta, guards }: BudgetOptions): Policy['privacy'] {
  if (maxEpsilon === undefined && maxRecordEpsilon === undefined) {
    if (delta === undefined) return 'any';
    throw missing('--max-epsilon', '--delta alone limits nothing: give --max-epsilon, --max-record-epsilon or both');
  }
  if (delta === undefined)
    throw missing(
      '--delta',
      '--delta is missing: an ε says nothing without it; less than one over the number of units',
    );
  if (guards === undefined)
    throw missing('--guards', '--guards is missing: a budget that is forgotten with the process protects nobody');
  const budget = (epsilon: number) => {
    checkBudget({ epsilon, delta });
    return { epsilon, delta };
  };
  return {
    ...(maxEpsilon !== undefined && { client: budget(maxEpsilon) }),
    ...(maxRecordEpsilon !== undefined && { record: budget(maxRecordEpsilon) }),
  };
}

const missing = (field: string, text: string): SottoError => new SottoError('CONFIG_INVALID', text, { field });

/** A line for the local user: what its records have paid so far. Nothing where the trainer claims nothing. */
export function spentLine(news: ClientEvents['round']): string {
  if (news.stage !== 'trained' || news.spent === undefined) return '';
  const { unit, epsilon, delta, budget } = news.spent;
  return `; each ${unit} has paid ε = ${spent(epsilon, 2)} of ${budget.epsilon} at δ = ${delta}`;
}
