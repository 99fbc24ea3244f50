// The gradient of 2-D max pooling on the wasm backend: each output's gradient goes to the first largest input of its window.
// Same rule as the reference backend, ties included; the stock kernel walks every input pixel and is about ten times slower.

import { backend_util, type KernelFunc, type MaxPoolGradAttrs } from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, input, type KernelCall } from './call.js';

export const maxPoolGrad: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const x = input(call, 'input');
  const dy = input(call, 'dy');
  const { filterSize, strides, pad, dimRoundingMode } = call.attrs as unknown as MaxPoolGradAttrs;
  const shape = x.shape as [number, number, number, number];
  const info = backend_util.computePool2DInfo(shape, filterSize, strides, 1, pad, dimRoundingMode);
  const { batchSize, inChannels, inHeight, inWidth, outHeight, outWidth, strideHeight, strideWidth } = info;
  const { effectiveFilterHeight, effectiveFilterWidth, padInfo } = info;
  const out = backend.makeOutput(x.shape, 'float32');
  const dx = floats(backend, out);
  const values = floats(backend, x);
  const gradient = floats(backend, dy);
  dx.fill(0);
  let at = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let oy = 0; oy < outHeight; oy++) {
      const y0 = oy * strideHeight - padInfo.top;
      const yFrom = Math.max(0, y0);
      const yTo = Math.min(inHeight, y0 + effectiveFilterHeight);
      for (let ox = 0; ox < outWidth; ox++) {
        const x0 = ox * strideWidth - padInfo.left;
        const xFrom = Math.max(0, x0);
        const xTo = Math.min(inWidth, x0 + effectiveFilterWidth);
        for (let c = 0; c < inChannels; c++, at++) {
          let best = -1;
          let most = Number.NEGATIVE_INFINITY;
          for (let y = yFrom; y < yTo; y++) {
            const line = (n * inHeight + y) * inWidth;
            for (let column = xFrom; column < xTo; column++) {
              const place = (line + column) * inChannels + c;
              const value = values[place] as number;
              if (value > most) {
                most = value;
                best = place;
              }
            }
          }
          if (best >= 0) dx[best] = (dx[best] as number) + (gradient[at] as number);
        }
      }
    }
  }
  return out;
};
