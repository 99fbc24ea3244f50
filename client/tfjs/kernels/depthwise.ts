// Both gradients of a depthwise convolution on the wasm backend, which has neither. Plain loops over the heap: the arithmetic is
// one multiply per value moved, so a matrix product would gain nothing. NHWC; dilation works (the stock forward pass has it too).

import {
  backend_util,
  type DepthwiseConv2dNativeBackpropFilterAttrs,
  type DepthwiseConv2dNativeBackpropInputAttrs,
  type KernelFunc,
} from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, input, type KernelCall } from './call.js';

type ConvInfo = backend_util.Conv2DInfo;
type Shape4 = [number, number, number, number];

/** Visits every pair of an input pixel and the output pixel it reaches through one tap; offsets point at channel 0. */
function eachTap(info: ConvInfo, visit: (x: number, dy: number, filter: number) => void): void {
  const { batchSize, inHeight, inWidth, inChannels, outHeight, outWidth, outChannels, filterHeight, filterWidth } =
    info;
  const { strideHeight, strideWidth, dilationHeight, dilationWidth } = info;
  const { top, left } = info.padInfo;
  for (let n = 0; n < batchSize; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      for (let ox = 0; ox < outWidth; ox++) {
        const dy = ((n * outHeight + oy) * outWidth + ox) * outChannels;
        for (let i = 0; i < filterHeight; i++) {
          const y = oy * strideHeight - top + i * dilationHeight;
          if (y < 0 || y >= inHeight) continue;
          for (let j = 0; j < filterWidth; j++) {
            const column = ox * strideWidth - left + j * dilationWidth;
            if (column < 0 || column >= inWidth) continue;
            visit(((n * inHeight + y) * inWidth + column) * inChannels, dy, (i * filterWidth + j) * outChannels);
          }
        }
      }
    }
  }
}

/** dW[i, j, c, m] = Σ x[…, c] · dy[…, c·M + m], M = channel multiplier; `outChannels` of the info is c·M. */
export const depthwiseBackpropFilter: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const x = input(call, 'x');
  const dy = input(call, 'dy');
  const attrs = call.attrs as unknown as DepthwiseConv2dNativeBackpropFilterAttrs;
  const { filterShape, strides, dilations, pad, dimRoundingMode } = attrs;
  const info = backend_util.computeConv2DInfo(
    x.shape as Shape4,
    filterShape,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
  const multiplier = info.outChannels / info.inChannels;
  const out = backend.makeOutput(filterShape, 'float32');
  // Sums run in float64 and are rounded once: thousands of terms meet in one value here.
  const sums = new Float64Array(filterShape.reduce((product, side) => product * side, 1));
  const values = floats(backend, x);
  const gradient = floats(backend, dy);
  eachTap(info, (from, at, tap) => {
    for (let c = 0, o = 0; c < info.inChannels; c++) {
      const value = values[from + c] as number;
      for (let m = 0; m < multiplier; m++, o++) {
        sums[tap + o] = (sums[tap + o] as number) + value * (gradient[at + o] as number);
      }
    }
  });
  floats(backend, out).set(sums);
  return out;
};

/** dx[…, c] = Σ over taps and m of dy[…, c·M + m] · W[i, j, c, m]. */
export const depthwiseBackpropInput: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const dy = input(call, 'dy');
  const filter = input(call, 'filter');
  const attrs = call.attrs as unknown as DepthwiseConv2dNativeBackpropInputAttrs;
  const { inputShape, strides, dilations, pad, dimRoundingMode } = attrs;
  const info = backend_util.computeConv2DInfo(
    inputShape,
    filter.shape as Shape4,
    strides,
    dilations,
    pad,
    dimRoundingMode,
    true,
  );
  const multiplier = info.outChannels / info.inChannels;
  const out = backend.makeOutput(inputShape, 'float32');
  const dx = floats(backend, out);
  const weights = floats(backend, filter);
  const gradient = floats(backend, dy);
  dx.fill(0);
  eachTap(info, (into, at, tap) => {
    for (let c = 0, o = 0; c < info.inChannels; c++) {
      let sum = 0;
      for (let m = 0; m < multiplier; m++, o++) sum += (gradient[at + o] as number) * (weights[tap + o] as number);
      dx[into + c] = (dx[into + c] as number) + sum;
    }
  });
  return out;
};
