// What lies where in a data directory, and its marker: a small file that says that there is a store, so that one that is gone or
// empty is not taken for a new one. Not here: opening (open.ts), the lock (lock.ts).
//
//   <data>/sotto-store.json   marker: format, id of the store, coordinator
//   <data>/lock               who works on it
//   <data>/db/data.mdb        lmdb
//   <data>/backups/<seq>/     verified copies of db/, newest last

import {
  closeSync,
  existsSync,
  fsyncSync,
  mkdirSync,
  openSync,
  readFileSync,
  renameSync,
  statSync,
  writeSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, isHex32 } from '../../protocol/ids.js';

export const STORE_FORMAT = 'sotto-store/1';

export interface Marker {
  readonly format: string;
  readonly coordinator: ClientId;
  /** Keys that it had before, the first one first: older backups are signed by them. */
  readonly formerly?: readonly ClientId[];
}

export const databaseOf = (data: string): string => join(data, 'db');
export const dataFileOf = (database: string): string => join(database, 'data.mdb');
export const backupsOf = (data: string): string => join(data, 'backups');
const markerOf = (data: string): string => join(data, 'sotto-store.json');

/** `undefined`: there is none. @throws STORE_FORMAT of another version; STORE_CORRUPT where it cannot be read */
export function readMarker(data: string): Marker | undefined {
  const path = markerOf(data);
  if (!existsSync(path)) return undefined;
  let value: unknown;
  try {
    value = JSON.parse(readFileSync(path, 'utf8'));
  } catch {
    throw new SottoError('STORE_CORRUPT', `${path} cannot be read; run: sotto doctor ${data} --restore`, {
      file: path,
    });
  }
  const { format, coordinator, formerly } = (typeof value === 'object' && value !== null ? value : {}) as Record<
    string,
    unknown
  >;
  if (format !== STORE_FORMAT) {
    throw new SottoError(
      'STORE_FORMAT',
      `${path} is of format ${JSON.stringify(format)}, this Sotto reads ${STORE_FORMAT}; use the Sotto that wrote it`,
      { file: path },
    );
  }
  if (typeof coordinator !== 'string' || !isHex32(coordinator))
    throw new SottoError('STORE_CORRUPT', `${path} names no coordinator; run: sotto doctor ${data} --restore`, {
      file: path,
    });
  const before = Array.isArray(formerly) ? formerly.filter((id) => typeof id === 'string' && isHex32(id)) : [];
  return { format, coordinator: coordinator as ClientId, ...(before.length > 0 && { formerly: before }) };
}

/** Durable when it returns: temporary file, fsync, rename, fsync of the directory. */
export function writeMarker(data: string, coordinator: ClientId, formerly: readonly ClientId[] = []): void {
  const path = markerOf(data);
  const temporary = `${path}.tmp`;
  const marker: Marker = { format: STORE_FORMAT, coordinator, ...(formerly.length > 0 && { formerly }) };
  const file = openSync(temporary, 'w', 0o600);
  try {
    writeSync(file, `${JSON.stringify(marker)}\n`);
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  renameSync(temporary, path);
  syncDirectory(dirname(path));
}

/** Windows has no such thing and needs none. */
export function syncDirectory(path: string): void {
  if (process.platform === 'win32') return;
  const directory = openSync(path, 'r');
  try {
    fsyncSync(directory);
  } finally {
    closeSync(directory);
  }
}

/** With its parents. @throws STORE_WRITE naming the directory */
export function makeDirectory(path: string): void {
  try {
    makeWithParents(path);
  } catch (error) {
    throw new SottoError('STORE_WRITE', `${path} cannot be made: ${error instanceof Error ? error.message : error}`, {
      file: path,
    });
  }
}

/** Node's own `recursive` goes round for ever where a parent is there and lets nothing be made in it as if it were not (/proc, node 20). */
function makeWithParents(path: string): void {
  try {
    mkdirSync(path, { mode: 0o700 });
  } catch (error) {
    if (statSync(path, { throwIfNoEntry: false })?.isDirectory()) return;
    const parent = dirname(path);
    if ((error as NodeJS.ErrnoException).code !== 'ENOENT' || parent === path || existsSync(parent)) throw error;
    makeWithParents(parent);
    makeWithParents(path);
  }
}
