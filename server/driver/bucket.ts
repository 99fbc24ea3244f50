// How much one connection may say: a token bucket. Pure: time is handed in. Not here: what is done with who says more (connection.ts),
// chunks of uploads, which have credits of their own (uploads.ts).

import type { Millis } from '../../protocol/ids.js';
import { MESSAGE_BURST, MESSAGES_PER_ROUND, MESSAGES_PER_SECOND } from '../../protocol/limits.js';

export class Bucket {
  #left = MESSAGE_BURST;
  #at: Millis;

  constructor(now: Millis) {
    this.#at = now;
  }

  /** Whether one more message, or control frame, is within the limit. */
  take(now: Millis): boolean {
    const refilled = this.#left + ((now - this.#at) / 1_000) * MESSAGES_PER_SECOND;
    // What rounds have granted is not cut off by the passing of time.
    this.#left = Math.max(this.#left, Math.min(MESSAGE_BURST, refilled));
    this.#at = now;
    if (this.#left < 1) return false;
    this.#left--;
    return true;
  }

  /** We ask for a round's messages ourselves: rounds of small models follow each other within milliseconds. */
  round(): void {
    this.#left = Math.min(this.#left + MESSAGES_PER_ROUND, MESSAGE_BURST + 4 * MESSAGES_PER_ROUND);
  }
}
