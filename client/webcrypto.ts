// Key streams and randomness from WebCrypto, for browsers and every runtime that has `globalThis.crypto`. AES-CTR at native
// speed; ChaCha20, which WebCrypto lacks, comes from noble, and so does AES on a page without `subtle` (plain http).
// Not here: signatures and key agreement (web-keys.ts).
import {
  chacha20Keystream,
  checkStreamKey,
  counterBlock,
  PRG_BLOCK_BYTES,
  span,
} from '../protocol/crypto/keystream.js';
import type { Keystream, Prg, Rng } from '../protocol/crypto/primitives.js';

/** `getRandomValues` refuses more at once (Web Cryptography API §10.1.1). */
const MAX_RANDOM_BYTES = 65_536;

/** The runtime's CSPRNG. */
export const webRng: Rng = (length) => {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += MAX_RANDOM_BYTES) {
    globalThis.crypto.getRandomValues(out.subarray(at, at + MAX_RANDOM_BYTES));
  }
  return out;
};

/**
 * An `OpenKeystream` on WebCrypto. Reads may be issued without awaiting the one before: each takes its place in the
 * stream when it is called. Every read is at offset 0 of its own buffer.
 * @throws RangeError where the key has not 32 bytes; a read rejects with the runtime's error
 */
export function webKeystream(prg: Prg, key: Uint8Array): Keystream {
  checkStreamKey(key);
  if (prg === 'chacha20') return chacha20Keystream(key);
  const { subtle } = globalThis.crypto;
  if (subtle === undefined) return withoutSubtle(prg, key.slice());
  const imported = subtle.importKey('raw', key.slice(), 'AES-CTR', false, ['encrypt']);
  imported.catch(() => undefined); // reported by the read that awaits it, not as an unhandled rejection
  let zeros = new Uint8Array(0);
  let position = 0;
  async function read(length: number): Promise<Uint8Array> {
    const { first, bytes, skip } = span(position, length, PRG_BLOCK_BYTES[prg]);
    position += length;
    if (zeros.length < bytes) zeros = new Uint8Array(bytes);
    const counter = counterBlock(first);
    const data = zeros.subarray(0, bytes);
    // The whole block counts (`length: 128`), as in SP 800-38A B.1. No stream gets near a wrap.
    const stream = new Uint8Array(
      await subtle.encrypt({ name: 'AES-CTR', counter, length: 128 }, await imported, data),
    );
    return skip === 0 ? stream.subarray(0, length) : stream.slice(skip, skip + length);
  }
  return { read };
}

const loadKeystream = () => import('../protocol/crypto/portable-keystream.js');

/** Loads what `webKeystream` would load later: nothing, where there is `subtle`. */
export const prepareWebKeystream = async (): Promise<unknown> =>
  globalThis.crypto.subtle === undefined && loadKeystream();

/** As slow as plain JavaScript, and loaded only here. */
function withoutSubtle(prg: Prg, key: Uint8Array): Keystream {
  const stream = loadKeystream().then((portable) => portable.portableKeystream(prg, key));
  return { read: async (length) => (await stream).read(length) };
}
