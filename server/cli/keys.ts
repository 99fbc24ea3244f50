// `sotto keys new` and `sotto keys show`. Not here: the file itself (identity-file.ts).

import { EXIT, type ExitCode } from './exit.js';
import { createIdentityFile, loadIdentityFile } from './identity-file.js';
import type { Io } from './io.js';

export interface KeysOptions {
  readonly json: boolean;
}

/** Prints the public id alone, so that it can be pasted into an allow-list. @throws STORE_WRITE */
export async function newKeys(path: string, options: KeysOptions, io: Io): Promise<ExitCode> {
  const { id } = await createIdentityFile(path);
  print(id, path, options, io);
  io.stderr.write(`identity written to ${path}, readable by you alone; keep a copy in a safe place\n`);
  return EXIT.ok;
}

/** @throws CONFIG_UNREADABLE, STORE_CORRUPT */
export async function showKeys(path: string, options: KeysOptions, io: Io): Promise<ExitCode> {
  const { id } = await loadIdentityFile(path);
  print(id, path, options, io);
  return EXIT.ok;
}

function print(id: string, file: string, { json }: KeysOptions, io: Io): void {
  io.stdout.write(json ? `${JSON.stringify({ type: 'identity', id, file })}\n` : `${id}\n`);
}
