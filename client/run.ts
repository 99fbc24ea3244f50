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
  /** Chunks of the input that the coordinator has asked for over this connection. */
  readonly #credit = new Set<number>();
  #wake = (): void => {};
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

  /** More credit; `undefined`: the connection is lost, and all credit with it. */
  grant(chunks?: readonly number[]): void {
    if (chunks === undefined) this.#credit.clear();
    for (const index of chunks ?? []) this.#credit.add(index);
    this.#wake();
  }

  /** Waits for credit for a chunk; false as soon as it is no longer `wanted`. */
  async credited(index: number, wanted: () => boolean): Promise<boolean> {
    while (wanted()) {
      if (this.#credit.has(index)) return true;
      await new Promise<void>((resolve) => {
        this.#wake = resolve;
      });
    }
    return false;
  }

  end(): void {
    this.over = true;
    this.#wake();
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
