// The process's memory against its budget: near it nobody new comes in and uploads go on one by one, at it those go who have not proven
// who they are. V8's own limit does not count what sockets hold. Pure but for the reading that is handed in. Not here: what goes (gate.ts),
// what uploads make of it (uploads/tickets.ts).
//
// What was freed is mostly not given back to the system (glibc keeps the holes between what is still in use), so resident bytes go up and
// hardly ever down: by them alone one flood would shut the door for ever. What is in use is the heap, the buffers, and an overhead of all
// else: at most what is neither heap nor buffers, and no more than it was but for what resident bytes rose to a new height by. (A new
// height does not mean that nothing is free: other threads, or a chunk that fits no hole, make the process grow beside 100 MB of holes.)
// Near the budget the estimate is not trusted while the process grows: then resident bytes count in full, until it has not grown for a while.
//
// Pages of mapped files are resident as well, and the system takes them back when it needs them. Those that were there at the start count
// (the program); the store's file, which gets longer with every round and may be larger than the budget, does not.

import type { Millis } from '../../protocol/ids.js';

/** Parts of the budget at which nobody new comes in, and at which strangers go. */
const TIGHT = 0.85;
const CRITICAL = 0.95;
/** A reading costs 50 µs; a flood asks 10,000 times a second. */
const FRESH_MS: Millis = 100;
/** Part of the budget by which the process must have grown for it to count as growing. */
const GROWTH = 0.01;
/** So long after it has grown. */
const SETTLED_MS: Millis = 3_000;

export type Pressure = 'none' | 'tight' | 'critical';

/** Bytes, as process.memoryUsage() names them. */
export type MemoryReading = Pick<NodeJS.MemoryUsage, 'rss' | 'heapTotal' | 'external'> & {
  /** Shared between threads, which `external` leaves out. */
  readonly shared?: number;
  /** Of `rss`, pages of mapped files. */
  readonly file?: number;
};

export class MemoryWatch {
  readonly #budget: number;
  readonly #read: () => MemoryReading;
  #at = Number.NEGATIVE_INFINITY;
  #bytes = 0;
  #highest = 0;
  /** Neither heap nor buffers, in use: unknown before the first reading. */
  #overhead = Number.POSITIVE_INFINITY;
  #known = 0;
  /** Pages of files at the first reading. */
  #program: number | undefined;
  /** The height from which growth is measured, and when it was passed by so much that it counts. */
  #mark = 0;
  #grewAt = Number.NEGATIVE_INFINITY;

  /** @param budget bytes; Infinity: no pressure, ever */
  constructor(budget: number, read: () => MemoryReading) {
    this.#budget = budget;
    this.#read = read;
  }

  pressure(now: Millis): Pressure {
    if (this.#budget === Number.POSITIVE_INFINITY) return 'none';
    if (now - this.#at >= FRESH_MS) {
      this.#at = now;
      this.#bytes = this.#inUse(this.#read(), now);
    }
    if (this.#bytes >= CRITICAL * this.#budget) return 'critical';
    return this.#bytes >= TIGHT * this.#budget ? 'tight' : 'none';
  }

  /** Resident, less what can be used again before the process grows. */
  #inUse({ rss: resident, heapTotal, external, shared = 0, file = 0 }: MemoryReading, now: Millis): number {
    this.#program ??= file;
    const rss = resident - Math.max(0, file - this.#program);
    const known = heapTotal + external + shared;
    // What heap and buffers have grown by since the last reading is no overhead.
    const unexplained = Math.max(0, rss - this.#highest - Math.max(0, known - this.#known));
    this.#overhead = Math.max(0, Math.min(this.#overhead + unexplained, rss - known));
    this.#known = known;
    this.#highest = Math.max(this.#highest, rss);
    if (rss >= this.#mark + GROWTH * this.#budget) {
      this.#mark = rss;
      this.#grewAt = now;
    }
    return now - this.#grewAt < SETTLED_MS ? rss : Math.min(rss, this.#overhead + known);
  }
}
