// Where a coordinator keeps what its clients have spent: append-only, durable before the message that spends it. The interface and a
// twin in memory. Not here: the ledger itself (protocol/privacy/cohort-ledger.ts), when entries are made (campaign/budget.ts).

import type { CohortEntry } from '../protocol/privacy/cohort-ledger.js';

export interface PrivacyStore {
  /** In the order they were appended. @throws STORE_CORRUPT: never a silent reset */
  load(): Promise<readonly CohortEntry[]>;
  /** Resolves when the entry is durable: only then is the round announced, or its model published. @throws STORE_WRITE */
  append(entry: CohortEntry): Promise<void>;
}

/** Forgets at the end of the process: for tests and simulations. */
export function memoryPrivacyStore(): PrivacyStore {
  const entries: CohortEntry[] = [];
  return {
    load: async () => [...entries],
    append: async (entry) => {
      entries.push(entry);
    },
  };
}
