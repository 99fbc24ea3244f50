// Hash commitments: SHA-256 over a label, a context, a 16-byte salt and the value (protocol.md §3). Hiding while the salt is
// secret and the value or the salt has entropy; binding by collision resistance. Not here: what is committed to (secagg/).
import { bytesEqual, type EncField, enc } from './enc.js';
import type { Label } from './labels.js';
import type { SymmetricPrimitives } from './primitives.js';

export const SALT_BYTES = 16;

/**
 * 32-byte commitment to `value`.
 * @param context what the commitment belongs to (gctx, sender, receiver): it opens nowhere else
 * @throws RangeError where the salt has not 16 bytes
 */
export function commit(
  crypto: Pick<SymmetricPrimitives, 'sha256'>,
  label: Label,
  context: readonly EncField[],
  salt: Uint8Array,
  value: Uint8Array,
): Uint8Array {
  if (salt.length !== SALT_BYTES) throw new RangeError(`a commitment salt has ${SALT_BYTES} bytes, not ${salt.length}`);
  return crypto.sha256(enc(label, context, salt, value));
}

/** Whether `commitment` opens to this value. A salt of a wrong length (remote input) is false, not an exception. */
export function opens(
  crypto: Pick<SymmetricPrimitives, 'sha256'>,
  commitment: Uint8Array,
  label: Label,
  context: readonly EncField[],
  salt: Uint8Array,
  value: Uint8Array,
): boolean {
  return salt.length === SALT_BYTES && bytesEqual(commit(crypto, label, context, salt, value), commitment);
}
