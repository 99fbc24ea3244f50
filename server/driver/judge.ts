// What a coordinator measures for its judgement of a round: filters and monitor over the sketches before a sum is opened, each group on
// held-out data afterwards. Brings engine, model and memory together; decides nothing. Not here: the decision (membership.ts), the
// memory (watch.ts), carrying anything out (coordinator.ts).

import type { ClientId } from '../../protocol/ids.js';
import type { Candidate, RoundResult } from '../../protocol/round/types.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import { deriveTask } from '../../protocol/task.js';
import type { Vector } from '../aggregate/index.js';
import type { Engine } from '../engine/types.js';
import type { Evaluations } from './evaluations.js';
import { type Gains, gainsOf, leaveOneOut } from './held-out.js';
import type { CoordinatorOptions, Logger } from './options.js';
import type { Publisher } from './publisher.js';
import type { Reporter } from './reporter.js';
import type { Watch } from './watch.js';

export interface JudgeParts {
  readonly options: Pick<CoordinatorOptions, 'task' | 'monitor' | 'evaluate'>;
  readonly watch: Watch;
  readonly reporter: Reporter;
  readonly publisher: Publisher;
  readonly engine: Engine;
  readonly evaluations: Evaluations;
  readonly log: Logger;
}

export class Judge {
  readonly #parts: JudgeParts;
  readonly #encoding: Encoding;

  constructor(parts: JudgeParts) {
    this.#parts = parts;
    this.#encoding = deriveTask(parts.options.task).encoding;
  }

  /** Filters and monitor over the sketches of all groups, before anything is opened. */
  async select(round: number, candidates: readonly Candidate[], matrixKey: Uint8Array): Promise<readonly ClientId[]> {
    const membership = this.#parts.watch.decide(round, candidates, await this.#lastStep(matrixKey));
    this.#parts.reporter.decided(membership);
    for (const { client, says } of membership.screening.events) this.#parts.log.warn({ round, client }, says);
    const { spared } = membership.selection;
    if (spared.length > 0) {
      const clients = spared.map(({ id }) => id);
      this.#parts.log.warn(
        { round, clients },
        'the round can lose no more: these stay in though a filter would leave them out',
      );
    }
    return membership.out;
  }

  /** What a client would send that gives the last step of the model back. A failed worker costs this test, not the round. */
  async #lastStep(matrixKey: Uint8Array): Promise<Vector | undefined> {
    const { publisher, engine } = this.#parts;
    const { integrity, prg } = this.#parts.options.task;
    const vector = publisher.lastStep;
    if (vector === undefined || integrity === 'none') return undefined;
    const { rows } = integrity;
    const result = await engine.direction({ vector, encoding: this.#encoding, prg, matrixKey, rows });
    if (!result.ok)
      this.#parts.log.warn({ code: result.code, text: result.text }, 'replays are not looked for in this round');
    return result.ok ? Float64Array.from(result.sketch) : undefined;
  }

  /** Mean updates of all groups and without each of them, while the engine still holds the sums. `undefined`: nobody asked for it. */
  async withoutEach(result: RoundResult): Promise<readonly Float32Array<ArrayBuffer>[] | undefined> {
    const { options, engine } = this.#parts;
    if (options.monitor?.heldOut !== true || options.evaluate === undefined) return undefined;
    return leaveOneOut(engine, this.#encoding, result);
  }

  /** @param means of `withoutEach` @param before weights that the round started from */
  async gains(
    round: number,
    result: RoundResult,
    before: Float32Array,
    means: readonly Float32Array[],
  ): Promise<Gains | undefined> {
    const { options, evaluations, log } = this.#parts;
    const { evaluate } = options;
    if (evaluate === undefined) return undefined;
    try {
      // After the evaluations that run already: a trainer does one thing at a time.
      await evaluations.idle();
      return await gainsOf(result, before, means, (weights) => evaluate(weights, round));
    } catch (error) {
      log.error({ round, error: String(error) }, 'the held-out comparison of groups failed; the round stands');
      return undefined;
    }
  }
}
