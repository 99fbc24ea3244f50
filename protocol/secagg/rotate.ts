// The randomised Hadamard transform: signs from a public stream, then Walsh-Hadamard, ÷ √length. It keeps norms, so nothing about
// privacy depends on it; it spreads large coordinates, so that a smaller ring holds the sum (privacy.md 6.2).
// Not here: when it is used (noised.ts). Nothing secret: the key is known to everybody in the round.

import { enc } from '../crypto/enc.js';
import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { RECORD_LABELS } from '../crypto/record-labels.js';
import type { Streaming } from './keystreams.js';

/** Fresh in each round. @param config hash of the task's settings */
export const rotationKey = (primitives: SymmetricPrimitives, config: Uint8Array, round: number): Uint8Array =>
  primitives.sha256(enc(RECORD_LABELS.rotation, config, round));

/** In place, natural order, not scaled. @param values its length is a power of two */
export function walshHadamard(values: Float64Array): void {
  const n = values.length;
  for (let half = 1; half < n; half *= 2)
    for (let from = 0; from < n; from += 2 * half)
      for (let i = from; i < from + half; i++) {
        const a = values[i] as number; // safe: i + half < n
        const b = values[i + half] as number;
        values[i] = a + b;
        values[i + half] = a - b;
      }
}

/** H·D·v ÷ √n. @param sign of each place, 0 or 1 for minus */
export function spread(values: Float64Array, sign: (at: number) => number): void {
  flip(values, sign);
  walshHadamard(values);
  const scale = 1 / Math.sqrt(values.length);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * scale;
}

/** The inverse of `spread`: H is its own, up to the length. */
export function gather(values: Float64Array, sign: (at: number) => number): void {
  walshHadamard(values);
  const scale = 1 / Math.sqrt(values.length);
  for (let i = 0; i < values.length; i++) values[i] = (values[i] as number) * scale;
  flip(values, sign);
}

function flip(values: Float64Array, sign: (at: number) => number): void {
  for (let i = 0; i < values.length; i++) if (sign(i) === 1) values[i] = -(values[i] as number);
}

/**
 * The parts that are turned one after the other: the first 2^k coordinates, then the last 2^k, 2^k the largest power of two in d.
 * Together they cover all of them, each is orthonormal, and nothing is padded: up to twice the work for up to half the wire.
 */
function parts(values: Float64Array): Float64Array[] {
  const block = 2 ** Math.floor(Math.log2(values.length));
  return block === values.length ? [values] : [values.subarray(0, block), values.subarray(values.length - block)];
}

/** In place. @param key of a public stream; 1 bit a place of each part is read from its start */
export function* rotate(values: Float64Array, key: Uint8Array): Streaming<void> {
  for (const part of parts(values)) spread(part, yield* signs(part.length, key));
}

/** Undoes `rotate` with the same key. */
export function* unrotate(values: Float64Array, key: Uint8Array): Streaming<void> {
  const drawn: { part: Float64Array; sign: (at: number) => number }[] = [];
  for (const part of parts(values)) drawn.push({ part, sign: yield* signs(part.length, key) });
  for (const { part, sign } of drawn.reverse()) gather(part, sign);
}

/** Bytes read at once. */
const READ = 65_536;

function* signs(count: number, key: Uint8Array): Streaming<(at: number) => number> {
  const bits = new Uint8Array(Math.ceil(count / 8));
  for (let at = 0; at < bits.length; at += READ) bits.set(yield { key, length: Math.min(READ, bits.length - at) }, at);
  return (at) => ((bits[at >> 3] as number) >> (at & 7)) & 1;
}
