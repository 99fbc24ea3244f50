// The examples of a simulation as its settings name them, loaded the same way in every process. Not here: the readers (datasets/).

import type { Dataset } from '../client/dataset.js';
import type { DataSettings } from './config.js';
import { splitDataset } from './datasets/dataset.js';
import { loadMnist } from './datasets/mnist.js';
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
export function loadExamples(source: DataSettings['source'], seed: number | string): Examples {
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
