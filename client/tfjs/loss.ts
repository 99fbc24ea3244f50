// Softmax cross-entropy, mean over the batch, and the scores of an evaluation. Labels are class numbers.
// Not here: the loop. Two forms of one loss: tensors for GPUs; plain float64 loops where reading a tensor is a memory copy.

import * as tf from '@tensorflow/tfjs-core';

/** Keeps log() finite for models that give probabilities; the constant of Keras' categorical cross-entropy. */
const EPSILON = 1e-7;

/** Scores of `n` rows of logits or probabilities: summed loss, and how many have their label as the (first) largest. */
export interface Scores {
  readonly lossSum: number;
  readonly correct: number;
}

/**
 * One pass over rows of `classes` values. Where `gradient` is given it receives dLoss/dvalue of the summed loss divided by `divisor`.
 * Log-sum-exp with the row's maximum taken out, in float64.
 */
export function score(
  values: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
  output: 'logits' | 'probabilities',
  gradient?: Float32Array,
  divisor = 1,
): Scores {
  const n = labels.length;
  let lossSum = 0;
  let correct = 0;
  for (let row = 0, at = 0; row < n; row++, at += classes) {
    const label = labels[row] as number;
    let best = 0;
    for (let c = 1; c < classes; c++) if ((values[at + c] as number) > (values[at + best] as number)) best = c;
    if (best === label) correct++;
    const target = values[at + label] as number;
    if (output === 'probabilities') {
      const inside = target > EPSILON && target < 1 - EPSILON;
      lossSum -= Math.log(Number.isNaN(target) ? target : Math.min(1 - EPSILON, Math.max(EPSILON, target)));
      if (gradient)
        for (let c = 0; c < classes; c++) gradient[at + c] = c === label && inside ? -1 / (target * divisor) : 0;
      continue;
    }
    const most = values[at + best] as number;
    let sum = 0;
    for (let c = 0; c < classes; c++) sum += Math.exp((values[at + c] as number) - most);
    lossSum += Math.log(sum) + most - target;
    if (!gradient) continue;
    for (let c = 0; c < classes; c++) {
      const share = Math.exp((values[at + c] as number) - most) / sum;
      gradient[at + c] = (c === label ? share - 1 : share) / divisor;
    }
  }
  return { lossSum, correct };
}

/** Adds to `seen` and, where a row's (first) largest value is at its label, to `hits`, by label. */
export function countHits(
  values: Float32Array,
  labels: ArrayLike<number>,
  classes: number,
  hits: Uint32Array,
  seen: Uint32Array,
): void {
  for (let row = 0, at = 0; row < labels.length; row++, at += classes) {
    const label = labels[row] as number; // safe: row < length
    let best = 0;
    for (let c = 1; c < classes; c++) if ((values[at + c] as number) > (values[at + best] as number)) best = c;
    seen[label] = (seen[label] ?? 0) + 1;
    if (best === label) hits[label] = (hits[label] ?? 0) + 1;
  }
}

/** Whether reading a tensor is a memory copy on the active backend, so that the loss is best taken outside it. */
const hostReads = (): boolean => ['wasm', 'cpu', 'tensorflow'].includes(tf.getBackend());

/** `mean` over the batch, or the `sum` whose gradients are those of single records: DP-SGD clips these. */
export type Reduction = 'mean' | 'sum';

/**
 * Loss of a batch as a scalar tensor that gradients pass through. Inside a tidy only.
 * The host form replaces about a dozen small kernels a step by one loop; both agree to float32 rounding.
 */
export function batchLoss(
  values: tf.Tensor2D,
  labels: Int32Array,
  output: 'logits' | 'probabilities',
  reduction: Reduction = 'mean',
): tf.Scalar {
  const classes = values.shape[1];
  if (hostReads()) return hostLoss(values, labels, output, reduction);
  const oneHot = tf.cast(tf.oneHot(tf.tensor1d(labels, 'int32'), classes), 'float32') as tf.Tensor2D;
  const logs = output === 'logits' ? tf.logSoftmax(values) : tf.log(tf.clipByValue(values, EPSILON, 1 - EPSILON));
  const sum = tf.neg(tf.sum(tf.mul(oneHot, logs))) as tf.Scalar;
  return reduction === 'sum' ? sum : tf.div(sum, labels.length);
}

function hostLoss(
  values: tf.Tensor2D,
  labels: Int32Array,
  output: 'logits' | 'probabilities',
  reduction: Reduction,
): tf.Scalar {
  const divisor = reduction === 'sum' ? 1 : labels.length;
  const loss = tf.customGrad((x, save) => {
    const input = x as tf.Tensor2D;
    const gradient = new Float32Array(input.size);
    const { lossSum } = score(input.dataSync() as Float32Array, labels, input.shape[1], output, gradient, divisor);
    (save as tf.GradSaveFunc)([tf.tensor2d(gradient, input.shape)]);
    return {
      value: tf.scalar(lossSum / divisor),
      gradFunc: (dy, saved) => tf.mul(dy as tf.Tensor, saved[0] as tf.Tensor),
    };
  });
  return loss(values) as tf.Scalar;
}
