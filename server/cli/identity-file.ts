// An identity on disk: a small JSON file that only its owner may read. Not here: what an identity is (protocol/crypto).

import { closeSync, fsyncSync, openSync, readFileSync, statSync, writeFileSync } from 'node:fs';
import * as v from 'valibot';
import { generateIdentity, type Identity, identityOf } from '../../protocol/crypto/identity.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, toHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';

const OWNER_ONLY = 0o600;
const OTHERS = 0o077;
const hex32 = v.pipe(v.string(), v.regex(/^[0-9a-f]{64}$/));
const fileSchema = v.strictObject({ type: v.literal('sotto identity'), version: v.literal(1), id: hex32, secret: hex32 });

/** Makes a new identity and writes it, mode 0600. Never overwrites: an identity that is gone cannot be had again. @throws STORE_WRITE */
export function createIdentityFile(path: string): Identity {
  const identity = generateIdentity(nativePrimitives, nativeRng);
  const secret = toHex(identity.secret.exposeSecret());
  const text = `${JSON.stringify({ type: 'sotto identity', version: 1, id: identity.id, secret }, null, 2)}\n`;
  try {
    const file = openSync(path, 'wx', OWNER_ONLY);
    try {
      writeFileSync(file, text);
      fsyncSync(file);
    } finally {
      closeSync(file);
    }
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : 'unknown error';
    const why = code === 'EEXIST' ? 'the file exists; choose another name, or move it away if nobody needs that identity' : code;
    throw new SottoError('STORE_WRITE', `cannot write the identity to ${path}: ${why}`, { file: path });
  }
  return identity;
}

/** @throws CONFIG_UNREADABLE where there is none; STORE_CORRUPT where it is damaged or others may read it */
export function loadIdentityFile(path: string): Identity {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch {
    throw new SottoError('CONFIG_UNREADABLE', `there is no identity in ${path}; make one: sotto keys new --out ${path}`, { file: path });
  }
  // Windows has no such bits; there the folder's rights count.
  if (process.platform !== 'win32' && (statSync(path).mode & OTHERS) !== 0) {
    throw new SottoError('STORE_CORRUPT', `others may read ${path}, so it is no secret; run: chmod 600 ${path}`, { file: path });
  }
  const parsed = v.safeParse(fileSchema, parseJson(text));
  if (!parsed.success) throw new SottoError('STORE_CORRUPT', `${path} is no identity file; bring back a copy of it`, { file: path });
  const identity = identityOf(nativePrimitives, new Secret(fromHex(parsed.output.secret)));
  if (identity.id !== parsed.output.id) {
    throw new SottoError('STORE_CORRUPT', `the secret in ${path} does not belong to its id; bring back a copy of it`, { file: path });
  }
  return identity;
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return undefined;
  }
}
