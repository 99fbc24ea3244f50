// What the training loop trains: variables in the order of a manifest, and a function from a batch to logits. Built from a spec,
// or adapted from a tf.layers model, or written by hand against TrainableModel.
// Not here: layouts and first weights (spec.ts), the loop (loop.ts).

import * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../protocol/errors.js';
import type { Manifest } from '../trainer.js';
import type { Layers } from './layers.js';
import { type LayersGraphLike, walkLayers } from './layers-model.js';
import { type DescribedSpec, inputShape, manifestFor, modelManifest } from './spec.js';

export interface TrainableModel {
  readonly manifest: Manifest;
  /** All that crosses the border, in manifest order; owned by the model. */
  readonly variables: readonly tf.Variable[];
  /** Those of `variables` that gradients move. The others (moving averages) change only by running the model in training. */
  readonly trainable: readonly tf.Variable[];
  /** Shape of one example. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  /**
   * [n, …inputShape] → [n, classes]. Called inside a tidy.
   * DP-SGD gives `layers`: a model that uses its trainable variables through them alone can be trained so, any other is refused.
   */
  forward(x: tf.Tensor, training: boolean, layers?: Layers): tf.Tensor2D;
  /** What `forward` gives; softmax cross-entropy is taken accordingly. */
  readonly output: 'logits' | 'probabilities';
  dispose(): void;
}

/** Makes a new model with variables of its own; called once per worker or trainer, after the backend has started. */
export type ModelFactory = () => TrainableModel | Promise<TrainableModel>;

/** The model of a spec, its variables zero until weights are loaded. @throws SottoError TRAIN_SHAPE */
export function buildModel(spec: DescribedSpec): TrainableModel {
  const manifest = modelManifest(spec);
  const variables = manifest.variables.map(({ shape }) => tf.tidy(() => tf.variable(tf.zeros([...shape]))));
  return {
    manifest,
    variables,
    trainable: variables,
    inputShape: inputShape(spec),
    classes: spec.classes,
    forward: (x, _, layers) => (layers ? layered(spec, variables, x, layers) : fused(spec, variables, x)),
    output: 'logits',
    dispose: () => tf.dispose(variables as tf.Variable[]),
  };
}

/** For speed. */
function fused(spec: DescribedSpec, variables: readonly tf.Variable[], x: tf.Tensor): tf.Tensor2D {
  let at = 0;
  const next = (): tf.Variable => variables[at++] as tf.Variable; // safe: the manifest and this walk have the same order
  let h = x;
  for (const _ of spec.kind === 'cnn' ? spec.filters : []) {
    const convolved = tf.fused.conv2d({
      x: h as tf.Tensor4D,
      filter: next() as tf.Tensor4D,
      strides: 1,
      pad: 'valid',
      bias: next(),
      activation: 'relu',
    });
    h = tf.maxPool(convolved, 2, 2, 'valid');
  }
  const batch = x.shape[0] as number;
  let flat = tf.reshape(h, [batch, -1]) as tf.Tensor2D;
  while (at < variables.length) {
    const last = at === variables.length - 2;
    flat = tf.fused.matMul({ a: flat, b: next(), bias: next(), activation: last ? 'linear' : 'relu' }) as tf.Tensor2D;
  }
  return flat;
}

/** The same through layers that are given. */
function layered(spec: DescribedSpec, variables: readonly tf.Variable[], x: tf.Tensor, layers: Layers): tf.Tensor2D {
  let at = 0;
  const next = (): tf.Variable => variables[at++] as tf.Variable; // safe: the manifest and this walk have the same order
  let h = x;
  for (const _ of spec.kind === 'cnn' ? spec.filters : []) {
    h = tf.maxPool(tf.relu(layers.conv2d(h, next(), next())), 2, 2, 'valid');
  }
  h = tf.reshape(h, [x.shape[0] as number, -1]);
  while (at < variables.length) {
    const last = at === variables.length - 2;
    const out = layers.dense(h, next(), next());
    h = last ? out : tf.relu(out);
  }
  return h as tf.Tensor2D;
}

