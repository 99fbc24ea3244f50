// What a client's own privacy budget says to a run, and what goes into its own ledger when. The ledger is the client's: nothing that a
// coordinator says makes an event smaller than the signed settings make it. Not here: prices (privacy/ledger.ts), where the ledger is
// kept (client/ledger-store.ts).

import { SottoError } from '../errors.js';
import type { PrivacyBudget } from '../privacy/events.js';
import { createCurves, ledgerOf, reserve } from '../privacy/ledger.js';
import type { LedgerEntry } from '../privacy/ledger-entry.js';
import {
  type RunId,
  reservationId,
  sketchEvents,
  sketchReservationId,
  sumEvents,
  worstEvents,
} from '../privacy/round-events.js';
import type { Derived, TaskConfig } from '../terms.js';
import type { ClientAccounts, Debited } from './accounts.js';
import type { Joined } from './state.js';

/**
 * Why this client must not take part, or nothing. Both budgets count: what the task promises and what the client allows itself; a
 * coordinator that signs a larger budget gains nothing.
 */
function overBudget(
  config: TaskConfig,
  derived: Derived,
  run: RunId,
  own: 'any' | PrivacyBudget,
  ledger: readonly LedgerEntry[],
): string | undefined {
  const { privacy, task } = config;
  if (privacy === 'none' || privacy.placement === 'central') return undefined;
  const budgets = own === 'any' ? [privacy.budget] : [privacy.budget, own];
  try {
    const curves = createCurves();
    const spent = ledgerOf(ledger, curves);
    for (const client of budgets)
      reserve(spent, reservationId(task, run), worstEvents(config, derived, run), { client }, curves);
    return undefined;
  } catch (error) {
    if (error instanceof SottoError) return error.message;
    throw error;
  }
}

/** An entry for the ledger, and the effect that makes it durable before the next one runs. */
function record(joined: Joined, entry: LedgerEntry): Debited {
  return {
    joined: { ...joined, ledger: [...joined.ledger, entry] },
    effects: [{ type: 'ledger', task: joined.config.task, entry }],
  };
}
const nothing = (joined: Joined): Debited => ({ joined, effects: [] });

/** Before y_i leaves: from here on the round counts, opened or not, at the worst it may come to. */
function beforeInput(joined: Joined): Debited {
  const { config, derived, run } = joined;
  if (derived.noise === 'none' || derived.noise.placement === 'central') return nothing(joined);
  const events = sumEvents(config, derived.noise, run, derived.noise.floor);
  return record(joined, { type: 'reserved', id: reservationId(config.task, run), events });
}

/** Before v_i leaves: its price is paid whatever becomes of the round. */
function beforeSketch(joined: Joined): Debited {
  const { config, derived, run } = joined;
  const events = derived.noise === 'none' ? [] : sketchEvents(config, derived.noise, run);
  if (events.length === 0) return nothing(joined);
  return record(joined, { type: 'reserved', id: sketchReservationId(config.task, run), events });
}

/** When this client has opened its shares: the survivors that at least t members have signed are what the sum can be of. */
function afterUnmask(joined: Joined, survivors: number): Debited {
  const { config, derived, run } = joined;
  if (derived.noise === 'none' || derived.noise.placement === 'central') return nothing(joined);
  const events = sumEvents(config, derived.noise, run, survivors);
  return record(joined, { type: 'settled', id: reservationId(config.task, run), events });
}

export const clientAccounts: ClientAccounts = { overBudget, beforeInput, beforeSketch, afterUnmask };
