// The Primitives and key streams on node:crypto. This is the one adapter folder beside the core: a project of its own
// (protocol/native/tsconfig.json), because the Node client and the coordinator both need it and may not import each other.
// The core must never import it; drivers hand it in. Not here: WebCrypto (client/webcrypto.ts).
//
// Measured on 2 shared cores, Node 20.20, OpenSSL 3: `npm run bench -- crypto`. What shaped this file:
// reading a raw key as DER takes 76-460 µs (OpenSSL's decoders), as JWK 7-50 µs; HKDF by two HMACs 12 µs, `hkdfSync` 22 µs.
import {
  createCipheriv,
  createDecipheriv,
  createHash,
  createHmac,
  createPrivateKey,
  createPublicKey,
  diffieHellman,
  type KeyObject,
  randomBytes,
  sign,
  verify,
} from 'node:crypto';
import { checkStreamKey, type SyncKeystream } from '../crypto/keystream.js';
import type { Prg, Primitives, Rng } from '../crypto/primitives.js';
import { isAcceptableSignature } from '../crypto/strict25519.js';

type Curve = 'Ed25519' | 'X25519';
const KEY_BYTES = 32;
const TAG_BYTES = 16;
const HASH_BYTES = 32;

const base64url = (bytes: Uint8Array): string =>
  Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength).toString('base64url');

function publicKeyObject(crv: Curve, raw: Uint8Array): KeyObject {
  return createPublicKey({ key: { kty: 'OKP', crv, x: base64url(raw) }, format: 'jwk' });
}

/** How a raw secret becomes a KeyObject. Both give the same key; DER always works, JWK is eight times as fast. */
export type SecretImport = 'jwk' | 'der';

const PKCS8_PREFIX = {
  Ed25519: Buffer.from('302e020100300506032b657004220420', 'hex'),
  X25519: Buffer.from('302e020100300506032b656e04220420', 'hex'),
} as const;

/**
 * RFC 8037 §2 wants the public `x` beside the secret `d`. Node only asks that it is there and has OpenSSL derive the public
 * half from `d` (tried on Node 20), so zeros stand in. Should a release compare the two, `bestImport` sees it fail.
 */
function secretFromJwk(crv: Curve, raw: Uint8Array): KeyObject {
  return createPrivateKey({ key: { kty: 'OKP', crv, d: base64url(raw), x: ZERO_X }, format: 'jwk' });
}
const ZERO_X = base64url(new Uint8Array(KEY_BYTES));

function secretFromDer(crv: Curve, raw: Uint8Array): KeyObject {
  const key = Buffer.concat([PKCS8_PREFIX[crv], raw]);
  try {
    return createPrivateKey({ key, format: 'der', type: 'pkcs8' });
  } finally {
    key.fill(0);
  }
}

function publicOf(secret: KeyObject): Uint8Array {
  return new Uint8Array(Buffer.from(createPublicKey(secret).export({ format: 'jwk' }).x ?? '', 'base64url'));
}

/** RFC 8032 §7.1 test 1 decides whether this Node imports a secret without its public half. */
function bestImport(): SecretImport {
  const secret = Buffer.from('9d61b19deffd5a60ba844af492ec2cc44449c5697b326919703bac031cae7f60', 'hex');
  const expected = 'd75a980182b10ab7d54bfed3c964073a0ee172f3daa62325af021a68f707511a';
  try {
    return Buffer.from(publicOf(secretFromJwk('Ed25519', secret))).toString('hex') === expected ? 'jwk' : 'der';
  } catch {
    return 'der';
  }
}

/**
 * The Primitives on node:crypto. Small results are plain Uint8Arrays with a buffer of their own, never pool slices.
 *
 * Reading a secret costs as much as using it, and one agreement secret meets up to 127 peers. So the key object of a
 * secret is kept, weakly, under the array it was given in: it lives no longer than that array, nothing is kept by value,
 * and a digest notices when the array was wiped or filled anew. What wiping cannot do: the key object in OpenSSL's memory
 * stays until the garbage collector takes the array. Public keys cost 7 µs to read; keeping them would not pay.
 */
export function createNativePrimitives(secretImport: SecretImport = bestImport()): Primitives {
  const read = secretImport === 'jwk' ? secretFromJwk : secretFromDer;
  const kept = { Ed25519: new WeakMap<Uint8Array, Kept>(), X25519: new WeakMap<Uint8Array, Kept>() };

  function secretObject(crv: Curve, raw: Uint8Array): KeyObject {
    if (raw.length !== KEY_BYTES) throw new RangeError(`an ${crv} secret has ${KEY_BYTES} bytes, not ${raw.length}`);
    const digest = createHash('sha256').update(raw).digest('base64');
    const known = kept[crv].get(raw);
    if (known?.digest === digest) return known.key;
    const key = read(crv, raw);
    kept[crv].set(raw, { digest, key });
    return key;
  }

  return {
    sha256(...parts) {
      const hash = createHash('sha256');
      for (const part of parts) hash.update(part);
      return own(hash.digest());
    },
    hkdf,
    signingPublic: (secret) => publicOf(secretObject('Ed25519', secret)),
    sign: (secret, message) => own(sign(null, message, secretObject('Ed25519', secret))),
    verify(publicKey, message, signature) {
      if (!isAcceptableSignature(publicKey, signature)) return false;
      try {
        return verify(null, message, publicKeyObject('Ed25519', publicKey), signature);
      } catch {
        return false;
      }
    },
    agreementPublic: (secret) => publicOf(secretObject('X25519', secret)),
    agree(secret, peerPublic) {
      const privateKey = secretObject('X25519', secret);
      if (peerPublic.length !== KEY_BYTES) return undefined;
      try {
        return own(diffieHellman({ privateKey, publicKey: publicKeyObject('X25519', peerPublic) }));
      } catch {
        return undefined; // OpenSSL refuses the all-zero result: a low-order peer key
      }
    },
    seal(key, nonce, aad, plaintext) {
      const cipher = createCipheriv('chacha20-poly1305', key, nonce12(nonce), { authTagLength: TAG_BYTES });
      cipher.setAAD(aad, { plaintextLength: plaintext.length });
      const out = new Uint8Array(plaintext.length + TAG_BYTES);
      out.set(cipher.update(plaintext));
      cipher.final();
      out.set(cipher.getAuthTag(), plaintext.length);
      return out;
    },
    open(key, nonce, aad, box) {
      const decipher = createDecipheriv('chacha20-poly1305', key, nonce12(nonce), { authTagLength: TAG_BYTES });
      const length = box.length - TAG_BYTES;
      if (length < 0) return undefined;
      try {
        decipher.setAAD(aad, { plaintextLength: length });
        decipher.setAuthTag(box.subarray(length));
        const plaintext = own(decipher.update(box.subarray(0, length)));
        decipher.final();
        return plaintext;
      } catch {
        return undefined;
      }
    },
  };
}

