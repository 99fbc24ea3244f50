// Random bits in the order in which a key stream gives them: what the exact samplers draw from. Whole numbers only.
// Not here: the streams themselves (crypto/keystream.ts), what is sampled.

/** Uniform bits, each used once. A sampler that has not enough left throws `Exhausted`: see `batches` in noise.ts. */
export interface Bits {
  /** Uniform in [0, 2^32). */
  word(): number;
}

/** The buffer ended in the middle of a draw. Whoever caught it goes back to the first bit of that draw and reads on with more. */
export const EXHAUSTED = Symbol('exhausted');

/** Bits of a buffer, little-endian words. */
export class BufferedBits implements Bits {
  readonly #words: Uint32Array;
  /** Next unread word. */
  at = 0;

  /** @param bytes a whole number of words */
  constructor(bytes: Uint8Array) {
    this.#words = new Uint32Array(new Uint8Array(bytes).buffer); // a copy: views need alignment
  }

  word(): number {
    if (this.at >= this.#words.length) throw EXHAUSTED;
    return this.#words[this.at++] as number; // safe: at < length
  }

  /** What is left, for the next buffer. */
  rest(from: number): Uint32Array {
    return this.#words.subarray(from);
  }

  wipe(): void {
    this.#words.fill(0);
  }
}

/** Uniform big integer of `count` bits. */
export function bigBits(bits: Bits, count: number): bigint {
  let value = 0n;
  let left = count;
  for (; left >= 32; left -= 32) value = (value << 32n) | BigInt(bits.word());
  return left === 0 ? value : (value << BigInt(left)) | BigInt(bits.word() >>> (32 - left));
}
