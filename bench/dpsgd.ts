// What DP-SGD costs beside plain training: the two clipped passes of a step against a plain step of the same model and batch, in
// turns, so that a busy minute hurts both; the noise of a step beside them. Not here: accuracy (mnist-dpsgd.ts).

import * as tf from '@tensorflow/tfjs-core';
import { addClippedGradients } from '../client/tfjs/dp-sgd/clipped.js';
import { exactNoise } from '../client/tfjs/dp-sgd/noise-exact.js';
import { floatNoise } from '../client/tfjs/dp-sgd/noise-float.js';
import { buildModel, seededRandom, startBackend, type TrainableModel } from '../client/tfjs/index.js';
import { batchLoss } from '../client/tfjs/loss.js';
import { loadWeights } from '../client/tfjs/model.js';
import { initialWeightsFor } from '../client/tfjs/spec.js';
import { webRng } from '../client/webcrypto.js';
import { atMost, type Bench, msPerCall, type Row, row } from './harness.js';
import { mnistCnn } from './mnist-cnn.js';

const BATCH = 256;
const TURNS = 3;

async function compare(name: string, model: TrainableModel): Promise<Row[]> {
  loadWeights(model, initialWeightsFor(model.manifest, 1));
  const random = seededRandom('bench');
  // A fifth of the pixels of a digit are ink.
  const x = Float32Array.from({ length: BATCH * 784 }, () => (random() < 0.2 ? random() : 0));
  const y = Int32Array.from({ length: BATCH }, (_, i) => i % 10);
  const sum = new Float64Array(model.manifest.dimension);
  const plainStep = (): void =>
    tf.tidy(() => {
      const input = tf.tensor(x, [BATCH, ...model.inputShape], 'float32');
      const { grads } = tf.variableGrads(
        () => batchLoss(model.forward(input, true), y, model.output),
        model.trainable as tf.Variable[],
      );
      for (const gradient of Object.values(grads)) gradient.dataSync();
    });
  let [plain, clipped] = [Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY];
  for (let i = 0; i < TURNS; i++) {
    plain = Math.min(plain, msPerCall(plainStep, { batches: 2, batchMs: 200 }));
    clipped = Math.min(
      clipped,
      msPerCall(() => addClippedGradients(model, { x, y }, 1, sum), { batches: 2, batchMs: 200 }),
    );
  }
  const drawn = (
    [
      ['exact', exactNoise],
      ['float', floatNoise],
    ] as const
  ).flatMap(([kind, make]) => {
    const noise = make(sum.length, 1, 1, webRng);
    const ms = msPerCall(() => {
      noise.draw();
      noise.release(sum);
    });
    return [
      row(`${name}: noise of a step, ${kind}, ${sum.length} coordinates`, ms, 'ms'),
      row(`${name}: noise, ${kind}`, sum.length / ms / 1_000, 'M samples/s'),
    ];
  });
  model.dispose();
  return [
    row(`${name}: plain step of ${BATCH}`, plain, 'ms'),
    row(`${name}: both clipped passes`, clipped, 'ms'),
    atMost(2, row(`${name}: clipped ÷ plain`, clipped / plain, 'x')),
    ...drawn,
  ];
}

export const dpsgdBench: Bench = {
  name: 'dpsgd',
  title: 'DP-SGD by ghost clipping against plain steps, TensorFlow.js on wasm',
  async run() {
    await startBackend({ backend: 'wasm' });
    return [
      ...(await compare('MLP 784-64-10', buildModel({ kind: 'mlp', input: 784, hidden: [64], classes: 10 }))),
      ...(await compare('CNN of 26,010 weights', await mnistCnn()())),
      ...(await compare(
        'CNN of 56,714 weights',
        buildModel({ kind: 'cnn', input: [28, 28, 1], filters: [16, 32], hidden: [64], classes: 10 }),
      )),
    ];
  },
};
