// Lets the trainer train: one call at a time, initialised once, ended when the round ends, its errors with a code; and nothing that
// releases something about single records without the ledger.
// Not here: which weights (chain/), what happens to the update (rounds.ts).

import { SottoError } from '../protocol/errors.js';
import type { ClientId } from '../protocol/ids.js';
import type { PrivacyEvent } from '../protocol/privacy/events.js';
import type { TaskConfig } from '../protocol/task.js';
import type { RunRef } from '../protocol/wire/messages.js';
import { asSottoError } from './connection.js';
import type { ClientPrivacy, PrivacyGuard, PrivacySpent } from './privacy-guard.js';
import type { RecordRelease, Trainer, TrainingResult, TrainingSpec } from './trainer.js';

export interface Trained extends TrainingResult {
  /** What single records have paid so far; absent where the trainer claims nothing. */
  readonly spent?: PrivacySpent;
}

export class Training {
  readonly #trainer: Trainer;
  readonly #task: string;
  readonly #privacy: ClientPrivacy | undefined;
  #loadedGuard: Promise<PrivacyGuard> | undefined;
  #dimension: number | undefined;
  #tail: Promise<unknown> = Promise.resolve();

  constructor(trainer: Trainer, task: string, privacy: ClientPrivacy | undefined) {
    this.#trainer = trainer;
    this.#task = task;
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
    const planned = this.#trainer.releases?.(spec) ?? [];
    if (spec.dpSgd !== undefined && planned.length === 0)
      throw new SottoError(
        'TRAIN_UNSUPPORTED',
        'the task asks for DP-SGD, and this trainer does not say what it releases; train with one that has `releases`',
      );
    const order = { task, round: run.round, attempt: run.attempt, spec, signal };
    if (planned.length === 0) return this.#checked(await this.#trainer.train(weights, order), dimension);
    return this.#accounted(coordinator, run, task, planned, async () =>
      this.#checked(await this.#trainer.train(weights, order), dimension),
    );
  }

  #checked(result: TrainingResult, dimension: number): TrainingResult {
    if (result.update.length !== dimension) throw shape('the update', result.update.length, dimension);
    return result;
  }

  /** Accountants are a fifth of a client, and only private tasks need them. */
  #guard(): Promise<PrivacyGuard> {
    this.#loadedGuard ??= import('./privacy-guard.js').then(
      ({ PrivacyGuard: Guard }) => new Guard(this.#task, this.#privacy),
    );
    return this.#loadedGuard;
  }

  /** A crash leaves the reservation in force; training that failed has released nothing, since its update is thrown away here. */
  async #accounted(
    coordinator: ClientId,
    run: RunRef,
    task: string,
    planned: readonly RecordRelease[],
    train: () => Promise<TrainingResult>,
  ): Promise<Trained> {
    const id = `records ${run.round}.${run.attempt}`;
    const events = (releases: readonly RecordRelease[]): PrivacyEvent[] =>
      releases.map((release) => ({
        ...release,
        task,
        round: run.round,
        attempt: run.attempt,
        group: run.group,
        unit: 'record',
        neighbours: 'add-or-remove',
        observer: 'coordinator',
      }));
    const guard = await this.#guard();
    await guard.reserve(coordinator, id, events(planned));
    let result: TrainingResult;
    try {
      result = await train();
    } catch (error) {
      await guard.settle(coordinator, id, []);
      throw error;
    }
    // A trainer that does not say what it did is taken at the worst it announced.
    await guard.settle(coordinator, id, events(result.releases ?? planned));
    const spent = await guard.spent(coordinator, 'record');
    return spent === undefined ? result : { ...result, spent };
  }
}

const shape = (what: string, has: number, wants: number): SottoError =>
  new SottoError('TRAIN_SHAPE', `${what} has ${has} coordinates, the task ${wants}`);
