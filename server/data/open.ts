// Opens a data directory, or makes one: lock, marker, check in a child process, and only then the database in this process
// (operations.md §5.3). Not here: what is in it (audit/), repairing it (doctor.ts).

import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { openAuditStore } from '../store/store.js';
import type { Store, StoreFaults } from '../store/types.js';
import { type Begun, beginOpening } from './begin.js';
import { verdictOf } from './check.js';
import { databaseOf, makeDirectory, readMarker, writeMarker } from './layout.js';

export interface DataOptions {
  readonly directory: string;
  readonly identity: Identity;
  readonly limitBytes: number;
  readonly faults?: StoreFaults;
}
export interface OpenedData {
  readonly store: Store;
  readonly directory: string;
  /** Old blobs that are damaged: they are not served. */
  readonly quarantined: readonly string[];
  /** Closes the store and gives the lock back. */
  close(): Promise<void>;
}

/**
 * @param begun of this directory, where somebody has begun already
 * @throws what `beginOpening` throws; STORE_MISSING: the marker is there and the database is not; STORE_CORRUPT with what is damaged and the
 *   command of the doctor; STORE_FORMAT: another version, or another coordinator's; STORE_WRITE where the directory cannot be written
 */
export async function openData(
  { directory, identity, limitBytes, faults }: DataOptions,
  { lock, marker, check }: Begun = beginOpening(directory, identity.id),
): Promise<OpenedData> {
  // Loaded while the child looks.
  const lmdb = import('../store/lmdb-backend.js');
  lmdb.catch(() => {});
  try {
    const database = databaseOf(directory);
    let quarantined: readonly string[] = [];
    if (check !== undefined) {
      const result = await check;
      // A start that was killed while it made the file leaves one without a marker and without tables: nothing is lost.
      const unborn = marker === undefined && 'died' in result && !result.fault && !result.died.startsWith('killed');
      const wrong = unborn ? undefined : verdictOf(result);
      if (wrong !== undefined) {
        throw new SottoError('STORE_CORRUPT', `${directory}: ${wrong}; run: sotto doctor ${directory}`, { directory });
      }
      if (!('died' in result)) {
        if (marker !== undefined && result.report.head.seq === 0) {
          throw new SottoError(
            'STORE_MISSING',
            `${directory} should hold an audit log and holds an empty one; restore it: sotto doctor ${directory} --restore`,
            { directory },
          );
        }
        quarantined = result.report.badBlobs;
      }
    }
    makeDirectory(database);
    const { lmdbBackend } = await lmdb;
    const backend = lmdbBackend({
      path: database,
      readOnly: false,
      ...(faults?.beforeFlush && { beforeFlush: faults.beforeFlush.bind(faults) }),
    });
    let store: Store;
    try {
      store = openAuditStore({
        backend,
        primitives: nativePrimitives,
        identity,
        limitBytes,
        ...(faults && { faults }),
      });
    } catch (error) {
      await backend.close();
      throw error;
    }
    return {
      store,
      directory,
      quarantined,
      async close() {
        await store.close();
        lock.release();
      },
    };
  } catch (error) {
    lock.release();
    throw error;
  }
}

/** Once the first event is durable: before it a crash leaves nothing that could be missed. */
export function markData(directory: string, identity: Identity): void {
  if (readMarker(directory) === undefined) writeMarker(directory, identity.id);
}
