// Entries of the coordinator's privacy ledger as facts of the audit log, and back: debits are durable before what they pay for.
// Not here: the ledger (protocol/privacy/cohort-ledger.ts), when it is debited (campaign/budget.ts).

import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { Json } from '../../protocol/task.js';
import type { Fact } from './events.js';
import type { Rows } from './project.js';

/** Plain data either way: an entry holds numbers, names and ids only. */
export function debitFact({ entry, members }: CohortEntry): Fact {
  const { id, type } = entry;
  const body = JSON.parse(JSON.stringify({ id, events: entry.events, members })) as {
    readonly id: string;
    readonly events: readonly Json[];
    readonly members: { readonly [group: string]: readonly string[] };
  };
  return { type: type === 'reserved' ? 'privacy-reserved' : 'privacy-settled', body };
}

const PREFIX = 'privacy/';

/**
 * What was spent before a restart. A settled round is written as one row, so its reservation is made again from what it came to:
 * the settlement is what counts. A reservation that nobody settled stays in force.
 */
export function debitsOf(rows: Rows): CohortEntry[] {
  const entries: CohortEntry[] = [];
  for (const [key, value] of rows) {
    if (!key.startsWith(PREFIX)) continue;
    // safe: written by debitFact alone, and the log is checked by its hashes when it is opened
    const { state, events, members } = value as unknown as Pick<CohortEntry['entry'], 'events'> &
      Pick<CohortEntry, 'members'> & { readonly state: 'reserved' | 'settled' };
    const id = key.slice(PREFIX.length);
    entries.push({ entry: { type: 'reserved', id, events }, members: members });
    if (state === 'settled') entries.push({ entry: { type: 'settled', id, events }, members });
  }
  return entries;
}
