// Measures a coordinator's models on the test part of a sample data set, in a worker. Not here: when it is asked to.

import type { ModelSpec } from '../../client/tfjs/spec.js';
import type { Evaluation } from '../../client/trainer.js';
import { type SampleSet, sampleData } from './trainers.js';

export interface Evaluator {
  evaluate(weights: Float32Array<ArrayBuffer>): Promise<Evaluation>;
  dispose(): Promise<void>;
}

/** @throws DATA_MISSING, DATA_MALFORMED; TRAIN_BACKEND and TRAIN_SHAPE at the first evaluation */
export async function evaluatorOf(set: SampleSet, model: ModelSpec): Promise<Evaluator> {
  const { workerTrainer } = await import('../../client/tfjs/index.js');
  const { test } = await sampleData(set, model, { index: 0, of: 1 });
  const trainer = workerTrainer({ model, data: test });
  return { evaluate: (weights) => trainer.evaluate(weights), dispose: () => trainer.dispose() };
}
