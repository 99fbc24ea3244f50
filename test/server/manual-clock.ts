// A clock that only moves when told to, so that no test depends on how fast the machine is. Not a test.
import type { Clock } from '../../server/driver/clock.js';

export class ManualClock implements Clock {
  #now = 0;
  readonly #alarms = new Set<{ readonly at: number; readonly ring: () => void }>();

  now(): number {
    return this.#now;
  }

  at(time: number, ring: () => void): () => void {
    const alarm = { at: time, ring };
    this.#alarms.add(alarm);
    // What is due already rings soon, as a real timer would.
    if (time <= this.#now) setImmediate(() => this.#alarms.delete(alarm) && ring());
    return () => this.#alarms.delete(alarm);
  }

  /** Rings what is due, in order. */
  advance(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#alarms].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#alarms.delete(next);
      this.#now = Math.max(this.#now, next.at);
      next.ring();
    }
    this.#now = until;
  }
}
