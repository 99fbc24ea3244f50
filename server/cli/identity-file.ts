// Identities on disk for the command line: made when asked for, never on the side. Not here: the file (client/node/file-identity.ts).

import { existsSync } from 'node:fs';
import { loadOrCreateIdentity } from '../../client/node/index.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';

/** Makes a new identity, mode 0600. Never overwrites: an identity that is gone cannot be had again. @throws STORE_WRITE */
export async function createIdentityFile(path: string): Promise<Identity> {
  if (existsSync(path)) {
    throw new SottoError(
      'STORE_WRITE',
      `${path} exists; choose another name with --out, or move it away if nobody needs that identity`,
      { file: path },
    );
  }
  return loadOrCreateIdentity(path);
}

/** @throws CONFIG_UNREADABLE where there is none; STORE_CORRUPT where it is damaged or others may read it */
export async function loadIdentityFile(path: string): Promise<Identity> {
  if (!existsSync(path)) {
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `there is no identity in ${path}; name the file that has it, or make one: sotto keys new --out ${path}`,
      { file: path },
    );
  }
  return loadOrCreateIdentity(path);
}

/** The identity in the file; a fresh one where there is none. @throws STORE_CORRUPT, STORE_WRITE */
export const openIdentityFile = (path: string): Promise<Identity> => loadOrCreateIdentity(path);
