// Runs a computation of the core that reads key streams (protocol/secagg/keystreams.ts) where the streams are asynchronous.
// Not here: the synchronous runner, which is the core's own.
import type { Keystream, OpenKeystream, Prg } from '../protocol/crypto/primitives.js';
import type { Streaming } from '../protocol/secagg/keystreams.js';

/** A WebCrypto call costs 50 µs and more whatever its length, so asynchronous streams are read ahead in blocks of this many bytes… */
const AHEAD_BYTES = 262_144;
/** …unless there are so many that the blocks together would take more than this. */
const AHEAD_TOTAL = 16 * 1_048_576;

/** As `runStreaming` of the core, for synchronous and asynchronous sources. */
export async function runStreamingAsync<T>(job: Streaming<T>, prg: Prg, open: OpenKeystream): Promise<T> {
  const readers = new Map<Uint8Array, Reader>();
  let step = job.next();
  while (!step.done) {
    const { key, length } = step.value;
    let reader = readers.get(key);
    if (reader === undefined) {
      reader = new Reader(open(prg, key));
      readers.set(key, reader);
    }
    const bytes = reader.read(length, Math.min(AHEAD_BYTES, Math.floor(AHEAD_TOTAL / readers.size)));
    step = job.next(bytes instanceof Uint8Array ? bytes : await bytes);
  }
  return step.value;
}

class Reader {
  readonly #stream: Keystream;
  /** Read ahead and not asked for yet. Stays empty where the stream is synchronous. */
  #rest = new Uint8Array(0);

  constructor(stream: Keystream) {
    this.#stream = stream;
  }

  read(length: number, ahead: number): Uint8Array | Promise<Uint8Array> {
    if (this.#rest.length >= length) return this.#cut(length);
    // The very first read is exact: only its answer tells whether this stream is asynchronous.
    const next = this.#stream.read(this.#isAsync ? Math.max(length - this.#rest.length, ahead) : length);
    if (next instanceof Uint8Array) return next;
    this.#isAsync = true;
    return this.#append(next, length);
  }
  #isAsync = false;

  async #append(next: Promise<Uint8Array>, length: number): Promise<Uint8Array> {
    const bytes = await next;
    const joined = new Uint8Array(this.#rest.length + bytes.length);
    joined.set(this.#rest);
    joined.set(bytes, this.#rest.length);
    this.#rest = joined;
    return this.#cut(length);
  }

  #cut(length: number): Uint8Array {
    const out = this.#rest.subarray(0, length);
    this.#rest = this.#rest.subarray(length);
    return out;
  }
}
