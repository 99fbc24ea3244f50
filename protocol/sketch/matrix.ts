// The random matrix A of a round's verified sketches (protocol.md §7): three count-sketches to 2^14 buckets, and k/3 dense rows over
// each. Drawn from a stream that nobody knew when the inputs were fixed. Not here: applying it (project.ts), choosing k and the
// bounds (bounds.ts), why it is sound (docs/verified-sketches.md).

import { enc } from '../crypto/enc.js';
import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { RECORD_LABELS } from '../crypto/record-labels.js';
import type { Streaming } from '../secagg/keystreams.js';

/** Independent count-sketches: a vector that vanishes in one (chance 2^-14) must vanish in all. */
export const SKETCHES = 3;
/** Buckets of one count-sketch, W. */
export const BUCKETS = 16_384;
/** Coordinates that move to their buckets as one run; an offset is drawn per run. */
export const BLOCK = 64;

/**
 * A in its two stages. Coordinate 64β + a goes, with its sign, to bucket (offset[s][β] + a) mod W of count-sketch s;
 * then row r of sketch s is Σ_b dense[s·k/3 + r][b]·bucket[b].
 *
 * Discussion. A count-sketch usually hashes every coordinate by itself. Runs of 64 keep what the soundness proof needs (a fixed
 * non-zero run lands on a fixed pattern for at most one offset in 2^14, whatever the rest of the vector does) and turn a
 * random scatter into SIMD adds: measured 8 times faster. Runs are shorter than W/2, so a run never equals its own shift.
 */
export interface SketchMatrix {
  /** k: rows in all, a multiple of 3. */
  readonly rows: number;
  /** Coordinates, d. */
  readonly length: number;
  /** Three offsets a block, interleaved, each below W. */
  readonly offsets: Uint16Array;
  /** One bit a coordinate, least significant first; 8 bytes a block. Set: negative. Shared by the three sketches. */
  readonly signs: Uint8Array;
  /** rows × W entries of −1 (¼), 0 (½), +1 (¼). */
  readonly dense: Int8Array;
}

export const blocksOf = (length: number): number => Math.ceil(length / BLOCK);

/** Key of the stream that A is read from: the whole round's context and the nonce drawn after every input was fixed. */
export const matrixKey = (primitives: SymmetricPrimitives, ctx: Uint8Array, nonce: Uint8Array): Uint8Array =>
  primitives.sha256(enc(RECORD_LABELS.sketchMatrix, ctx, nonce));

/** Bytes read at once. */
const READ = 65_536;

/** Reads A from the stream of `key`: offsets, signs, then two bits an entry (their sum minus one). */
export function* expandMatrix(key: Uint8Array, rows: number, length: number): Streaming<SketchMatrix> {
  if (rows % SKETCHES !== 0) throw new RangeError(`${rows} rows are no multiple of ${SKETCHES}`);
  const blocks = blocksOf(length);
  const offsets = new Uint16Array(blocks * SKETCHES);
  const offsetBytes = yield* read(key, offsets.length * 2);
  for (let i = 0; i < offsets.length; i++)
    offsets[i] = ((offsetBytes[2 * i] as number) | ((offsetBytes[2 * i + 1] as number) << 8)) % BUCKETS; // 2^14 divides 2^16: uniform
  const signs = yield* read(key, blocks * 8);
  const dense = new Int8Array(rows * BUCKETS);
  for (let at = 0; at < dense.length; at += 4 * READ) {
    const bytes = yield { key, length: Math.min(READ, (dense.length - at) / 4) };
    for (let i = 0; i < bytes.length; i++) {
      const byte = bytes[i] as number; // safe: i < length
      for (let pair = 0; pair < 4; pair++) {
        const bits = byte >> (2 * pair);
        dense[at + 4 * i + pair] = (bits & 1) + ((bits >> 1) & 1) - 1;
      }
    }
  }
  return { rows, length, offsets, signs, dense };
}

function* read(key: Uint8Array, length: number): Streaming<Uint8Array> {
  const out = new Uint8Array(length);
  for (let at = 0; at < length; at += READ) out.set(yield { key, length: Math.min(READ, length - at) }, at);
  return out;
}
