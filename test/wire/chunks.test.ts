// Chunks and the hashes that name vectors and blobs. Not here: chunks on the wire (roundtrip.test.ts).

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { toHex } from '../../protocol/ids.js';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import {
  blobHash,
  chunkCount,
  chunkHash,
  chunkHashList,
  chunkLength,
  splitChunks,
  vectorHash,
} from '../../protocol/wire/chunks.js';

const sha = (...parts: Uint8Array[]): Uint8Array => {
  const hash = createHash('sha256');
  for (const part of parts) hash.update(part);
  return new Uint8Array(hash.digest());
};
const pattern = (n: number): Uint8Array => Uint8Array.from({ length: n }, (_, i) => i * 7 + (i >> 8));

describe('chunks', () => {
  it('cover the bytes exactly, in order, without copying; all but the last are full', () => {
    for (const n of [0, 1, 31, CHUNK_BYTES - 1, CHUNK_BYTES, CHUNK_BYTES + 1, 3 * CHUNK_BYTES, 3 * CHUNK_BYTES + 12]) {
      const bytes = pattern(n);
      const chunks = splitChunks(bytes);
      expect(chunks.length).toBe(chunkCount(n));
      chunks.forEach((chunk, i) => {
        expect(chunk.length).toBe(chunkLength(n, i));
        expect(chunk.buffer).toBe(bytes.buffer);
        expect(chunk.byteOffset).toBe(i * CHUNK_BYTES);
        expect(chunk.length === CHUNK_BYTES || i === chunks.length - 1).toBe(true);
      });
      expect(chunks.reduce((sum, chunk) => sum + chunk.length, 0)).toBe(n);
      expect(chunkLength(n, chunks.length)).toBe(0);
    }
  });

  it('of a view that does not start its buffer are still right', () => {
    const bytes = pattern(CHUNK_BYTES + 20).subarray(7);
    expect(Buffer.compare(Buffer.concat(splitChunks(bytes)), bytes)).toBe(0);
  });

  it('are hashed with SHA-256 (an independent implementation agrees)', () => {
    const bytes = pattern(CHUNK_BYTES + 5);
    const list = chunkHashList(portablePrimitives, bytes);
    expect(list.length).toBe(64);
    expect(list.subarray(0, 32)).toEqual(sha(bytes.subarray(0, CHUNK_BYTES)));
    expect(list.subarray(32)).toEqual(sha(bytes.subarray(CHUNK_BYTES)));
    expect(chunkHash(portablePrimitives, bytes)).toEqual(sha(bytes));
  });
});

describe('the hash of a vector or blob', () => {
  const list = pattern(64);
  it('is SHA-256 over label, length and list as PROTOCOL.md spells them', () => {
    const spelled = (label: string): Uint8Array =>
      sha(
        Uint8Array.of(4, 0, 0, 0, 3, 2, 0, 0, 0, label.length),
        Buffer.from(label),
        Uint8Array.of(3, 0, 0, 0, 0, 0, 4, 0x93, 0xe0, 1, 0, 0, 0, 64),
        list,
      );
    expect(vectorHash(portablePrimitives, 300_000, list)).toEqual(spelled('sotto/1 vector'));
    expect(blobHash(portablePrimitives, 300_000, list)).toEqual(spelled('sotto/1 blob'));
  });

  it('changes with the length, the list and the purpose', () => {
    const other = list.slice();
    other[63] = 0;
    const all = [
      vectorHash(portablePrimitives, 300_000, list),
      vectorHash(portablePrimitives, 300_001, list),
      vectorHash(portablePrimitives, 300_000, other),
      vectorHash(portablePrimitives, 300_000, list.subarray(0, 32)),
      blobHash(portablePrimitives, 300_000, list),
    ];
    expect(new Set(all.map(toHex)).size).toBe(all.length);
  });
});
