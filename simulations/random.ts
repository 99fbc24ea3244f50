// The one seeded generator of everything in simulations: data splits, attacks, dropouts, batches, rounding.
// Not for privacy, keys, masks or noise that is claimed in a ledger: whoever knows the seed knows every draw.
// xoshiro128** 1.1 (Blackman and Vigna 2018); streams are seeded by SHA-256 of a path of labels.

import { sha256 } from '@noble/hashes/sha2.js';
import { concatBytes, utf8ToBytes } from '@noble/hashes/utils.js';

const DOMAIN = 'sotto/simulations/random/1';
const TWO_32 = 2 ** 32;

/**
 * A stream of draws. `fork` gives independent named streams whose values depend on the seed and the labels alone, never on
 * how much was drawn before: a client's data does not change because an attack drew one number more.
 * `uniform`, `integer`, `shuffle`, `sample` and `bytes` are the same on every engine; `normal`, `gamma` and `dirichlet` use
 * Math.log and Math.exp, whose last bit an engine may choose, so a seed repeats bit for bit on one engine.
 */
export class Random {
  readonly #key: Uint8Array;
  readonly #state = new Int32Array(4);
  #spareNormal: number | undefined;

  private constructor(key: Uint8Array) {
    this.#key = key;
    const view = new DataView(key.buffer, key.byteOffset, 16);
    for (let i = 0; i < 4; i++) this.#state[i] = view.getInt32(4 * i, true);
  }

  /** @param seed any text or number; 1 and '1' are the same seed. */
  static fromSeed(seed: number | string): Random {
    return new Random(sha256(utf8ToBytes(`${DOMAIN}:${seed}`)));
  }

  /** For vectors of the published generator alone: raw state words, not all zero. */
  static fromState(words: readonly [number, number, number, number]): Random {
    const bytes = new Uint8Array(32);
    const view = new DataView(bytes.buffer);
    words.forEach((word, i) => {
      view.setUint32(4 * i, word, true);
    });
    return new Random(bytes);
  }

  /** The independent stream named `label` below this one. Forking draws nothing. */
  fork(label: string | number): Random {
    return new Random(sha256(concatBytes(this.#key, utf8ToBytes(String(label)))));
  }

  /** Uniform in [0, 2^32). */
  uint32(): number {
    const s = this.#state;
    // safe: four words, indices are constant.
    const s1 = s[1]!;
    const product = Math.imul(s1, 5);
    const result = Math.imul((product << 7) | (product >>> 25), 9) >>> 0;
    s[2]! ^= s[0]!;
    s[3]! ^= s1;
    s[1]! ^= s[2]!;
    s[0]! ^= s[3]!;
    s[2]! ^= s1 << 9;
    const s3 = s[3]!;
    s[3] = (s3 << 11) | (s3 >>> 21);
    return result;
  }

  /** Uniform in [0, 1), all 53 bits. */
  uniform(): number {
    const high = this.uint32() >>> 5;
    return (high * 67_108_864 + (this.uint32() >>> 6)) / 9_007_199_254_740_992;
  }

  /** Uniform in {0, …, bound − 1}, without bias (rejection). @param bound integer in [1, 2^32] */
  integer(bound: number): number {
    if (!Number.isInteger(bound) || bound < 1 || bound > TWO_32)
      throw new RangeError(`bound ${bound} is not in [1, 2^32]`);
    const limit = TWO_32 - (TWO_32 % bound);
    let draw = this.uint32();
    while (draw >= limit) draw = this.uint32();
    return draw % bound;
  }

  /** Standard normal: polar method (Marsaglia and Bray 1964). */
  normal(): number {
    const spare = this.#spareNormal;
    if (spare !== undefined) {
      this.#spareNormal = undefined;
      return spare;
    }
    for (;;) {
      const u = 2 * this.uniform() - 1;
      const v = 2 * this.uniform() - 1;
      const s = u * u + v * v;
      if (s >= 1 || s === 0) continue;
      const factor = Math.sqrt((-2 * Math.log(s)) / s);
      this.#spareNormal = v * factor;
      return u * factor;
    }
  }

  /** Gamma with the given shape and scale 1 (Marsaglia and Tsang 2000, with their boost below shape 1). @param shape > 0 */
  gamma(shape: number): number {
    return Math.exp(this.#logGamma(shape));
  }

  /**
   * One draw from the symmetric Dirichlet: `size` shares ≥ 0 that sum to 1. In logarithms, because a gamma of a small shape is
   * below the smallest double and a row of zeros has no direction.
   * @param alpha > 0
   */
  dirichlet(alpha: number, size: number): Float64Array {
    const shares = new Float64Array(size);
    let top = Number.NEGATIVE_INFINITY;
    for (let i = 0; i < size; i++) {
      const draw = this.#logGamma(alpha);
      shares[i] = draw;
      top = Math.max(top, draw);
    }
    let total = 0;
    for (let i = 0; i < size; i++) {
      const share = Math.exp((shares[i] ?? 0) - top);
      shares[i] = share;
      total += share;
    }
    for (let i = 0; i < size; i++) shares[i] = (shares[i] ?? 0) / total;
    return shares;
  }

  /** Permutes in place (Fisher and Yates) and returns its argument. */
  shuffle<T extends unknown[] | Uint32Array | Float32Array>(list: T): T {
    for (let i = list.length - 1; i > 0; i--) {
      const j = this.integer(i + 1);
      const kept = list[i];
      list[i] = list[j];
      list[j] = kept;
    }
    return list;
  }

  /** `count` different numbers out of {0, …, size − 1}, in random order. */
  sample(size: number, count: number): Uint32Array {
    if (count > size) throw new RangeError(`cannot draw ${count} different numbers out of ${size}`);
    const all = Uint32Array.from({ length: size }, (_, i) => i);
    for (let i = 0; i < count; i++) {
      const j = i + this.integer(size - i);
      // safe: i ≤ j < size.
      const kept = all[i]!;
      all[i] = all[j]!;
      all[j] = kept;
    }
    return all.slice(0, count);
  }

  /** Fits the `Rng` of the protocol core, for simulated rounding. Never for keys or masks. */
  bytes(length: number): Uint8Array {
    const out = new Uint8Array(length);
    for (let i = 0; i < length; i += 4) {
      const word = this.uint32();
      for (let k = 0; k < 4 && i + k < length; k++) out[i + k] = word >>> (8 * k);
    }
    return out;
  }

  #logGamma(shape: number): number {
    if (!(shape > 0 && shape < Number.POSITIVE_INFINITY)) throw new RangeError(`shape ${shape} is not positive`);
    // Gamma(a) = Gamma(a + 1) · U^(1/a); 1 − uniform() is in (0, 1], so its logarithm is finite.
    const boost = shape < 1 ? Math.log(1 - this.uniform()) / shape : 0;
    const d = (shape < 1 ? shape + 1 : shape) - 1 / 3;
    const c = 1 / Math.sqrt(9 * d);
    for (;;) {
      const x = this.normal();
      const v = (1 + c * x) ** 3;
      if (v <= 0) continue;
      if (Math.log(1 - this.uniform()) < 0.5 * x * x + d - d * v + d * Math.log(v)) return boost + Math.log(d * v);
    }
  }
}
