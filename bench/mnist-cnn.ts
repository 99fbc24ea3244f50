// The small CNN on which DP-SGD on MNIST is usually reported: two strided convolutions, 26,010 weights, written with Layers.
// Not here: training it (mnist-dpsgd.ts, dpsgd.ts).

import * as tf from '@tensorflow/tfjs-core';
import type { ModelFactory } from '../client/tfjs/index.js';
import { manifestFor } from '../client/tfjs/spec.js';
import { handWritten } from './hand-written.js';

export const mnistCnnManifest = manifestFor([
  { name: 'conv0/kernel', shape: [8, 8, 1, 16] },
  { name: 'conv0/bias', shape: [16] },
  { name: 'conv1/kernel', shape: [4, 4, 16, 32] },
  { name: 'conv1/bias', shape: [32] },
  { name: 'dense0/kernel', shape: [512, 32] },
  { name: 'dense0/bias', shape: [32] },
  { name: 'dense1/kernel', shape: [32, 10] },
  { name: 'dense1/bias', shape: [10] },
]);

/** @param activation of the hidden layers; bounded ones lose less under clipping (Papernot et al. 2021) */
export function mnistCnn(activation: (x: tf.Tensor) => tf.Tensor = tf.relu): ModelFactory {
  return () =>
    handWritten({
      manifest: mnistCnnManifest,
      inputShape: [28, 28, 1],
      classes: 10,
      forward: (x, variables, layers) => {
        const [k0, b0, k1, b1, k2, b2, k3, b3] = variables as Eight;
        const first = activation(layers.conv2d(x, k0, b0, { strides: 2, pad: 'same' })) as tf.Tensor4D;
        const second = activation(
          layers.conv2d(tf.maxPool(first, 2, 1, 'valid'), k1, b1, { strides: 2 }),
        ) as tf.Tensor4D;
        const flat = tf.reshape(tf.maxPool(second, 2, 1, 'valid'), [x.shape[0] as number, -1]);
        return layers.dense(activation(layers.dense(flat, k2, b2)), k3, b3);
      },
    });
}
type Eight = [tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable, tf.Variable];
