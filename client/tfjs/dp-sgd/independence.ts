// Asks a model once whether the records of a batch influence one another (as batch normalisation makes them): then no record's share
// of the sum could be bounded by clipping. By derivatives, so chance inside the model does not disturb it.
// Finds what goes through recorded layers or the input itself. Not here: layers whose kind is known (../layers-model.ts).

import * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../../protocol/errors.js';
import type { TrainableModel } from '../model.js';
import { Tape } from './tape.js';

/** @throws SottoError TRAIN_UNBOUNDED naming the first layer in which another record shows */
export function requireIndependence(model: TrainableModel): void {
  const tape = new Tape(model.trainable);
  try {
    tf.tidy(() => {
      // Values no record would have twice, in the range of scaled bytes; the same for token ids, which are cut to 0.
      const size = model.inputShape.reduce((product, side) => product * side, 2);
      const values = Float32Array.from({ length: size }, (_, i) => ((i * 7_919) % 251) / 256);
      const x = tf.tensor(values, [2, ...model.inputShape], 'float32');
      tape.run((layers) => {
        const logits = model.forward(x, true, layers);
        const first = tf.slice(logits, [0, 0], [1, -1]);
        return tf.sum(tf.add(first, tf.square(first)));
      });
      for (const { layer, gamma } of tape.gammas()) {
        const other = gamma.dataSync().subarray(gamma.size / 2);
        if (other.every((value) => value === 0)) continue;
        throw new SottoError(
          'TRAIN_UNBOUNDED',
          `what a record comes to depends on the other records of its batch (seen at layer '${layer}'); under DP-SGD each must be treated by itself, as group normalisation does and batch normalisation does not`,
          { layer },
        );
      }
    });
  } finally {
    tape.dispose();
  }
}
