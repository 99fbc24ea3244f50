// Where a client keeps its own privacy ledger: what it has released about its data, whatever the coordinator says. The interface, and
// a store in memory; files are client/node/file-ledgers.ts. All pass test/contracts/ledger-store.ts. Not here: prices (protocol/privacy).

import type { ClientId } from '../protocol/ids.js';
import type { LedgerEntry } from '../protocol/privacy/ledger-entry.js';

/** One ledger per (coordinator, task); a client that restarts without it starts at ε = 0, which is a lie. */
export interface LedgerStore {
  /** Entries in the order they were appended. @throws STORE_CORRUPT: never a silent reset */
  load(coordinator: ClientId, task: string): Promise<readonly LedgerEntry[]>;
  /**
   * Resolves when the entry is durable: only then may the message that spends it leave. Calls for one ledger take effect in order.
   * Appending what is last already changes nothing: after STORE_WRITE the same entry may be tried again.
   * @throws STORE_WRITE, STORE_CORRUPT
   */
  append(coordinator: ClientId, task: string, entry: LedgerEntry): Promise<void>;
}

/** Whether `entry` is the one that was appended last. */
export const isRepeated = (last: LedgerEntry | undefined, entry: LedgerEntry): boolean =>
  last !== undefined && JSON.stringify(last) === JSON.stringify(entry);

/** Forgets at the end of the process: for tests and simulations. A client that restarts with it has spent nothing, it thinks. */
export function memoryLedgers(): LedgerStore {
  const ledgers = new Map<string, LedgerEntry[]>();
  const of = (coordinator: ClientId, task: string): LedgerEntry[] => {
    const key = `${coordinator} ${task}`;
    const entries = ledgers.get(key) ?? [];
    ledgers.set(key, entries);
    return entries;
  };
  return {
    load: async (coordinator, task) => copy(of(coordinator, task)),
    async append(coordinator, task, entry) {
      const entries = of(coordinator, task);
      if (!isRepeated(entries.at(-1), entry)) entries.push(...copy([entry]));
    },
  };
}

/** As a file would give it back. Entries are plain data. */
const copy = (entries: readonly LedgerEntry[]): LedgerEntry[] => JSON.parse(JSON.stringify(entries));
