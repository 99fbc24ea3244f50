// The process's memory against its budget: near it nobody new comes in and uploads go on one by one, at it those go who have not proven
// who they are. V8's own limit does not count what sockets hold. Pure but for the reading that is handed in. Not here: what goes (gate.ts),
// what uploads make of it (uploads/tickets.ts).
//
// What was freed is mostly not given back to the system (glibc keeps the holes between what is still in use), so resident bytes go up and
// hardly ever down: by them alone one flood would shut the door for ever. What is free inside the process is told from the last time that
// resident bytes rose to a new height: then nothing was free, and what was neither heap nor buffers was the overhead of everything else.

import type { Millis } from '../../protocol/ids.js';

/** Parts of the budget at which nobody new comes in, and at which strangers go. */
const TIGHT = 0.85;
const CRITICAL = 0.95;
/** A reading costs 50 µs; a flood asks 10,000 times a second. */
const FRESH_MS: Millis = 100;

export type Pressure = 'none' | 'tight' | 'critical';

/** Bytes, as process.memoryUsage() names them. */
export type MemoryReading = Pick<NodeJS.MemoryUsage, 'rss' | 'heapTotal' | 'external'>;

export class MemoryWatch {
  readonly #budget: number;
  readonly #read: () => MemoryReading;
  #at = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #highest = 0;
  /** Neither heap nor buffers, at that height. */
  #overhead = 0;

  /** @param budget bytes; Infinity: no pressure, ever */
  constructor(budget: number, read: () => MemoryReading = () => process.memoryUsage()) {
    this.#budget = budget;
    this.#read = read;
  }

  pressure(now: Millis): Pressure {
    if (this.#budget === Number.POSITIVE_INFINITY) return 'none';
    if (now - this.#at >= FRESH_MS) {
      this.#at = now;
      this.#bytes = this.#inUse(this.#read());
    }
    if (this.#bytes >= CRITICAL * this.#budget) return 'critical';
    return this.#bytes >= TIGHT * this.#budget ? 'tight' : 'none';
  }

  /** Resident, less what can be used again before the process grows. */
  #inUse({ rss, heapTotal, external }: MemoryReading): number {
    const known = heapTotal + external;
    if (rss >= this.#highest) {
      this.#highest = rss;
      this.#overhead = Math.max(0, rss - known);
    }
    return Math.min(rss, this.#overhead + known);
  }
}
