// An update as integers under differential privacy: clipped, rotated, rounded so that its norm is bounded exactly, and noised with
// exact integer noise that was drawn before the update was looked at (privacy.md 6.1, 6.3, 7). And the way back from an opened sum.
// Not here: the plain grid (encode.ts), masks (mask.ts), how much noise (privacy/provision.ts).

import { wipe } from '../crypto/bytes.js';
import { SottoError } from '../errors.js';
import { isUnclipped } from '../privacy/adaptive-clip.js';
import { gaussianShape } from '../privacy/discrete/gaussian.js';
import { drawNoise } from '../privacy/discrete/noise.js';
import { skellamShape } from '../privacy/discrete/skellam.js';
import { noiseTable } from '../privacy/discrete/table.js';
import {
  checkedNorm,
  clipFactor,
  encodedLength,
  encodeUpdate,
  gridStep,
  signed,
  type Words,
  wordsOf,
} from './encode.js';
import type { Encoding, MaskWork, Mechanism, NoiseDraw } from './jobs.js';
import type { Streaming } from './keystreams.js';
import { rotate, unrotate } from './rotate.js';

/** Roundings that are drawn before every coordinate is cut toward zero instead. Each fails with probability below e^-½. */
const ROUNDINGS = 64;
/** Coordinates rounded per read of the rounding stream. */
const BLOCK = 16_384;

/**
 * q of one input, with its share of noise. The same work gives the same q: R4 projects what was masked.
 * The noise is complete before the update is read.
 */
export function* encodeInput(work: MaskWork, update: Float32Array): Streaming<Words> {
  const { encoding, weight, roundingKey, noise } = work;
  const share = noise === undefined ? undefined : yield* drawShare(encoding, noise);
  const words =
    encoding.mechanism === undefined
      ? yield* encodeUpdate(encoding, update, weight, roundingKey)
      : yield* encodeBounded(encoding, encoding.mechanism, update, roundingKey);
  if (share !== undefined) addShare(words, share);
  return words;
}

/** Noise of one input, until it has entered its sum. */
export interface NoiseShare {
  values: Int32Array | 'spent';
}

/** All coordinates of the update, then the bit's, which is Gaussian whatever the others are. @throws SottoError CONFIG_PRIVACY */
export function* drawShare(encoding: Encoding, { key, from, variance, bitVariance }: NoiseDraw): Streaming<NoiseShare> {
  const out = new Int32Array(encodedLength(encoding));
  const shape = from === 'skellam' ? skellamShape : gaussianShape;
  const share = yield* drawNoise(noiseTable(shape(whole(variance))), encoding.dimension, key);
  out.set(share);
  wipe(share);
  if (bitVariance > 0)
    out.set(yield* drawNoise(noiseTable(gaussianShape(whole(bitVariance))), 1, key), encoding.dimension);
  return { values: out };
}
const whole = (variance: number) => ({ num: BigInt(variance), den: 1n });

/**
 * Adds noise to encoded words, mod 2^ρ by the words' own width, and erases it: one draw enters one sum.
 * @throws SottoError PRIVACY_REUSED where it has entered one already
 */
export function addShare(words: Words, share: NoiseShare): void {
  const { values } = share;
  if (values === 'spent')
    throw new SottoError('PRIVACY_REUSED', 'this share of noise is in a sum already; draw another');
  for (let i = 0; i < words.length; i++) words[i] = (words[i] as number) + (values[i] as number); // safe: equal lengths
  wipe(values);
  share.values = 'spent';
}

/**
 * Whole numbers of norm at most Δ₂, whatever the update was. One with a value that is not finite counts as zero: to refuse it, or to
 * drop out because of it, would tell something about the client's data.
 * @param update d float32 values; not changed
 * @throws SottoError SECAGG_LENGTH
 */
export function* encodeBounded(
  encoding: Encoding,
  mechanism: Mechanism,
  update: Float32Array,
  roundingKey: Uint8Array,
): Streaming<Words> {
  const values = Float64Array.from(update);
  const norm = finiteNorm(values, update, encoding.dimension);
  if (mechanism.rotationKey !== 'none') yield* rotate(values, mechanism.rotationKey);
  const scale = clipFactor(norm, encoding.clipNorm) / gridStep(encoding);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * scale; // safe: i < length
  const words = wordsOf(encoding, encodedLength(encoding));
  yield* roundBounded(values, mechanism.maxSquare, roundingKey, words);
  if (mechanism.bitSteps > 0)
    words[encoding.dimension] = isUnclipped(norm, encoding.clipNorm) ? mechanism.bitSteps : -mechanism.bitSteps;
  wipe(values);
  return words;
}

