// Masked inputs: y_i = q_i + PRG(b_i) + Σ_{j>i} m_ij − Σ_{j<i} m_ij (mod 2^ρ), packed for the wire (protocol.md §5; Bonawitz et al. 2017 §6).
// Not here: the keys (keys.ts), taking masks off (unmask.ts), who runs this (client/engine).

import type { Kernels } from '../kernels/kernels.js';
import { encodedLength, encodeUpdate, type Words, wordsOf } from './encode.js';
import type { Encoding, MaskWork } from './jobs.js';
import type { Streaming } from './keystreams.js';

/** Key-stream bytes handled at once: the piece of the sum and the piece of the stream stay in the cache while all keys pass over. */
const PIECE_BYTES = 32_768;

/** Adds or takes off PRG(key) for every key, piece by piece: all keys over one piece, then the next. */
export function* applyMasks(
  words: Words,
  masks: readonly { readonly key: Uint8Array; readonly sign: 1 | -1 }[],
  kernels: Kernels,
): Streaming<void> {
  const width = words.BYTES_PER_ELEMENT;
  const piece = PIECE_BYTES / width;
  for (let from = 0; from < words.length; from += piece) {
    const part = words.subarray(from, Math.min(words.length, from + piece));
    for (const { key, sign } of masks) {
      const bytes = yield { key, length: part.length * width };
      if (part instanceof Uint16Array) (sign > 0 ? kernels.addU16 : kernels.subU16)(part, view16(bytes));
      else (sign > 0 ? kernels.addU32 : kernels.subU32)(part, view32(bytes));
    }
  }
}

// Streams may hand out bytes at any address; typed views need alignment, so an odd one is copied (32 KiB at most). Not by `slice`,
// which shares memory where a driver hands in a Buffer.
const view16 = (bytes: Uint8Array): Uint16Array =>
  bytes.byteOffset % 2 === 0
    ? new Uint16Array(bytes.buffer, bytes.byteOffset, bytes.length / 2)
    : new Uint16Array(new Uint8Array(bytes).buffer);
const view32 = (bytes: Uint8Array): Uint32Array =>
  bytes.byteOffset % 4 === 0
    ? new Uint32Array(bytes.buffer, bytes.byteOffset, bytes.length / 4)
    : new Uint32Array(new Uint8Array(bytes).buffer);

/**
 * Encodes and masks one update.
 * @param update d float32 values; not changed, but the caller must not mask the same encoded values again (protocol.md §6.6)
 * @returns the wire bytes of y_i, ρ/8 a coordinate, little-endian
 * @throws SottoError SECAGG_LENGTH, SECAGG_NON_FINITE
 */
export function* maskUpdate(
  work: MaskWork,
  update: Float32Array,
  kernels: Kernels,
  encode: EncodeInput,
): Streaming<Uint8Array<ArrayBuffer>> {
  const words = yield* encode(work, update);
  yield* applyMasks(words, [{ key: work.selfKey, sign: 1 }, ...work.pairs], kernels);
  return packWords(words, work.encoding, kernels);
}

/** Makes the whole numbers of one input: `encodePlain` here, `encodeInput` of noised.ts where the task has noise. */
export type EncodeInput = (work: MaskWork, update: Float32Array) => Streaming<Words>;

/** q without noise. @throws RangeError where the task asks for noise: it must never be left out because somebody forgot to load it */
export function* encodePlain(
  { encoding, weight, roundingKey, noise }: MaskWork,
  update: Float32Array,
): Streaming<Words> {
  if (encoding.mechanism !== undefined || noise !== undefined) throw new RangeError('this encoder knows no noise');
  return yield* encodeUpdate(encoding, update, weight, roundingKey);
}

/** Words to wire bytes. At ρ = 16 and 32 the result shares the words' memory. */
export function packWords(words: Words, encoding: Encoding, kernels: Kernels): Uint8Array<ArrayBuffer> {
  if (encoding.ring !== 24 || words instanceof Uint16Array)
    return new Uint8Array(words.buffer, words.byteOffset, words.byteLength);
  const bytes = new Uint8Array(words.length * 3);
  kernels.pack24(words, bytes);
  return bytes;
}

/**
 * Adds wire bytes of one input to the group's accumulator.
 * @param bytes exactly encodedLength × ρ/8, checked by the caller
 */
export function foldInput(accumulator: Words, bytes: Uint8Array, encoding: Encoding, kernels: Kernels): void {
  if (accumulator instanceof Uint16Array) kernels.addU16(accumulator, view16(bytes));
  else if (encoding.ring === 32) kernels.addU32(accumulator, view32(bytes));
  else {
    const words = new Uint32Array(accumulator.length);
    kernels.unpack24(bytes, words);
    kernels.addU32(accumulator, words);
  }
}

export const newAccumulator = (encoding: Encoding): Words => wordsOf(encoding, encodedLength(encoding));
