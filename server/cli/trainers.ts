// What `sotto client` trains with: a module of the user, or a shard of a sample data set with TensorFlow.js in a worker.
// Not here: training (client/tfjs) and data sets (simulations/datasets).

import { dirname, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import * as v from 'valibot';
import type { Dataset } from '../../client/dataset.js';
import type { ModelSpec } from '../../client/tfjs/spec.js';
import type { Trainer } from '../../client/trainer.js';
import { SottoError } from '../../protocol/errors.js';
import { modelSource } from '../../simulations/model-source.js';
import { taskEntries } from '../config/fields.js';
import { parseSettings, readSettings } from '../config/load.js';

/** Part `index` of `of` equal parts, 0-based. */
export interface Shard {
  readonly index: number;
  readonly of: number;
}
export type SampleSet = 'mnist' | 'spam';

/** Models that fit the sample data where no file names one. */
const SAMPLE_MODELS: Readonly<Record<SampleSet, ModelSpec>> = {
  mnist: { kind: 'mlp', input: 784, hidden: [64], classes: 10 },
  spam: { kind: 'softmax', input: 4096, classes: 2 },
};
/** The same cut for everybody, so that shards 1/n … n/n have no example in common. */
const CUT_SEED = 'sotto client shards';

/** What the function that a module exports as `trainer` is handed. */
export interface TrainerSetting {
  /** Of the file of `--model`; absent where none is named. */
  readonly model?: ModelSpec;
}

/**
 * @param file module that exports `trainer`: a Trainer, or a function of a TrainerSetting that gives one
 * @param modelFile settings with a `model:` section
 * @throws CONFIG_UNREADABLE where it cannot be loaded, CONFIG_INVALID where it exports no trainer, and what the module throws as a
 *   SottoError
 */
export async function trainerFromModule(file: string, modelFile?: string): Promise<Trainer> {
  const setting: TrainerSetting = modelFile === undefined ? {} : { model: modelFromFile(modelFile) };
  let exported: unknown;
  try {
    const module: Record<string, unknown> = await import(pathToFileURL(resolve(file)).href);
    exported = module.trainer;
    if (typeof exported === 'function') exported = await exported(setting);
  } catch (cause) {
    if (isSottoError(cause)) throw new SottoError(cause.code, cause.message.slice(cause.code.length + 2), { file });
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `cannot load the trainer ${file}: ${cause instanceof Error ? cause.message : String(cause)}`,
      { file },
    );
  }
  if (isTrainer(exported)) return exported;
  throw new SottoError(
    'CONFIG_INVALID',
    `${file} exports no trainer; export const trainer = { async init(task) {…}, async train(weights, round) {…} }`,
    { file },
  );
}

/** By its code: the module may have another copy of this package. */
const isSottoError = (error: unknown): error is SottoError =>
  error instanceof Error && error.name === 'SottoError' && 'code' in error;

function isTrainer(value: unknown): value is Trainer {
  return (
    typeof value === 'object' &&
    value !== null &&
    'init' in value &&
    typeof value.init === 'function' &&
    'train' in value &&
    typeof value.train === 'function'
  );
}

/** @param modelFile settings with a `model:` section; absent: a model that fits the data @throws DATA_MISSING, CONFIG_* */
export async function sampleTrainer(set: SampleSet, part: Shard, modelFile: string | undefined): Promise<Trainer> {
  const model = modelFile === undefined ? SAMPLE_MODELS[set] : modelFromFile(modelFile);
  const { workerTrainer } = await import('../../client/tfjs/index.js');
  const { test, ...data } = await sampleData(set, model, part);
  return workerTrainer({ model, data: data.train, evaluation: test });
}

/** Examples of one part of a sample set, and the common test part, in the shape the model takes. @throws DATA_MISSING, DATA_PARTITION */
export async function sampleData(
  set: SampleSet,
  model: ModelSpec,
  { index, of }: Shard,
): Promise<{ train: Dataset; test: Dataset }> {
  const [{ loadMnist }, { loadSpam }, { partition }, { Random }, { inputShape }] = await Promise.all([
    import('../../simulations/datasets/mnist.js'),
    import('../../simulations/datasets/spam.js'),
    import('../../simulations/partition.js'),
    import('../../simulations/random.js'),
    import('../../client/tfjs/spec.js'),
  ]);
  const shape = inputShape(model);
  const width = shape.reduce((product, side) => product * side, 1);
  const { train, test } =
    set === 'mnist' ? loadMnist({ shared: true }) : loadSpam({ seed: CUT_SEED, width, shared: true });
  const rows = partition(train.labels, { kind: 'iid' }, { clients: of, minimum: 1 }, Random.fromSeed(CUT_SEED))[index];
  return { train: { ...train, shape, ...(rows === undefined ? {} : { rows }) }, test: { ...test, shape } };
}

/** Any file of settings will do: only its model is read. */
export function modelFromFile(file: string): ModelSpec {
  return parseSettings(
    readSettings(file),
    file,
    v.object({ model: taskEntries.model }, 'a group of settings with a `model:` in it'),
    ({ model }) => modelSource(model, (path) => resolve(dirname(file), path)).model,
  );
}
