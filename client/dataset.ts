// Examples for local training as flat typed arrays, and shards of them as row numbers into shared arrays.
// Not here: where data comes from (simulations/datasets), batching and tensors (client/tfjs). Labels are class numbers.

import { SottoError } from '../protocol/errors.js';

/**
 * `n` labelled examples of one shape. The arrays may be shared by many datasets (and, over a SharedArrayBuffer, by threads);
 * nobody writes to them. `rows` makes it a shard: only those examples belong to this dataset, in that order.
 */
export interface Dataset {
  /** Row-major, n × product(shape). Bytes are multiplied by `scale` when a batch is made; floats are taken as they are. */
  readonly inputs: Float32Array | Uint8Array;
  /** Factor for byte inputs; absent: 1/255. Meaningless for floats. */
  readonly scale?: number;
  /** Shape of one example, e.g. [784] or [28, 28, 1]. */
  readonly shape: readonly number[];
  /** n class numbers, each in [0, classes). */
  readonly labels: Uint8Array | Int32Array;
  readonly classes: number;
  readonly rows?: Uint32Array;
}

/** Values in one example. */
export function exampleSize(data: Dataset): number {
  return data.shape.reduce((product, side) => product * side, 1);
}

/** Examples that belong to this dataset (or shard). */
export function exampleCount(data: Dataset): number {
  return data.rows?.length ?? data.labels.length;
}

/** The same examples seen through a list of row numbers of the arrays; a shard of a shard indexes the arrays, not the shard. */
export function shard(data: Dataset, rows: Uint32Array): Dataset {
  return { ...data, rows };
}

/**
 * Refuses data that would train on garbage: wrong lengths, labels or rows out of range, an empty shard.
 * Reads every label and row of the shard, no inputs. @throws SottoError DATA_MALFORMED
 */
export function checkDataset(data: Dataset): void {
  const fail = (message: string, details: Record<string, number> = {}): never => {
    throw new SottoError('DATA_MALFORMED', message, details);
  };
  const size = exampleSize(data);
  const stored = data.labels.length;
  if (!Number.isInteger(size) || size < 1) fail(`shape [${data.shape.join(', ')}] holds no whole number of values`);
  if (!Number.isInteger(data.classes) || data.classes < 2) fail(`classes is ${data.classes}; give a whole number ≥ 2`);
  if (data.scale !== undefined && !Number.isFinite(data.scale)) fail(`scale is ${data.scale}; give a finite number`);
  if (data.inputs.length !== stored * size) {
    fail(
      `${stored} labels need ${stored * size} input values of shape [${data.shape.join(', ')}], found ${data.inputs.length}`,
    );
  }
  const count = exampleCount(data);
  if (count === 0) fail('the dataset holds no example');
  for (let i = 0; i < count; i++) {
    const row = data.rows === undefined ? i : (data.rows[i] ?? -1);
    const label = data.labels[row];
    if (label === undefined) fail(`row ${row} does not exist; there are ${stored} examples`, { row });
    else if (label < 0 || label >= data.classes)
      fail(`label ${label} of row ${row} is not below ${data.classes}`, { row });
  }
}

/**
 * The dataset with its arrays moved into SharedArrayBuffers, so that threads read one copy. Copies once.
 * Where there is no SharedArrayBuffer (a page without cross-origin isolation) the dataset comes back as it is.
 */
export function shareDataset(data: Dataset): Dataset {
  if (typeof SharedArrayBuffer === 'undefined') return data;
  return { ...data, inputs: shared(data.inputs), labels: shared(data.labels) };
}

function shared<T extends Uint8Array | Float32Array | Int32Array>(values: T): T {
  if (values.buffer instanceof SharedArrayBuffer) return values;
  const make = values.constructor as new (buffer: SharedArrayBuffer) => T;
  const copy = new make(new SharedArrayBuffer(values.byteLength));
  copy.set(values);
  return copy;
}
