// What the core needs of cryptography, as values that the driver hands in: synchronous, small inputs only. `portable.ts` gives
// all of it in noble (everywhere), `native/` with node:crypto; both pass one contract suite. A client in a browser has only the
// symmetric half at hand and asks its driver for the rest (asking.ts), which WebCrypto answers later.
// Not here: key streams over whole vectors; those are `compute` effects (secagg/jobs.ts) that a driver runs.

/** `length` bytes from a cryptographically secure generator. Seeds exist in tests alone. */
export type Rng = (length: number) => Uint8Array;

/** Hashes, key derivation and boxes: fast in plain JavaScript. */
export interface SymmetricPrimitives {
  /** Of the concatenation of the parts. FIPS 180-4. */
  sha256(...parts: readonly Uint8Array[]): Uint8Array;
  /** HKDF-SHA-256, extract and expand. RFC 5869 §2. */
  hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array;
  /** ChaCha20-Poly1305, 12-byte nonce, tag appended. RFC 8439 §2.8. */
  seal(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, plaintext: Uint8Array): Uint8Array;
  /** `undefined` where the tag is wrong. Never throws. */
  open(key: Uint8Array, nonce: Uint8Array, aad: Uint8Array, box: Uint8Array): Uint8Array | undefined;
}

/** Curve25519. */
export interface PublicKeyPrimitives {
  /** Ed25519 public key of a 32-byte seed. RFC 8032 §5.1.5. */
  signingPublic(secret: Uint8Array): Uint8Array;
  /** 64-byte Ed25519 signature. RFC 8032 §5.1.6. */
  sign(secret: Uint8Array, message: Uint8Array): Uint8Array;
  /** RFC 8032 §5.1.7; stricter: non-canonical S, non-canonical and low-order points are refused. Never throws. */
  verify(publicKey: Uint8Array, message: Uint8Array, signature: Uint8Array): boolean;
  /** X25519 public key. RFC 7748 §6.1. */
  agreementPublic(secret: Uint8Array): Uint8Array;
  /** X25519. `undefined` where the result is all zero (RFC 7748 §6.1: a low-order peer key) or the key has a wrong length. */
  agree(secret: Uint8Array, peerPublic: Uint8Array): Uint8Array | undefined;
}

export interface Primitives extends SymmetricPrimitives, PublicKeyPrimitives {}

/** A key stream read in order. Node gives bytes at once, WebCrypto a promise of them. */
export interface Keystream {
  /** The next `length` bytes. The array is the caller's only until the next read. */
  read(length: number): Uint8Array | Promise<Uint8Array>;
}
/** Opens the mask key stream of a suite: AES-256-CTR with a zero counter block (SP 800-38A §6.5), or ChaCha20 with a zero nonce. */
export type OpenKeystream = (prg: Prg, key: Uint8Array) => Keystream;
export type Prg = 'aes256ctr' | 'chacha20';
