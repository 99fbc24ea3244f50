// A model written by hand with the layers that `forward` is given: its variables start at zero. What benches and tests of DP-SGD train.
// Not here: the models (mnist-cnn.ts, test/dp-sgd/ghost.test.ts).
import * as tf from '@tensorflow/tfjs-core';
import { plainLayers } from '../client/tfjs/layers.js';
export function handWritten({ manifest, inputShape, classes, forward }) {
    const variables = manifest.variables.map(({ shape }) => tf.tidy(() => tf.variable(tf.zeros([...shape]))));
    return {
        manifest,
        variables,
        trainable: variables,
        inputShape,
        classes,
        output: 'logits',
        forward: (x, _, layers = plainLayers) => forward(x, variables, layers),
        dispose: () => tf.dispose(variables),
    };
}
//# sourceMappingURL=hand-written.js.map