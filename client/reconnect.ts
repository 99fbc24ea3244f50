// How long to wait before the next try to connect: as socket.io-client does it. Not here: when to try at all (federated-client.ts).
import type { Rng } from '../protocol/crypto/primitives.js';
import type { Millis } from '../protocol/ids.js';

export interface ReconnectOptions {
  /** Wait after the first loss. */
  readonly minMs: Millis;
  /** The wait grows to this. */
  readonly maxMs: Millis;
  readonly factor: number;
  /** Share by which a wait is lengthened or shortened at random, in [0, 1). */
  readonly jitter: number;
  /** Tries in a row that may fail before `run` gives up with TRANSPORT_CLOSED. To be told to come back later is no failure. */
  readonly tries: number;
}

/** socket.io-client's figures: 1 s growing to 5 s, jitter 0.5, no end of tries. */
export const RECONNECT: ReconnectOptions = {
  minMs: 1_000,
  maxMs: 5_000,
  factor: 2,
  jitter: 0.5,
  tries: Number.POSITIVE_INFINITY,
};

/** A number in [0, 1) from 4 bytes of `rng`. */
export function unit(rng: Rng): number {
  const [a = 0, b = 0, c = 0, d = 0] = rng(4);
  return (a * 2 ** 24 + b * 2 ** 16 + c * 2 ** 8 + d) / 2 ** 32;
}

export class Backoff {
  readonly #options: ReconnectOptions;
  readonly #rng: Rng;
  #failed = 0;

  constructor(options: ReconnectOptions, rng: Rng) {
    this.#options = options;
    this.#rng = rng;
  }

  /**
   * The wait before the next try, `undefined` when there shall be none. Deviates from socket.io-client: the cap comes
   * before the jitter, so that clients that have waited long do not all come back after exactly `maxMs`.
   * @param deferred the last try did not fail: it was told to come back later
   */
  next(deferred = false): Millis | undefined {
    const { minMs, maxMs, factor, tries } = this.#options;
    if (this.#failed >= tries && !deferred) return undefined;
    const base = Math.min(maxMs, minMs * factor ** Math.min(this.#failed, 64));
    if (!deferred) this.#failed++;
    return this.spread(base);
  }

  /** `ms` ± jitter. */
  spread(ms: Millis): Millis {
    return Math.round(ms * (1 + this.#options.jitter * (2 * unit(this.#rng) - 1)));
  }

  /** A connection was established: the next loss is a first one again. */
  reset(): void {
    this.#failed = 0;
  }
}
