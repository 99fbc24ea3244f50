// The process's memory against its budget: near it nobody new comes in, at it those go who have not proven who they are. V8's own limit
// does not count what sockets hold. Pure but for the reading that is handed in. Not here: what goes (gate.ts).

import type { Millis } from '../../protocol/ids.js';

/** Parts of the budget at which nobody new comes in, and at which strangers go. */
const TIGHT = 0.85;
const CRITICAL = 0.95;
/** A reading costs 10 µs; a flood asks 10,000 times a second. */
const FRESH_MS: Millis = 100;

export type Pressure = 'none' | 'tight' | 'critical';

export class MemoryWatch {
  readonly #budget: number;
  readonly #read: () => number;
  #at = Number.NEGATIVE_INFINITY;
  #bytes = 0;

  /** @param budget bytes; Infinity: no pressure, ever  @param read resident bytes of this process */
  constructor(budget: number, read: () => number = () => process.memoryUsage.rss()) {
    this.#budget = budget;
    this.#read = read;
  }

  pressure(now: Millis): Pressure {
    if (this.#budget === Number.POSITIVE_INFINITY) return 'none';
    if (now - this.#at >= FRESH_MS) {
      this.#at = now;
      this.#bytes = this.#read();
    }
    if (this.#bytes >= CRITICAL * this.#budget) return 'critical';
    return this.#bytes >= TIGHT * this.#budget ? 'tight' : 'none';
  }
}
