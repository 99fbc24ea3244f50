// `sotto admin export`: the folder that `sotto export` makes of a stopped coordinator's data, from one that runs. Blobs that make way for
// newer ones meanwhile are left out, which the verification says. Not here: what is in a log (server/audit).

import { closeSync, existsSync, fsyncSync, openSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { SottoError } from '../../../protocol/errors.js';
import { LOG_FILE } from '../../audit/export.js';
import { makeDirectory } from '../../data/layout.js';
import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { type AdminApi, connectAdmin } from '../look/api.js';
import type { ConnectionOptions } from './command.js';

/** @throws AUDIT_INVALID where the folder holds an export; ADMIN_*, TRANSPORT_* */
export async function adminExport(folder: string, options: ConnectionOptions, io: Io): Promise<ExitCode> {
  const path = join(folder, LOG_FILE);
  if (existsSync(path)) throw new SottoError('AUDIT_INVALID', `${path} exists; export to a new folder`, { file: path });
  const api = await connectAdmin(options.url, options, io.env);
  // Asked for first: without the right to blobs nothing is written.
  const { blobs } = (await api.get('/audit/blobs')) as { readonly blobs: readonly string[] };
  makeDirectory(join(folder, 'blobs'));
  const file = openSync(path, 'wx', 0o644);
  try {
    await api.stream('/audit/export', (chunk) => void writeSync(file, chunk));
    fsyncSync(file);
  } finally {
    closeSync(file);
  }
  let written = 0;
  for (const hash of blobs) if (await saveBlob(api, hash, join(folder, 'blobs', hash))) written++;
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'export', folder, blobs: written })}\n`);
  else io.stdout.write(`the log and ${written} blobs written to ${folder}\ncheck it with: sotto verify ${folder}\n`);
  return EXIT.ok;
}

/** @returns false where it is no longer kept */
async function saveBlob(api: AdminApi, hash: string, path: string): Promise<boolean> {
  // A name that the coordinator gives is a file here.
  if (!/^[0-9a-f]{64}$/.test(hash))
    throw new SottoError('ADMIN_INVALID', 'the coordinator names a blob that is no hash');
  const chunks: Buffer[] = [];
  try {
    await api.stream(`/audit/blobs/${hash}`, (chunk) => void chunks.push(chunk));
  } catch (error) {
    if (error instanceof SottoError && error.code === 'ADMIN_UNKNOWN') return false;
    throw error;
  }
  writeFileSync(path, Buffer.concat(chunks));
  return true;
}
