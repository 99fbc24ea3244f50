// Backups beside the database, each verified in a child process when it is taken, the newest few kept. Not here: going back to one
// (doctor.ts). They lie on the same disk: copy the folder elsewhere as well (docs/operations.md).

import { existsSync, readdirSync, renameSync, rmSync } from 'node:fs';
import { join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { KEPT_BACKUPS } from '../../protocol/limits.js';
import type { Store } from '../store/types.js';
import { checkDatabase, verdictOf } from './check.js';
import { backupsOf, makeDirectory, syncDirectory } from './layout.js';

/** Named after the event that is its head, so that names sort by age. */
const nameOf = (seq: number): string => `seq-${String(seq).padStart(12, '0')}`;
const UNFINISHED = '.unfinished';

/** Directories of backups, newest first. */
export function listBackups(data: string): string[] {
  const folder = backupsOf(data);
  if (!existsSync(folder)) return [];
  const names = readdirSync(folder).filter((name) => /^seq-\d{12}$/.test(name));
  return names
    .sort()
    .reverse()
    .map((name) => join(folder, name));
}

/** @throws STORE_WRITE where it cannot be written, STORE_CORRUPT where the copy does not verify (then the original may not either) */
export async function takeBackup(data: string, store: Store, coordinator: ClientId): Promise<string> {
  const folder = backupsOf(data);
  const unfinished = join(folder, UNFINISHED);
  rmSync(unfinished, { recursive: true, force: true });
  makeDirectory(unfinished);
  try {
    const { seq } = await store.backup(unfinished);
    const wrong = verdictOf(await checkDatabase({ database: unfinished, coordinator, depth: 'all' }));
    if (wrong !== undefined) {
      throw new SottoError('STORE_CORRUPT', `the backup does not verify: ${wrong}; run: sotto doctor ${data}`, {
        directory: data,
      });
    }
    // lmdb leaves its reader table beside the copy; it belongs to the process that read.
    rmSync(join(unfinished, 'lock.mdb'), { force: true });
    const path = join(folder, nameOf(seq));
    rmSync(path, { recursive: true, force: true });
    renameSync(unfinished, path);
    syncDirectory(folder);
    for (const old of listBackups(data).slice(KEPT_BACKUPS)) rmSync(old, { recursive: true, force: true });
    return path;
  } catch (error) {
    rmSync(unfinished, { recursive: true, force: true });
    throw error;
  }
}
