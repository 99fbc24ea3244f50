// Layers as Keras and TensorFlow.js write them in JSON, brought into the one form that TensorFlow.js builds: Keras 2, Keras 3 and
// tfjs-layers' own. What does not train here is refused by the name of its layer, before anything is built.
// Not here: building (../imported.ts), weights and files (layers-file.ts).

import { SottoError } from '../../../protocol/errors.js';
import { malformed } from './tensors.js';

export type Topology = Readonly<Record<string, unknown>>;
type Fields = Readonly<Record<string, unknown>>;

/** Trained against the reference backend in test/tfjs/layers.test.ts, or without weights and harmless. */
const TRAINS: ReadonlySet<string> = new Set([
  ...['InputLayer', 'Dense', 'Embedding', 'PReLU', 'BatchNormalization', 'LayerNormalization'],
  ...['Conv1D', 'Conv2D', 'Conv3D', 'Conv2DTranspose', 'SeparableConv2D', 'DepthwiseConv2D'],
  ...['SimpleRNN', 'GRU', 'LSTM', 'SimpleRNNCell', 'GRUCell', 'LSTMCell', 'Bidirectional', 'TimeDistributed'],
  ...['Activation', 'ReLU', 'LeakyReLU', 'ELU', 'Softmax', 'Flatten', 'Reshape', 'Permute', 'RepeatVector'],
  ...['ZeroPadding2D', 'UpSampling2D', 'Cropping2D'],
  ...['Dropout', 'SpatialDropout1D', 'GaussianDropout', 'GaussianNoise', 'AlphaDropout'],
  ...['MaxPooling1D', 'MaxPooling2D', 'MaxPooling3D', 'AveragePooling1D', 'AveragePooling2D', 'AveragePooling3D'],
  ...['GlobalMaxPooling1D', 'GlobalMaxPooling2D', 'GlobalAveragePooling1D', 'GlobalAveragePooling2D'],
  ...['Add', 'Average', 'Concatenate', 'Maximum', 'Minimum', 'Multiply', 'Dot'],
]);
const GRAPHS: ReadonlySet<string> = new Set(['Sequential', 'Functional', 'Model']);
/** Models within models at most: the walk is recursive, and the file may be hostile. */
const MAX_NESTED = 8;
const MAX_LAYERS = 10_000;

/**
 * @param value a `modelTopology`, a Keras `model.to_json()`, or either in its usual wrapping
 * @returns what tfjs-layers builds; initial values are zero, since weights are loaded over them
 * @throws MODEL_MALFORMED where it is none; TRAIN_UNSUPPORTED naming a layer and what about it does not train here
 */
export function buildableTopology(file: string, value: unknown): Topology {
  const wrapped = fieldsOf(value);
  const inner = fieldsOf(wrapped?.modelTopology) ?? wrapped;
  const graph = fieldsOf(inner?.model_config) ?? inner;
  const kind = graph?.class_name;
  if (graph === undefined || typeof kind !== 'string' || !GRAPHS.has(kind))
    throw malformed(
      file,
      'describes no Sequential or Functional model; a graph model cannot train, export a layers model',
    );
  return graphOf(file, graph, 0);
}

function graphOf(file: string, graph: Fields, depth: number): Fields {
  if (depth > MAX_NESTED) throw malformed(file, `has models within models more than ${MAX_NESTED} deep`);
  // Keras before 2.2 has the list itself in place of the settings.
  const config = Array.isArray(graph.config) ? { name: 'sequential', layers: graph.config } : fieldsOf(graph.config);
  const layers = config?.layers;
  if (!Array.isArray(layers) || layers.length === 0 || layers.length > MAX_LAYERS)
    throw malformed(file, `needs 1 to ${MAX_LAYERS} layers`);
  return {
    class_name: graph.class_name,
    config: {
      ...dropped(config as Fields, ['dtype', 'build_input_shape']),
      layers: layers.map((layer) => layerOf(file, layer, depth)),
      ...('input_layers' in (config as Fields) && { input_layers: ends((config as Fields).input_layers) }),
      ...('output_layers' in (config as Fields) && { output_layers: ends((config as Fields).output_layers) }),
    },
  };
}

