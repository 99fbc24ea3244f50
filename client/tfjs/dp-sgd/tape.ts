// Records a forward pass layer by layer, and turns it into the norm of each record's gradient and into the sum of the clipped ones,
// without a gradient per record. Book-keeping form of ghost clipping (Bu et al. 2023, arXiv 2210.00038): output-gradients of the
// *unreduced* loss come from one backward pass that forms no weight gradients; norms follow from them (norms.ts); the second pass
// is only the weight gradients, once, with each record's output-gradients times its factor.
// Not here: factors, noise, batches (step.ts). Tensors are kept until `dispose`.

import * as tf from '@tensorflow/tfjs-core';
import { SottoError } from '../../../protocol/errors.js';
import {
  affine,
  byGroup,
  byRow,
  type ConvolutionOptions,
  convolve,
  convolveDepthwise,
  type Layers,
  lookUp,
  multiply,
  stridesOf,
} from '../layers.js';
import {
  addBiasSquares,
  addConvolutionSquares,
  addDenseSquares,
  addDepthwiseSquares,
  addEmbeddingSquares,
  addScaleSquares,
  type Convolution,
  type Values,
} from './norms.js';

/** One variable of one layer: how its gradient follows from the layer's input and its output-gradient. */
interface Part {
  readonly variable: tf.Variable;
  squares(input: () => Values, gamma: Values, n: number, into: Float64Array): void;
  /** Σ over records; the output-gradients carry the factors already. `input` is what `Entry.input` holds. */
  sum(input: tf.Tensor, gamma: tf.Tensor): tf.Tensor;
}

interface Entry {
  readonly layer: string;
  readonly input: tf.Tensor;
  readonly parts: readonly Part[];
  /** Absent while, or where, the loss does not depend on the layer's output. */
  gamma?: tf.Tensor;
}

const size = (shape: readonly number[]): number => shape.reduce((product, side) => product * side, 1);
const values = (tensor: tf.Tensor): Values => new Float64Array(tensor.dataSync());

export class Tape {
  readonly #trainable: ReadonlySet<tf.Variable>;
  readonly #used = new Map<tf.Variable, string>();
  readonly #entries: Entry[] = [];
  /** Every layer depends on it, so that a gradient with respect to it passes them all and nothing else. */
  readonly #anchor: tf.Scalar;

  constructor(trainable: readonly tf.Variable[]) {
    this.#trainable = new Set(trainable);
    this.#anchor = tf.keep(tf.scalar(0));
  }

  /** Layers that record; of one pass. @throws SottoError TRAIN_UNBOUNDED where a variable is used twice */
  readonly layers: Layers = {
    dense: (x, kernel, bias) => this.#linear('dense', x, multiply(x, kernel), this.#dense(x, kernel), bias),
    conv2d: (x, kernel, bias, options = {}) =>
      this.#linear('conv2d', x, convolve(x, kernel, options), this.#conv(x, kernel, options), bias) as tf.Tensor4D,
    depthwiseConv2d: (x, kernel, bias, options = {}) => {
      const part = this.#depthwise(x, kernel, options);
      return this.#linear('depthwiseConv2d', x, convolveDepthwise(x, kernel, options), part, bias) as tf.Tensor4D;
    },
    embedding: (tokens, table) =>
      this.#linear('embedding', tokens, lookUp(tokens, table), this.#embedding(table), undefined),
    layerNorm: (x, scale, shift, { epsilon }) => this.#affine('layerNorm', byRow(x, epsilon), scale, shift),
    groupNorm: (x, scale, shift, { groups, epsilon }) =>
      this.#affine('groupNorm', byGroup(x, groups, epsilon), scale, shift),
  };

