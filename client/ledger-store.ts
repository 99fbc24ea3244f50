// Where a client keeps its own privacy ledger: what it has released about its data, whatever the coordinator says. The interface;
// stores in memory, in files and in IndexedDB pass one contract suite. Not here: prices (protocol/privacy).

import type { ClientId } from '../protocol/ids.js';
import type { LedgerEntry } from '../protocol/privacy/ledger-entry.js';

/** One ledger per (coordinator, task); a client that restarts without it starts at ε = 0, which is a lie. */
export interface LedgerStore {
  /** Entries in the order they were appended. @throws STORE_CORRUPT: never a silent reset */
  load(coordinator: ClientId, task: string): Promise<readonly LedgerEntry[]>;
  /** Resolves when the entry is durable: only then may the message that spends it leave. @throws STORE_WRITE, STORE_CORRUPT */
  append(coordinator: ClientId, task: string, entry: LedgerEntry): Promise<void>;
}
