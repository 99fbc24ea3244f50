// A model in code, for training workers: they import this module by its address.

import { buildModel, type TrainableModel } from '../../client/tfjs/index.js';
import { MLP } from './support.js';

export const softmaxModel = (): TrainableModel => buildModel({ kind: 'softmax', input: 12, classes: 4 });
export const brokenModel = (): TrainableModel => {
  throw new Error('this model cannot be built');
};
/** Ends its worker, as running out of memory would. */
export const fatalModel = (): TrainableModel => {
  setImmediate(() => {
    throw new Error('out of luck');
  });
  return buildModel(MLP);
};
