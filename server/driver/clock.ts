// The coordinator's clock and alarms. The only place in server/ that reads time; simulations hand in another.
import type { Millis } from '../../protocol/ids.js';

export interface Clock {
  /** Monotonic. */
  now(): Millis;
  /** Runs `ring` once at `at` or soon after. Gives a function that calls it off. */
  at(time: Millis, ring: () => void): () => void;
}

/** setTimeout fires at once above this. */
const LONGEST_MS = 2 ** 31 - 1;

export const realClock: Clock = {
  now: () => performance.now(),
  at(time, ring) {
    const delay = Math.ceil(Math.max(0, time - performance.now()));
    const timer = setTimeout(ring, Math.min(delay, LONGEST_MS));
    return () => clearTimeout(timer);
  },
};

/** One wake-up: a later `set` replaces an earlier one. */
export class Alarm {
  readonly #clock: Clock;
  readonly #ring: (now: Millis) => void;
  #cancel: () => void = () => {};

  constructor(clock: Clock, ring: (now: Millis) => void) {
    this.#clock = clock;
    this.#ring = ring;
  }

  set(at: Millis): void {
    this.#cancel();
    this.#cancel = this.#clock.at(at, () => {
      const now = this.#clock.now();
      // Timers may ring a hair early; machines compare with ≥.
      this.#ring(now < at ? at : now);
    });
  }

  off(): void {
    this.#cancel();
    this.#cancel = () => {};
  }
}
