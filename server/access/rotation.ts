// A client's identity moves to another key: signed by the old one, shown by the holder of the new one where an enrolment token would stand.
// Pure. Not here: whether the coordinator takes it (access.ts), what moves with it (audit/project.ts, campaign/rotate.ts).
//
//   0   from      32  the old public key
//   32  signature 64  by the old key over enc(label, coordinator, from, to)
//
// as base64url behind a name. The new key proves itself in the handshake; of it nothing need be written here.

import { type Identity, SIGNATURE_BYTES, signFields, verifyFields } from '../../protocol/crypto/identity.js';
import type { PublicKeyPrimitives } from '../../protocol/crypto/primitives.js';
import { RECORD_LABELS } from '../../protocol/crypto/record-labels.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, clientId, fromHex, publicKeyOf, toHex } from '../../protocol/ids.js';

const NAME = 'sotto-rotation-';
const KEY_BYTES = 32;

export interface Rotation {
  readonly from: ClientId;
  readonly to: ClientId;
  /** Hex. */
  readonly signature: string;
}

/** The text that the new key shows to this coordinator, once. @throws CONFIG_INVALID where both keys are the same */
export function makeRotation(
  crypto: PublicKeyPrimitives,
  coordinator: Uint8Array,
  old: Identity,
  next: Uint8Array,
): string {
  if (old.id === clientId(next))
    throw new SottoError('CONFIG_INVALID', 'the new key is the old one; make another: sotto keys new --out next.key');
  const signature = signFields(crypto, old, RECORD_LABELS.clientRotation, coordinator, old.publicKey, next);
  return NAME + Buffer.concat([old.publicKey, signature]).toString('base64url');
}

/** @param coordinator its keys, of now and before: the client may know an older one. `undefined`: no rotation at all. `forged`: one that the old key has not signed for this coordinator and this new key. Never throws. */
export function readRotation(
  crypto: PublicKeyPrimitives,
  coordinator: readonly Uint8Array[],
  to: ClientId,
  text: string,
): Rotation | 'forged' | undefined {
  if (!text.startsWith(NAME)) return undefined;
  const bytes = Buffer.from(text.slice(NAME.length), 'base64url');
  if (bytes.length !== KEY_BYTES + SIGNATURE_BYTES || NAME + bytes.toString('base64url') !== text) return 'forged';
  const from = clientId(new Uint8Array(bytes.subarray(0, KEY_BYTES)));
  const rotation: Rotation = { from, to, signature: toHex(new Uint8Array(bytes.subarray(KEY_BYTES))) };
  return coordinator.some((key) => isRotation(crypto, key, rotation)) ? rotation : 'forged';
}

/** Whether the old key has signed it. Never throws. */
export function isRotation(
  crypto: PublicKeyPrimitives,
  coordinator: Uint8Array,
  { from, to, signature }: Rotation,
): boolean {
  const [old, next] = [publicKeyOf(from), publicKeyOf(to)];
  return (
    from !== to && verifyFields(crypto, old, fromHex(signature), RECORD_LABELS.clientRotation, coordinator, old, next)
  );
}