  /**
   * The first backward pass. Returns what `forward` gives, read.
   * @param forward from the recording layers to a scalar: the sum of the records' losses, not their mean
   * @throws SottoError TRAIN_UNBOUNDED for weights that are used twice, or past the layers
   */
  run(forward: (layers: Layers) => tf.Scalar): number {
    const { value, grad } = tf.valueAndGrad(() => {
      const scalar = forward(this.layers);
      this.#requireComplete();
      return scalar;
    })(this.#anchor);
    const loss = value.dataSync()[0] as number; // safe: a scalar
    tf.dispose([value, grad]);
    return loss;
  }

  /** @throws SottoError TRAIN_UNBOUNDED where a trainable variable is used by no recorded layer: its gradient could not be clipped */
  #requireComplete(): void {
    const at = [...this.#trainable].findIndex((variable) => !this.#used.has(variable));
    if (at < 0) return;
    const shape = [...this.#trainable][at]?.shape.join('×');
    throw new SottoError(
      'TRAIN_UNBOUNDED',
      `trainable variable ${at} of shape ${shape} belongs to no layer whose gradients can be clipped record by record; write the model with the layers that \`forward\` is given, or freeze it`,
      { variable: at },
    );
  }

  /** ‖∇ of record i's loss‖² over all trainable variables jointly. */
  squaredNorms(n: number): Float64Array {
    const squares = new Float64Array(n);
    for (const { input, gamma, parts } of this.#entries) {
      const mine = parts.filter(({ variable }) => this.#trainable.has(variable));
      if (gamma === undefined || mine.length === 0) continue;
      const gradients = values(gamma);
      let read: Values | undefined;
      const inputs = (): Values => {
        read ??= values(input);
        return read;
      };
      for (const part of mine) part.squares(inputs, gradients, n, squares);
    }
    return squares;
  }

  /**
   * The second pass: Σ factor_i · g_i of each trainable variable, in a tensor of the caller's tidy; absent where it is zero.
   * @param factors one for each record
   */
  clippedSums(factors: Float64Array): Map<tf.Variable, tf.Tensor> {
    const sums = new Map<tf.Variable, tf.Tensor>();
    const column = tf.tensor1d(Float32Array.from(factors));
    for (const { input, gamma, parts } of this.#entries) {
      if (gamma === undefined) continue;
      const scaled = tf.mul(gamma, tf.reshape(column, [-1, ...Array<number>(gamma.rank - 1).fill(1)]));
      for (const { variable, sum } of parts) if (this.#trainable.has(variable)) sums.set(variable, sum(input, scaled));
    }
    return sums;
  }

  /** Output-gradients by layer, for whoever asks whether records influence one another. */
  gammas(): readonly { readonly layer: string; readonly gamma: tf.Tensor }[] {
    return this.#entries.flatMap(({ layer, gamma }) => (gamma === undefined ? [] : [{ layer, gamma }]));
  }

  dispose(): void {
    for (const { input, gamma } of this.#entries) tf.dispose(gamma === undefined ? [input] : [input, gamma]);
    this.#entries.length = 0;
    this.#anchor.dispose();
  }

  #linear(layer: string, x: tf.Tensor, product: tf.Tensor, kernel: Part, bias: tf.Variable | undefined): tf.Tensor {
    const parts = bias === undefined ? [kernel] : [kernel, this.#bias(bias)];
    return this.#tap(layer, x, affine(product, undefined, bias), parts);
  }

  #affine(
    layer: string,
    normalized: tf.Tensor,
    scale: tf.Variable | undefined,
    shift: tf.Variable | undefined,
  ): tf.Tensor {
    const parts = [
      ...(scale === undefined ? [] : [this.#scale(scale)]),
      ...(shift === undefined ? [] : [this.#bias(shift)]),
    ];
    const out = affine(normalized, scale, shift);
    return parts.length === 0 ? out : this.#tap(layer, normalized, out, parts);
  }

  /** The identity, seen on the way back. */
  #tap(layer: string, input: tf.Tensor, output: tf.Tensor, parts: readonly Part[]): tf.Tensor {
    for (const { variable } of parts) this.#use(layer, variable);
    const entry: Entry = { layer, input: tf.keep(tf.clone(input)), parts };
    this.#entries.push(entry);
    const identity = tf.customGrad((x) => ({
      value: tf.clone(x as tf.Tensor),
      gradFunc: (dy) => {
        entry.gamma = tf.keep(tf.clone(dy as tf.Tensor));
        return [dy as tf.Tensor, tf.scalar(0)];
      },
    }));
    return identity(output, this.#anchor);
  }

  #use(layer: string, variable: tf.Variable): void {
    const before = this.#used.get(variable);
    if (before !== undefined && this.#trainable.has(variable)) {
      throw new SottoError(
        'TRAIN_UNBOUNDED',
        `layers '${before}' and '${layer}' share a variable of shape ${variable.shape.join('×')}; under DP-SGD each needs its own`,
        { layer },
      );
    }
    this.#used.set(variable, layer);
  }

  #dense(x: tf.Tensor, variable: tf.Variable): Part {
    const [inputs, outputs] = variable.shape as [number, number];
    const positions = size(x.shape.slice(1, -1));
    return {
      variable,
      squares: (input, gamma, n, into) => addDenseSquares(input(), gamma, n, { positions, inputs, outputs }, into),
      sum: (input, gamma) => {
        const flat = (tensor: tf.Tensor, width: number): tf.Tensor2D => tf.reshape(tensor, [-1, width]);
        return tf.matMul(flat(input, inputs), flat(gamma, outputs), true, false);
      },
    };
  }

  #bias(variable: tf.Variable): Part {
    const outputs = size(variable.shape);
    return {
      variable,
      squares: (_, gamma, n, into) =>
        addBiasSquares(gamma, n, { positions: gamma.length / n / outputs, outputs }, into),
      sum: (_, gamma) => tf.reshape(tf.sum(tf.reshape(gamma, [-1, outputs]), 0), variable.shape),
    };
  }

  #scale(variable: tf.Variable): Part {
    const outputs = size(variable.shape);
    return {
      variable,
      squares: (input, gamma, n, into) =>
        addScaleSquares(input(), gamma, n, { positions: gamma.length / n / outputs, outputs }, into),
      sum: (input, gamma) => tf.reshape(tf.sum(tf.reshape(tf.mul(gamma, input), [-1, outputs]), 0), variable.shape),
    };
  }

  #conv(x: tf.Tensor, variable: tf.Variable, options: ConvolutionOptions): Part {
    const conv = convolutionOf(x.shape, variable.shape, options, false);
    const attrs = { ...kernelAttributes(options), filterShape: variable.shape };
    return {
      variable,
      squares: (input, gamma, n, into) => addConvolutionSquares(input(), gamma, n, conv, into),
      sum: (x, dy) => tf.engine().runKernel('Conv2DBackpropFilter', { x, dy }, attrs) as tf.Tensor,
    };
  }

  #depthwise(x: tf.Tensor, variable: tf.Variable, options: ConvolutionOptions): Part {
    const conv = convolutionOf(x.shape, variable.shape, options, true);
    const attrs = { ...kernelAttributes(options), dilations: [1, 1], filterShape: variable.shape };
    return {
      variable,
      squares: (input, gamma, n, into) => addDepthwiseSquares(input(), gamma, n, conv, into),
      sum: (x, dy) => tf.engine().runKernel('DepthwiseConv2dNativeBackpropFilter', { x, dy }, attrs) as tf.Tensor,
    };
  }

  #embedding(variable: tf.Variable): Part {
    const [vocabulary, outputs] = variable.shape as [number, number];
    return {
      variable,
      squares: (input, gamma, n, into) =>
        addEmbeddingSquares(input(), gamma, n, { positions: gamma.length / n / outputs, outputs }, into),
      sum: (tokens, gamma) =>
        tf.unsortedSegmentSum(
          tf.reshape(gamma, [-1, outputs]),
          tf.cast(tf.reshape(tokens, [-1]), 'int32') as tf.Tensor1D,
          vocabulary,
        ),
    };
  }
}

const kernelAttributes = (options: ConvolutionOptions) => ({
  strides: stridesOf(options),
  pad: options.pad ?? 'valid',
  dataFormat: 'NHWC',
});

function convolutionOf(
  shape: readonly number[],
  filterShape: readonly number[],
  options: ConvolutionOptions,
  depthwise: boolean,
): Convolution {
  type Four = [number, number, number, number];
  const info = tf.backend_util.computeConv2DInfo(
    shape as Four,
    filterShape as Four,
    stridesOf(options),
    1,
    options.pad ?? 'valid',
    undefined,
    depthwise,
  );
  return {
    inSize: [info.inHeight, info.inWidth],
    outSize: [info.outHeight, info.outWidth],
    filter: [info.filterHeight, info.filterWidth],
    strides: [info.strideHeight, info.strideWidth],
    padding: [info.padInfo.top, info.padInfo.left],
    channels: info.inChannels,
    outputs: info.outChannels,
  };
}
