// Lets the trainer train: one call at a time, initialised once, ended when the round ends, its errors with a code; and nothing that
// releases something about single records without the ledger.
// Not here: which weights (chain/), what happens to the update (rounds.ts).

import { SottoError } from '../protocol/errors.js';
import type { ClientId } from '../protocol/ids.js';
import type { TaskConfig } from '../protocol/terms.js';
import type { RunRef } from '../protocol/wire/messages.js';
import { asSottoError } from './connection.js';
import type { ClientPrivacy } from './privacy-guard.js';
import type { RecordAccounts, Trained } from './record-accounts.js';
import type { Trainer, TrainingResult, TrainingSpec } from './trainer.js';

export class Training {
  readonly #trainer: Trainer;
  readonly #privacy: ClientPrivacy;
  #accounts: Promise<RecordAccounts> | undefined;
  #dimension: number | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(trainer: Trainer, privacy: ClientPrivacy) {
    this.#trainer = trainer;
    this.#privacy = privacy;
  }

  /**
   * Waits until the training before has really ended.
   * @param weights left alone: the trainer gets a copy, and may do with it what it likes
   * @param coordinator whose ledger is charged
   * @throws SottoError what the trainer throws with a code; TRAIN_FAILED for anything else; TRAIN_ABORTED; TRAIN_SHAPE;
   *   TRAIN_UNSUPPORTED where the task asks for DP-SGD and the trainer claims none; what PrivacyGuard throws
   */
  train(
    weights: Float32Array,
    config: TaskConfig,
    run: RunRef,
    signal: AbortSignal,
    coordinator: ClientId,
  ): Promise<Trained> {
    const result = this.#tail.then(async () => {
      if (signal.aborted) throw new SottoError('TRAIN_ABORTED', `round ${run.round} ended before training began`);
      try {
        return await this.#train(weights.slice(), config, run, signal, coordinator);
      } catch (error) {
        throw asSottoError(error, 'TRAIN_FAILED');
      }
    });
    this.#tail = result.catch(() => undefined);
    return result;
  }

  /** Resolves when no training is going on. */
  async idle(): Promise<void> {
    await this.#tail;
  }

  async #train(
    weights: Float32Array<ArrayBuffer>,
    config: TaskConfig,
    run: RunRef,
    signal: AbortSignal,
    coordinator: ClientId,
  ): Promise<Trained> {
    const { task, dimension } = config;
    if (this.#dimension === undefined) {
      const manifest = await this.#trainer.init({ task, dimension });
      if (manifest.dimension !== dimension) throw shape('the trainer', manifest.dimension, dimension);
      this.#dimension = dimension;
    }
    if (this.#dimension !== dimension) throw shape('the trainer', this.#dimension, dimension);
    // The protocol signs these settings and does not read them; a trainer checks what it uses.
    const spec = config.training as unknown as TrainingSpec;
    const order = { task, round: run.round, attempt: run.attempt, spec, signal };
    const planned = this.#trainer.releases?.(spec) ?? [];
    const train = async (): Promise<TrainingResult> => {
      const result = await this.#trainer.train(weights, order);
      if (result.update.length !== dimension) throw shape('the update', result.update.length, dimension);
      return result;
    };
    if (spec.dpSgd === undefined && planned.length === 0) return train();
    // Accountants are a fifth of a client, and only private tasks need them.
    this.#accounts ??= import('./record-accounts.js').then(
      ({ RecordAccounts: Accounts }) => new Accounts(task, this.#privacy),
    );
    return (await this.#accounts).train(coordinator, run, planned, train);
  }
}

const shape = (what: string, has: number, wants: number): SottoError =>
  new SottoError('TRAIN_SHAPE', `${what} has ${has} coordinates, the task ${wants}`);
