// Gradients of 2-D and 3-D convolutions on the wasm backend, as one matrix product over unfolded windows ("im2col").
// Stock 4.22: the 2-D filter gradient is missing, the 2-D input gradient several times slower than this one, and the 3-D input
// gradient depends on what freed memory held before. Not here: depthwise convolutions (depthwise.ts), padding (padding.ts).
// Channels last, no dilation: TensorFlow.js has no gradient for the other cases anywhere.

import {
  backend_util,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type Conv3DBackpropFilterV2Attrs,
  type Conv3DBackpropInputV2Attrs,
  type KernelFunc,
} from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, free, input, type KernelCall, run, type TensorInfo, transposed } from './call.js';

type Shape4 = [number, number, number, number];
type Shape5 = [number, number, number, number, number];

/** A convolution in three dimensions; two are three with depth 1. Triples are depth, height, width. */
interface Convolution {
  readonly batchSize: number;
  readonly inChannels: number;
  readonly outChannels: number;
  readonly inSize: readonly [number, number, number];
  readonly outSize: readonly [number, number, number];
  readonly filter: readonly [number, number, number];
  readonly strides: readonly [number, number, number];
  /** Padding before the first plane, row and column. */
  readonly padding: readonly [number, number, number];
}

/** Float32 values of unfolded windows held at once: 16 MiB. Larger batches are done in slices of whole images. */
const UNFOLDED_VALUES = 1 << 22;

const volume = ([depth, height, width]: readonly [number, number, number]): number => depth * height * width;

/** Whole images per slice so that the unfolded windows stay within UNFOLDED_VALUES. */
function imagesPerSlice(conv: Convolution): number {
  const perImage = volume(conv.outSize) * volume(conv.filter) * conv.inChannels;
  return Math.max(1, Math.min(conv.batchSize, Math.floor(UNFOLDED_VALUES / perImage)));
}

/**
 * Visits every (output pixel, filter row) of some images: `visit(x, column, count)` where `count` values starting at offset `x` of
 * the images correspond to those starting at `column` of the unfolded rows. Values in the padding are left out.
 */
function eachRun(conv: Convolution, images: number, visit: (x: number, column: number, count: number) => void): void {
  const { inChannels, inSize, outSize, filter, strides, padding } = conv;
  const [depth, height, width] = inSize;
  const rowValues = filter[2] * inChannels;
  const columns = filter[0] * filter[1] * rowValues;
  let row = 0;
  for (let n = 0; n < images; n++) {
    for (let oz = 0; oz < outSize[0]; oz++) {
      for (let oy = 0; oy < outSize[1]; oy++) {
        for (let ox = 0; ox < outSize[2]; ox++, row++) {
          const xFrom = ox * strides[2] - padding[2];
          const skip = xFrom < 0 ? -xFrom : 0;
          const count = (Math.min(filter[2], width - xFrom) - skip) * inChannels;
          if (count <= 0) continue;
          for (let h = 0; h < filter[0]; h++) {
            const z = oz * strides[0] - padding[0] + h;
            if (z < 0 || z >= depth) continue;
            for (let i = 0; i < filter[1]; i++) {
              const y = oy * strides[1] - padding[1] + i;
              if (y < 0 || y >= height) continue;
              const x = (((n * depth + z) * height + y) * width + xFrom + skip) * inChannels;
              visit(x, row * columns + (h * filter[1] + i) * rowValues + skip * inChannels, count);
            }
          }
        }
      }
    }
  }
}

/** The gradients of some images as a tensor of their own, [pixels, outChannels]. */
function slice(backend: BackendWasm, dy: TensorInfo, from: number, rows: number, channels: number): TensorInfo {
  const part = backend.makeOutput([rows, channels], 'float32');
  floats(backend, part).set(floats(backend, dy).subarray(from * channels, (from + rows) * channels));
  return part;
}

/** dW[k, o] = Σ over output pixels of window[k] · dy[o]; window k runs over (filter plane, row, column, input channel). */
function filterGradient(
  backend: BackendWasm,
  conv: Convolution,
  x: TensorInfo,
  dy: TensorInfo,
  shape: number[],
): TensorInfo {
  const perSlice = imagesPerSlice(conv);
  const pixels = volume(conv.outSize);
  const columns = volume(conv.filter) * conv.inChannels;
  const imageValues = volume(conv.inSize) * conv.inChannels;
  const out = backend.makeOutput(shape, 'float32');
  floats(backend, out).fill(0);
  for (let first = 0; first < conv.batchSize; first += perSlice) {
    const images = Math.min(perSlice, conv.batchSize - first);
    const rows = images * pixels;
    const unfolded = backend.makeOutput([rows, columns], 'float32');
    const part = slice(backend, dy, first * pixels, rows, conv.outChannels);
    const window = floats(backend, unfolded);
    window.fill(0);
    const from = floats(backend, x).subarray(first * imageValues, (first + images) * imageValues);
    eachRun(conv, images, (at, column, count) => {
      for (let k = 0; k < count; k++) window[column + k] = from[at + k] as number;
    });
    const product = run('BatchMatMul', backend, { a: unfolded, b: part }, { transposeA: true, transposeB: false });
    const sum = floats(backend, out);
    const term = floats(backend, product);
    for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] as number) + (term[k] as number);
    free(backend, [unfolded, part, product]);
  }
  return out;
}

