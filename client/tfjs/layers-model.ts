// A tf.layers model walked layer by layer through given layers, so that DP-SGD can record it. Layers with weights are known by name or
// refused; layers without weights are run by TensorFlow.js if they are known to treat each record by itself.
// Not here: the adapter for plain training (model.ts), norms (dp-sgd/). Structural types: @tensorflow/tfjs-layers is not imported.

import type * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../protocol/errors.js';
import type { ConvolutionOptions, Layers } from './layers.js';

interface SymbolicLike {
  readonly id: number;
}
interface NodeLike {
  readonly inputTensors: readonly SymbolicLike[];
  readonly outputTensors: readonly SymbolicLike[];
}
export interface LayerLike {
  readonly name: string;
  readonly weights: readonly { readonly originalName: string; read(): tf.Tensor }[];
  readonly inboundNodes: readonly NodeLike[];
  getClassName(): string;
  getConfig(): Readonly<Record<string, unknown>>;
  call(inputs: tf.Tensor | tf.Tensor[], kwargs: object): tf.Tensor | tf.Tensor[];
}
export interface LayersGraphLike {
  readonly layers: readonly LayerLike[];
  readonly inputs: readonly SymbolicLike[];
  readonly outputs: readonly SymbolicLike[];
}

/** Without weights, and each record by itself. Dropout and noise draw for each value anew. */
const WEIGHTLESS: ReadonlySet<string> = new Set([
  ...['Activation', 'ReLU', 'LeakyReLU', 'ELU', 'ThresholdedReLU', 'Softmax'],
  ...['Flatten', 'Reshape', 'Permute', 'RepeatVector', 'ZeroPadding2D', 'UpSampling2D', 'Cropping2D'],
  ...['Dropout', 'SpatialDropout1D', 'GaussianDropout', 'GaussianNoise', 'AlphaDropout'],
  ...['MaxPooling1D', 'MaxPooling2D', 'AveragePooling1D', 'AveragePooling2D'],
  ...['GlobalMaxPooling1D', 'GlobalMaxPooling2D', 'GlobalAveragePooling1D', 'GlobalAveragePooling2D'],
  ...['Add', 'Average', 'Concatenate', 'Maximum', 'Minimum', 'Multiply'],
]);

/**
 * What the model makes of `x`, computed by `layers` wherever there are weights.
 * @throws SottoError TRAIN_UNBOUNDED naming the layer that no norm is known for, that mixes records, or that is used twice
 */
export function walkLayers(model: LayersGraphLike, x: tf.Tensor, training: boolean, layers: Layers): tf.Tensor2D {
  const known = new Map<number, tf.Tensor>();
  for (const { id } of model.inputs) known.set(id, x);
  for (const layer of model.layers) {
    if (layer.getClassName() === 'InputLayer') continue;
    const [node] = layer.inboundNodes;
    if (node === undefined || layer.inboundNodes.length > 1)
      throw refuse(layer, 'is used more than once, so its weights are tied; give each use its own layer');
    const inputs = node.inputTensors.map(({ id }) => known.get(id));
    if (inputs.some((input) => input === undefined)) throw refuse(layer, 'has inputs from outside the model');
    const output = apply(layer, inputs as tf.Tensor[], training, layers);
    for (const { id } of node.outputTensors) known.set(id, output);
  }
  // safe: an output of a built model is the output of one of its layers
  return known.get(model.outputs[0]!.id) as tf.Tensor2D;
}

function apply(layer: LayerLike, inputs: tf.Tensor[], training: boolean, layers: Layers): tf.Tensor {
  const kind = layer.getClassName();
  const config = layer.getConfig();
  const [x] = inputs as [tf.Tensor];
  const weight = (name: string): tf.Variable | undefined =>
    layer.weights.find(({ originalName }) => originalName.split('/').pop() === name)?.read() as tf.Variable | undefined;
  const needed = (name: string): tf.Variable => {
    const found = weight(name);
    if (found === undefined) throw refuse(layer, `has no weight '${name}'`);
    return found;
  };
  switch (kind) {
    case 'Dense':
      return activated(layer, layers.dense(x, needed('kernel'), weight('bias')));
    case 'Conv2D':
      return activated(layer, layers.conv2d(x, needed('kernel'), weight('bias'), convolution(layer, config)));
    case 'DepthwiseConv2D': {
      const options = convolution(layer, config);
      return activated(layer, layers.depthwiseConv2d(x, needed('depthwise_kernel'), weight('bias'), options));
    }
    case 'SeparableConv2D': {
      const options = convolution(layer, config);
      const each = layers.depthwiseConv2d(x, needed('depthwise_kernel'), undefined, options);
      return activated(layer, layers.conv2d(each, needed('pointwise_kernel'), weight('bias')));
    }
    case 'Embedding':
      if (config.maskZero === true)
        throw refuse(layer, 'masks token 0, and masks are not followed; use maskZero: false');
      return layers.embedding(x, needed('embeddings'));
    case 'LayerNormalization': {
      const axes = [config.axis ?? -1].flat();
      if (axes.length !== 1 || (axes[0] !== -1 && axes[0] !== x.rank - 1))
        throw refuse(layer, 'normalises over other axes than the last; use axis: -1');
      return layers.layerNorm(x, weight('gamma'), weight('beta'), { epsilon: config.epsilon as number });
    }
    case 'BatchNormalization':
      throw refuse(
        layer,
        "mixes the batch's records, so none of them can be clipped by itself; use layer or group normalisation",
      );
    default:
      if (!WEIGHTLESS.has(kind) || layer.weights.length > 0)
        throw refuse(layer, 'is of a kind for which no bound is known; write the model without it');
      return layer.call(inputs.length === 1 ? x : inputs, { training }) as tf.Tensor;
  }
}

function convolution(layer: LayerLike, config: Readonly<Record<string, unknown>>): ConvolutionOptions {
  const { padding, strides, dataFormat, dilationRate } = config;
  if (dataFormat !== undefined && dataFormat !== null && dataFormat !== 'channelsLast')
    throw refuse(layer, `has dataFormat ${String(dataFormat)}; use channelsLast`);
  if ([dilationRate ?? 1].flat().some((rate) => rate !== 1))
    throw refuse(layer, 'is dilated, which has no gradient here');
  if (padding !== 'same' && padding !== 'valid')
    throw refuse(layer, `has padding ${String(padding)}; use same or valid`);
  const [down = 1, right = down] = [strides ?? 1].flat() as number[];
  return { strides: [down, right], pad: padding };
}

/** The layer's own activation function, which it keeps in a field of this name. */
function activated(layer: LayerLike, x: tf.Tensor): tf.Tensor {
  const { activation } = layer as LayerLike & { readonly activation?: { apply(x: tf.Tensor): tf.Tensor } | null };
  return activation ? activation.apply(x) : x;
}

const refuse = (layer: LayerLike, why: string): SottoError =>
  new SottoError('TRAIN_UNBOUNDED', `layer '${layer.name}' (${layer.getClassName()}) ${why}`, {
    layer: layer.name,
    kind: layer.getClassName(),
  });
