// The layers whose gradients can be bounded record by record, as functions. A hand-written model whose `forward` is written with
// the ones it is given trains under DP-SGD as well (dp-sgd/tape.ts gives it recording ones); here are the plain ones.
// Not here: layers without weights (use TensorFlow.js directly, as long as they do not mix the records of a batch).

import * as tf from '@tensorflow/tfjs-core';

export interface ConvolutionOptions {
  readonly strides?: number | readonly [number, number];
  readonly pad?: 'valid' | 'same';
}
export interface NormalizationOptions {
  /** Added to the variance. Give it: libraries disagree (1e-3, 1e-5). */
  readonly epsilon: number;
}

/** The first axis of every tensor counts records. A variable may be used once in a pass: the norm of tied weights is not known. */
export interface Layers {
  /** [n, …positions, inputs] → [n, …positions, outputs] by a kernel of [inputs, outputs]. */
  dense(x: tf.Tensor, kernel: tf.Variable, bias?: tf.Variable): tf.Tensor;
  /** [n, height, width, inputs], channels last, by a kernel of [height, width, inputs, outputs]. No dilation. */
  conv2d(x: tf.Tensor, kernel: tf.Variable, bias?: tf.Variable, options?: ConvolutionOptions): tf.Tensor4D;
  /** By a kernel of [height, width, channels, multiplier]. */
  depthwiseConv2d(x: tf.Tensor, kernel: tf.Variable, bias?: tf.Variable, options?: ConvolutionOptions): tf.Tensor4D;
  /** Tokens [n, …positions] → [n, …positions, width] from a table of [vocabulary, width]. */
  embedding(tokens: tf.Tensor, table: tf.Variable): tf.Tensor;
  /** Each row of the last axis by its own mean and (biased) variance, then scale and shift. Source: Ba et al. 2016. */
  layerNorm(
    x: tf.Tensor,
    scale: tf.Variable | undefined,
    shift: tf.Variable | undefined,
    options: NormalizationOptions,
  ): tf.Tensor;
  /** [n, …positions, channels]: each group of neighbouring channels of a record over all its positions. Source: Wu & He 2018. */
  groupNorm(
    x: tf.Tensor,
    scale: tf.Variable | undefined,
    shift: tf.Variable | undefined,
    options: NormalizationOptions & { readonly groups: number },
  ): tf.Tensor;
}

/** Strides as a pair. */
export function stridesOf({ strides = 1 }: ConvolutionOptions): [number, number] {
  return typeof strides === 'number' ? [strides, strides] : [strides[0], strides[1]];
}

export const convolve = (x: tf.Tensor, kernel: tf.Tensor, options: ConvolutionOptions): tf.Tensor4D =>
  tf.conv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, stridesOf(options), options.pad ?? 'valid');

export const convolveDepthwise = (x: tf.Tensor, kernel: tf.Tensor, options: ConvolutionOptions): tf.Tensor4D =>
  tf.depthwiseConv2d(x as tf.Tensor4D, kernel as tf.Tensor4D, stridesOf(options), options.pad ?? 'valid');

/** [n, …positions, inputs] · [inputs, outputs] */
export function multiply(x: tf.Tensor, kernel: tf.Tensor): tf.Tensor {
  const inputs = x.shape[x.rank - 1] as number; // safe: rank ≥ 2
  const flat = x.rank === 2 ? x : tf.reshape(x, [-1, inputs]);
  const out = tf.matMul(flat as tf.Tensor2D, kernel as tf.Tensor2D);
  return x.rank === 2 ? out : tf.reshape(out, [...x.shape.slice(0, -1), kernel.shape[1] as number]);
}

export const lookUp = (tokens: tf.Tensor, table: tf.Tensor): tf.Tensor => tf.gather(table, tf.cast(tokens, 'int32'));

/** (x − mean) ÷ √(variance + epsilon) over `axes`. */
function standardized(x: tf.Tensor, axes: number[], epsilon: number): tf.Tensor {
  const { mean, variance } = tf.moments(x, axes, true);
  return tf.mul(tf.sub(x, mean), tf.rsqrt(tf.add(variance, epsilon)));
}

export const byRow = (x: tf.Tensor, epsilon: number): tf.Tensor => standardized(x, [x.rank - 1], epsilon);

export function byGroup(x: tf.Tensor, groups: number, epsilon: number): tf.Tensor {
  const records = x.shape[0] as number; // safe: rank ≥ 2
  const channels = x.shape[x.rank - 1] as number; // safe: rank ≥ 2
  const grouped = tf.reshape(x, [records, -1, groups, channels / groups]);
  return tf.reshape(standardized(grouped, [1, 3], epsilon), x.shape);
}

/** x·scale + shift, whichever there are. */
export function affine(x: tf.Tensor, scale: tf.Tensor | undefined, shift: tf.Tensor | undefined): tf.Tensor {
  const scaled = scale === undefined ? x : tf.mul(x, scale);
  return shift === undefined ? scaled : tf.add(scaled, shift);
}

export const plainLayers: Layers = {
  dense: (x, kernel, bias) => affine(multiply(x, kernel), undefined, bias),
  conv2d: (x, kernel, bias, options = {}) => affine(convolve(x, kernel, options), undefined, bias) as tf.Tensor4D,
  depthwiseConv2d: (x, kernel, bias, options = {}) =>
    affine(convolveDepthwise(x, kernel, options), undefined, bias) as tf.Tensor4D,
  embedding: lookUp,
  layerNorm: (x, scale, shift, { epsilon }) => affine(byRow(x, epsilon), scale, shift),
  groupNorm: (x, scale, shift, { groups, epsilon }) => affine(byGroup(x, groups, epsilon), scale, shift),
};
