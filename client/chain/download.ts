// One blob as it comes in: head, then chunks in any order, each checked on arrival. Not here: asking for it (requests.ts).
import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { SymmetricPrimitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { toHex } from '../../protocol/ids.js';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { blobHash, chunkHash, chunkLength } from '../../protocol/wire/chunks.js';
import type { BlobChunk, BlobHead } from '../../protocol/wire/messages.js';

/** Nothing is allocated before the chunk list is known to be the one that the hash names, and to be no larger than allowed. */
export class Download {
  readonly #hash: Uint8Array;
  readonly #limit: number;
  readonly #primitives: SymmetricPrimitives;
  #head: BlobHead | undefined;
  #missing = new Set<number>();
  /** Complete when `chunk` has said `done`. */
  bytes: Uint8Array<ArrayBuffer> = new Uint8Array(0);

  constructor(hash: Uint8Array, limit: number, primitives: SymmetricPrimitives) {
    this.#hash = hash;
    this.#limit = limit;
    this.#primitives = primitives;
  }

  /** @throws GUARD_MODEL_CHAIN: the list has another hash, or the blob is larger than what is asked for can be */
  head(head: BlobHead): 'more' | 'no' {
    if (!bytesEqual(head.blob, this.#hash)) return 'no';
    if (this.#head !== undefined) return 'more'; // asked again after a reconnect: what has come, counts
    if (!bytesEqual(blobHash(this.#primitives, head.bytes, head.chunks), this.#hash)) {
      throw this.#wrong('came with a chunk list that has another hash');
    }
    if (head.bytes > this.#limit) throw this.#wrong(`has ${head.bytes} bytes where at most ${this.#limit} can be`);
    this.#head = head;
    this.bytes = new Uint8Array(head.bytes);
    this.#missing = new Set(Array.from({ length: head.chunks.length / 32 }, (_, i) => i));
    return 'more';
  }

  /** @throws GUARD_MODEL_CHAIN: bytes that do not fit their hash */
  chunk({ blob, index, section }: BlobChunk): 'done' | 'more' | 'no' {
    const head = this.#head;
    if (head === undefined || !bytesEqual(blob, this.#hash) || !this.#missing.has(index)) return 'no';
    const expected = head.chunks.subarray(32 * index, 32 * index + 32);
    if (
      section.length !== chunkLength(head.bytes, index) ||
      !bytesEqual(chunkHash(this.#primitives, section), expected)
    ) {
      throw this.#wrong(`came with wrong bytes in chunk ${index}`);
    }
    this.bytes.set(section, index * CHUNK_BYTES);
    this.#missing.delete(index);
    return this.#missing.size === 0 ? 'done' : 'more';
  }

  #wrong(what: string): SottoError {
    return new SottoError('GUARD_MODEL_CHAIN', `blob ${toHex(this.#hash)} ${what}`);
  }
}
