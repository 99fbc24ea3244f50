// Training that releases something about single records, charged to the client's own ledger: reserved before any data are touched,
// settled before the update can leave. Works for every trainer that says what it releases. Loaded when a task needs it.
// Not here: the ledger (privacy-guard.ts), how a trainer keeps its promise (tfjs/dp-sgd).

import { SottoError } from '../protocol/errors.js';
import type { ClientId } from '../protocol/ids.js';
import type { PrivacyEvent } from '../protocol/privacy/events.js';
import type { RunRef } from '../protocol/wire/messages.js';
import { type ClientPrivacy, PrivacyGuard, type PrivacySpent } from './privacy-guard.js';
import type { RecordRelease, TrainingResult } from './trainer.js';

export interface Trained extends TrainingResult {
  /** What single records have paid so far; absent where the trainer claims nothing. */
  readonly spent?: PrivacySpent;
}

export class RecordAccounts {
  readonly #task: string;
  readonly #guard: PrivacyGuard;

  /** @throws SottoError PRIVACY_EPSILON, PRIVACY_DELTA */
  constructor(task: string, privacy: ClientPrivacy) {
    this.#task = task;
    this.#guard = new PrivacyGuard(task, privacy);
  }

  /**
   * A crash leaves the reservation in force. Training that failed has released nothing, since its update is thrown away.
   * @param planned the most that `train` can release
   * @throws SottoError PRIVACY_BUDGET before `train` is called; TRAIN_UNSUPPORTED where nothing is planned: the task asks for DP-SGD and
   *   the trainer claims none; PRIVACY_LEDGER where more was released than planned; STORE_WRITE, STORE_CORRUPT
   */
  async train(
    coordinator: ClientId,
    run: RunRef,
    planned: readonly RecordRelease[],
    train: () => Promise<TrainingResult>,
  ): Promise<Trained> {
    if (planned.length === 0)
      throw new SottoError(
        'TRAIN_UNSUPPORTED',
        'the task asks for DP-SGD, and this trainer does not say what it releases; train with one that has `releases`',
      );
    const id = `records ${run.round}.${run.attempt}`;
    await this.#guard.reserve(coordinator, id, this.#events(run, planned));
    let result: TrainingResult;
    try {
      result = await train();
    } catch (error) {
      await this.#guard.settle(coordinator, id, []);
      throw error;
    }
    try {
      // A trainer that does not say what it did is taken at the worst it announced.
      await this.#guard.settle(coordinator, id, this.#events(run, result.releases ?? planned));
      const spent = await this.#guard.spent(coordinator, 'record');
      return spent === undefined ? result : { ...result, spent };
    } catch (error) {
      // Nobody gets it any more, so nobody else can erase it.
      result.update.fill(0);
      throw error;
    }
  }

  #events({ round, attempt, group }: RunRef, releases: readonly RecordRelease[]): PrivacyEvent[] {
    return releases.map((release) => ({
      ...release,
      task: this.#task,
      round,
      attempt,
      group,
      unit: 'record',
      neighbours: 'add-or-remove',
      observer: 'coordinator',
    }));
  }
}
