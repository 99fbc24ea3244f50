import * as tf from '@tensorflow/tfjs-core';
import type { TrainableModel } from '../client/tfjs/index.js';
import { type Layers } from '../client/tfjs/layers.js';
export interface HandWritten {
    readonly manifest: TrainableModel['manifest'];
    /** Of one example. */
    readonly inputShape: readonly number[];
    readonly classes: number;
    /** @param variables one for each of the manifest, in its order @returns logits, n × classes */
    forward(x: tf.Tensor, variables: readonly tf.Variable[], layers: Layers): tf.Tensor;
}
export declare function handWritten({ manifest, inputShape, classes, forward }: HandWritten): TrainableModel;
//# sourceMappingURL=hand-written.d.ts.map