function layerOf(file: string, value: unknown, depth: number): Fields {
  const layer = fieldsOf(value);
  const kind = layer?.class_name;
  const config = fieldsOf(layer?.config);
  if (layer === undefined || typeof kind !== 'string' || (config === undefined && !GRAPHS.has(kind)))
    throw malformed(file, 'has a layer without class_name or config');
  const name = String(layer.name ?? config?.name ?? kind);
  const around = {
    ...('name' in layer && { name: layer.name }),
    ...('inbound_nodes' in layer && { inbound_nodes: nodesOf(file, name, layer.inbound_nodes) }),
  };
  if (GRAPHS.has(kind)) return { ...graphOf(file, layer, depth + 1), ...around };
  const refuse = (why: string): SottoError =>
    new SottoError('TRAIN_UNSUPPORTED', `${file}: layer '${name}' (${kind}) ${why}`, { layer: name, kind });
  if (!TRAINS.has(kind)) throw refuse('is of a kind that does not train here; write the model without it');
  return { class_name: kind, config: configOf(file, config as Fields, refuse, depth), ...around };
}

/** Initial values are loaded over, and some initialisers need more of TensorFlow.js than is loaded. */
const ZEROS = { class_name: 'Zeros', config: {} };
/** Only Keras 3 writes these, and they say nothing about what is computed. */
const UNKNOWN_TO_TFJS = ['build_config', 'quantization_config', 'sparse', 'ragged', 'optional', 'synchronized'];

function configOf(file: string, config: Fields, refuse: (why: string) => SottoError, depth: number): Fields {
  const out: Record<string, unknown> = {};
  for (const [field, value] of Object.entries(dropped(config, UNKNOWN_TO_TFJS))) {
    if (/_(regularizer|constraint)$/.test(field) && value !== null)
      throw refuse(`has a ${field}, which local training does not apply; remove it from the model`);
    if (field === 'dilation_rate' && [value].flat().some((rate) => rate !== 1))
      throw refuse('is dilated, which has no gradient in TensorFlow.js; use dilation 1');
    if (field === 'groups' && value !== 1) throw refuse('has groups, which TensorFlow.js does not know; use groups 1');
    if (field === 'data_format' && value !== null && value !== 'channels_last')
      throw refuse(`has data_format ${String(value)}; use channels_last`);
    if (field === 'dtype') {
      const policy = fieldsOf(value);
      const type = policy === undefined ? value : fieldsOf(policy.config)?.name;
      if (type !== 'float32' && type !== 'int32') throw refuse(`is of type ${JSON.stringify(type)}; use float32`);
      out.dtype = type;
    } else if (field === 'batch_shape') out.batch_input_shape = value;
    else if (field.endsWith('_initializer')) out[field] = ZEROS;
    // The layer inside a wrapper, such as TimeDistributed.
    else if (field === 'layer' || field === 'backward_layer') out[field] = layerOf(file, value, depth + 1);
    else if (field !== 'groups') out[field] = value;
  }
  return out;
}

/** Keras 3 writes the only end by itself, older ones a list of ends. */
function ends(value: unknown): unknown {
  return Array.isArray(value) && typeof value[0] === 'string' ? [value] : value;
}

/** Calls of a layer: lists of [layer, node, tensor, arguments]. Keras 3 hides the same in its arguments. */
function nodesOf(file: string, name: string, value: unknown): unknown {
  if (!Array.isArray(value)) throw malformed(file, `layer '${name}' has inbound_nodes that are no list`);
  return value.map((node) => {
    const call = fieldsOf(node);
    if (call === undefined) return node;
    if (Object.entries(fieldsOf(call.kwargs) ?? {}).some(([, given]) => fieldsOf(given) !== undefined))
      throw new SottoError(
        'TRAIN_UNSUPPORTED',
        `${file}: layer '${name}' is called with tensors by name; pass them in order`,
        {
          layer: name,
        },
      );
    return [call.args].flat(2).map((argument) => {
      const history = fieldsOf(fieldsOf(argument)?.config)?.keras_history;
      if (!Array.isArray(history)) throw malformed(file, `layer '${name}' is called with something that is no tensor`);
      return [...history, {}];
    });
  });
}

const fieldsOf = (value: unknown): Fields | undefined =>
  typeof value === 'object' && value !== null && !Array.isArray(value) ? (value as Fields) : undefined;
const dropped = (fields: Fields, names: readonly string[]): Fields =>
  Object.fromEntries(Object.entries(fields).filter(([name]) => !names.includes(name)));
