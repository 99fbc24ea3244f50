// Gradients of a 2-D convolution on the wasm backend, as one matrix product over unfolded windows ("im2col"), and explicit padding.
// The filter gradient is missing in the stock backend; the input gradient exists there and is several times slower than this one.
// Not here: depthwise convolutions (depthwise.ts). NHWC only, no dilation: TensorFlow.js has no gradient for those anywhere.

import {
  backend_util,
  type Conv2DAttrs,
  type Conv2DBackpropFilterAttrs,
  type Conv2DBackpropInputAttrs,
  type KernelFunc,
} from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, free, input, type KernelCall, run, type TensorInfo, transposed } from './call.js';

type ConvInfo = backend_util.Conv2DInfo;
type Shape4 = [number, number, number, number];

/** Float32 values of unfolded windows held at once: 16 MiB. Larger batches are done in slices of whole images. */
const UNFOLDED_VALUES = 1 << 22;

function refuseChannelsFirst(dataFormat: string | undefined, kernel: string): void {
  if (dataFormat === 'NCHW') throw new Error(`${kernel} on wasm takes NHWC only`);
}

/** Whole images per slice so that the unfolded windows stay within UNFOLDED_VALUES. */
function imagesPerSlice(info: ConvInfo): number {
  const perImage = info.outHeight * info.outWidth * info.filterHeight * info.filterWidth * info.inChannels;
  return Math.max(1, Math.min(info.batchSize, Math.floor(UNFOLDED_VALUES / perImage)));
}

/**
 * Visits every (output pixel, filter row) of some images: `visit(x, column, count)` where `count` values starting at offset `x` of
 * the images correspond to those starting at `column` of the unfolded rows. Values in the padding are left out.
 */
function eachRun(info: ConvInfo, images: number, visit: (x: number, column: number, count: number) => void): void {
  const { inHeight, inWidth, inChannels, outHeight, outWidth, filterHeight, filterWidth, strideHeight, strideWidth } =
    info;
  const { top, left } = info.padInfo;
  const rowValues = filterWidth * inChannels;
  const columns = filterHeight * rowValues;
  let row = 0;
  for (let n = 0; n < images; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++, row++) {
        const xFrom = ox * strideWidth - left;
        const skip = xFrom < 0 ? -xFrom : 0;
        const count = (Math.min(filterWidth, inWidth - xFrom) - skip) * inChannels;
        if (count <= 0) continue;
        for (let i = 0; i < filterHeight; i++) {
          const y = oy * strideHeight - top + i;
          if (y < 0 || y >= inHeight) continue;
          const x = ((n * inHeight + y) * inWidth + xFrom + skip) * inChannels;
          visit(x, row * columns + i * rowValues + skip * inChannels, count);
        }
      }
    }
  }
}

/** dW[k, o] = Σ over output pixels of window[k] · dy[o]; window k runs over (filter row, filter column, input channel). */
export const conv2DBackpropFilter: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const x = input(call, 'x');
  const dy = input(call, 'dy');
  const { strides, pad, dataFormat, dimRoundingMode, filterShape } = call.attrs as unknown as Conv2DBackpropFilterAttrs;
  refuseChannelsFirst(dataFormat, 'Conv2DBackpropFilter');
  const info = backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filterShape,
    strides,
    1,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  const slice = imagesPerSlice(info);
  const pixels = info.outHeight * info.outWidth;
  const columns = info.filterHeight * info.filterWidth * info.inChannels;
  const imageValues = info.inHeight * info.inWidth * info.inChannels;
  const outChannels = info.outChannels;
  const out = backend.makeOutput(filterShape, 'float32');
  floats(backend, out).fill(0);
  for (let first = 0; first < info.batchSize; first += slice) {
    const images = Math.min(slice, info.batchSize - first);
    const rows = images * pixels;
    const unfolded = backend.makeOutput([rows, columns], 'float32');
    const part = backend.makeOutput([rows, outChannels], 'float32');
    const window = floats(backend, unfolded);
    if (info.padInfo.top || info.padInfo.bottom || info.padInfo.left || info.padInfo.right) window.fill(0);
    const from = floats(backend, x).subarray(first * imageValues, (first + images) * imageValues);
    eachRun(info, images, (at, column, count) => {
      for (let k = 0; k < count; k++) window[column + k] = from[at + k] as number;
    });
    const start = first * pixels * outChannels;
    floats(backend, part).set(floats(backend, dy).subarray(start, start + rows * outChannels));
    const product = run('BatchMatMul', backend, { a: unfolded, b: part }, { transposeA: true, transposeB: false });
    const sum = floats(backend, out);
    const term = floats(backend, product);
    for (let k = 0; k < sum.length; k++) sum[k] = (sum[k] as number) + (term[k] as number);
    free(backend, [unfolded, part, product]);
  }
  return out;
};

