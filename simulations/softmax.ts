// Softmax regression by plain loops, as a Trainer: a convex task whose rounds cost milliseconds, for runs of hundreds of rounds with
// everything else real. Not here: anything that users should train with (client/tfjs).

import { type Dataset, exampleCount, exampleSize } from '../client/dataset.js';
import type { Trainer, TrainingRound, TrainingSpec } from '../client/trainer.js';
import { SottoError } from '../protocol/errors.js';
import type { Random } from './random.js';

/** Coordinates of the model: a weight for each input and class, class by class, and a bias each. */
export const softmaxDimension = (inputs: number, classes: number): number => (inputs + 1) * classes;

/** @param random of one round: the order of the examples. Reads `epochs`, `batchSize`, `learningRate` and `maxExamples`; plain SGD. */
export function softmaxTrainer(data: Dataset, random: (round: number) => Random): Trainer {
  const width = exampleSize(data);
  const dimension = softmaxDimension(width, data.classes);
  return {
    async init({ dimension: wanted }) {
      if (wanted !== dimension) {
        throw new SottoError('TRAIN_SHAPE', `the task has ${wanted} coordinates, softmax regression ${dimension}`);
      }
      return { dimension, variables: [{ name: 'softmax', shape: [dimension], offset: 0 }] };
    },
    async train(weights: Float32Array<ArrayBuffer>, { round, spec }: TrainingRound) {
      if (spec.dpSgd !== undefined)
        throw new SottoError('TRAIN_UNSUPPORTED', 'this trainer has no DP-SGD; use the one of client/tfjs');
      const rows = data.rows ?? Uint32Array.from({ length: exampleCount(data) }, (_, i) => i);
      const order = random(round)
        .shuffle([...rows])
        .slice(0, spec.maxExamples ?? rows.length);
      const local = weights.slice();
      for (let epoch = 0; epoch < spec.epochs; epoch++)
        for (let at = 0; at < order.length; at += spec.batchSize)
          descend(local, data, order.slice(at, at + spec.batchSize), width, spec);
      return { update: local.map((after, i) => after - (weights[i] ?? 0)), examples: order.length, metrics: {} };
    },
  };
}

function descend(
  weights: Float32Array,
  data: Dataset,
  batch: readonly number[],
  width: number,
  spec: TrainingSpec,
): void {
  const { classes, inputs, labels } = data;
  const gradient = new Float64Array(weights.length);
  const scores = new Float64Array(classes);
  const stride = width + 1;
  for (const row of batch) {
    const x = inputs.subarray(row * width, (row + 1) * width);
    for (let c = 0; c < classes; c++) {
      const own = weights.subarray(c * stride, (c + 1) * stride);
      let sum = own[width] ?? 0;
      for (let i = 0; i < width; i++) sum += (own[i] ?? 0) * (x[i] ?? 0);
      scores[c] = sum;
    }
    const most = Math.max(...scores);
    const total = scores.reduce((sum, score) => sum + Math.exp(score - most), 0);
    for (let c = 0; c < classes; c++) {
      const pull = Math.exp((scores[c] ?? 0) - most) / total - (c === labels[row] ? 1 : 0);
      const own = gradient.subarray(c * stride, (c + 1) * stride);
      for (let i = 0; i < width; i++) own[i] = (own[i] ?? 0) + pull * (x[i] ?? 0);
      own[width] = (own[width] ?? 0) + pull;
    }
  }
  const step = spec.learningRate / batch.length;
  for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] ?? 0) - step * (gradient[i] ?? 0);
}
