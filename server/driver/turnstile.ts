// How fast strangers are let in: when thousands come at once (we were down, or their network was), each is told when to come back, so that
// the handshakes spread. Pure but for its own memory; the time comes in. Not here: how many may be in progress at all (connections.ts).

import type { Millis } from '../../protocol/ids.js';
import {
  HANDSHAKE_BURST,
  HANDSHAKE_SLOTS_MS,
  HANDSHAKES_AT_ONCE,
  HANDSHAKES_PER_SECOND,
  MIN_RETRY_AFTER_MS,
  RESTART_MS,
} from '../../protocol/limits.js';

const SLOT_MS: Millis = 1_000 / HANDSHAKES_PER_SECOND;
/** What those take in advance who come before it is a storm: a second's worth, so that they and the next ones are not in the same second. */
const MOST_DEBT = HANDSHAKES_PER_SECOND;

export class Turnstile {
  #tokens = HANDSHAKE_BURST;
  #at: Millis;
  /** The last time that somebody was given. */
  #slot: Millis = Number.NEGATIVE_INFINITY;

  constructor(now: Millis) {
    this.#at = now;
  }

  /**
   * @param inProgress handshakes that have begun and have no end
   * @returns 0: it may come in; else after how many ms it is to come back
   */
  enter(now: Millis, inProgress: number): Millis {
    this.#tokens = Math.min(HANDSHAKE_BURST, this.#tokens + (now - this.#at) / SLOT_MS);
    this.#at = now;
    // Few at a time are no storm, however quick: unless some are on their way who were told to come now.
    const calm = inProgress < HANDSHAKES_AT_ONCE && now > this.#slot;
    if (calm || this.#tokens >= 1) {
      this.#tokens = Math.max(-MOST_DEBT, this.#tokens - 1);
      return 0;
    }
    const next = Math.max(this.#slot, now + MIN_RETRY_AFTER_MS) + SLOT_MS;
    // Whoever comes behind the last slot shares those of others: a flood must not keep an honest client away for long.
    this.#slot = next - now > HANDSHAKE_SLOTS_MS ? now + MIN_RETRY_AFTER_MS : next;
    return Math.ceil(this.#slot - now);
  }
}

/** For one of those whom a stopping coordinator sends away: one after the other, at the same rate. */
export const returnAfter = (place: number): Millis => RESTART_MS + Math.ceil((place * SLOT_MS) % HANDSHAKE_SLOTS_MS);
