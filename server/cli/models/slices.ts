// How good a model is on the slices of one client's data, measured where the data are: each class, and the slices that the data module
// names. Only counts come out. Not here: signing them (declare in verify.ts), the card (report/slices.ts).

import { resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { Dataset } from '../../../client/dataset.js';
import { SottoError } from '../../../protocol/errors.js';
import { loadModule } from '../../../simulations/datasets/module.js';
import { specOf } from '../../../simulations/model-source.js';
import {
  hashOfWeights,
  MAX_SLICE_NAME,
  MAX_SLICES,
  MIN_SLICE_EXAMPLES,
  readModel,
  type Slice,
} from '../../models/index.js';

export interface Measured {
  readonly slices: readonly Slice[];
  /** Hash of the weights. */
  readonly measured: string;
  /** Slices with too few examples to say anything about without saying it about single ones. */
  readonly tooSmall: readonly string[];
}

/**
 * @param folder of the model  @param file module that exports `data`, and if it likes `slices`: names with row numbers, or a function that
 *   gives them
 * @throws CONFIG_UNREADABLE, MODEL_*, DATA_MISSING, DATA_MALFORMED, TRAIN_*
 */
export async function measureSlices(folder: string, file: string): Promise<Measured> {
  const path = resolve(file);
  const { signed, weights } = readModel(folder);
  const model = specOf(signed.manifest, folder);
  const loaded = await loadModule(path);
  const data: Dataset = 'test' in loaded ? loaded.test : loaded;
  const named = [...classesOf(data), ...(await namedSlices(path, data.labels.length))];
  if (named.length > MAX_SLICES)
    throw new SottoError('DATA_MALFORMED', `${file}: ${named.length} slices with the classes; at most ${MAX_SLICES}`, {
      file,
    });
  const { createTrainingPool } = await import('../../../client/tfjs/index.js');
  const pool = createTrainingPool({ workers: 1 });
  const slices: Slice[] = [];
  const tooSmall: string[] = [];
  try {
    for (const [name, rows] of named) {
      if (rows.length < MIN_SLICE_EXAMPLES) {
        tooSmall.push(name);
        continue;
      }
      const trainer = pool.trainer(name, { model, data: { ...data, rows } });
      const { accuracy, examples } = await trainer.evaluate(weights);
      slices.push({ name, examples, correct: Math.round(accuracy * examples) });
    }
  } finally {
    await pool.close();
  }
  return { slices, measured: hashOfWeights(weights), tooSmall };
}

function classesOf({ labels, classes }: Dataset): [string, Uint32Array][] {
  const rows = Uint32Array.from(labels.keys());
  return Array.from({ length: classes }, (_, label) => [`class ${label}`, rows.filter((row) => labels[row] === label)]);
}

async function namedSlices(path: string, examples: number): Promise<[string, Uint32Array][]> {
  const module: Readonly<Record<string, unknown>> = await import(pathToFileURL(path).href);
  const given: unknown = typeof module.slices === 'function' ? await module.slices() : module.slices;
  if (given === undefined) return [];
  const wrong = (text: string): SottoError =>
    new SottoError('DATA_MALFORMED', `${path}: slices ${text}`, { file: path });
  if (typeof given !== 'object' || given === null) throw wrong('must be an object of names with row numbers');
  return Object.entries(given).map(([name, rows]) => {
    if (name === '' || name.length > MAX_SLICE_NAME || /^class \d+$/.test(name))
      throw wrong(`has the name ${JSON.stringify(name)}; use 1 to ${MAX_SLICE_NAME} characters, and none of a class`);
    const list = Array.isArray(rows) || rows instanceof Uint32Array ? [...rows] : undefined;
    if (list === undefined || !list.every((row) => Number.isInteger(row) && row >= 0 && row < examples))
      throw wrong(`: ${name} must be a list of row numbers below ${examples}`);
    return [name, Uint32Array.from(new Set(list as number[]))];
  });
}
