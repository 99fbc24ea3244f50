import * as tf from '@tensorflow/tfjs-core';
import type { ModelFactory } from '../client/tfjs/index.js';
export declare const mnistCnnManifest: import('../client/trainer.js').Manifest;
/** @param activation of the hidden layers; bounded ones lose less under clipping (Papernot et al. 2021) */
export declare function mnistCnn(activation?: (x: tf.Tensor) => tf.Tensor): ModelFactory;
//# sourceMappingURL=mnist-cnn.d.ts.map
