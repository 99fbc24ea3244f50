// `sotto keys new`, `show`, `rotate` and `token`. Not here: the file itself (identity-file.ts).

import { fromHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { hashToken, makeRotation, newToken } from '../index.js';
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

export interface RotateOptions extends KeysOptions {
  readonly out: string;
  readonly coordinator: string;
}

/** The rotation on stdout, so that it can go straight into SOTTO_TOKEN. @throws CONFIG_UNREADABLE, STORE_CORRUPT, STORE_WRITE */
export async function rotateKeys(file: string, { out, coordinator, json }: RotateOptions, io: Io): Promise<ExitCode> {
  const old = await loadIdentityFile(file);
  const next = await createIdentityFile(out);
  const rotation = makeRotation(nativePrimitives, fromHex(coordinator), old, next.publicKey);
  io.stdout.write(
    json
      ? `${JSON.stringify({ type: 'rotation', from: old.id, to: next.id, file: out, rotation })}\n`
      : `${rotation}\n`,
  );
  io.stderr.write(
    `the new identity is ${next.id}, in ${out}. Connect once with it and the rotation above as --token (or in SOTTO_TOKEN), with the same --guards folder as before; between rounds the coordinator takes it over, and ${old.id} is refused from then on. Keep ${file} until then\n`,
  );
  return EXIT.ok;
}

export interface TokenOptions {
  readonly name: string;
  readonly role: 'viewer' | 'operator' | 'admin';
  readonly json: boolean;
}

/** The token on stdout, so that it can go straight to where it is kept; what belongs in the settings on stderr. */
export async function newAdminToken({ name, role, json }: TokenOptions, io: Io): Promise<ExitCode> {
  const token = newToken(nativeRng);
  const sha256 = hashToken(token);
  if (json) {
    io.stdout.write(`${JSON.stringify({ type: 'token', name, role, token, sha256 })}\n`);
    return EXIT.ok;
  }
  io.stdout.write(`${token}\n`);
  io.stderr.write(
    `keep the token above: it is shown once. Into the settings of the coordinator goes its hash:\nadmin:\n  tokens:\n    - name: ${JSON.stringify(name)}\n      role: ${role}\n      sha256: ${sha256}\n`,
  );
  return EXIT.ok;
}

function print(id: string, file: string, { json }: KeysOptions, io: Io): void {
  io.stdout.write(json ? `${JSON.stringify({ type: 'identity', id, file })}\n` : `${id}\n`);
}
