// Ghost clipping of real models in TensorFlow.js against gradients of single records by its own differentiation: norms to 1e-6, sums of
// clipped gradients, and refusals by name. Not here: float64 references (norms.test.ts), noise and sampling (loop.test.ts).

import * as tf from '@tensorflow/tfjs-core';
import {
  model as functional,
  type LayersModel,
  sequential,
  layers as tfl,
  input as tflInput,
} from '@tensorflow/tfjs-layers';
import { beforeAll, describe, expect, it } from 'vitest';
import { type HandWritten, handWritten } from '../../bench/hand-written.js';
import { clipFactors } from '../../client/tfjs/dp-sgd/arithmetic.js';
import { addClippedGradients } from '../../client/tfjs/dp-sgd/clipped.js';
import { requireIndependence } from '../../client/tfjs/dp-sgd/independence.js';
import { buildModel, layersModel, seededRandom, startBackend, type TrainableModel } from '../../client/tfjs/index.js';
import { manifestFor } from '../../client/tfjs/spec.js';
import { explicitGradient, norm } from './explicit.js';

beforeAll(() => startBackend({ backend: 'wasm' }));

const CLIP = 0.8;
const sizeOf = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);

function randomize(model: TrainableModel, seed: string): TrainableModel {
  const random = seededRandom('weights', seed);
  for (const variable of model.variables) {
    const values = Float32Array.from({ length: variable.size }, () => random() - 0.4);
    tf.tidy(() => variable.assign(tf.tensor(values, variable.shape)));
  }
  return model;
}

function records(
  model: TrainableModel,
  n: number,
  value: (random: () => number) => number = (random) => 2 * random() - 1,
) {
  const random = seededRandom('records');
  return {
    x: Float32Array.from({ length: n * sizeOf(model.inputShape) }, () => value(random)),
    y: Int32Array.from({ length: n }, () => Math.floor(random() * model.classes)),
  };
}

/** A hand-written model over `shapes` with three classes; its forward gets the variables and the layers. */
const overShapes = (
  shapes: readonly (readonly number[])[],
  inputShape: readonly number[],
  forward: HandWritten['forward'],
): TrainableModel =>
  handWritten({
    manifest: manifestFor(shapes.map((shape, i) => ({ name: `${i}`, shape }))),
    inputShape,
    classes: 3,
    forward,
  });

const tokens = (random: () => number): number => Math.floor(random() * 6);
const models: Record<string, { make: () => TrainableModel; value?: (random: () => number) => number }> = {
  'softmax regression of a spec': { make: () => buildModel({ kind: 'softmax', input: 12, classes: 4 }) },
  'MLP of a spec': { make: () => buildModel({ kind: 'mlp', input: 12, hidden: [9, 7], classes: 4 }) },
  'CNN of a spec': {
    make: () => buildModel({ kind: 'cnn', input: [13, 12, 2], filters: [4, 5], hidden: [8], classes: 3 }),
  },
  'strided, padded and depthwise convolutions, group norm': {
    make: () =>
      overShapes([[3, 2, 2, 4], [4], [3, 3, 4, 2], [8], [8], [8], [72, 3]], [6, 5, 2], (x, v, l) => {
        const [k0, b0, k1, b1, scale, shift, k2] = v as [
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
        ];
        const first = tf.tanh(l.conv2d(x, k0, b0, { strides: [2, 1], pad: 'same' }));
        const second = l.depthwiseConv2d(first, k1, b1, { strides: [1, 2], pad: 'same' });
        const normal = tf.relu(l.groupNorm(second, scale, shift, { groups: 4, epsilon: 1e-5 }));
        return l.dense(tf.reshape(normal, [x.shape[0] as number, -1]), k2);
      }),
  },
  'embedding, dense over a sequence, layer norm': {
    value: tokens,
    make: () =>
      overShapes([[6, 5], [5, 7], [7], [7], [7], [7, 3], [3]], [8], (x, v, l) => {
        const [table, k0, b0, scale, shift, k1, b1] = v as [
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
          tf.Variable,
        ];
        const words = tf.relu(l.dense(l.embedding(x, table), k0, b0));
        return l.dense(tf.mean(l.layerNorm(words, scale, shift, { epsilon: 1e-3 }), 1), k1, b1);
      }),
  },
  'tf.layers in a row, with probabilities at the end': {
    make: () =>
      layersModel(
        sequential({
          layers: [
            tfl.conv2d({
              inputShape: [7, 7, 2],
              filters: 3,
              kernelSize: 3,
              strides: 2,
              padding: 'same',
              activation: 'relu',
            }),
            tfl.separableConv2d({ filters: 4, kernelSize: 2, activation: 'tanh' }),
            tfl.averagePooling2d({ poolSize: 2 }),
            tfl.flatten(),
            tfl.layerNormalization(),
            tfl.dense({ units: 3, activation: 'softmax' }),
          ],
        }) as unknown as LayersModel,
        'probabilities',
      ),
  },
  'tf.layers as a graph with two branches, one of them frozen': {
    make: () => {
      const from = tflInput({ shape: [6] });
      const left = tfl.dense({ units: 4, activation: 'elu' }).apply(from) as typeof from;
      const right = tfl.dense({ units: 4, activation: 'sigmoid', trainable: false }).apply(from) as typeof from;
      const both = tfl.concatenate().apply([left, right]) as typeof from;
      const to = tfl.dense({ units: 3 }).apply(both) as typeof from;
      return layersModel(functional({ inputs: from, outputs: to }), 'logits');
    },
  },
};

