// The reference: gradients of single records by TensorFlow.js's own differentiation, one record at a time, nothing shared with the tape
// but the model. For tests alone.

import * as tf from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../../client/tfjs/index.js';
import { batchLoss } from '../../client/tfjs/loss.js';

/** The gradient of record i of `x`, trainable variables one after the other; through the plain forward pass. */
export function explicitGradient(model: TrainableModel, x: Float32Array, y: Int32Array, i: number): Float64Array {
  const width = x.length / y.length;
  const grads = tf.tidy(() => {
    const input = tf.tensor(x.subarray(i * width, (i + 1) * width), [1, ...model.inputShape], 'float32');
    const found = tf.variableGrads(
      () => batchLoss(model.forward(input, true), y.subarray(i, i + 1), model.output),
      model.trainable as tf.Variable[],
    ).grads;
    return model.trainable.map((variable) => {
      const gradient = found[variable.name] as tf.Tensor | undefined;
      return gradient === undefined ? new Float32Array(variable.size) : Float32Array.from(gradient.dataSync());
    });
  });
  return Float64Array.from(grads.flatMap((part) => [...part]));
}

export const norm = (values: ArrayLike<number>): number =>
  Math.sqrt(Array.from(values).reduce((sum, v) => sum + v * v, 0));
