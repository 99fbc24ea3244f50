// The Trainer of this package: TensorFlow.js in the calling thread. Not for a thread that owns a socket: see workerTrainer.
// Not here: the loop, the models, the backends; this file joins them to the flat vectors of client/trainer.ts.

import { SottoError } from '../../protocol/errors.js';
import { checkDataset, type Dataset } from '../dataset.js';
import type { Evaluation, Manifest, Trainer, TrainingResult, TrainingRound } from '../trainer.js';
import { webRng } from '../webcrypto.js';
import { type BackendOptions, startBackend } from './backend.js';
import { checkTrainingSpec } from './check.js';
import { trainPrivately } from './dp-sgd/loop.js';
import { plannedReleases } from './dp-sgd/releases.js';
import { createModel } from './imported.js';
import { evaluateLocally, trainLocally } from './loop.js';
import { loadWeights, type ModelFactory, readWeights, type TrainableModel } from './model.js';
import { seededBytes, seededRandom, systemRandom } from './random.js';
import type { ModelSpec } from './spec.js';

export interface TfjsTrainerOptions extends BackendOptions {
  readonly model: ModelSpec | ModelFactory;
  readonly data: Dataset;
  /** What `evaluate` scores; absent: `data`. */
  readonly evaluation?: Dataset;
  /**
   * Makes the order of examples repeatable, from (seed, task, round, attempt): for simulation. Give every client its own.
   * Absent: seeded by the system's generator.
   */
  readonly seed?: number | string;
}

/** Everything of Trainer, nothing optional. */
export type LocalTrainer = Required<Trainer>;

// One thread has one active backend and one processor: whatever trains here takes turns. Work of other threads is not affected.
let turn: Promise<unknown> = Promise.resolve();
function inTurn<T>(work: () => Promise<T>): Promise<T> {
  const mine = turn.then(work);
  turn = mine.catch(() => undefined);
  return mine;
}

// Models of the same spec share one set of variables per thread (weights are loaded anew for every call), so that a worker with
// 48 simulated clients builds one model. The last user disposes it.
interface SharedModel {
  readonly model: TrainableModel;
  users: number;
}
const sharedModels = new Map<string, SharedModel>();

async function acquire(
  source: ModelSpec | ModelFactory,
  backend: string,
): Promise<{ model: TrainableModel; release: () => void }> {
  if (typeof source === 'function') {
    const model = await source();
    try {
      checkModel(model);
    } catch (error) {
      model.dispose();
      throw error;
    }
    return { model, release: () => model.dispose() };
  }
  const key = `${backend} ${JSON.stringify(source)}`;
  const shared = sharedModels.get(key) ?? { model: await createModel(source), users: 0 };
  sharedModels.set(key, shared);
  shared.users++;
  const release = (): void => {
    if (--shared.users > 0) return;
    sharedModels.delete(key);
    shared.model.dispose();
  };
  return { model: shared.model, release };
}

/**
 * A trainer over one client's data. Nothing starts before the first call; `init` may be left out by callers that know the model fits.
 * Errors are SottoErrors: DATA_MALFORMED, TRAIN_BACKEND, TRAIN_SHAPE, TRAIN_UNSUPPORTED, TRAIN_NON_FINITE, TRAIN_ABORTED,
 * CONFIG_INVALID (a field of the TrainingSpec).
 */
