// `model.json` with its weight files, as TensorFlow.js and its converter write and read them: for models of this package and for
// imported ones. Paths in a stranger's file never lead out of its folder.
// Not here: what of a topology trains (topology.ts), building models (../imported.ts), reading files.

import { MAX_DIMENSION, MAX_MODEL_FILES } from '../../../protocol/limits.js';
import type { Manifest } from '../../trainer.js';
import { type DescribedSpec, kernelSide, type ModelSpec } from '../spec.js';
import { floatsFrom, malformed, type NamedTensor, sizeOfShape } from './tensors.js';
import type { Topology } from './topology.js';

export const WEIGHTS_FILE = 'weights.bin';

/** The text of model.json beside one file of weights: the flat vector as it is, in manifest order. */
export function layersFile(spec: ModelSpec, { variables }: Manifest): string {
  const weights = variables.map(({ name, shape }, i) => ({
    name: spec.kind === 'layers' ? (spec.variables[i]?.weight ?? name) : name,
    shape,
    dtype: 'float32',
  }));
  const modelTopology = spec.kind === 'layers' ? spec.topology : topologyOf(spec);
  return `${JSON.stringify({
    format: 'layers-model',
    generatedBy: 'sotto',
    convertedBy: null,
    modelTopology,
    weightsManifest: [{ paths: [WEIGHTS_FILE], weights }],
  })}\n`;
}

/** The layers of a described model. Its last layer has a softmax, so that `predict` gives probabilities. */
function topologyOf(spec: DescribedSpec): Topology {
  const layers: { class_name: string; config: Record<string, unknown> }[] = [];
  const add = (class_name: string, name: string, config: Record<string, unknown>): void => {
    const first = layers.length === 0 ? { batch_input_shape: [null, ...[spec.input].flat()], dtype: 'float32' } : {};
    layers.push({ class_name, config: { name, trainable: true, ...first, ...config } });
  };
  if (spec.kind === 'cnn') {
    spec.filters.forEach((filters, i) => {
      const common = { strides: [1, 1], padding: 'valid', data_format: 'channels_last', dilation_rate: [1, 1] };
      const kernel = [kernelSide(spec), kernelSide(spec)];
      add('Conv2D', `conv${i}`, { filters, kernel_size: kernel, ...common, activation: 'relu', use_bias: true });
      const pool = { pool_size: [2, 2], strides: [2, 2], padding: 'valid', data_format: 'channels_last' };
      add('MaxPooling2D', `pool${i}`, pool);
    });
    add('Flatten', 'flatten', {});
  }
  const widths = [...(spec.kind === 'softmax' ? [] : spec.hidden), spec.classes];
  widths.forEach((units, i) => {
    add('Dense', `dense${i}`, { units, activation: i < widths.length - 1 ? 'relu' : 'softmax', use_bias: true });
  });
  return {
    class_name: 'Sequential',
    config: { name: 'sotto', layers },
    keras_version: 'tfjs-layers 4.22.0',
    backend: 'tensor_flow.js',
  };
}

export interface LayersFile {
  readonly topology: unknown;
  readonly tensors: readonly NamedTensor[];
}

/**
 * @param read gives the bytes of a file in the folder of model.json
 * @throws MODEL_MALFORMED for another format, quantised or other than float32 weights, a path out of the folder, bytes that do not
 *   add up; what `read` throws
 */
export function readLayersFile(text: string, file: string, read: (path: string) => Uint8Array): LayersFile {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw malformed(file, 'is no JSON');
  }
  const { format, modelTopology, weightsManifest } = (
    typeof value === 'object' && value !== null ? value : {}
  ) as Record<string, unknown>;
  if (format !== undefined && format !== 'layers-model')
    throw malformed(
      file,
      `has format ${JSON.stringify(format)}; only layers models train: tensorflowjs_converter --output_format=tfjs_layers_model`,
    );
  if (!Array.isArray(weightsManifest)) throw malformed(file, 'has no weightsManifest; it holds no weights');
  const tensors: NamedTensor[] = [];
  let files = 0;
  for (const group of weightsManifest as readonly unknown[]) {
    const { paths, weights } = (typeof group === 'object' && group !== null ? group : {}) as Record<string, unknown>;
    if (!Array.isArray(paths) || !Array.isArray(weights)) throw malformed(file, 'has a group of weights without paths');
    files += paths.length;
    if (files > MAX_MODEL_FILES) throw malformed(file, `is spread over more than ${MAX_MODEL_FILES} files`);
    tensors.push(...groupOf(file, weights, joined(file, paths, read)));
  }
  return { topology: modelTopology, tensors };
}

function joined(file: string, paths: readonly unknown[], read: (path: string) => Uint8Array): Uint8Array {
  const parts: Uint8Array[] = [];
  let length = 0;
  for (const path of paths) {
    // A name beside model.json and nothing else: no folder, no drive, no address.
    if (typeof path !== 'string' || !/^[\w][\w.+ -]{0,250}$/.test(path))
      throw malformed(file, `names weights in ${JSON.stringify(path)}; they must lie beside it`);
    const part = read(path);
    length += part.length;
    if (length > 4 * MAX_DIMENSION) throw malformed(file, 'has more weights than a model can have');
    parts.push(part);
  }
  const bytes = new Uint8Array(length);
  let at = 0;
  for (const part of parts) {
    bytes.set(part, at);
    at += part.length;
  }
  return bytes;
}

function groupOf(file: string, weights: readonly unknown[], bytes: Uint8Array): NamedTensor[] {
  let at = 0;
  const tensors = weights.map((weight): NamedTensor => {
    const { name, shape, dtype, quantization } = (
      typeof weight === 'object' && weight !== null ? weight : {}
    ) as Record<string, unknown>;
    if (typeof name !== 'string') throw malformed(file, 'has a weight without a name');
    if (quantization !== undefined)
      throw malformed(file, `weight '${name}' is quantised; convert without quantisation`);
    if (dtype !== 'float32') throw malformed(file, `weight '${name}' is of type ${JSON.stringify(dtype)}; use float32`);
    const size = sizeOfShape(shape);
    if (size === undefined) throw malformed(file, `weight '${name}' has no shape that a model can have`);
    const to = at + 4 * size;
    if (to > bytes.length) throw malformed(file, `its weight files end within weight '${name}'`);
    const values = floatsFrom(bytes.subarray(at, to));
    at = to;
    return { name, shape: shape as readonly number[], values };
  });
  if (at !== bytes.length) throw malformed(file, `has ${bytes.length - at} bytes of weights that no weight claims`);
  return tensors;
}