/** dx = fold(dy · Wᵀ): each output pixel's gradient over its window, added back where windows overlap. */
export const conv2DBackpropInput: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const dy = input(call, 'dy');
  const filter = input(call, 'filter');
  const { strides, pad, dataFormat, dimRoundingMode, inputShape } = call.attrs as unknown as Conv2DBackpropInputAttrs;
  refuseChannelsFirst(dataFormat, 'Conv2DBackpropInput');
  const info = backend_util.computeConv2DInfo(
    inputShape,
    filter.shape as Shape4,
    strides,
    1,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
  const slice = imagesPerSlice(info);
  const pixels = info.outHeight * info.outWidth;
  const columns = info.filterHeight * info.filterWidth * info.inChannels;
  const imageValues = info.inHeight * info.inWidth * info.inChannels;
  const outChannels = info.outChannels;
  const out = backend.makeOutput(inputShape, 'float32');
  floats(backend, out).fill(0);
  const flat = run('Reshape', backend, { x: filter }, { shape: [columns, outChannels] });
  const turned = transposed(backend, flat);
  for (let first = 0; first < info.batchSize; first += slice) {
    const images = Math.min(slice, info.batchSize - first);
    const rows = images * pixels;
    const part = backend.makeOutput([rows, outChannels], 'float32');
    const start = first * pixels * outChannels;
    floats(backend, part).set(floats(backend, dy).subarray(start, start + rows * outChannels));
    const product = run('BatchMatMul', backend, { a: part, b: turned }, { transposeA: false, transposeB: false });
    const window = floats(backend, product);
    const into = floats(backend, out).subarray(first * imageValues, (first + images) * imageValues);
    eachRun(info, images, (at, column, count) => {
      for (let k = 0; k < count; k++) into[at + k] = (into[at + k] as number) + (window[column + k] as number);
    });
    free(backend, [part, product]);
  }
  free(backend, [flat, turned]);
  return out;
};

/**
 * Pads first and convolves with 'valid' where a numeric or explicit `pad` meets a filter that is not square or unequal strides:
 * there the stock kernel gives wrong values or writes outside its tensor, which shows later as an error in an unrelated dispose.
 * Wraps Conv2D, FusedConv2D, DepthwiseConv2dNative and FusedDepthwiseConv2D.
 */
export function paddedByHand(original: KernelFunc): KernelFunc {
  return (call: KernelCall) => {
    const { strides, pad, dataFormat } = call.attrs as unknown as Conv2DAttrs;
    const filter = input(call, 'filter');
    const [strideHeight, strideWidth] = Array.isArray(strides) ? strides : [strides, strides];
    const explicit = typeof pad === 'number' ? pad !== 0 : Array.isArray(pad);
    const square = filter.shape[0] === filter.shape[1] && strideHeight === strideWidth && !Array.isArray(pad);
    if (!explicit || square || dataFormat === 'NCHW') return original(call);
    const backend = call.backend as BackendWasm;
    const x = input(call, 'x');
    const info = paddingOf(call, x, filter);
    const { top, bottom, left, right } = info.padInfo;
    const paddings = [
      [0, 0],
      [top, bottom],
      [left, right],
      [0, 0],
    ];
    const padded = run('PadV2', backend, { x }, { paddings, constantValue: 0 });
    const out = original({ inputs: { ...call.inputs, x: padded }, backend, attrs: { ...call.attrs, pad: 'valid' } });
    free(backend, [padded]);
    return out;
  };
}

function paddingOf(call: KernelCall, x: TensorInfo, filter: TensorInfo): ConvInfo {
  const { strides, pad, dilations, dimRoundingMode } = call.attrs as unknown as Conv2DAttrs;
  // Padding depends on height and width alone, so a depthwise filter [h, w, c, m] may be read as an ordinary one of matching depth.
  const shape: Shape4 = [filter.shape[0] as number, filter.shape[1] as number, x.shape[3] as number, 1];
  return backend_util.computeConv2DInfo(
    x.shape as Shape4,
    shape,
    strides,
    dilations ?? 1,
    pad,
    dimRoundingMode,
    false,
    'channelsLast',
  );
}
