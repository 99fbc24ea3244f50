// Everything a client in a browser must not forget, in one IndexedDB database: identity, guards, pins, the last verified model, the
// privacy ledger. They live and die together: a browser that clears a site's storage makes a new client with a clean record, and
// never an old identity without its guards. Not here: the database itself (database.ts), what the records mean.
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import type { GuardRecord } from '../../protocol/participant/types.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import type { KeptModel, ModelStore } from '../chain/model-store.js';
import { type GuardStore, requireForward, requireSamePin } from '../guards.js';
import { isRepeated, type LedgerStore } from '../ledger-store.js';
import type { Database } from './database.js';

const corrupt = (what: string): SottoError =>
  new SottoError(
    'STORE_CORRUPT',
    `${what} in this browser's storage is damaged; clear the site's data to start as a new client`,
  );
const keyOf = (coordinator: ClientId, task: string): string => `${coordinator} ${task}`;

export function databaseGuards(db: Database): GuardStore {
  return {
    async load(coordinator, task) {
      return guardOf(await db.read('guards', keyOf(coordinator, task)), task);
    },
    save: (coordinator, record) =>
      db.change('guards', keyOf(coordinator, record.task), (before) => {
        requireForward(guardOf(before, record.task), record);
        const { task, round, attempt, answered, contributed } = record;
        return { task, round, attempt, answered, contributed };
      }),
    pinned: async (url) => pinOf(await db.read('pins', url)),
    pin: (url, coordinator) =>
      db.change('pins', url, (before) => {
        requireSamePin(url, pinOf(before), coordinator);
        return coordinator.slice();
      }),
  };
}

const isCount = (value: unknown): boolean => typeof value === 'number' && Number.isSafeInteger(value) && value >= 0;
function guardOf(value: unknown, task: string): GuardRecord | undefined {
  if (value === undefined) return undefined;
  const r = value as GuardRecord;
  if (r?.task === task && [r.round, r.attempt, r.answered, r.contributed].every(isCount)) return r;
  throw corrupt(`the guard record of task ${task}`);
}
function pinOf(value: unknown): Uint8Array | undefined {
  if (value === undefined || (value instanceof Uint8Array && value.length === 32)) return value;
  throw corrupt('the pinned key of a coordinator');
}

/** What it gives is checked against its signed record by whoever asked (client/chain), so only its shape is looked at here. */
export function databaseModels(db: Database): ModelStore {
  return {
    async load(coordinator, task) {
      const kept = (await db.read('models', keyOf(coordinator, task))) as KeptModel | undefined;
      if (kept === undefined || (kept?.model instanceof Uint8Array && kept.optimizer instanceof Uint8Array))
        return kept;
      throw corrupt(`the model of task ${task}`);
    },
    save: (coordinator, task, kept) => db.change('models', keyOf(coordinator, task), () => kept),
  };
}

export function databaseLedgers(db: Database): LedgerStore {
  const entriesOf = (value: unknown, task: string): readonly LedgerEntry[] => {
    if (value === undefined) return [];
    if (Array.isArray(value) && value.every((entry) => typeof entry?.id === 'string' && Array.isArray(entry.events)))
      return value;
    throw corrupt(`the privacy ledger of task ${task}`);
  };
  return {
    load: async (coordinator, task) => entriesOf(await db.read('ledgers', keyOf(coordinator, task)), task),
    append: (coordinator, task, entry) =>
      db.change('ledgers', keyOf(coordinator, task), (before) => {
        const entries = entriesOf(before, task);
        return isRepeated(entries.at(-1), entry) ? undefined : [...entries, entry];
      }),
  };
}
