// Evaluates models one after the other, beside the rounds. Not here: what is measured (the caller's hook).

import type { Evaluation, Logger } from './options.js';

type Evaluate = (weights: Float32Array<ArrayBuffer>, round: number) => Promise<Evaluation>;

export class Evaluations {
  readonly #evaluate: Evaluate | undefined;
  readonly #log: Logger;
  #tail: Promise<void> = Promise.resolve();

  constructor(evaluate: Evaluate | undefined, log: Logger) {
    this.#evaluate = evaluate;
    this.#log = log;
  }

  /** `then` is called in the order of the calls; with `undefined` where there is nothing to measure with or it failed. */
  add(weights: Float32Array<ArrayBuffer>, round: number, then: (evaluation: Evaluation | undefined) => void): void {
    this.#tail = this.#tail.then(async () => then(await this.#measure(weights, round)));
  }

  /** Runs `then` when everything added before is through. */
  after(then: () => void): void {
    this.#tail = this.#tail.then(then);
  }

  /** Resolves when nothing is being evaluated. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  async #measure(weights: Float32Array<ArrayBuffer>, round: number): Promise<Evaluation | undefined> {
    if (this.#evaluate === undefined) return undefined;
    try {
      return await this.#evaluate(weights, round);
    } catch (error) {
      this.#log.error({ round, error: String(error) }, 'evaluation failed; the round stands');
      return undefined;
    }
  }
}
