// Both key streams in noble, for runtimes with neither node:crypto nor WebCrypto, and as the base that the others are compared with.
// Not here: what a stream is (keystream.ts).
import { ctr } from '@noble/ciphers/aes.js';
import { blockStream, chacha20Keystream, counterBlock, type SyncKeystream } from './keystream.js';
import type { Prg } from './primitives.js';

/** An `OpenKeystream` that answers at once. @throws RangeError where the key has not 32 bytes, or a ChaCha20 stream is read past 256 GiB */
export const portableKeystream = (prg: Prg, key: Uint8Array): SyncKeystream =>
  prg === 'chacha20' ? chacha20Keystream(key) : blockStream(prg, key, aes);

const aes = (key: Uint8Array, first: number, bytes: number): Uint8Array =>
  ctr(key, counterBlock(first)).encrypt(new Uint8Array(bytes));
