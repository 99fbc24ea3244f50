// Models of others: layers that Keras or TensorFlow.js describes in JSON, as a ModelSpec that crosses to workers, and built there.
// tfjs-layers is loaded when the first such model is. Not here: what trains (formats/topology.ts), files (formats/layers-file.ts).

import { SottoError } from '../../protocol/errors.js';
import { startBackend } from './backend.js';
import { flattenTensors, malformed, type NamedTensor } from './formats/tensors.js';
import { buildableTopology, type Topology } from './formats/topology.js';
import { buildModel, type LayersModelLike, layersModel, type TrainableModel } from './model.js';
import { type LayersSpec, type ModelSpec, modelManifest } from './spec.js';

/** @throws SottoError TRAIN_SHAPE, TRAIN_UNSUPPORTED, TRAIN_BACKEND, MODEL_MALFORMED */
export async function createModel(spec: ModelSpec): Promise<TrainableModel> {
  if (spec.kind !== 'layers') return buildModel(spec);
  const model = layersModel(await build('the model', spec.topology), spec.output);
  const promised = spec.variables.map(({ shape }) => shape.join('×')).join(', ');
  const found = model.manifest.variables.map(({ shape }) => shape.join('×')).join(', ');
  if (promised === found) return { ...model, manifest: modelManifest(spec) };
  model.dispose();
  throw new SottoError('TRAIN_SHAPE', `the layers have variables of ${found}, their description says ${promised}`);
}

/**
 * A described model and its flat weights from layers and named weights. Needs no backend of its own: one is started.
 * @param file for messages
 * @throws MODEL_MALFORMED, TRAIN_UNSUPPORTED naming the layer, TRAIN_SHAPE where it is no classifier with one input
 */
export async function importLayers(
  file: string,
  topology: unknown,
  tensors: readonly NamedTensor[],
): Promise<{ spec: LayersSpec; weights: Float32Array<ArrayBuffer> }> {
  const buildable = buildableTopology(file, topology);
  await startBackend();
  const built = await build(file, buildable);
  const model = layersModel(built, endsInSoftmax(buildable) ? 'probabilities' : 'logits');
  try {
    const sources = built.weights.map(({ originalName }) => sourceOf(file, originalName, tensors));
    const variables = model.manifest.variables.map(({ name, shape }, i) => ({
      name,
      shape,
      weight: (sources[i] as NamedTensor).name, // safe: one source for each weight
    }));
    if (model.inputShape.some((side) => !Number.isInteger(side) || side < 1))
      throw new SottoError('TRAIN_SHAPE', `${file}: the input has a side of no fixed length; give every side a number`);
    const spec: LayersSpec = {
      kind: 'layers',
      topology: topologyIn(topology),
      input: model.inputShape,
      classes: model.classes,
      output: model.output,
      variables,
    };
    const named = variables.map(({ name }, i) => ({ ...(sources[i] as NamedTensor), name })); // safe: as above
    const used = new Set(sources.map(({ name }) => name));
    const surplus = tensors.filter(({ name }) => !used.has(name));
    return { spec, weights: flattenTensors(file, modelManifest(spec), [...named, ...surplus]) };
  } finally {
    model.dispose();
  }
}

/** Weights are named by layer and role. Keras 3 puts the model's name before, converters may put a scope. */
function sourceOf(file: string, name: string, tensors: readonly NamedTensor[]): NamedTensor {
  const exact = tensors.filter((tensor) => tensor.name === name);
  const found = exact.length > 0 ? exact : tensors.filter((tensor) => tensor.name.endsWith(`/${name}`));
  const [only] = found;
  if (only === undefined) throw malformed(file, `holds no weight '${name}'`);
  if (found.length > 1) throw malformed(file, `holds more than one weight '${name}'`);
  return only;
}

async function build(file: string, topology: unknown): Promise<LayersModelLike> {
  const { models } = await import('@tensorflow/tfjs-layers');
  try {
    const modelTopology = buildableTopology(file, topology) as { [field: string]: never };
    return (await models.modelFromJSON(modelTopology)) as unknown as LayersModelLike;
  } catch (error) {
    if (error instanceof SottoError) throw error;
    throw malformed(file, `TensorFlow.js cannot build it: ${error instanceof Error ? error.message : error}`);
  }
}

/** The part of a file that describes layers, as it came: what is exported is what was imported. */
function topologyIn(value: unknown): Topology {
  const wrapped = value as Topology;
  const inner = (wrapped.modelTopology ?? wrapped) as Topology;
  return (inner.model_config ?? inner) as Topology;
}

/** Whether the last layer gives probabilities. Sigmoids are none: their sum is not 1. */
function endsInSoftmax(topology: Topology): boolean {
  const { layers, output_layers: outputs } = topology.config as { layers: Topology[]; output_layers?: unknown[][] };
  const last = outputs === undefined ? layers.at(-1) : layers.find(({ name }) => name === outputs[0]?.[0]);
  const config = last?.config as Topology | undefined;
  if (config?.layers !== undefined) return endsInSoftmax(last as Topology);
  return last?.class_name === 'Softmax' || config?.activation === 'softmax';
}