/** The norm, or 0 and zeros in `values` where something is not finite. @throws SottoError SECAGG_LENGTH */
function finiteNorm(values: Float64Array, update: Float32Array, dimension: number): number {
  try {
    return checkedNorm(update, dimension);
  } catch (error) {
    if (!(error instanceof SottoError) || error.code !== 'SECAGG_NON_FINITE') throw error;
    values.fill(0);
    return 0;
  }
}

/**
 * Conditional stochastic rounding (Kairouz, Liu, Steinke 2021, Algorithm 1): again until Σq² ≤ maxSquare, at most 64 times; then every
 * coordinate toward zero, which cannot lengthen the vector. The sum of squares is of whole numbers, exact below 2^53 (MAX_CLIP_STEPS);
 * this comparison carries the sensitivity, so float errors before it cannot.
 */
export function* roundBounded(
  values: Float64Array,
  maxSquare: number,
  roundingKey: Uint8Array,
  into: Words | Int32Array,
): Streaming<void> {
  for (let tries = 0; tries < ROUNDINGS; tries++) {
    let square = 0;
    for (let from = 0; from < values.length; from += BLOCK) {
      const to = Math.min(values.length, from + BLOCK);
      const bytes = yield { key: roundingKey, length: 4 * (to - from) };
      const random = new DataView(bytes.buffer, bytes.byteOffset, bytes.length);
      for (let i = from; i < to; i++) {
        const level = roundBy(values[i] as number, random.getUint32(4 * (i - from), true) / 2 ** 32); // safe: i < length
        into[i] = level;
        square += level * level;
      }
    }
    if (square <= maxSquare) return;
  }
  if (!truncate(values, maxSquare, into)) into.fill(0);
}

/** ⌊v⌋ + (u < v − ⌊v⌋). */
export function roundBy(value: number, uniform: number): number {
  const floor = Math.floor(value);
  return floor + (uniform < value - floor ? 1 : 0);
}

/** Whether the norm holds: it does but for a bug before it, and then nothing is sent at all. */
function truncate(values: Float64Array, maxSquare: number, into: Words | Int32Array): boolean {
  let square = 0;
  for (let i = 0; i < values.length; i++) {
    const level = Math.trunc(values[i] as number); // safe: i < length
    into[i] = level;
    square += level * level;
  }
  return square <= maxSquare;
}

/**
 * The mean from an opened sum, with the coordinator's own noise where the task has that. The number of survivors is public: under
 * these neighbours a unit's contribution is replaced, not its participation.
 * @param centralKey 32 fresh secret bytes; read only with central noise
 * @returns d float32 values, and Σ(b_i − ½) with its noise (0 where the norm is fixed)
 * @throws SottoError SECAGG_LENGTH
 */
export function* decodeNoised(
  encoding: Encoding,
  mechanism: Mechanism,
  sum: Words,
  survivors: number,
  centralKey: Uint8Array,
): Streaming<{ readonly mean: Float32Array<ArrayBuffer>; readonly bits: number }> {
  const { dimension, ring } = encoding;
  if (sum.length !== encodedLength(encoding))
    throw new SottoError('SECAGG_LENGTH', `the sum has ${sum.length} coordinates, not ${encodedLength(encoding)}`);
  const noise =
    mechanism.centralVariance > 0
      ? yield* drawNoise(noiseTable(gaussianShape(whole(mechanism.centralVariance))), dimension, centralKey)
      : undefined;
  const values = Float64Array.from({ length: dimension }, (_, i) => signed(sum[i] as number, ring) + (noise?.[i] ?? 0)); // safe: length checked
  if (noise !== undefined) wipe(noise);
  if (mechanism.rotationKey !== 'none') yield* unrotate(values, mechanism.rotationKey);
  const factor = gridStep(encoding) / survivors;
  const mean = Float32Array.from(values, (value) => value * factor);
  const bits = mechanism.bitSteps > 0 ? signed(sum[dimension] as number, ring) / (2 * mechanism.bitSteps) : 0;
  return { mean, bits };
}
