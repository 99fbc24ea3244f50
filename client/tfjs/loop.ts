// Local training: the epochs and batches of one round over a model whose weights are already loaded.
// Not here: loading and reading weights, queues, backends (trainer.ts). No callbacks per step, no clock but for yielding.
// Why not model.fit: measured on the same kernels it costs twice as much a step (two gathers, callbacks, history).

import * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../protocol/errors.js';
import { type Dataset, exampleCount, exampleSize } from '../dataset.js';
import type { LocalSteps, PlainTraining } from '../trainer.js';
import { batchLoss, countHits, score } from './loss.js';
import type { TrainableModel } from './model.js';
import { makeOptimizer, type Optimizer } from './optimizer.js';
import { type Random, shuffle } from './random.js';

/** Longest stretch of work between two looks at the event loop, milliseconds: abort and messages wait at most this and one batch. */
export const YIELD_MS = 50;
/** Examples in one forward pass of an evaluation. Larger gains nothing and holds more memory. */
const EVALUATION_BATCH = 512;

export interface LocalTraining {
  /** Examples used, each counted once. */
  readonly examples: number;
  readonly steps: number;
  /** Mean data loss per example over the first and the last epoch, measured while training; the proximal term is not in it. */
  readonly firstLoss: number;
  readonly loss: number;
}

/** Copies examples `from`…`to` of `order` into `x` (scaled) and `y`. Row by row from the shared arrays: nothing else is ever copied. */
export function fillBatch(
  data: Dataset,
  order: Uint32Array,
  from: number,
  to: number,
  x: Float32Array,
  y: Int32Array,
): void {
  const size = exampleSize(data);
  const { inputs, labels } = data;
  if (inputs instanceof Float32Array) {
    for (let i = from, at = 0; i < to; i++, at += size) {
      const row = (order[i] as number) * size;
      x.set(inputs.subarray(row, row + size), at);
      y[i - from] = labels[order[i] as number] as number;
    }
    return;
  }
  const scale = data.scale ?? 1 / 255;
  for (let i = from, at = 0; i < to; i++) {
    const row = (order[i] as number) * size;
    for (let k = row, end = row + size; k < end; k++) x[at++] = (inputs[k] as number) * scale;
    y[i - from] = labels[order[i] as number] as number;
  }
}

/** Row numbers of the dataset, in its order; a fresh array. */
export function rowsOf(data: Dataset): Uint32Array {
  return data.rows?.slice() ?? Uint32Array.from({ length: exampleCount(data) }, (_, i) => i);
}

/** Lets everything else that waits in this thread run once. A macrotask: promises alone would not let messages in. */
export function breathe(): Promise<void> {
  return new Promise((resolve) => {
    if (typeof setImmediate === 'function') {
      setImmediate(resolve);
      return;
    }
    // setTimeout is slowed to seconds in background tabs; messages are not.
    const channel = new MessageChannel();
    channel.port1.onmessage = () => {
      channel.port1.close();
      resolve();
    };
    channel.port2.postMessage(0);
  });
}

export function stopIfAborted(signal: AbortSignal | undefined): void {
  if (signal?.aborted) throw new SottoError('TRAIN_ABORTED', 'training was stopped before it ended');
}

/**
 * Trains `model` in place, from its present weights, which are also the centre of FedProx.
 * Every epoch is a new permutation of the round's examples; batches are consecutive pieces of it, the last one may be short.
 * Chance comes from `random` alone: same generator, weights and backend → same bits.
 * FedAvg: McMahan et al. 2017, Algorithm 1. FedProx: Li et al. 2020, Algorithm 2, by adding µ(w − w⁰) to the gradient.
 * @throws SottoError TRAIN_NON_FINITE at the first loss that is not finite, TRAIN_ABORTED at the next batch after an abort
 */
