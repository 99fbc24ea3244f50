// One line of a privacy ledger. A release is reserved at the worst that the settings allow before anything is sent, and settled at
// what it came to; a crash in between leaves the reservation in force, so a budget may be wasted and never exceeded.
// Types only. Not here: arithmetic over entries (ledger.ts), where they are kept (client/ledger-store.ts, server/store).

import type { PrivacyEvent } from './events.js';

export type LedgerEntry =
  /** Durable before the first message that spends it leaves. `id` is unique in the ledger: task, round and attempt are enough. */
  | { readonly type: 'reserved'; readonly id: string; readonly events: readonly PrivacyEvent[] }
  /** Replaces the reservation with this id, once. No events: nothing was released. */
  | { readonly type: 'settled'; readonly id: string; readonly events: readonly PrivacyEvent[] };
