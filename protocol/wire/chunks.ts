// Vectors and blobs as chunks: how many, where they are cut, and the hashes that name them (protocol.md §5).
// Every chunk but the last has CHUNK_BYTES. Not here: sending, credits and resume (drivers), what the bytes mean (secagg/encode).

import { enc } from '../crypto/enc.js';
import { LABELS } from '../crypto/labels.js';
import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { CHUNK_BYTES } from '../limits.js';

/** Chunks of `bytes` bytes; 0 for none. */
export const chunkCount = (bytes: number): number => Math.ceil(bytes / CHUNK_BYTES);

/** Bytes of chunk `index` (0-based) of a vector of `bytes` bytes; 0 if there is no such chunk. */
export const chunkLength = (bytes: number, index: number): number =>
  Math.max(0, Math.min(CHUNK_BYTES, bytes - index * CHUNK_BYTES));

/** Views of `bytes`, in order, nothing copied: they stay valid as long as `bytes` is left alone. */
export function splitChunks(bytes: Uint8Array): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at < bytes.length; at += CHUNK_BYTES) out.push(bytes.subarray(at, at + CHUNK_BYTES));
  return out;
}

/** SHA-256 of the chunk as it is. Bare on purpose: a chunk hash means nothing but inside `vectorHash` or `blobHash`. */
export const chunkHash = (primitives: SymmetricPrimitives, chunk: Uint8Array): Uint8Array => primitives.sha256(chunk);

/** Hashes of all chunks of `bytes`, 32 bytes each, back to back: the field `chunks` of masked, plain and blobHead. */
export function chunkHashList(primitives: SymmetricPrimitives, bytes: Uint8Array): Uint8Array {
  const out = new Uint8Array(32 * chunkCount(bytes.length));
  splitChunks(bytes).forEach((chunk, i) => {
    out.set(chunkHash(primitives, chunk), 32 * i);
  });
  return out;
}

/**
 * H(y): names a vector by the list of its chunk hashes, so that nothing is hashed twice and each chunk is checked on arrival.
 * SHA-256(enc(label, byteLength, chunkHashes)); the length is bound because the last chunk may be shorter.
 */
export const vectorHash = (primitives: SymmetricPrimitives, byteLength: number, chunkHashes: Uint8Array): Uint8Array =>
  primitives.sha256(enc(LABELS.vector, byteLength, chunkHashes));

/** The same for a blob (model, aggregate, optimiser state), under its own label: a masked input is never taken for a model. */
export const blobHash = (primitives: SymmetricPrimitives, byteLength: number, chunkHashes: Uint8Array): Uint8Array =>
  primitives.sha256(enc(LABELS.blob, byteLength, chunkHashes));

/** Hash under which a blob is asked for and named in records. 32 bytes. */
export const hashOfBlob = (primitives: SymmetricPrimitives, bytes: Uint8Array): Uint8Array =>
  blobHash(primitives, bytes.length, chunkHashList(primitives, bytes));
