// The first half of opening a data directory: lock, marker, and a child process that looks at the database while this one goes on loading
// what it needs. Imports next to nothing, so that it can be the first thing that a command does. Not here: the second half (open.ts).

import { existsSync } from 'node:fs';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { type CheckDeath, type CheckResult, checkDatabase } from './check.js';
import { databaseOf, dataFileOf, type Marker, makeDirectory, readMarker } from './layout.js';
import { type Lock, takeLock } from './lock.js';

export interface Begun {
  readonly directory: string;
  readonly marker: Marker | undefined;
  /** Absent: there is no database yet. Awaited by whoever opens; what it rejects with is told then. */
  readonly check: Promise<CheckResult | CheckDeath> | undefined;
  readonly lock: Lock;
}

/** @throws STORE_LOCKED; STORE_CORRUPT, STORE_FORMAT for the marker, or another coordinator's; STORE_WRITE where it cannot be written */
export function beginOpening(directory: string, coordinator: ClientId): Begun {
  makeDirectory(directory);
  const lock = takeLock(directory);
  try {
    const marker = readMarker(directory);
    if (marker !== undefined && marker.coordinator !== coordinator) {
      throw new SottoError(
        'STORE_FORMAT',
        `${directory} belongs to coordinator ${marker.coordinator}, this identity is ${coordinator}; use its identity file, or another directory (after a \`sotto keys hand-over\` that was cut off: run it again)`,
        { directory },
      );
    }
    const database = databaseOf(directory);
    const there = marker !== undefined || existsSync(dataFileOf(database));
    const check = there ? checkDatabase({ database, coordinator, depth: 'recent' }) : undefined;
    check?.catch(() => {});
    return { directory, marker, check, lock };
  } catch (error) {
    lock.release();
    throw error;
  }
}
