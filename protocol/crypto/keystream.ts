// Key streams of the mask PRG as one long stream read in pieces: what all sources share, and ChaCha20 in noble.
// Not here: AES-256-CTR (portable-keystream.ts, and much faster from node:crypto in ../native/ and from WebCrypto in
// client/webcrypto.ts); nor what the stream is added to (kernels/, secagg/).
import { chacha20 } from '@noble/ciphers/chacha.js';
import type { Keystream, Prg } from './primitives.js';

/** A key stream that answers at once. */
export interface SyncKeystream extends Keystream {
  read(length: number): Uint8Array;
}

/** AES-256-CTR advances by 16 bytes a block, ChaCha20 by 64. */
export const PRG_BLOCK_BYTES = { aes256ctr: 16, chacha20: 64 } as const satisfies Record<Prg, number>;
const KEY_BYTES = 32;
/** RFC 8439 §2.3 has a 32-bit block counter: a ChaCha20 stream ends after 256 GiB. We refuse rather than wrap. */
const MAX_CHACHA_BLOCKS = 2 ** 32;

/** A key of a mask stream has 32 bytes. @throws RangeError otherwise */
export function checkStreamKey(key: Uint8Array): void {
  if (key.length !== KEY_BYTES) throw new RangeError(`a mask key has ${KEY_BYTES} bytes, not ${key.length}`);
}

/** The big-endian counter block `index` of a stream that starts at zero (SP 800-38A §6.5, B.1). Safe integers suffice: 2^53 blocks. */
export function counterBlock(index: number): Uint8Array<ArrayBuffer> {
  const block = new Uint8Array(16);
  const view = new DataView(block.buffer);
  view.setUint32(8, Math.floor(index / 2 ** 32));
  view.setUint32(12, index >>> 0);
  return block;
}

/** Where a read of `length` at byte `position` falls: the first block, the bytes to make from there, and those to skip. */
export function span(position: number, length: number, block: number): { first: number; bytes: number; skip: number } {
  const first = Math.floor(position / block);
  const skip = position - first * block;
  return { first, bytes: Math.ceil((skip + length) / block) * block, skip };
}

/**
 * A stream of whole blocks, read in any pieces. Every read is a fresh array at offset 0 of its own buffer, so a `Uint32Array`
 * may be laid over it. Any sequence of lengths gives the bytes that one long read would give.
 * @param make the `bytes` from block `first` on; it gets a copy of the key, since the caller may wipe its own
 * @throws RangeError where the key has not 32 bytes
 */
export function blockStream(
  prg: Prg,
  key: Uint8Array,
  make: (key: Uint8Array, first: number, bytes: number) => Uint8Array,
): SyncKeystream {
  checkStreamKey(key);
  const own = key.slice();
  let position = 0;
  return {
    read(length) {
      const { first, bytes, skip } = span(position, length, PRG_BLOCK_BYTES[prg]);
      position += length;
      const out = make(own, first, bytes);
      return skip === 0 ? out.subarray(0, length) : out.slice(skip, skip + length);
    },
  };
}

/** @throws RangeError where the key has not 32 bytes, or the stream is read past 256 GiB */
export const chacha20Keystream = (key: Uint8Array): SyncKeystream => blockStream('chacha20', key, chacha);

function chacha(key: Uint8Array, first: number, bytes: number): Uint8Array {
  if (first + bytes / 64 > MAX_CHACHA_BLOCKS) throw new RangeError('a ChaCha20 key stream ends after 256 GiB');
  return chacha20(key, new Uint8Array(12), new Uint8Array(bytes), undefined, first);
}