/** The part of a tf.LayersModel that is used here; structural, so that these types do not depend on @tensorflow/tfjs-layers. */
export interface LayersModelLike {
  readonly weights: readonly LayerWeightLike[];
  readonly trainableWeights: readonly LayerWeightLike[];
  readonly layers: LayersGraphLike['layers'];
  readonly inputs: readonly (LayersGraphLike['inputs'][number] & { readonly shape: readonly (number | null)[] })[];
  readonly outputs: readonly (LayersGraphLike['outputs'][number] & { readonly shape: readonly (number | null)[] })[];
  apply(x: tf.Tensor, kwargs?: { training?: boolean }): unknown;
  dispose(): unknown;
}
export interface LayerWeightLike {
  readonly originalName: string;
  readonly shape: readonly (number | null)[];
  read(): tf.Tensor;
}

/**
 * A tf.layers model (one input, one output, classification) as a TrainableModel. All its weights cross the border, moving averages too.
 * `output` says what its last layer gives: 'probabilities' after a softmax activation; 'logits' trains a little faster and never saturates.
 * Dropout layers without a seed of their own draw from TensorFlow.js's global generator, so runs with them do not repeat.
 * @throws SottoError TRAIN_SHAPE
 */
export function layersModel(model: LayersModelLike, output: 'logits' | 'probabilities'): TrainableModel {
  const [from] = model.inputs;
  const [to] = model.outputs;
  const classes = to?.shape.at(-1);
  if (model.inputs.length !== 1 || model.outputs.length !== 1 || !from || !to || to.shape.length !== 2 || !classes) {
    throw new SottoError('TRAIN_SHAPE', 'the layers model needs one input and one output of shape [null, classes]');
  }
  // Names of layers carry a process-wide counter; the position does not.
  const named = model.weights.map((weight, i) => ({
    name: `${i}/${weight.originalName.split('/').pop()}`,
    shape: weight.shape.map(Number),
  }));
  return {
    manifest: manifestFor(named),
    variables: model.weights.map((weight) => weight.read() as tf.Variable),
    trainable: model.trainableWeights.map((weight) => weight.read() as tf.Variable),
    inputShape: from.shape.slice(1).map(Number),
    classes,
    forward: (x, training, layers) =>
      layers ? walkLayers(model, x, training, layers) : (model.apply(x, { training }) as tf.Tensor2D),
    output,
    dispose: () => void model.dispose(),
  };
}

/** Overwrites the model's variables. @throws SottoError TRAIN_SHAPE if the lengths differ */
export function loadWeights(model: TrainableModel, weights: Float32Array): void {
  const { dimension, variables } = model.manifest;
  if (weights.length !== dimension) {
    throw new SottoError('TRAIN_SHAPE', `the model has ${dimension} weights, got ${weights.length}`, {
      expected: dimension,
      got: weights.length,
    });
  }
  variables.forEach(({ offset, shape }, i) => {
    const size = shape.reduce((product, side) => product * side, 1);
    // A copy: the cpu backend keeps the array it is given, and the caller's must stay the caller's.
    tf.tidy(() =>
      (model.variables[i] as tf.Variable).assign(
        tf.tensor(weights.slice(offset, offset + size), [...shape], 'float32'),
      ),
    );
  });
}

/** The model's variables as one new flat vector; a single read-back. */
export function readWeights(model: TrainableModel): Float32Array<ArrayBuffer> {
  const flat = tf.tidy(() => tf.concat(model.variables.map((variable) => tf.reshape(variable, [-1]))));
  try {
    const read = flat.dataSync() as Float32Array<ArrayBuffer>;
    // A result that is a view of something larger (native backends) must not be transferred away under its owner.
    return read.byteLength === read.buffer.byteLength ? read : read.slice();
  } finally {
    flat.dispose();
  }
}
