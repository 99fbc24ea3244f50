// The examples of a simulation as its settings name them, loaded the same way in every process. Not here: the readers (datasets/).

import type { Dataset } from '../client/dataset.js';
import { inputShape } from '../client/tfjs/spec.js';
import { settingError } from '../server/config/problem.js';
import type { DataSettings, SimulationConfig } from './config.js';
import { splitDataset } from './datasets/dataset.js';
import { loadMnist } from './datasets/mnist.js';
import { loadModule } from './datasets/module.js';
import { loadSpam } from './datasets/spam.js';
import { gaussianBlobs } from './datasets/synthetic.js';
import { drawsOf } from './draws.js';

export interface Examples {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Clouds as far apart as they are wide: a linear model gets most of them right, none gets all. */
const CLOUDS = { separation: 1, spread: 1 };
const TEST_SHARE = 0.2;

/**
 * Deterministic: parent and children load the same rows, so that index lists mean the same everywhere. Arrays lie in shared
 * memory, so that the training thread reads the process's one copy. Bytes stay bytes: MNIST is 47 MB, as floats four times that.
 * @throws DATA_MISSING, DATA_MALFORMED, DATA_PARTITION
 */
export async function examplesOf(source: DataSettings['source'], seed: number | string): Promise<Examples> {
  if (source.set !== 'module') return loadExamples(source, seed);
  const loaded = await loadModule(source.file);
  return 'train' in loaded ? loaded : splitDataset(loaded, TEST_SHARE, drawsOf(seed).data.fork('split'));
}

/** For a whole simulation: those of a module fit its model, too. @throws as examplesOf, CONFIG_INVALID */
export async function examplesFor({ data, model, seed }: SimulationConfig): Promise<Examples> {
  const examples = await examplesOf(data.source, seed);
  if (data.source.set !== 'module') return examples;
  const input = inputShape(model).reduce((product, side) => product * side, 1);
  for (const part of [examples.train, examples.test]) {
    const width = part.shape.reduce((product, side) => product * side, 1);
    if (width !== input)
      throw settingError('model.input', `holds ${input} numbers, but an example of ${data.source.file} has ${width}`);
    if (part.classes !== model.classes)
      throw settingError('model.classes', `is ${model.classes}, but ${data.source.file} has ${part.classes}`);
  }
  return examples;
}

/** The same for the sets that come with Sotto, at once. @throws as examplesOf */
export function loadExamples(
  source: Exclude<DataSettings['source'], { readonly set: 'module' }>,
  seed: number | string,
): Examples {
  const { data } = drawsOf(seed);
  switch (source.set) {
    case 'mnist':
      return loadMnist({ shared: true });
    case 'spam':
      return loadSpam({ seed, width: source.width, shared: true });
    case 'synthetic': {
      const { examples, inputs, classes } = source;
      const all = gaussianBlobs({ size: examples, classes, shape: [inputs], ...CLOUDS }, data.fork('examples'));
      return splitDataset(all, TEST_SHARE, data.fork('split'));
    }
    default:
      return source satisfies never;
  }
}

/** The first `count` examples; absent: all. Test parts are shuffled by their makers. */
export function firstExamples(data: Dataset, count: number | undefined): Dataset {
  if (count === undefined || count >= data.labels.length) return data;
  return { ...data, rows: Uint32Array.from({ length: count }, (_, i) => i) };
}
