// The symmetric primitives in noble: pure JavaScript, the same in every runtime, small enough for every page.
// Not here: curves (portable.ts), whole-vector key streams (keystream.ts), the faster twin on node:crypto (../native/).
import { chacha20poly1305 } from '@noble/ciphers/chacha.js';
import { hkdf } from '@noble/hashes/hkdf.js';
import { sha256 } from '@noble/hashes/sha2.js';
import type { SymmetricPrimitives } from './primitives.js';

/** @throws what noble throws (an Error) where our own key or nonce has a wrong length: a bug of the caller */
export const portableSymmetric: SymmetricPrimitives = {
  sha256(...parts) {
    const hash = sha256.create();
    for (const part of parts) hash.update(part);
    return hash.digest();
  },
  hkdf: (ikm, salt, info, length) => hkdf(sha256, ikm, salt, info, length),
  seal: (key, nonce, aad, plaintext) => chacha20poly1305(key, nonce, aad).encrypt(plaintext),
  open(key, nonce, aad, box) {
    const cipher = chacha20poly1305(key, nonce, aad);
    try {
      return cipher.decrypt(box);
    } catch {
      return undefined;
    }
  },
};
