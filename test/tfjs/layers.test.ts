// The layer matrix: 50 layers, first-order gradients on wasm with our kernels against the reference backend. A trainable layer lies
// below the one under test (else its input gradient is never asked for), except below an embedding, which takes ids.

import * as tf from '@tensorflow/tfjs-core';
// For its effect: some initialisers of tfjs-layers need tensor methods that only the union package registers in Node.
import '@tensorflow/tfjs';
import * as layers from '@tensorflow/tfjs-layers';
import { describe, expect, test } from 'vitest';
import { layersModel, loadWeights, seededRandom, startBackend } from '../../client/tfjs/index.js';
import { batchLoss } from '../../client/tfjs/loss.js';
import { difference } from './support.js';

const L = layers.layers;
type Layer = { apply(x: layers.SymbolicTensor | layers.SymbolicTensor[]): unknown };
type Graph = (x: layers.SymbolicTensor) => layers.SymbolicTensor;

const VECTOR = [6];
const SERIES = [6, 3];
const IMAGE = [6, 6, 3];
const VOLUME = [4, 4, 4, 2];
const CLASSES = 3;
const LABELS = [0, 2, 1];

const one =
  (make: () => unknown): Graph =>
  (x) =>
    (make() as Layer).apply(x) as layers.SymbolicTensor;
/** A layer of several inputs, fed the same tensor directly and through another dense layer. */
const two =
  (make: () => unknown): Graph =>
  (x) =>
    (make() as Layer).apply([
      x,
      L.dense({ units: x.shape.at(-1) as number }).apply(x) as layers.SymbolicTensor,
    ]) as layers.SymbolicTensor;
const dense = (activation: NonNullable<Parameters<typeof L.dense>[0]['activation']>): Graph =>
  one(() => L.dense({ units: 5, activation }));

