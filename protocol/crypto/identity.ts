// The long-term Ed25519 identity of a client or coordinator (protocol.md §2), and the one way to sign: a label and fields
// through `enc`. Not here: where the secret is kept (client/ and server/ stores), and who is enrolled (the roster).
import { type ClientId, clientId } from '../ids.js';
import { type EncField, enc } from './enc.js';
import type { Label } from './labels.js';
import type { PublicKeyPrimitives, Rng } from './primitives.js';
import { Secret } from './secret.js';

export const SIGNATURE_BYTES = 64;
export const PUBLIC_KEY_BYTES = 32;
export const SECRET_KEY_BYTES = 32;

/** Somebody who can be asked to sign. Where the secret is, only the one who answers knows (a browser may not give it out at all). */
export interface Signer {
  readonly publicKey: Uint8Array;
  /** The public key in hex: a name cannot be moved to another key. */
  readonly id: ClientId;
}
export interface Identity extends Signer {
  /** The 32-byte seed of RFC 8032 §5.1.5. */
  readonly secret: Secret;
}

/** A fresh identity. @param rng must be a CSPRNG; 32 bytes are drawn */
export const generateIdentity = (crypto: PublicKeyPrimitives, rng: Rng): Identity =>
  identityOf(crypto, new Secret(rng(SECRET_KEY_BYTES)));

/** The identity of a stored seed. @throws RangeError where it has not 32 bytes */
export function identityOf(crypto: PublicKeyPrimitives, secret: Secret): Identity {
  if (secret.length !== SECRET_KEY_BYTES) throw new RangeError(`an identity seed has ${SECRET_KEY_BYTES} bytes`);
  const publicKey = crypto.signingPublic(secret.exposeSecret());
  return { secret, publicKey, id: clientId(publicKey) };
}

/** 64-byte signature over enc(label, …fields). The caller puts its context (ctx, gctx) among the fields. */
export const signFields = (
  crypto: PublicKeyPrimitives,
  identity: Identity,
  label: Label,
  ...fields: readonly EncField[]
): Uint8Array => crypto.sign(identity.secret.exposeSecret(), enc(label, ...fields));

/** Whether `signature` is over exactly this label and these fields. Strict, see Primitives.verify. Never throws on bytes. */
export const verifyFields = (
  crypto: PublicKeyPrimitives,
  publicKey: Uint8Array,
  signature: Uint8Array,
  label: Label,
  ...fields: readonly EncField[]
): boolean => crypto.verify(publicKey, enc(label, ...fields), signature);
