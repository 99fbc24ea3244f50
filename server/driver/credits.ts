// What one connection may send of its input: the chunks that it was given credit for, each once. Pure.
// Not here: who gets credit when (uploads/tickets.ts), whether a chunk is right (protocol/round).

import type { Credit, InputChunk, RunRef } from '../../protocol/wire/messages.js';

export class Credits {
  #run: RunRef | undefined;
  /** Its run is over; what was on its way may still come. */
  #before: RunRef | undefined;
  readonly #open = new Set<number>();
  readonly #spent = new Set<number>();

  give({ run, chunks }: Credit): void {
    if (this.#run !== undefined && !same(this.#run, run)) {
      this.#before = this.#run;
      this.#open.clear();
      this.#spent.clear();
    }
    this.#run = run;
    for (const index of chunks) if (!this.#spent.has(index)) this.#open.add(index);
  }

  /** Chunks that may come. */
  get open(): number {
    return this.#open.size;
  }

  /** `again`: it had credit and came before, or belongs to the run before; harmless, if it is not too often. */
  take({ run, index }: InputChunk): 'credited' | 'again' | 'none' {
    if (this.#before !== undefined && same(this.#before, run)) return 'again';
    if (this.#run === undefined || !same(this.#run, run)) return 'none';
    if (!this.#open.delete(index)) return this.#spent.has(index) ? 'again' : 'none';
    this.#spent.add(index);
    return 'credited';
  }
}

const same = (a: RunRef, b: RunRef): boolean => a.round === b.round && a.attempt === b.attempt && a.group === b.group;
