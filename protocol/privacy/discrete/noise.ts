// Vectors of exact noise from a key stream, in batches of fixed size. The number of samples depends on their count alone, and nothing
// of anybody's data is read here: noise is drawn before an update is touched (timing tells nothing; Jin et al. 2022).
// Not here: the distributions (gaussian.ts, skellam.ts), how much noise is needed (provision.ts), adding it (secagg/noised.ts).

import { wipe } from '../../crypto/bytes.js';
import type { Streaming } from '../../secagg/keystreams.js';
import { BufferedBits, EXHAUSTED } from './bits.js';
import { type NoiseTable, sample } from './table.js';

/** Bytes read at once. */
const READ = 65_536;

/**
 * `count` independent draws from the distribution of the table.
 * A draw that the end of a buffer cuts off starts again at its own first bit, now with the next buffer behind it: it is the
 * same draw of the same bits, so nothing is favoured. (To drop it would favour draws that need few bits.)
 * @param table holds no secret: one serves any number of draws @param key 32 bytes, used for this alone. The caller wipes it and the result
 */
export function* drawNoise(table: NoiseTable, count: number, key: Uint8Array): Streaming<Int32Array<ArrayBuffer>> {
  const out = new Int32Array(count);
  let done = 0;
  let left = new Uint32Array(0);
  while (done < count) {
    const bytes = yield { key, length: READ };
    const joined = new Uint8Array(left.byteLength + READ);
    joined.set(new Uint8Array(left.buffer, left.byteOffset, left.byteLength));
    joined.set(bytes, left.byteLength);
    const bits = new BufferedBits(joined);
    wipe(joined, left);
    let from = 0;
    try {
      while (done < count) {
        from = bits.at;
        out[done] = sample(table, bits);
        done++;
      }
    } catch (error) {
      if (error !== EXHAUSTED) throw error;
    }
    left = bits.rest(from).slice();
    bits.wipe();
  }
  wipe(left);
  return out;
}
