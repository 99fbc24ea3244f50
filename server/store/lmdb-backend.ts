// Bytes on disk with lmdb. Loaded only where a data directory is used, so that embedding without one needs no native code.
// Not here: the rules of a store (store.ts), locks and checks before opening (open.ts, check.ts).
//
// Options, and why (lmdb 3.5, README "Database options"): `encoding: binary` because values are our own bytes; `keyEncoding: uint32`
// keeps events in order; `maxDbs` counts the three named databases (the root holds their names and nothing of ours); `safeRestore`
// because after a crash in the same boot lmdb would else go on from a commit that was never flushed; no `cache` and no
// `useWritemap`, which would take `childTransaction` away. No `mapSize`: the map grows by itself and is no limit.

import { mkdirSync, rmSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { open, type RootDatabaseOptionsWithPath } from 'lmdb';
import { SottoError } from '../../protocol/errors.js';
import type { Hash } from '../../protocol/ids.js';
import type { Backend, StoreFaults } from './types.js';

export interface LmdbOptions {
  /** Directory of data.mdb. */
  readonly path: string;
  readonly readOnly: boolean;
  readonly beforeFlush?: StoreFaults['beforeFlush'];
}
export interface LmdbBackend extends Backend {
  /** Bytes that the file must at least have for its pages to exist. Less: whoever reads on is killed by SIGBUS. */
  readonly leastFileBytes: number;
}

export function lmdbBackend({ path, readOnly, beforeFlush }: LmdbOptions): LmdbBackend {
  // The types of lmdb do not know `safeRestore`.
  const options: RootDatabaseOptionsWithPath & { readonly safeRestore: boolean } = {
    path,
    readOnly,
    maxDbs: 4,
    encoding: 'binary',
    safeRestore: true,
    noSubdir: false,
  };
  const root = open<Uint8Array>(options);
  const events = root.openDB<Uint8Array, number>('events', { encoding: 'binary', keyEncoding: 'uint32' });
  const rows = root.openDB<Uint8Array, string>('rows', { encoding: 'binary' });
  const blobs = root.openDB<Uint8Array, string>('blobs', { encoding: 'binary' });
  const { lastPageNumber, pageSize } = root.getStats() as { lastPageNumber: number; pageSize: number };
  let transactions = 0;
  let failed = false;
  const unhandle = sparedFromLmdb();
  /** Pages are read when they are needed: one that is damaged is found long after the check at the start. @throws STORE_CORRUPT */
  const read = <T>(look: () => T): T => {
    try {
      return look();
    } catch (error) {
      const data = dirname(path);
      throw new SottoError(
        'STORE_CORRUPT',
        `${join(path, 'data.mdb')} cannot be read: ${error instanceof Error ? error.message : error}; run: sotto doctor ${data}`,
        { directory: data },
      );
    }
  };
  return {
    leastFileBytes: (lastPageNumber + 1) * pageSize,
    async write(batch) {
      try {
        // A throw in `transaction` would keep the puts before it; a child transaction is rolled back as one.
        await root.childTransaction(() => {
          for (const [seq, bytes] of batch.events) void events.put(seq, bytes);
          for (const [key, bytes] of batch.rows) void (bytes === undefined ? rows.remove(key) : rows.put(key, bytes));
          for (const [hash, bytes] of batch.blobs)
            void (bytes === undefined ? blobs.remove(hash) : blobs.put(hash, bytes));
        });
        await beforeFlush?.(++transactions);
        // Committed means visible; only this means on disk.
        await root.flushed;
        // What is read next is counted on top of this (row-digest.ts): no snapshot from before it may answer.
        root.resetReadTxn();
      } catch (error) {
        failed = true;
        throw await causeOf(error);
      }
    },
    event: (seq) => read(() => events.get(seq)),
    row: (key) => read(() => rows.get(key)),
    rows: (prefix) =>
      read(() =>
        [...rows.getRange(prefix === '' ? {} : { start: prefix, end: after(prefix) })].map(({ key, value }) => [
          key,
          value,
        ]),
      ),
    blob: (hash) => read(() => blobs.get(hash)),
    blobs: () => read(() => [...blobs.getKeys()] as Hash[]),
    async backup(directory) {
      mkdirSync(directory, { recursive: true });
      try {
        await root.backup(directory, true);
      } catch {
        // lmdb compacts nothing once a page is lost (lmdb-walk.ts), for ever. A copy page by page is larger and as good.
        rmSync(join(directory, 'data.mdb'), { force: true });
        await root.backup(directory, false);
      }
    },
    async close() {
      // After a commit that failed lmdb waits for ever for it.
      const closed = root.close().catch((error: unknown) => {
        if (!failed) throw error;
      });
      await (failed ? Promise.race([closed, new Promise((resolve) => setTimeout(resolve, CLOSE_MS))]) : closed);
      unhandle();
    },
  };
}

/** How long a database whose commit has failed may take to close. */
const CLOSE_MS = 500;

/**
 * When a commit fails, lmdb 3.5 also rejects a promise that it gives to nobody, which would end the process: a coordinator on a full disk
 * would die instead of saying so. The failure itself is told by the write. Everything else ends the process as ever.
 * @returns a function that takes the listener off
 */
function sparedFromLmdb(): () => void {
  const onRejection = (reason: unknown): void => {
    const second = (reason as { readonly commitError?: Promise<unknown> } | undefined)?.commitError;
    // Only where nobody else listens is it ours to end the process.
    if (second === undefined && process.listenerCount('unhandledRejection') > 1) return;
    if (second === undefined) throw reason;
    second.catch(() => undefined);
  };
  process.on('unhandledRejection', onRejection);
  return () => void process.off('unhandledRejection', onRejection);
}

/** The first text behind all that start with this prefix: keys are ASCII. */
const after = (prefix: string): string =>
  `${prefix.slice(0, -1)}${String.fromCharCode(prefix.charCodeAt(prefix.length - 1) + 1)}`;

/** A commit that fails says nothing but that; the reason is a second promise, which would else be an unhandled rejection. */
async function causeOf(error: unknown): Promise<unknown> {
  const second = (error as { readonly commitError?: Promise<unknown> } | undefined)?.commitError;
  if (second === undefined) return error;
  return second.then(
    () => error,
    (cause: unknown) => cause,
  );
}