export function tfjsTrainer(options: TfjsTrainerOptions): LocalTrainer {
  const { data, evaluation = data, seed } = options;
  let prepared: Promise<{ model: TrainableModel; release: () => void }> | undefined;
  let disposed = false;

  const prepare = async (): Promise<{ model: TrainableModel; release: () => void }> => {
    checkDataset(data);
    if (evaluation !== data) checkDataset(evaluation);
    const { name } = await startBackend(options);
    const held = await acquire(options.model, name);
    try {
      for (const set of [data, evaluation]) checkFit(held.model, set);
    } catch (error) {
      held.release();
      throw error;
    }
    return held;
  };
  /** Runs `work` when this thread is free, on the trainer's own backend, with the model; tf.js errors become typed ones. */
  const withModel = <T>(work: (model: TrainableModel) => Promise<T>): Promise<T> =>
    inTurn(async () => {
      if (disposed) throw new SottoError('TRAIN_ABORTED', 'the trainer is disposed; make a new one');
      try {
        if (prepared) await startBackend(options);
        else {
          prepared = prepare();
          // A failed start may be tried again, for example after the app imported the missing package.
          prepared.catch(() => {
            prepared = undefined;
          });
        }
        return await work((await prepared).model);
      } catch (error) {
        throw typed(error);
      }
    });

  return {
    init: ({ dimension }: { readonly task: string; readonly dimension: number }): Promise<Manifest> =>
      withModel(async ({ manifest }) => {
        if (manifest.dimension === dimension) return manifest;
        throw new SottoError('TRAIN_SHAPE', `the task has ${dimension} weights, this model ${manifest.dimension}`, {
          expected: dimension,
          got: manifest.dimension,
        });
      }),

    train: (weights: Float32Array<ArrayBuffer>, round: TrainingRound): Promise<TrainingResult> =>
      withModel(async (model) => {
        const { spec } = round;
        checkTrainingSpec(spec);
        loadWeights(model, weights);
        const draws = ['order', seed ?? '', round.task, round.round, round.attempt] as const;
        if (spec.dpSgd !== undefined) {
          const rng = seed === undefined ? webRng : seededBytes(...draws);
          const { metrics, release } = await trainPrivately(model, data, spec, rng, round.signal);
          // The lot size is public; how many records there are, or were drawn, is not.
          const examples = spec.dpSgd.lotSize;
          return { update: updateFrom(model, weights), examples, metrics: { ...metrics }, releases: [release] };
        }
        const random = seed === undefined ? systemRandom() : seededRandom(...draws);
        const { examples, ...metrics } = await trainLocally(model, data, spec, random, round.signal);
        return { update: updateFrom(model, weights), examples, metrics };
      }),

    releases: plannedReleases,

    evaluate: (weights: Float32Array<ArrayBuffer>): Promise<Evaluation> =>
      withModel(async (model) => {
        loadWeights(model, weights);
        return evaluateLocally(model, evaluation);
      }),

    dispose: (): Promise<void> =>
      inTurn(async () => {
        if (disposed) return;
        disposed = true;
        const held = await prepared?.catch(() => undefined);
        held?.release();
      }),
  };
}

function updateFrom(model: TrainableModel, before: Float32Array): Float32Array<ArrayBuffer> {
  const update = readWeights(model);
  subtract(update, before);
  return update;
}

/** after − before, in place. @throws SottoError TRAIN_NON_FINITE: relu and pooling can swallow a NaN that the loss never shows */
function subtract(after: Float32Array, before: Float32Array): void {
  for (let i = 0; i < after.length; i++) {
    const difference = (after[i] as number) - (before[i] as number);
    if (!Number.isFinite(difference)) {
      throw new SottoError('TRAIN_NON_FINITE', `weight ${i} is not finite after training`, { index: i });
    }
    after[i] = difference;
  }
}

/** A hand-written model whose variables are not those of its manifest would train something else than it sends. */
function checkModel({ manifest, variables, trainable }: TrainableModel): void {
  const promised = manifest.variables.map(({ shape }) => shape.join('×')).join(', ');
  const found = variables.map(({ shape }) => shape.join('×')).join(', ');
  if (promised !== found)
    throw new SottoError('TRAIN_SHAPE', `the model's manifest promises variables of ${promised}; it has ${found}`);
  if (trainable.length === 0 || trainable.some((variable) => !variables.includes(variable))) {
    throw new SottoError('TRAIN_SHAPE', 'the trainable variables of the model must be some of its variables');
  }
}

function checkFit(model: TrainableModel, data: Dataset): void {
  const wanted = model.inputShape.join('×');
  const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
  // A flat model takes images, and an image model flat rows, as long as the values are as many.
  if (size(model.inputShape) !== size(data.shape)) {
    throw new SottoError('TRAIN_SHAPE', `the model takes examples of ${wanted}, the data has ${data.shape.join('×')}`);
  }
  if (model.classes < data.classes) {
    throw new SottoError('TRAIN_SHAPE', `the model tells ${model.classes} classes apart, the data has ${data.classes}`);
  }
}

const MISSING_KERNEL = /Kernel '(\w+)' not registered for backend '(\w+)'/;
const MISSING_GRADIENT = /gradient function not found for (\w+)/;

function typed(error: unknown): unknown {
  if (error instanceof SottoError || !(error instanceof Error)) return error;
  const kernel = MISSING_KERNEL.exec(error.message);
  if (kernel) {
    const [, operation = '', backend = ''] = kernel;
    const message = `the model uses '${operation}', which backend '${backend}' does not have; write it otherwise or choose another backend`;
    return new SottoError('TRAIN_UNSUPPORTED', message, { operation, backend });
  }
  const gradient = MISSING_GRADIENT.exec(error.message);
  if (gradient) {
    const [, operation = ''] = gradient;
    return new SottoError(
      'TRAIN_UNSUPPORTED',
      `the model uses '${operation}', which has no gradient in TensorFlow.js`,
      { operation },
    );
  }
  return error;
}