/** dx = fold(dy · Wᵀ): each output pixel's gradient over its window, added back where windows overlap. */
function inputGradient(
  backend: BackendWasm,
  conv: Convolution,
  dy: TensorInfo,
  filter: TensorInfo,
  shape: number[],
): TensorInfo {
  const perSlice = imagesPerSlice(conv);
  const pixels = volume(conv.outSize);
  const columns = volume(conv.filter) * conv.inChannels;
  const imageValues = volume(conv.inSize) * conv.inChannels;
  const out = backend.makeOutput(shape, 'float32');
  floats(backend, out).fill(0);
  const flat = run('Reshape', backend, { x: filter }, { shape: [columns, conv.outChannels] });
  const turned = transposed(backend, flat);
  for (let first = 0; first < conv.batchSize; first += perSlice) {
    const images = Math.min(perSlice, conv.batchSize - first);
    const part = slice(backend, dy, first * pixels, images * pixels, conv.outChannels);
    const product = run('BatchMatMul', backend, { a: part, b: turned }, { transposeA: false, transposeB: false });
    const window = floats(backend, product);
    const into = floats(backend, out).subarray(first * imageValues, (first + images) * imageValues);
    eachRun(conv, images, (at, column, count) => {
      for (let k = 0; k < count; k++) into[at + k] = (into[at + k] as number) + (window[column + k] as number);
    });
    free(backend, [part, product]);
  }
  free(backend, [flat, turned]);
  return out;
}

type Flat = Pick<Conv2DBackpropFilterAttrs, 'strides' | 'pad' | 'dataFormat' | 'dimRoundingMode'>;

function convolution2D(inShape: readonly number[], filterShape: readonly number[], attrs: Flat): Convolution {
  const { strides, pad, dataFormat, dimRoundingMode } = attrs;
  if (dataFormat === 'NCHW') throw new Error('gradients of convolutions on wasm take NHWC only');
  const info = backend_util.computeConv2DInfo(
    inShape as Shape4,
    filterShape as Shape4,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return {
    batchSize: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    inSize: [1, info.inHeight, info.inWidth],
    outSize: [1, info.outHeight, info.outWidth],
    filter: [1, info.filterHeight, info.filterWidth],
    strides: [1, info.strideHeight, info.strideWidth],
    padding: [0, info.padInfo.top, info.padInfo.left],
  };
}

type Deep = Pick<Conv3DBackpropFilterV2Attrs, 'strides' | 'pad'>;

function convolution3D(
  inShape: readonly number[],
  filterShape: readonly number[],
  { strides, pad }: Deep,
): Convolution {
  const info = backend_util.computeConv3DInfo(inShape as Shape5, filterShape as Shape5, strides, 1, pad);
  return {
    batchSize: info.batchSize,
    inChannels: info.inChannels,
    outChannels: info.outChannels,
    inSize: [info.inDepth, info.inHeight, info.inWidth],
    outSize: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.filterDepth, info.filterHeight, info.filterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
}

export const conv2DBackpropFilter: KernelFunc = (call: KernelCall) => {
  const x = input(call, 'x');
  const attrs = call.attrs as unknown as Conv2DBackpropFilterAttrs;
  const conv = convolution2D(x.shape, attrs.filterShape, attrs);
  return filterGradient(call.backend as BackendWasm, conv, x, input(call, 'dy'), attrs.filterShape);
};

export const conv2DBackpropInput: KernelFunc = (call: KernelCall) => {
  const filter = input(call, 'filter');
  const attrs = call.attrs as unknown as Conv2DBackpropInputAttrs;
  const conv = convolution2D(attrs.inputShape, filter.shape, attrs);
  return inputGradient(call.backend as BackendWasm, conv, input(call, 'dy'), filter, attrs.inputShape);
};

export const conv3DBackpropFilter: KernelFunc = (call: KernelCall) => {
  const x = input(call, 'x');
  const attrs = call.attrs as unknown as Conv3DBackpropFilterV2Attrs;
  const conv = convolution3D(x.shape, attrs.filterShape, attrs);
  return filterGradient(call.backend as BackendWasm, conv, x, input(call, 'dy'), attrs.filterShape);
};

export const conv3DBackpropInput: KernelFunc = (call: KernelCall) => {
  const filter = input(call, 'filter');
  const attrs = call.attrs as unknown as Conv3DBackpropInputV2Attrs;
  const conv = convolution3D(attrs.inputShape, filter.shape, attrs);
  return inputGradient(call.backend as BackendWasm, conv, input(call, 'dy'), filter, attrs.inputShape);
};
