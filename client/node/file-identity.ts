// The identity of a client or coordinator as a file that only its owner can read. Not here: the key itself (protocol/crypto/identity).
import { stat } from 'node:fs/promises';
import { generateIdentity, type Identity, identityOf } from '../../protocol/crypto/identity.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, isHex32, toHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { ABSENT, corrupt, readDurable, writeDurable } from './durable-file.js';

const FORMAT = 'sotto-identity/1';

/**
 * The identity in `path`; a fresh one is made and written, mode 0600, where there is no such file.
 * @throws SottoError STORE_CORRUPT (damaged, or others may read it), STORE_WRITE
 */
export async function loadOrCreateIdentity(path: string): Promise<Identity> {
  const value = await readDurable(path, FORMAT);
  if (value === ABSENT) {
    const { id, secret } = generateIdentity(nativePrimitives, nativeRng);
    await writeDurable(path, FORMAT, { id, secret: toHex(secret.exposeSecret()) }, 'create');
    return loadOrCreateIdentity(path); // what is on disk counts: two processes may have come here at once
  }
  await requirePrivate(path);
  const { id, secret } = value as { id: unknown; secret: unknown };
  if (typeof secret !== 'string' || !isHex32(secret)) throw corrupt(path, 'holds no identity');
  const identity = identityOf(nativePrimitives, new Secret(fromHex(secret)));
  if (identity.id !== id) throw corrupt(path, 'holds a secret of another identity than it says');
  return identity;
}

async function requirePrivate(path: string): Promise<void> {
  if (process.platform === 'win32') return; // has no such bits
  const { mode } = await stat(path);
  if ((mode & 0o077) !== 0) {
    throw new SottoError(
      'STORE_CORRUPT',
      `${path} can be read by others (mode ${(mode & 0o777).toString(8)}): chmod 600 it, or make a new identity if others may have read it`,
    );
  }
}
