// One process of a world from its start to its death. Everything through which it touches the outside (clock, network, disk, threads)
// asks its life first, so a crash can come at any await and in the middle of any step: from then on nothing of it has an effect.
// Not here: what is done after a death (cast/), what survives it (disk.ts, stores.ts).

import type { Timers } from '../../client/timers.js';
import type { Millis } from '../../protocol/ids.js';
import type { Clock } from '../../server/index.js';
import type { Random } from '../random.js';
import type { Scheduler } from './scheduler.js';

export type Range = readonly [least: Millis, most: Millis];

export class Life {
  readonly name: string;
  readonly scheduler: Scheduler;
  readonly random: Random;
  readonly #died: (life: Life) => void;
  #alive = true;
  #touches = Number.POSITIVE_INFINITY;
  #waits = 0;

  constructor(name: string, scheduler: Scheduler, random: Random, died: (life: Life) => void) {
    this.name = name;
    this.scheduler = scheduler;
    this.random = random;
    this.#died = died;
  }

  get alive(): boolean {
    return this.#alive;
  }

  /** Whether a disk or a thread of it is at work; timers and the network do not count. */
  get busy(): boolean {
    return this.#alive && this.#waits > 0;
  }

  /** Dies at its `touches`-th touch of the outside from now on; 0: at once. */
  dieAfter(touches: number): void {
    if (touches === 0) this.die();
    else this.#touches = touches;
  }

  die(): void {
    if (!this.#alive) return;
    this.#alive = false;
    this.scheduler.note(`${this.name} dies`);
    this.#died(this);
  }

  /** The process is about to touch the outside. `false`: it is dead, and the touch does not happen. */
  touch(): boolean {
    if (--this.#touches <= 0) this.die();
    return this.#alive;
  }

  /** Resolves after so long, and never in a dead process. */
  wait([least, most]: Range, what: string): Promise<void> {
    return new Promise((resolve) => {
      if (!this.touch()) return;
      const ms = least + this.random.uniform() * (most - least);
      this.#waits++;
      this.scheduler.after(ms, `${this.name} ${what}`, () => {
        this.#waits--;
        if (this.touch()) resolve();
      });
    });
  }

  /** As setTimeout has it: whole milliseconds, cut off and so early by a fraction, and never none. */
  readonly timers: Timers = {
    now: () => this.scheduler.now,
    after: (ms, then) => this.#later(Math.trunc(ms), 'timer', then),
  };
  /** As server/driver/clock.ts has it. */
  readonly clock: Clock = {
    now: () => this.scheduler.now,
    at: (time, ring) => this.#later(Math.ceil(time - this.scheduler.now), 'alarm', ring),
  };

  #later(ms: Millis, what: string, run: () => void): () => void {
    return this.scheduler.after(Math.max(1, ms), `${this.name} ${what}`, () => this.#alive && run());
  }
}

/** Calls one after the other, however they are made: what a thread or a disk does. */
export function inOrder(): <T>(work: () => Promise<T>) => Promise<T> {
  let tail: Promise<unknown> = Promise.resolve();
  return (work) => {
    const result = tail.then(work);
    tail = result.catch(() => undefined);
    return result;
  };
}
