// What the driver keeps of one run of a round, beside the machine's state. Not here: what it does with it (rounds.ts).
import type { RunRef } from '../protocol/wire/messages.js';

export class Run {
  readonly ref: RunRef;
  /** The machine's; only it looks inside. `undefined` once the run is over: the keys in it are garbage then. */
  state: unknown;
  /** No more events: the machine has ended it, or the driver has given it up. */
  over = false;
  /** The driver has given it up: effects that are still queued are dropped. */
  dead = false;
  /** `ended` was told. */
  told = false;
  /** Trained and not yet encoded: it is taken out for encoding, so it cannot be masked twice (protocol.md §6.6). */
  update: Float32Array<ArrayBuffer> | undefined;
  /** Encoded, and kept for R4: a sketch is of the same values. Only where the task has sketches. */
  encoded: Float32Array<ArrayBuffer> | undefined;
  /** Chunks of the input that are not sent; they go when the coordinator gives credit for them. */
  unsent: Set<number> = new Set();
  /** Bytes of those that are. */
  sent = 0;
  /** Ends the training. */
  readonly #training = new AbortController();

  constructor(ref: RunRef) {
    this.ref = ref;
  }

  get signal(): AbortSignal {
    return this.#training.signal;
  }

  is(ref: RunRef): boolean {
    return this.ref.round === ref.round && this.ref.attempt === ref.attempt && this.ref.group === ref.group;
  }

  end(): void {
    this.over = true;
    this.state = undefined;
    this.#training.abort();
  }

  takeUpdate(): Float32Array<ArrayBuffer> | undefined {
    const update = this.update;
    this.update = undefined;
    return update;
  }

  wipe(): void {
    this.takeUpdate()?.fill(0);
    this.encoded?.fill(0);
    this.encoded = undefined;
  }
}
