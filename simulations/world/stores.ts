// What a client in a world keeps durably, behind its life: guard records, pins, the last model and its privacy ledger. Each save can be
// cut off before or after it is on the disk. Every record that ever was durable is kept, so that a checker can see whether one went
// back. Not here: the coordinator's disk (disk.ts).

import { requireForward } from '../../client/guards.js';
import type { GuardStore, LedgerStore, ModelStore } from '../../client/index.js';
import { SottoError } from '../../protocol/errors.js';
import type { GuardRecord } from '../../protocol/participant/types.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import { inOrder, type Life, type Range } from './life.js';

export interface ClientDisk {
  guard: GuardRecord | undefined;
  readonly guards: GuardRecord[];
  readonly ledger: LedgerEntry[];
  model: Parameters<ModelStore['save']>[2] | undefined;
  /** The next save fails, once. */
  fails: boolean;
}
export const newClientDisk = (): ClientDisk => ({
  guard: undefined,
  guards: [],
  ledger: [],
  model: undefined,
  fails: false,
});

export interface ClientStores {
  readonly guards: GuardStore;
  readonly models: ModelStore;
  readonly ledger: LedgerStore;
}

export function storesOf(disk: ClientDisk, life: Life, ms: Range): ClientStores {
  const queue = inOrder();
  /** Before the disk, on it, and before the caller hears of it. */
  const save = (what: string, write: () => void): Promise<void> =>
    queue(async () => {
      await life.wait(ms, `saves ${what}`);
      if (disk.fails) {
        disk.fails = false;
        throw new SottoError('STORE_WRITE', 'ENOSPC: no space left on device');
      }
      write();
      await life.wait(ms, `has saved ${what}`);
    });
  const load = <T>(what: string, value: () => T): Promise<T> =>
    queue(async () => {
      await life.wait(ms, `loads ${what}`);
      return value();
    });
  return {
    guards: {
      load: () => load('its guards', () => disk.guard),
      save: (_, record) =>
        save('its guards', () => {
          requireForward(disk.guard, record);
          disk.guard = { ...record };
          disk.guards.push(disk.guard);
        }),
      pinned: async () => undefined,
      pin: async () => undefined,
    },
    models: {
      load: () => load('its model', () => disk.model),
      save: (_, __, kept) =>
        save('its model', () => {
          disk.model = kept;
        }),
    },
    ledger: {
      load: () => load('its ledger', () => disk.ledger.map((entry) => ({ ...entry }))),
      append: (_, __, entry) =>
        save('its ledger', () => {
          if (JSON.stringify(disk.ledger.at(-1)) !== JSON.stringify(entry)) disk.ledger.push({ ...entry });
        }),
    },
  };
}