export async function trainLocally(
  model: TrainableModel,
  data: Dataset,
  spec: LocalSteps & PlainTraining,
  random: Random,
  signal?: AbortSignal,
): Promise<LocalTraining> {
  const rows = rowsOf(data);
  const examples = Math.min(spec.maxExamples ?? rows.length, rows.length);
  shuffle(rows, random, examples);
  const order = rows.subarray(0, examples);
  const batch = Math.min(spec.batchSize, examples);
  const size = exampleSize(data);
  const x = new Float32Array(batch * size);
  const y = new Int32Array(batch);
  const optimizer = makeOptimizer(spec);
  const centre = spec.algorithm === 'fedprox' && spec.mu ? model.trainable.map((variable) => tf.clone(variable)) : [];
  let steps = 0;
  let firstLoss = Number.NaN;
  let loss = Number.NaN;
  let rested = performance.now();
  try {
    for (let epoch = 0; epoch < spec.epochs; epoch++) {
      if (epoch > 0) shuffle(order, random);
      let sum = 0;
      for (let from = 0; from < examples; from += batch) {
        stopIfAborted(signal);
        const count = Math.min(batch, examples - from);
        fillBatch(data, order, from, from + count, x, y);
        const mean = trainStep(
          model,
          optimizer,
          x.subarray(0, count * size),
          y.subarray(0, count),
          spec.mu ?? 0,
          centre,
        );
        steps++;
        if (!Number.isFinite(mean)) {
          throw new SottoError(
            'TRAIN_NON_FINITE',
            `the loss is ${mean} at step ${steps}; lower the learning rate or check the data`,
            { step: steps },
          );
        }
        sum += mean * count;
        if (performance.now() - rested >= YIELD_MS) {
          await breathe();
          rested = performance.now();
        }
      }
      loss = sum / examples;
      if (epoch === 0) firstLoss = loss;
    }
    stopIfAborted(signal);
  } finally {
    optimizer.dispose();
    tf.dispose(centre);
  }
  return { examples, steps, firstLoss, loss };
}

/** One step; gives the batch's mean loss. `x` and `y` may be overwritten afterwards. */
function trainStep(
  model: TrainableModel,
  optimizer: Optimizer,
  x: Float32Array,
  y: Int32Array,
  mu: number,
  centre: readonly tf.Tensor[],
): number {
  return tf.tidy(() => {
    const input = tf.tensor(x, [y.length, ...model.inputShape], 'float32');
    const { value, grads } = tf.variableGrads(
      () => batchLoss(model.forward(input, true), y, model.output),
      model.trainable as tf.Variable[],
    );
    const gradients = model.trainable.map((variable, i) => {
      const gradient = grads[variable.name] as tf.Tensor | undefined;
      const start = centre[i];
      if (!start) return gradient;
      const pull = tf.mul(mu, tf.sub(variable, start));
      return gradient ? tf.add(gradient, pull) : pull;
    });
    optimizer.apply(model.trainable, gradients);
    return value.dataSync()[0] as number; // safe: a scalar
  });
}

export interface LocalEvaluation {
  readonly examples: number;
  readonly loss: number;
  readonly accuracy: number;
  /** By class; NaN for a class without examples. */
  readonly recalls: readonly number[];
}

/** Mean loss and accuracy over all examples of `data`, in their order. Yields as training does. */
export async function evaluateLocally(model: TrainableModel, data: Dataset): Promise<LocalEvaluation> {
  const order = rowsOf(data);
  const size = exampleSize(data);
  const batch = Math.min(EVALUATION_BATCH, order.length);
  const x = new Float32Array(batch * size);
  const y = new Int32Array(batch);
  const hits = new Uint32Array(model.classes);
  const seen = new Uint32Array(model.classes);
  let lossSum = 0;
  let correct = 0;
  let rested = performance.now();
  for (let from = 0; from < order.length; from += batch) {
    const count = Math.min(batch, order.length - from);
    fillBatch(data, order, from, from + count, x, y);
    const values = tf.tidy(() => {
      const input = tf.tensor(x.subarray(0, count * size), [count, ...model.inputShape], 'float32');
      return model.forward(input, false).dataSync() as Float32Array;
    });
    const scores = score(values, y.subarray(0, count), model.classes, model.output);
    lossSum += scores.lossSum;
    correct += scores.correct;
    countHits(values, y.subarray(0, count), model.classes, hits, seen);
    if (performance.now() - rested >= YIELD_MS) {
      await breathe();
      rested = performance.now();
    }
  }
  const recalls = Array.from(hits, (count, label) => count / (seen[label] ?? 0));
  return { examples: order.length, loss: lossSum / order.length, accuracy: correct / order.length, recalls };
}
