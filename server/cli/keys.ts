// `sotto keys new` and `sotto keys show`. Not here: the file itself (identity-file.ts).

import { EXIT, type ExitCode } from './exit.js';
import { createIdentityFile, loadIdentityFile } from './identity-file.js';
import type { Io } from './io.js';

export interface KeysOptions {
  readonly json: boolean;
}

/** Prints the public id alone, so that it can be pasted into an allow-list. */
export function newKeys(path: string, { json }: KeysOptions, io: Io): ExitCode {
  const { id } = createIdentityFile(path);
  io.stdout.write(json ? `${JSON.stringify({ type: 'identity', id, file: path })}\n` : `${id}\n`);
  io.stderr.write(`identity written to ${path}, readable by you alone; keep a copy in a safe place\n`);
  return EXIT.ok;
}

export function showKeys(path: string, { json }: KeysOptions, io: Io): ExitCode {
  const { id } = loadIdentityFile(path);
  io.stdout.write(json ? `${JSON.stringify({ type: 'identity', id, file: path })}\n` : `${id}\n`);
  return EXIT.ok;
}
