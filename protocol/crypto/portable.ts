// The Primitives in noble: pure JavaScript, synchronous, the same in every runtime. The base that everything else is
// compared with. Not here: whole-vector key streams (keystream.ts), and the faster twin on node:crypto (../native/).
// Timing: noble's scalar multiplications with secrets are algorithmically constant-time; JavaScript promises no more.
// A page loads it only where WebCrypto has no Curve25519 (client/web-keys.ts).
import { ed25519, x25519 } from '@noble/curves/ed25519.js';
import { sha512 } from '@noble/hashes/sha2.js';
import { portableSymmetric } from './portable-symmetric.js';
import type { Primitives } from './primitives.js';
import { isAcceptableSignature } from './strict25519.js';

const { Point } = ed25519;

/**
 * RFC 8032 §5.1.7 without the cofactor: R = [S]B − [k]A, compared as bytes, which also settles that R is canonical.
 * Not noble's own `verify`: even with `zip215: false` that multiplies by the cofactor, so a signer could make signatures
 * that noble accepts and OpenSSL refuses.
 */
function verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean {
  if (!isAcceptableSignature(publicKey, signature)) return false;
  try {
    const r = signature.subarray(0, 32);
    const a = Point.fromBytes(publicKey, false);
    const k = Point.Fn.create(littleEndian(sha512.create().update(r).update(publicKey).update(message).digest()));
    const s = littleEndian(signature.subarray(32));
    const expected = Point.BASE.multiplyUnsafe(s).subtract(a.multiplyUnsafe(k)).toBytes();
    return expected.every((byte, i) => byte === r[i]);
  } catch {
    return false; // A is no point of the curve
  }
}

function littleEndian(bytes: Uint8Array): bigint {
  let value = 0n;
  for (let i = bytes.length - 1; i >= 0; i--) value = (value << 8n) | BigInt(bytes[i] ?? 0);
  return value;
}

/** @throws what noble throws (an Error) where our own secret, key or nonce has a wrong length: a bug of the caller */
export const portablePrimitives: Primitives = {
  ...portableSymmetric,
  signingPublic: (secret) => ed25519.getPublicKey(secret),
  sign: (secret, message) => ed25519.sign(message, secret),
  verify,
  agreementPublic: (secret) => x25519.getPublicKey(secret),
  agree(secret, peerPublic) {
    if (secret.length !== 32) throw new RangeError('an X25519 secret has 32 bytes');
    if (peerPublic.length !== 32) return undefined;
    try {
      return x25519.getSharedSecret(secret, peerPublic);
    } catch {
      return undefined; // all-zero result: a low-order peer key
    }
  },
};