const UPSAMPLING = 'zeroPadding2d, upSampling2d';
const CASES: readonly (readonly [name: string, input: readonly number[], graph: Graph])[] = [
  ['dense linear', VECTOR, dense('linear')],
  ['dense relu', VECTOR, dense('relu')],
  ['dense relu6', VECTOR, dense('relu6')],
  ['dense elu', VECTOR, dense('elu')],
  ['dense selu', VECTOR, dense('selu')],
  ['dense sigmoid', VECTOR, dense('sigmoid')],
  ['dense tanh', VECTOR, dense('tanh')],
  ['dense softplus', VECTOR, dense('softplus')],
  ['dense swish', VECTOR, dense('swish')],
  ['dense mish', VECTOR, dense('mish')],
  ['dense gelu', VECTOR, dense('gelu')],
  ['dense softmax', VECTOR, dense('softmax')],
  ['leakyReLU', VECTOR, one(() => L.leakyReLU({ alpha: 0.2 }))],
  ['prelu', VECTOR, one(() => L.prelu())],
  ['thresholdedReLU', VECTOR, one(() => L.thresholdedReLU({ theta: 0.1 }))],
  ['dropout, seeded', VECTOR, one(() => L.dropout({ rate: 0.4, seed: 3 }))],
  ['conv1d', SERIES, one(() => L.conv1d({ filters: 4, kernelSize: 3 }))],
  ['conv1d same, stride 2', SERIES, one(() => L.conv1d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }))],
  ['conv2d', IMAGE, one(() => L.conv2d({ filters: 4, kernelSize: 3 }))],
  ['conv2d same, relu', IMAGE, one(() => L.conv2d({ filters: 4, kernelSize: 3, padding: 'same', activation: 'relu' }))],
  ['conv2d stride 2', IMAGE, one(() => L.conv2d({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' }))],
  ['conv2d 2×3', IMAGE, one(() => L.conv2d({ filters: 4, kernelSize: [2, 3], padding: 'same' }))],
  ['conv2d dilation 2', IMAGE, one(() => L.conv2d({ filters: 4, kernelSize: 2, dilationRate: 2 }))],
  ['conv2dTranspose', IMAGE, one(() => L.conv2dTranspose({ filters: 4, kernelSize: 3 }))],
  [
    'conv2dTranspose same, stride 2',
    IMAGE,
    one(() => L.conv2dTranspose({ filters: 4, kernelSize: 3, strides: 2, padding: 'same' })),
  ],
  ['separableConv2d', IMAGE, one(() => L.separableConv2d({ filters: 4, kernelSize: 3 }))],
  ['depthwiseConv2d', IMAGE, one(() => L.depthwiseConv2d({ kernelSize: 3 }))],
  [
    'depthwiseConv2d ×2, stride 2',
    IMAGE,
    one(() => L.depthwiseConv2d({ kernelSize: 3, depthMultiplier: 2, strides: 2, padding: 'same' })),
  ],
  ['conv3d', VOLUME, one(() => L.conv3d({ filters: 3, kernelSize: 2 }))],
  ['conv3dTranspose', VOLUME, one(() => L.conv3dTranspose({ filters: 3, kernelSize: 2 }))],
  ['maxPooling1d', SERIES, one(() => L.maxPooling1d({ poolSize: 2 }))],
  ['maxPooling2d', IMAGE, one(() => L.maxPooling2d({ poolSize: 2 }))],
  ['maxPooling2d overlapping', IMAGE, one(() => L.maxPooling2d({ poolSize: 3, strides: 2, padding: 'same' }))],
  ['averagePooling1d', SERIES, one(() => L.averagePooling1d({ poolSize: 2 }))],
  ['averagePooling2d', IMAGE, one(() => L.averagePooling2d({ poolSize: 2 }))],
  ['maxPooling3d', VOLUME, one(() => L.maxPooling3d({ poolSize: 2 }))],
  ['globalMaxPooling2d', IMAGE, one(() => L.globalMaxPooling2d({}))],
  ['globalAveragePooling1d', SERIES, one(() => L.globalAveragePooling1d({}))],
  ['batchNormalization of vectors', VECTOR, one(() => L.batchNormalization({}))],
  ['batchNormalization of images', IMAGE, one(() => L.batchNormalization({}))],
  ['layerNormalization', VECTOR, one(() => L.layerNormalization({}))],
  ['simpleRNN', SERIES, one(() => L.simpleRNN({ units: 4 }))],
  ['gru', SERIES, one(() => L.gru({ units: 4 }))],
  ['lstm', SERIES, one(() => L.lstm({ units: 4, returnSequences: true }))],
  [
    'bidirectional lstm',
    SERIES,
    one(() => L.bidirectional({ layer: L.lstm({ units: 4 }) as layers.RNN, mergeMode: 'concat' })),
  ],
  ['convLstm2d', [3, 5, 5, 2], one(() => L.convLstm2d({ filters: 2, kernelSize: 3 }))],
  ['embedding', [5], one(() => L.embedding({ inputDim: 7, outputDim: 4 }))],
  ['multiply of two branches', VECTOR, two(() => L.multiply())],
  ['concatenate of two branches', IMAGE, two(() => L.concatenate())],
  [UPSAMPLING, IMAGE, (x) => one(() => L.upSampling2d({}))(one(() => L.zeroPadding2d({}))(x))],
];
/** No backend has a gradient for these: the library itself lacks it. They fail on the reference backend too. */
const UNTRAINABLE = ['conv2d dilation 2', 'conv3dTranspose', 'thresholdedReLU'];

function build(input: readonly number[], graph: Graph, ids: boolean) {
  const x = layers.input({ shape: [...input] });
  const below = ids
    ? x
    : (L.dense({ units: input.at(-1) as number, activation: 'tanh' }).apply(x) as layers.SymbolicTensor);
  const above = graph(below);
  const flat = above.shape.length > 2 ? (L.flatten().apply(above) as layers.SymbolicTensor) : above;
  const logits = L.dense({ units: CLASSES }).apply(flat) as layers.SymbolicTensor;
  return layersModel(layers.model({ inputs: x, outputs: logits }), 'logits');
}

/** Gradients of all trainable variables, from the same seeded weights and batch, on both backends. */
async function gradientDifference(name: string, input: readonly number[], graph: Graph): Promise<number> {
  const ids = name === 'embedding';
  const random = seededRandom('layer', name);
  await startBackend({ backend: 'cpu' });
  const model = build(input, graph, ids);
  const weights = Float32Array.from({ length: model.manifest.dimension }, () => random() - 0.5);
  // The reference itself is wrong here from the second image on (ResizeNearestNeighborGrad reads dy at x's offset); wasm is right.
  const labels = Int32Array.from(name === UPSAMPLING ? LABELS.slice(0, 1) : LABELS);
  const size = labels.length * input.reduce((product, side) => product * side, 1);
  const values = Float32Array.from({ length: size }, () => (ids ? Math.floor(random() * 7) : 2 * random() - 1));
  const gradients = (): Float32Array[] => {
    loadWeights(model, weights);
    return tf.tidy(() => {
      const x = tf.tensor(values, [labels.length, ...input]);
      const { grads } = tf.variableGrads(
        () => batchLoss(model.forward(x, true), labels, 'logits'),
        [...model.trainable],
      );
      return Object.values(grads).map((gradient) => Float32Array.from(gradient.dataSync()));
    });
  };
  try {
    const reference = gradients();
    expect(reference.length, 'every trainable variable has a gradient').toBe(model.trainable.length);
    expect(
      Math.max(...reference.map((gradient) => Math.max(...gradient.map(Math.abs)))),
      'the gradient is not zero',
    ).toBeGreaterThan(0);
    await startBackend({ backend: 'wasm' });
    return difference(gradients(), reference);
  } finally {
    model.dispose();
  }
}

describe('the layer matrix', () => {
  test('has fifty cases, of which three train nowhere', () => {
    expect(CASES.length).toBe(50);
    expect(new Set(CASES.map(([name]) => name)).size).toBe(50);
    expect(CASES.filter(([name]) => UNTRAINABLE.includes(name)).length).toBe(3);
  });

  for (const [name, input, graph] of CASES.filter(([name]) => !UNTRAINABLE.includes(name))) {
    test(`${name} has on wasm the gradients of the reference backend within 1e-5`, async () => {
      expect(await gradientDifference(name, input, graph)).toBeLessThan(1e-5);
    });
  }
  for (const [name, input, graph] of CASES.filter(([name]) => UNTRAINABLE.includes(name))) {
    test(`${name} has no gradient even on the reference backend`, async () => {
      await expect(gradientDifference(name, input, graph)).rejects.toThrow();
    });
  }
});
