// Virtual time for a whole world: every wait of every process in it is an entry of one queue, and the only entry that runs is the
// earliest. What is due at the same time runs in an order that the seed draws, so one seed is one interleaving.
// Not here: who waits for what (life.ts, network.ts).

import type { Millis } from '../../protocol/ids.js';
import type { Random } from '../random.js';

interface Entry {
  readonly at: Millis;
  /** Drawn: decides between what is due at the same time. */
  readonly tie: number;
  readonly seq: number;
  readonly what: string;
  /** Absent: called off. */
  run: (() => void) | undefined;
}
export type Stopped = 'done' | 'idle' | 'too many steps' | 'too late';

export class Scheduler {
  readonly #ties: Random;
  readonly #queue: Entry[] = [];
  #now: Millis = 0;
  #seq = 0;
  #steps = 0;
  #hash = 0x811c9dc5;
  /** Told of all that is noted, in words. */
  trace: ((line: string) => void) | undefined;
  /** Called before each step, at its number. */
  onStep: (step: number) => void = () => {};

  constructor(ties: Random) {
    this.#ties = ties;
  }

  get now(): Millis {
    return this.#now;
  }
  get steps(): number {
    return this.#steps;
  }
  /** Of everything that has happened: two runs with the same one were the same run. */
  get fingerprint(): string {
    return `${this.#steps}-${this.#hash.toString(16).padStart(8, '0')}`;
  }

  /** Goes into the fingerprint. FNV-1a, 32 bits. */
  note(text: string): void {
    this.trace?.(text);
    let hash = this.#hash;
    for (let i = 0; i < text.length; i++) hash = Math.imul(hash ^ text.charCodeAt(i), 0x01000193) >>> 0;
    this.#hash = hash;
  }
  noteBytes(bytes: Uint8Array): void {
    let hash = this.#hash;
    for (const byte of bytes) hash = Math.imul(hash ^ byte, 0x01000193) >>> 0;
    this.#hash = hash;
  }

  /** Runs once at `at`, or now where that is past. Gives a function that calls it off. */
  at(at: Millis, what: string, run: () => void): () => void {
    const entry: Entry = { at: Math.max(at, this.#now), tie: this.#ties.uint32(), seq: this.#seq++, what, run };
    this.#push(entry);
    return () => {
      entry.run = undefined;
    };
  }
  after(ms: Millis, what: string, run: () => void): () => void {
    return this.at(this.#now + ms, what, run);
  }

  /** Runs until `done` says so, nothing waits, or a limit is reached. */
  async run(done: () => boolean, limits: { readonly steps: number; readonly untilMs: Millis }): Promise<Stopped> {
    await settle();
    while (!done()) {
      const entry = this.#pop();
      if (entry === undefined) return 'idle';
      if (entry.run === undefined) continue;
      if (entry.at > limits.untilMs) return 'too late';
      if (this.#steps >= limits.steps) return 'too many steps';
      this.#now = entry.at;
      this.onStep(++this.#steps);
      this.note(`${entry.at.toFixed(3)} ${entry.what}`);
      entry.run?.();
      await settle();
    }
    return 'done';
  }

  // A binary heap: worlds queue tens of thousands of entries.
  #push(entry: Entry): void {
    const heap = this.#queue;
    let i = heap.push(entry) - 1;
    while (i > 0) {
      const parent = (i - 1) >> 1;
      // safe: both indices are below the length
      if (!isBefore(heap[i]!, heap[parent]!)) break;
      swap(heap, i, parent);
      i = parent;
    }
  }

  #pop(): Entry | undefined {
    const heap = this.#queue;
    const first = heap[0];
    const last = heap.pop();
    if (first === undefined || last === undefined || heap.length === 0) return first;
    heap[0] = last;
    for (let i = 0; ; ) {
      const [left, right] = [2 * i + 1, 2 * i + 2];
      let least = i;
      // safe: both indices are checked to be below the length
      if (left < heap.length && isBefore(heap[left]!, heap[least]!)) least = left;
      if (right < heap.length && isBefore(heap[right]!, heap[least]!)) least = right;
      if (least === i) return first;
      swap(heap, i, least);
      i = least;
    }
  }
}

const isBefore = (a: Entry, b: Entry): boolean =>
  a.at !== b.at ? a.at < b.at : a.tie !== b.tie ? a.tie < b.tie : a.seq < b.seq;

function swap(heap: Entry[], i: number, j: number): void {
  // safe: callers pass indices below the length
  [heap[i], heap[j]] = [heap[j]!, heap[i]!];
}

/** Promises lead to promises without any time passing: all of them run before the next macrotask. */
const settle = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));
