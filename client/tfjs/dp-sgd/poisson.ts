// Poisson sampling: each record tosses its own coin in each step, so batches differ in size and may be empty. That is what the price
// of `poissonGaussian` assumes; shuffled batches of one size are another mechanism. Coins never leave the device.
// Not here: what is done with a batch (loop.ts).

import type { Rng } from '../../../protocol/crypto/primitives.js';

/** Bits of a coin; every multiple of 2^−53 up to 1 is a float64. */
const COIN_BITS = 53;
const COIN_BYTES = 8;

/** The rate that is really used: ⌊q·2^53⌋ ÷ 2^53. This one is priced. @param rate in (0, 1] */
export const exactRate = (rate: number): number => Math.floor(rate * 2 ** COIN_BITS) / 2 ** COIN_BITS;

/** Numbers of the records that are in, ascending: each of `records` independently with probability `exactRate(rate)`. */
export function poissonBatch(records: number, rate: number, rng: Rng): Uint32Array {
  const bound = Math.floor(rate * 2 ** COIN_BITS);
  const bytes = rng(records * COIN_BYTES);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const chosen = new Uint32Array(records);
  let count = 0;
  for (let i = 0; i < records; i++) {
    const high = words.getUint32(i * COIN_BYTES) >>> 11;
    if (high * 2 ** 32 + words.getUint32(i * COIN_BYTES + 4) < bound) chosen[count++] = i;
  }
  return chosen.slice(0, count);
}
