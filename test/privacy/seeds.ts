// Bytes from a seed in place of a CSPRNG, for statistics that must repeat. Not a test.

import type { Rng } from '../../protocol/crypto/primitives.js';
import { Random } from '../../simulations/random.js';

/** A false alarm once in a million runs, for each check. */
export const ALARM = 1e-6;

export function bytesFrom(seed: string): Rng {
  const random = Random.fromSeed(seed);
  return (length) => Uint8Array.from({ length }, () => random.uint32() & 255);
}
