// The seam between the client's machine and its privacy accounts, which only tasks with noise need: pages load them then (client/clauses.ts).
// Not here: the accounts (spend.ts).

import type { PrivacyBudget } from '../privacy/events.js';
import type { LedgerEntry } from '../privacy/ledger-entry.js';
import type { RunId } from '../privacy/round-events.js';
import type { Derived, TaskConfig } from '../terms.js';
import type { Joined } from './state.js';
import type { ParticipantEffect } from './types.js';

/** The joined run with its longer ledger, and the effect that makes the entry durable. */
export interface Debited {
  readonly joined: Joined;
  readonly effects: readonly ParticipantEffect[];
}

export interface ClientAccounts {
  /** Why this client must not take part, or nothing. */
  overBudget(
    config: TaskConfig,
    derived: Derived,
    run: RunId,
    own: 'any' | PrivacyBudget,
    ledger: readonly LedgerEntry[],
  ): string | undefined;
  beforeInput(joined: Joined): Debited;
  beforeSketch(joined: Joined): Debited;
  afterUnmask(joined: Joined, survivors: number): Debited;
}

/** Nothing is debited where the task has no noise: R0 refuses a task that has, and a clause that is not there. */
export function debit(joined: Joined, by: (accounts: ClientAccounts) => Debited): Debited {
  const { noise } = joined.clauses;
  return noise === undefined ? { joined, effects: [] } : by(noise.accounts);
}
