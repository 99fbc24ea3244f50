// Where a client keeps what a coordinator must not be able to make it forget: the last round, the last answer, the pinned
// key (protocol.md §6). Here the interface and a store in memory; files are client/node/file-guards.ts. Both pass
// test/contracts/guard-store.ts. Not here: the guards themselves (protocol/participant).
import { bytesEqual } from '../protocol/crypto/bytes.js';
import { SottoError } from '../protocol/errors.js';
import { type ClientId, toHex } from '../protocol/ids.js';
import type { GuardRecord } from '../protocol/participant/types.js';

/** One identity, one store: two clients that share an identity but not the store could each answer the same round. */
export interface GuardStore {
  /** What was last saved, `undefined` before the first time. @throws STORE_CORRUPT: never a silent reset, which would undo every guard */
  load(coordinator: ClientId, task: string): Promise<GuardRecord | undefined>;
  /**
   * Resolves when the record is durable: only then may the message that depends on it leave.
   * @throws STORE_WRITE where it could not be written or would move a counter backwards; STORE_CORRUPT
   */
  save(coordinator: ClientId, record: GuardRecord): Promise<void>;
  /** The key that was pinned for this address on first use, or for another name (below). @throws STORE_CORRUPT */
  pinned(url: string): Promise<Uint8Array | undefined>;
  /** Pins for ever. @throws STORE_WRITE, also where another key is pinned already; STORE_CORRUPT */
  pin(url: string, coordinator: Uint8Array): Promise<void>;
}

/**
 * Name of the pin that a key has, in one task, which took part in hand-overs (hand-over.ts): of the key under which this client keeps all that
 * belongs to this coordinator. It holds a space, and no address does.
 */
export const lineageName = (task: string, key: ClientId): string => `${task} ${key}`;

/** Before the first round: rounds start at 1. */
export const emptyGuard = (task: string): GuardRecord => ({ task, round: 0, attempt: 0, answered: 0, contributed: 0 });

/** Whether `next` may replace `last`: no counter goes back. */
export const isForward = (last: GuardRecord, next: GuardRecord): boolean =>
  (next.round > last.round || (next.round === last.round && next.attempt >= last.attempt)) &&
  next.answered >= last.answered &&
  next.contributed >= last.contributed;

/** @throws STORE_WRITE naming both records */
export function requireForward(last: GuardRecord | undefined, next: GuardRecord): void {
  if (last === undefined || isForward(last, next)) return;
  throw new SottoError(
    'STORE_WRITE',
    `the guard record of task ${next.task} would go back from round ${last.round}.${last.attempt} to ${next.round}.${next.attempt}; does a second client use this store?`,
  );
}

/** @throws STORE_WRITE */
export function requireSamePin(url: string, last: Uint8Array | undefined, next: Uint8Array): void {
  if (last === undefined || bytesEqual(last, next)) return;
  throw new SottoError(
    'STORE_WRITE',
    `${url} is pinned to ${toHex(last)}; remove that pin by hand to trust another key`,
  );
}

/** Forgets at the end of the process: for tests and simulations. A client that restarts with it can be replayed to. */
export function memoryGuards(): GuardStore {
  const records = new Map<string, GuardRecord>();
  const pins = new Map<string, Uint8Array>();
  const key = (coordinator: ClientId, task: string): string => `${coordinator} ${task}`;
  return {
    load: async (coordinator, task) => records.get(key(coordinator, task)),
    async save(coordinator, record) {
      requireForward(records.get(key(coordinator, record.task)), record);
      records.set(key(coordinator, record.task), record);
    },
    pinned: async (url) => pins.get(url),
    async pin(url, coordinator) {
      requireSamePin(url, pins.get(url), coordinator);
      pins.set(url, coordinator.slice());
    },
  };
}