/**
 * `Primitives.verify`, of which another thread does 110 of 130 µs. @param answer called once, never with an exception; at once
 * where the bytes cannot be a signature. What is given must not be changed before that.
 */
export function verifyInPool(
  publicKey: Uint8Array,
  message: Uint8Array,
  signature: Uint8Array,
  answer: (good: boolean) => void,
): void {
  const key = isAcceptableSignature(publicKey, signature) ? readablePublic(publicKey) : undefined;
  if (key === undefined) answer(false);
  else verify(null, message, key, signature, (error, good) => answer(error === null && good));
}

function readablePublic(raw: Uint8Array): KeyObject | undefined {
  try {
    return publicKeyObject('Ed25519', raw);
  } catch {
    return undefined;
  }
}

interface Kept {
  readonly digest: string;
  readonly key: KeyObject;
}

export const nativePrimitives: Primitives = createNativePrimitives();

/** A CSPRNG: OpenSSL's, seeded by the operating system. */
export const nativeRng: Rng = (length) => own(randomBytes(length));

/** RFC 5869 §2 by HMAC. @throws RangeError above 255 blocks (§2.3) */
function hkdf(ikm: Uint8Array, salt: Uint8Array, info: Uint8Array, length: number): Uint8Array {
  if (length > 255 * HASH_BYTES) throw new RangeError(`HKDF-SHA-256 gives at most ${255 * HASH_BYTES} bytes`);
  const prk = createHmac('sha256', salt).update(ikm).digest();
  const out = new Uint8Array(length);
  let block: Uint8Array = new Uint8Array(0);
  for (let at = 0, counter = 1; at < length; at += HASH_BYTES, counter++) {
    block = createHmac('sha256', prk).update(block).update(info).update(Uint8Array.of(counter)).digest();
    out.set(block.subarray(0, Math.min(HASH_BYTES, length - at)), at);
  }
  return out;
}

/** OpenSSL would take shorter nonces and pad them (RFC 8439 §2.8 has 96 bits). A wrong length is a bug of the caller. */
function nonce12(nonce: Uint8Array): Uint8Array {
  if (nonce.length !== 12) throw new RangeError(`a ChaCha20-Poly1305 nonce has 12 bytes, not ${nonce.length}`);
  return nonce;
}

/** Without the Buffer prototype, whose `slice` aliases and whose `toJSON` prints, and off the shared pool. */
function own(buffer: Buffer): Uint8Array {
  return buffer.byteOffset === 0 && buffer.byteLength === buffer.buffer.byteLength
    ? new Uint8Array(buffer.buffer)
    : new Uint8Array(buffer);
}

/** Zeros to encrypt, 64 KiB at a time: 3.4 GB/s, against 1.9 in pieces of 256 KiB and 1.3 in pieces of 1 MiB (L2 misses). */
const PIECE_BYTES = 64 * 1024;
const ZEROS = new Uint8Array(PIECE_BYTES);
const ZERO_IV = new Uint8Array(16);

/**
 * An `OpenKeystream` on OpenSSL that answers at once. Read in pieces of up to 64 KiB where speed counts. Each read starts
 * at an offset divisible by 8 of its buffer, so wider arrays may be laid over it.
 * @throws RangeError where the key has not 32 bytes
 */
export function nativeKeystream(prg: Prg, key: Uint8Array): SyncKeystream {
  checkStreamKey(key);
  // OpenSSL's chacha20 has a 16-byte IV: the 32-bit block counter, then the nonce (RFC 8439 §2.3), all zero here.
  const cipher = createCipheriv(prg === 'aes256ctr' ? 'aes-256-ctr' : 'chacha20', key, ZERO_IV);
  return {
    read(length) {
      if (length <= PIECE_BYTES) {
        const piece = cipher.update(ZEROS.subarray(0, length));
        return piece.byteOffset % 8 === 0 ? piece : new Uint8Array(piece);
      }
      const out = new Uint8Array(length);
      for (let at = 0; at < length; at += PIECE_BYTES) {
        out.set(cipher.update(ZEROS.subarray(0, Math.min(PIECE_BYTES, length - at))), at);
      }
      return out;
    },
  };
}

export { nativeKernels } from './kernels.js';
