// Updates to integers of the ring and back: clip, weigh, round (protocol.md §5). Not here: masks (mask.ts), noise (noised.ts).

import { SottoError } from '../errors.js';
import type { Encoding } from './jobs.js';
import type { Streaming } from './keystreams.js';

/** Accumulators and encoded vectors: one word a coordinate. 16-bit words at ρ = 16, else 32-bit words (ρ = 24 uses their low 24 bits). */
export type Words = Uint16Array<ArrayBuffer> | Uint32Array<ArrayBuffer>;

export const wordsOf = (encoding: Encoding, length: number): Words =>
  encoding.ring === 16 ? new Uint16Array(length) : new Uint32Array(length);

/** Coordinates that travel: the update, and one more for the weight of a weighted task or the bit of adaptive clipping. */
export const encodedLength = ({ dimension, weighted, mechanism }: Encoding): number =>
  dimension + (weighted || (mechanism?.bitSteps ?? 0) > 0 ? 1 : 0);

/** Value of one grid step. */
export const gridStep = (encoding: Encoding): number => encoding.range / encoding.levels;

/** L2 norm in float64. @throws SottoError SECAGG_LENGTH, SECAGG_NON_FINITE, before any arithmetic uses the values */
export function checkedNorm(update: Float32Array, dimension: number): number {
  if (update.length !== dimension)
    throw new SottoError('SECAGG_LENGTH', `the update has ${update.length} coordinates, the task ${dimension}`);
  let sum = 0;
  for (let i = 0; i < dimension; i++) {
    const x = update[i] as number; // safe: i < dimension = length
    sum += x * x;
  }
  // A single NaN or infinity makes the sum non-finite, and float32 squares cannot overflow float64.
  if (!Number.isFinite(sum)) {
    const at = update.findIndex((x) => !Number.isFinite(x));
    throw new SottoError('SECAGG_NON_FINITE', `coordinate ${at} of the update is ${update[at]}`, { coordinate: at });
  }
  return Math.sqrt(sum);
}

/** Factor that brings a vector of this norm inside the clip: 1 for the zero vector. */
export const clipFactor = (norm: number, clipNorm: number): number => (norm > clipNorm ? clipNorm / norm : 1);

/** Coordinates rounded per read of the rounding stream: 64 KiB of key stream. */
const BLOCK = 16_384;

/**
 * q = stochastic rounding of w·clip(x) to the grid, as words mod 2^ρ. Unbiased up to 2^-32: a value is rounded up when its
 * fraction exceeds a uniform 32-bit word. Magnitudes are capped at L, so a float that lies a hair beyond `range` cannot wrap.
 * @param update d float32 values; not changed
 * @throws SottoError SECAGG_LENGTH, SECAGG_NON_FINITE
 */
export function* encodeUpdate(
  encoding: Encoding,
  update: Float32Array,
  weight: number,
  roundingKey: Uint8Array,
): Streaming<Words> {
  const scale = (clipFactor(checkedNorm(update, encoding.dimension), encoding.clipNorm) * weight) / gridStep(encoding);
  const { levels, dimension } = encoding;
  const words = wordsOf(encoding, encodedLength(encoding));
  for (let from = 0; from < words.length; from += BLOCK) {
    const to = Math.min(words.length, from + BLOCK);
    const bytes = yield { key: roundingKey, length: 4 * (to - from) };
    const random = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
    for (let i = from; i < to; i++) {
      const value = i < dimension ? (update[i] as number) * scale : weight * levels; // safe: i < dimension
      const floor = Math.floor(value);
      const level = floor + ((value - floor) * 2 ** 32 > random.getUint32(4 * (i - from), true) ? 1 : 0);
      words[i] = Math.max(-levels, Math.min(levels, level));
    }
  }
  return words;
}

/** A word of the ring as a signed integer in [−2^(ρ−1), 2^(ρ−1)). */
export const signed = (word: number, ring: Encoding['ring']): number => (word << (32 - ring)) >> (32 - ring);

/**
 * The mean update from an opened sum of `survivors` inputs. Weighted: Σq ÷ Σw; the sum of weights is the last coordinate.
 * @param into where the d float32 values go
 * @returns `into`
 * @throws SottoError SECAGG_LENGTH if the sum has another length; ROUND_BAD_VECTOR if a weighted sum has no positive weight
 */
export function decodeMean(
  encoding: Encoding,
  sum: Words,
  survivors: number,
  into: Float32Array<ArrayBuffer> = new Float32Array(encoding.dimension),
): Float32Array<ArrayBuffer> {
  if (sum.length !== encodedLength(encoding))
    throw new SottoError('SECAGG_LENGTH', `the sum has ${sum.length} coordinates, not ${encodedLength(encoding)}`);
  const total = encoding.weighted
    ? signed(sum[encoding.dimension] as number, encoding.ring) / encoding.levels
    : survivors; // safe: length checked
  if (!(total > 0)) throw new SottoError('ROUND_BAD_VECTOR', `the weights of the round add up to ${total}`);
  const factor = gridStep(encoding) / total;
  for (let i = 0; i < into.length; i++) into[i] = signed(sum[i] as number, encoding.ring) * factor; // safe: i < dimension ≤ length
  return into;
}
