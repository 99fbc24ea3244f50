// What a data set is here: flat arrays, one label per example. Loaders make them, partition.ts cuts them, trainers read them.
// Not here: tensors (client/tfjs) and who gets which example (../partition.ts).

import { SottoError } from '../../protocol/errors.js';
import type { Random } from '../random.js';

/** A labelled data set of `labels.length` examples, each of `shape`; `inputs` is their concatenation. Buffers may be shared. */
export interface Dataset {
  readonly inputs: Float32Array | Uint8Array;
  /** Of one example: [28, 28, 1], [4096]. */
  readonly shape: readonly number[];
  readonly labels: Uint8Array;
  readonly classes: number;
}

/** What is learnt from, and what is only measured on. */
export interface SplitDataset {
  readonly train: Dataset;
  readonly test: Dataset;
}

/** Numbers in one example. */
export const widthOf = (dataset: Dataset): number => dataset.shape.reduce((product, side) => product * side, 1);

/** A buffer that worker threads can read without a copy, or an ordinary one. */
export function bufferOf(bytes: number, shared: boolean): ArrayBufferLike {
  return shared ? new SharedArrayBuffer(bytes) : new ArrayBuffer(bytes);
}

/** @throws DATA_MALFORMED where lengths, shape and labels do not fit together */
export function checkDataset(dataset: Dataset): void {
  const width = widthOf(dataset);
  if (dataset.inputs.length !== width * dataset.labels.length) {
    throw new SottoError(
      'DATA_MALFORMED',
      `${dataset.labels.length} labels and shape [${dataset.shape}] need ${width * dataset.labels.length} inputs, there are ${dataset.inputs.length}`,
    );
  }
  const stray = dataset.labels.find((label) => label >= dataset.classes);
  if (stray !== undefined) {
    throw new SottoError('DATA_MALFORMED', `label ${stray} in a data set of ${dataset.classes} classes`);
  }
}

/**
 * The examples at `indices`, copied, in that order. @throws DATA_PARTITION on an index that is out of range
 */
export function selectExamples(dataset: Dataset, indices: Uint32Array): Dataset {
  const width = widthOf(dataset);
  const bytes = indices.length * width * dataset.inputs.BYTES_PER_ELEMENT;
  const inputs = dataset.inputs instanceof Uint8Array ? new Uint8Array(bytes) : new Float32Array(bytes / 4);
  const labels = new Uint8Array(indices.length);
  indices.forEach((index, row) => {
    const label = dataset.labels[index];
    if (label === undefined) {
      throw new SottoError('DATA_PARTITION', `example ${index} of a data set of ${dataset.labels.length}`);
    }
    labels[row] = label;
    inputs.set(dataset.inputs.subarray(index * width, (index + 1) * width), row * width);
  });
  return { ...dataset, inputs, labels };
}

/** The same examples as float32, each number times `factor`: 1/255 turns pixels into [0, 1]. */
export function scaled(dataset: Dataset, factor = 1 / 255, shared = false): Dataset {
  const inputs = new Float32Array(bufferOf(4 * dataset.inputs.length, shared));
  for (let i = 0; i < inputs.length; i++) inputs[i] = (dataset.inputs[i] ?? 0) * factor;
  return { ...dataset, inputs };
}

/**
 * Cuts off a random test part. @param testShare in (0, 1); both parts get at least one example.
 * @throws DATA_PARTITION
 */
export function splitDataset(dataset: Dataset, testShare: number, random: Random): SplitDataset {
  const size = dataset.labels.length;
  const testSize = Math.round(size * testShare);
  if (!(testSize >= 1 && testSize < size)) {
    throw new SottoError('DATA_PARTITION', `a test share of ${testShare} of ${size} examples leaves one side empty`);
  }
  const order = random.sample(size, size);
  return {
    train: selectExamples(dataset, order.subarray(testSize)),
    test: selectExamples(dataset, order.subarray(0, testSize)),
  };
}
