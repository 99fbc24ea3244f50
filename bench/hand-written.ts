// A model written by hand with the layers that `forward` is given: its variables start at zero. What benches and tests of DP-SGD train.
// Not here: the models (mnist-cnn.ts, test/dp-sgd/ghost.test.ts).

import * as tf from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../client/tfjs/index.js';
import { type Layers, plainLayers } from '../client/tfjs/layers.js';

export interface HandWritten {
  readonly manifest: TrainableModel['manifest'];
  /** Of one example. */
  readonly inputShape: readonly number[];
  readonly classes: number;
  /** @param variables one for each of the manifest, in its order @returns logits, n × classes */
  forward(x: tf.Tensor, variables: readonly tf.Variable[], layers: Layers): tf.Tensor;
}

export function handWritten({ manifest, inputShape, classes, forward }: HandWritten): TrainableModel {
  const variables = manifest.variables.map(({ shape }) => tf.tidy(() => tf.variable(tf.zeros([...shape]))));
  return {
    manifest,
    variables,
    trainable: variables,
    inputShape,
    classes,
    output: 'logits',
    forward: (x, _, layers = plainLayers) => forward(x, variables, layers) as tf.Tensor2D,
    dispose: () => tf.dispose(variables),
  };
}
