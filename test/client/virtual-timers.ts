// Virtual time for the driver: nothing happens until a test says how much time passes.
import type { Timers } from '../../client/timers.js';

/** Lets everything run that waits for no time: promises, and what they lead to. */
export async function settle(): Promise<void> {
  for (let i = 0; i < 12; i++) await new Promise((resolve) => setImmediate(resolve));
}

export class VirtualTimers implements Timers {
  #now = 1_000_000;
  #queue: { at: number; then: () => void }[] = [];

  now(): number {
    return this.#now;
  }

  after(ms: number, then: () => void): () => void {
    const entry = { at: this.#now + ms, then };
    this.#queue.push(entry);
    return () => {
      this.#queue = this.#queue.filter((other) => other !== entry);
    };
  }

  /** Waits that are pending, shortest first. */
  get waits(): number[] {
    return this.#queue.map(({ at }) => at - this.#now).sort((a, b) => a - b);
  }

  async advance(ms: number): Promise<void> {
    const end = this.#now + ms;
    await settle();
    for (;;) {
      const due = this.#queue.filter(({ at }) => at <= end).sort((a, b) => a.at - b.at)[0];
      if (due === undefined) break;
      this.#queue = this.#queue.filter((other) => other !== due);
      this.#now = Math.max(this.#now, due.at);
      due.then();
      await settle();
    }
    this.#now = end;
  }
}