describe('ghost clipping gives what single gradients give', () => {
  it.each(Object.entries(models))('%s', (name, { make, value }) => {
    const model = randomize(make(), name);
    const { x, y } = records(model, 6, value);
    requireIndependence(model);
    const before = tf.memory();
    const sum = new Float64Array(model.trainable.reduce((total, { size }) => total + size, 0));
    const { norms, loss } = addClippedGradients(model, { x, y }, CLIP, sum);
    expect(tf.memory().numTensors).toBe(before.numTensors);
    const explicit = Array.from(y, (_, i) => explicitGradient(model, x, y, i));
    const expected = new Float64Array(sum.length);
    explicit.forEach((gradient, i) => {
      expect(Math.abs((norms[i] as number) / norm(gradient) - 1), `record ${i}`).toBeLessThan(1e-6);
      const factor = clipFactors([norm(gradient)], CLIP)[0] as number;
      for (const [k, slope] of gradient.entries()) expected[k] = (expected[k] as number) + factor * slope;
    });
    const error = norm(expected.map((slope, k) => slope - (sum[k] as number)));
    expect(error / norm(expected)).toBeLessThan(1e-6);
    // Some are clipped and the loss is a sum, or the test shows little.
    expect(norms.some((length) => length > CLIP)).toBe(true);
    expect(loss).toBeGreaterThan(0);
    model.dispose();
  });

  it('the norm is over all layers jointly: no sum of n records is longer than n·C, and one long record does not hide in two layers', () => {
    const model = randomize(buildModel({ kind: 'mlp', input: 12, hidden: [9], classes: 4 }), 'joint');
    const { x, y } = records(model, 1, (random) => 100 * random());
    const sum = new Float64Array(model.manifest.dimension);
    addClippedGradients(model, { x, y }, CLIP, sum);
    expect(norm(sum)).toBeLessThanOrEqual(CLIP * (1 + 1e-6));
    expect(norm(sum)).toBeGreaterThan(0.999 * CLIP);
    model.dispose();
  });

  it('a record that is not finite counts zero, and the others as if it were not there', () => {
    const model = randomize(models['CNN of a spec']!.make(), 'nan');
    const { x, y } = records(model, 4);
    const width = x.length / 4;
    const rest = new Float64Array(model.manifest.dimension);
    addClippedGradients(model, { x: x.subarray(width), y: y.subarray(1) }, CLIP, rest);
    for (const poison of [Number.NaN, Number.POSITIVE_INFINITY]) {
      const bad = x.slice();
      bad[5] = poison;
      const sum = new Float64Array(model.manifest.dimension);
      expect(addClippedGradients(model, { x: bad, y }, CLIP, sum).rejected).toBe(1);
      expect(norm(sum.map((slope, k) => slope - (rest[k] as number)))).toBeLessThan(1e-5);
    }
    model.dispose();
  });
});

describe('models that cannot be bounded are refused by name', () => {
  const refusal = (model: TrainableModel): unknown => {
    randomize(model, 'refused');
    try {
      requireIndependence(model);
      return 'accepted';
    } catch (error) {
      return error;
    } finally {
      model.dispose();
    }
  };
  const unbounded = (text: RegExp) =>
    expect.objectContaining({ code: 'TRAIN_UNBOUNDED', message: expect.stringMatching(text) });
  const of = (
    ...all: Parameters<typeof sequential>[0] extends infer C
      ? C extends { layers?: (infer L)[] }
        ? L[]
        : never
      : never
  ) => layersModel(sequential({ layers: all }) as unknown as LayersModel, 'logits');

  it('batch normalisation of tf.layers', () => {
    const model = of(
      tfl.dense({ inputShape: [5], units: 4 }),
      tfl.batchNormalization({ name: 'mixer' }),
      tfl.dense({ units: 3 }),
    );
    expect(refusal(model)).toEqual(unbounded(/'mixer' \(BatchNormalization\) mixes/));
  });
  it('recurrent layers', () => {
    const model = of(tfl.lstm({ inputShape: [4, 5], units: 3, name: 'memory', recurrentInitializer: 'zeros' }));
    expect(refusal(model)).toEqual(unbounded(/'memory' \(LSTM\)/));
  });
  it('a layer that is used twice', () => {
    const from = tflInput({ shape: [4] });
    const shared = tfl.dense({ units: 4, name: 'twice' });
    const to = tfl.dense({ units: 3 }).apply(shared.apply(shared.apply(from))) as typeof from;
    expect(refusal(layersModel(functional({ inputs: from, outputs: to }), 'logits'))).toEqual(
      unbounded(/'twice'.*tied/),
    );
  });
  it('a hand-written model that ties weights', () => {
    const model = overShapes(
      [
        [4, 4],
        [4, 3],
      ],
      [4],
      (x, v, l) => {
        const [k, out] = v as [tf.Variable, tf.Variable];
        return l.dense(l.dense(l.dense(x, k), k), out);
      },
    );
    expect(refusal(model)).toEqual(unbounded(/share a variable of shape 4×4/));
  });
  it('a hand-written model that takes a weight past the layers it is given', () => {
    const model = overShapes([[4, 3], [3]], [4], (x, v, l) => {
      const [k, b] = v as [tf.Variable, tf.Variable];
      return tf.add(l.dense(x, k), b);
    });
    expect(refusal(model)).toEqual(unbounded(/variable 1 of shape 3 belongs to no layer/));
  });
  it('a hand-written model that normalises over the batch', () => {
    const model = overShapes(
      [
        [4, 6],
        [6, 3],
      ],
      [4],
      (x, v, l) => {
        const [k, out] = v as [tf.Variable, tf.Variable];
        const h = l.dense(x, k);
        return l.dense(tf.relu(tf.sub(h, tf.mean(h, 0))), out);
      },
    );
    expect(refusal(model)).toEqual(unbounded(/depends on the other records of its batch/));
  });
});
