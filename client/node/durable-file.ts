// Small JSON files that survive a crash at any point: temporary file, fsync, rename, fsync of the directory (operations.md §5.3).
// Each carries a checksum, because a flipped digit is still JSON. Not here: what is in them (file-guards.ts, identity.ts).
import { createHash, randomUUID } from 'node:crypto';
import { link, mkdir, open, readFile, rename, rm } from 'node:fs/promises';
import { dirname } from 'node:path';
import { SottoError } from '../../protocol/errors.js';

const sum = (text: string): string => createHash('sha256').update(text).digest('hex');

/** What a file says that is not there. */
export const ABSENT = Symbol('absent');

/**
 * The value of a file that `writeDurable` wrote with this format.
 * @throws SottoError STORE_CORRUPT with the path and what to do. Never a guess, never a reset.
 */
export async function readDurable(path: string, format: string): Promise<unknown> {
  let text: string;
  try {
    text = await readFile(path, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return ABSENT;
    throw corrupt(path, `cannot be read (${(error as Error).message})`);
  }
  let file: unknown;
  try {
    file = JSON.parse(text);
  } catch {
    throw corrupt(path, 'is not JSON');
  }
  const {
    format: written,
    value,
    sha256,
  } = (typeof file === 'object' && file !== null ? file : {}) as Record<string, unknown>;
  if (written !== format) throw corrupt(path, `is not of format ${format}`);
  if (sha256 !== sum(JSON.stringify(value))) throw corrupt(path, 'does not fit its checksum');
  return value;
}

/**
 * Resolves when the value is on disk, in a file that only its owner can read.
 * @param how `replace` what is there, or `create`: where there is a file already, it stays, and nothing is written
 * @throws SottoError STORE_WRITE
 */
export async function writeDurable(
  path: string,
  format: string,
  value: unknown,
  how: 'replace' | 'create',
): Promise<void> {
  const temporary = `${path}.${randomUUID()}.tmp`; // two writers must not share one; a crash may leave one behind
  try {
    await mkdir(dirname(path), { recursive: true, mode: 0o700 });
    const file = await open(temporary, 'wx', 0o600);
    try {
      await file.writeFile(`${JSON.stringify({ format, value, sha256: sum(JSON.stringify(value)) }, null, 2)}\n`);
      await file.sync();
    } finally {
      await file.close();
    }
    if (how === 'replace') await rename(temporary, path);
    else await linkNew(temporary, path);
    await syncDirectory(dirname(path));
  } catch (error) {
    await rm(temporary, { force: true }).catch(() => undefined);
    throw new SottoError('STORE_WRITE', `${path} could not be written: ${(error as Error).message}`);
  }
}

async function linkNew(temporary: string, path: string): Promise<void> {
  try {
    await link(temporary, path);
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error;
  }
  await rm(temporary);
}

/** Without it the rename may be lost with the power. Windows has no such thing and needs none. */
export async function syncDirectory(path: string): Promise<void> {
  if (process.platform === 'win32') return;
  const directory = await open(path, 'r');
  try {
    await directory.sync();
  } finally {
    await directory.close();
  }
}

export const corrupt = (path: string, what: string): SottoError =>
  new SottoError(
    'STORE_CORRUPT',
    `${path} ${what}. What stands in it cannot be had again (a key, or the rounds this client may not be talked into twice), so it is not replaced: restore it from a backup, or move it away and join with a new identity`,
  );
