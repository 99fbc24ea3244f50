// What a client's own privacy budget says to a run, and what goes into its own ledger when. The ledger is the client's: nothing that a
// coordinator says makes an event smaller than the signed settings make it. Not here: prices (privacy/ledger.ts), where the ledger is
// kept (client/ledger-store.ts).

import { SottoError } from '../errors.js';
import type { PrivacyBudget } from '../privacy/events.js';
import { append, createCurves, type Ledger, reserve } from '../privacy/ledger.js';
import type { LedgerEntry } from '../privacy/ledger-entry.js';
import {
  type RunId,
  reservationId,
  sketchEvents,
  sketchReservationId,
  sumEvents,
  worstEvents,
} from '../privacy/round-events.js';
import type { Derived, TaskConfig } from '../task.js';
import type { Joined } from './state.js';
import type { ParticipantEffect } from './types.js';

/**
 * Why this client must not take part, or nothing. Both budgets count: what the task promises and what the client allows itself; a
 * coordinator that signs a larger budget gains nothing.
 */
export function overBudget(
  config: TaskConfig,
  derived: Derived,
  run: RunId,
  own: 'any' | PrivacyBudget,
  ledger: Ledger,
): string | undefined {
  const { privacy, task } = config;
  if (privacy === 'none' || privacy.placement === 'central')
    return own === 'any'
      ? undefined
      : `task ${task} has no noise of this client's own (privacy ${privacy === 'none' ? 'none' : 'central'}), and its budget is ε = ${own.epsilon}`;
  const budgets = own === 'any' ? [privacy.budget] : [privacy.budget, own];
  try {
    const curves = createCurves();
    for (const client of budgets)
      reserve(ledger, reservationId(task, run), worstEvents(config, derived, run), { client }, curves);
    return undefined;
  } catch (error) {
    if (error instanceof SottoError) return error.message;
    throw error;
  }
}

/** An entry for the ledger, and the effect that makes it durable before the next one runs. */
function record(
  joined: Joined,
  entry: LedgerEntry,
): { readonly joined: Joined; readonly effects: ParticipantEffect[] } {
  return {
    joined: { ...joined, ledger: append(joined.ledger, entry, createCurves()) },
    effects: [{ type: 'ledger', task: joined.config.task, entry }],
  };
}
const nothing = (joined: Joined) => ({ joined, effects: [] as ParticipantEffect[] });

/** Before y_i leaves: from here on the round counts, opened or not, at the worst it may come to. */
export function beforeInput(joined: Joined) {
  const { config, derived, run } = joined;
  if (derived.noise === 'none' || derived.noise.placement === 'central') return nothing(joined);
  const events = sumEvents(config, derived.noise, run, derived.noise.floor);
  return record(joined, { type: 'reserved', id: reservationId(config.task, run), events });
}

/** Before v_i leaves: its price is paid whatever becomes of the round. */
export function beforeSketch(joined: Joined) {
  const { config, derived, run } = joined;
  const events = derived.noise === 'none' ? [] : sketchEvents(config, derived.noise, run);
  if (events.length === 0) return nothing(joined);
  return record(joined, { type: 'reserved', id: sketchReservationId(config.task, run), events });
}

/** When this client has opened its shares: the survivors that at least t members have signed are what the sum can be of. */
export function afterUnmask(joined: Joined, survivors: number) {
  const { config, derived, run } = joined;
  if (derived.noise === 'none' || derived.noise.placement === 'central') return nothing(joined);
  const events = sumEvents(config, derived.noise, run, survivors);
  return record(joined, { type: 'settled', id: reservationId(config.task, run), events });
}
