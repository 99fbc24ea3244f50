// Examples of the user's own: a module that exports `data`, a dataset or a function that gives one, or both parts as `{train, test}`.
// Not here: reading files (the module does, for CSV with csvDataset of sotto/client), cutting shards (../partition.ts).

import { pathToFileURL } from 'node:url';
import { type Dataset as ClientDataset, checkDataset, exampleCount, exampleSize } from '../../client/dataset.js';
import { SottoError } from '../../protocol/errors.js';
import { bufferOf, type Dataset, type SplitDataset } from './dataset.js';

/**
 * @param path absolute
 * @returns float32 inputs and byte labels in shared memory; shards of rows are resolved
 * @throws DATA_MISSING where the module cannot be loaded, DATA_MALFORMED where it exports no dataset, and its own SottoErrors
 */
export async function loadModule(path: string): Promise<Dataset | SplitDataset> {
  let exported: unknown;
  try {
    const module: Record<string, unknown> = await import(pathToFileURL(path).href);
    exported = module.data;
    if (typeof exported === 'function') exported = await exported();
  } catch (cause) {
    throw asOurs(cause, path);
  }
  if (isRecord(exported) && 'train' in exported && 'test' in exported)
    return {
      train: datasetOf(exported.train, `${path}: data.train`),
      test: datasetOf(exported.test, `${path}: data.test`),
    };
  return datasetOf(exported, `${path}: data`);
}

/** A module may have another copy of this package, whose errors are of another class. */
function asOurs(cause: unknown, path: string): SottoError {
  if (cause instanceof SottoError) return cause;
  const said = cause instanceof Error ? cause.message : String(cause);
  if (cause instanceof Error && cause.name === 'SottoError' && 'code' in cause) {
    const code = cause.code as SottoError['code'];
    return new SottoError(code, said.slice(code.length + 2), { file: path });
  }
  return new SottoError('DATA_MISSING', `cannot load the data module ${path}: ${said}`, { file: path });
}

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === 'object' && value !== null;

const MAX_CLASSES = 256;

function datasetOf(value: unknown, what: string): Dataset {
  const wrong = (text: string): SottoError => new SottoError('DATA_MALFORMED', `${what} ${text}`);
  if (!isRecord(value))
    throw wrong('is no dataset; export const data = { inputs, shape, labels, classes }, or a function that gives that');
  const { inputs, shape, labels, classes } = value;
  if (!(inputs instanceof Float32Array) && !(inputs instanceof Uint8Array))
    throw wrong('needs inputs: a Float32Array, or a Uint8Array of values from 0 to 255');
  if (!Array.isArray(shape) || !shape.every((side) => Number.isInteger(side) && side >= 1))
    throw wrong('needs a shape of one example: a list of whole numbers');
  if (!(labels instanceof Uint8Array) && !(labels instanceof Int32Array))
    throw wrong('needs labels: a Uint8Array or Int32Array of class numbers');
  if (!Number.isInteger(classes) || (classes as number) > MAX_CLASSES)
    throw wrong(`needs classes: a whole number of at most ${MAX_CLASSES}`);
  const data = value as unknown as ClientDataset;
  try {
    checkDataset(data);
  } catch (cause) {
    if (cause instanceof SottoError) throw wrong(`: ${cause.message.slice(cause.code.length + 2)}`);
    throw cause;
  }
  return flat(data);
}

/** The rows of a shard, one after another, bytes as their scaled values where the dataset scales them by something else than 1/255. */
function flat(data: ClientDataset): Dataset {
  const { shape, classes, rows, scale } = data;
  const width = exampleSize(data);
  const count = exampleCount(data);
  const bytes = data.inputs instanceof Uint8Array && scale === undefined;
  const inputs = bytes
    ? new Uint8Array(bufferOf(count * width, true))
    : new Float32Array(bufferOf(4 * count * width, true));
  const factor = data.inputs instanceof Uint8Array && scale !== undefined ? scale : 1;
  const labels = new Uint8Array(bufferOf(count, true));
  for (let i = 0; i < count; i++) {
    const row = rows?.[i] ?? i;
    labels[i] = data.labels[row] ?? 0;
    for (let j = 0; j < width; j++) inputs[i * width + j] = factor * (data.inputs[row * width + j] ?? 0);
  }
  const bad = inputs instanceof Float32Array ? inputs.findIndex((value) => !Number.isFinite(value)) : -1;
  if (bad >= 0)
    throw new SottoError('DATA_MALFORMED', `input ${bad % width} of example ${Math.floor(bad / width)} is not finite`);
  return { inputs, shape, labels, classes };
}
