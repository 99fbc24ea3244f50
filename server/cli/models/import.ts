// `sotto models import`: weights of others become a model folder that a task can start from: TensorFlow.js layers (what
// tensorflowjs_converter makes of a Keras model), safetensors or NumPy files. Not here: the formats (client/tfjs/formats).

import { existsSync, statSync, writeFileSync } from 'node:fs';
import { basename, dirname, extname, join } from 'node:path';
import { layersFile, readLayersFile } from '../../../client/tfjs/formats/layers-file.js';
import { decodeSafetensors } from '../../../client/tfjs/formats/safetensors.js';
import { flattenTensors, type NamedTensor } from '../../../client/tfjs/formats/tensors.js';
import { type ModelSpec, modelManifest } from '../../../client/tfjs/spec.js';
import { SottoError } from '../../../protocol/errors.js';
import { MAX_DIMENSION, MAX_MODEL_HEADER_BYTES } from '../../../protocol/limits.js';
import type { Json } from '../../../protocol/task.js';
import { versions } from '../../../simulations/versions.js';
import { hashOfWeights, MODEL_FORMAT, readBytes, writeModel } from '../../models/index.js';
import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { modelFromFile } from '../trainers.js';

export interface ImportOptions {
  readonly to: string;
  /** Settings with a `model:` section; needed where the file has no layers. */
  readonly model?: string;
  readonly task: string;
  readonly json: boolean;
}

/** A file of weights with its header. */
const MAX_FILE_BYTES = 4 * MAX_DIMENSION + MAX_MODEL_HEADER_BYTES;

/** @throws CONFIG_UNREADABLE, CONFIG_INVALID, MODEL_MALFORMED, TRAIN_UNSUPPORTED naming the layer, TRAIN_SHAPE, STORE_WRITE */
export async function importModel(source: string, { to, model, task, json }: ImportOptions, io: Io): Promise<ExitCode> {
  const file = existsSync(source) && statSync(source).isDirectory() ? join(source, 'model.json') : source;
  const { spec, weights } = await read(file, model);
  const { dimension, variables } = modelManifest(spec);
  const manifest = {
    format: MODEL_FORMAT,
    task,
    round: 0,
    dimension,
    variables,
    model: spec as unknown as Json,
    weights: { hash: hashOfWeights(weights) },
    provenance: { from: 'import' as const, source: basename(file), privacy: [], declarations: [] },
    writtenBy: `sotto ${versions().sotto}`,
  } as const;
  writeModel(to, { manifest }, weights);
  writeFileSync(join(to, 'model.json'), layersFile(spec, manifest));
  if (json)
    io.stdout.write(
      `${JSON.stringify({ type: 'model', folder: to, kind: spec.kind, dimension, classes: spec.classes, hash: manifest.weights.hash })}\n`,
    );
  else
    io.stdout.write(
      `${dimension} weights in ${variables.length} variables, ${spec.classes} classes, written to ${to}\nstart a task from it with:\nmodel:\n  kind: imported\n  folder: ${to}\n`,
    );
  return EXIT.ok;
}

async function read(
  file: string,
  model: string | undefined,
): Promise<{ spec: ModelSpec; weights: Float32Array<ArrayBuffer> }> {
  if (extname(file) === '.json') {
    const text = new TextDecoder().decode(readBytes(file, MAX_MODEL_HEADER_BYTES));
    const { topology, tensors } = readLayersFile(text, file, (path) =>
      readBytes(join(dirname(file), path), 4 * MAX_DIMENSION),
    );
    const { importLayers } = await import('../../../client/tfjs/imported.js');
    return importLayers(file, topology, tensors);
  }
  if (model === undefined)
    throw new SottoError(
      'CONFIG_INVALID',
      `${file} holds weights without layers; say which model with --model <settings>`,
      {
        field: 'model',
      },
    );
  const spec = modelFromFile(model);
  return { spec, weights: flattenTensors(file, modelManifest(spec), await readTensors(file)) };
}

/** Tensors of a file by its ending. @throws CONFIG_UNREADABLE, CONFIG_INVALID, MODEL_MALFORMED */
export async function readTensors(file: string): Promise<NamedTensor[]> {
  switch (extname(file)) {
    case '.safetensors':
      return decodeSafetensors(readBytes(file, MAX_FILE_BYTES), file).tensors;
    case '.npz':
      return (await import('../../../client/tfjs/formats/npz.js')).decodeNpz(readBytes(file, MAX_FILE_BYTES), file);
    default:
      throw new SottoError(
        'CONFIG_INVALID',
        `${file} is of no known kind; give a model.json of TensorFlow.js, a .safetensors or an .npz file`,
        { field: 'source' },
      );
  }
}
