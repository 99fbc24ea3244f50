// Max pooling on the wasm backend: the gradient in two and three dimensions, and the forward pass in three.
// Stock 4.22: the gradients walk every input pixel (2-D takes a quarter of a CNN step), and MaxPool3D starts its maximum at the
// smallest *positive* float, so a window without a positive value gives 1.2e-38. The 2-D forward pass is right and stays.

import { backend_util, type KernelFunc, type MaxPool3DAttrs, type MaxPoolGradAttrs } from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, input, type KernelCall } from './call.js';

/** A pooling in three dimensions; two are three with depth 1. No dilation: TensorFlow.js pools without it here. */
interface Pooling {
  readonly batchSize: number;
  readonly channels: number;
  /** Depth, height, width of each. */
  readonly inSize: readonly [number, number, number];
  readonly outSize: readonly [number, number, number];
  readonly filter: readonly [number, number, number];
  readonly strides: readonly [number, number, number];
  /** Padding before the first plane, row and column. */
  readonly padding: readonly [number, number, number];
}

/** `visit(output, input)` for every output value, in order, with the place of the first largest input of its window. */
function eachMaximum(values: Float32Array, pooling: Pooling, visit: (output: number, input: number) => void): void {
  const { batchSize, channels, inSize, outSize, filter, strides, padding } = pooling;
  const [depth, height, width] = inSize;
  let output = 0;
  for (let n = 0; n < batchSize; n++) {
    for (let oz = 0; oz < outSize[0]; oz++) {
      const z0 = oz * strides[0] - padding[0];
      const zFrom = Math.max(0, z0);
      const zTo = Math.min(depth, z0 + filter[0]);
      for (let oy = 0; oy < outSize[1]; oy++) {
        const y0 = oy * strides[1] - padding[1];
        const yFrom = Math.max(0, y0);
        const yTo = Math.min(height, y0 + filter[1]);
        for (let ox = 0; ox < outSize[2]; ox++) {
          const x0 = ox * strides[2] - padding[2];
          const xFrom = Math.max(0, x0);
          const xTo = Math.min(width, x0 + filter[2]);
          for (let c = 0; c < channels; c++, output++) {
            let best = -1;
            let most = 0;
            for (let z = zFrom; z < zTo; z++) {
              for (let y = yFrom; y < yTo; y++) {
                const line = ((n * depth + z) * height + y) * width;
                for (let x = xFrom; x < xTo; x++) {
                  const place = (line + x) * channels + c;
                  const value = values[place] as number;
                  if (best < 0 || value > most) {
                    most = value;
                    best = place;
                  }
                }
              }
            }
            visit(output, best);
          }
        }
      }
    }
  }
}

function pooling2D(shape: readonly number[], attrs: MaxPoolGradAttrs): Pooling {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const info = backend_util.computePool2DInfo(
    shape as [number, number, number, number],
    filterSize,
    strides,
    1,
    pad,
    dimRoundingMode,
  );
  return {
    batchSize: info.batchSize,
    channels: info.inChannels,
    inSize: [1, info.inHeight, info.inWidth],
    outSize: [1, info.outHeight, info.outWidth],
    filter: [1, info.effectiveFilterHeight, info.effectiveFilterWidth],
    strides: [1, info.strideHeight, info.strideWidth],
    padding: [0, info.padInfo.top, info.padInfo.left],
  };
}

function pooling3D(
  shape: readonly number[],
  attrs: Omit<MaxPool3DAttrs, 'dataFormat'>,
): { pooling: Pooling; outShape: number[] } {
  const { filterSize, strides, pad, dimRoundingMode } = attrs;
  const in5 = shape as [number, number, number, number, number];
  const info = backend_util.computePool3DInfo(in5, filterSize, strides, 1, pad, dimRoundingMode);
  const pooling: Pooling = {
    batchSize: info.batchSize,
    channels: info.inChannels,
    inSize: [info.inDepth, info.inHeight, info.inWidth],
    outSize: [info.outDepth, info.outHeight, info.outWidth],
    filter: [info.effectiveFilterDepth, info.effectiveFilterHeight, info.effectiveFilterWidth],
    strides: [info.strideDepth, info.strideHeight, info.strideWidth],
    padding: [info.padInfo.front, info.padInfo.top, info.padInfo.left],
  };
  return { pooling, outShape: info.outShape };
}

/** Each output's gradient goes to the first largest input of its window: the reference backend's rule, ties included. */
function gradient(call: KernelCall, pooling: Pooling): ReturnType<KernelFunc> {
  const backend = call.backend as BackendWasm;
  const x = input(call, 'input');
  const out = backend.makeOutput(x.shape, 'float32');
  const dx = floats(backend, out);
  const dy = floats(backend, input(call, 'dy'));
  dx.fill(0);
  eachMaximum(floats(backend, x), pooling, (from, into) => {
    dx[into] = (dx[into] as number) + (dy[from] as number);
  });
  return out;
}

export const maxPoolGrad: KernelFunc = (call: KernelCall) =>
  gradient(call, pooling2D(input(call, 'input').shape, call.attrs as unknown as MaxPoolGradAttrs));

export const maxPool3DGrad: KernelFunc = (call: KernelCall) =>
  gradient(call, pooling3D(input(call, 'input').shape, call.attrs as unknown as MaxPool3DAttrs).pooling);

export const maxPool3D: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const x = input(call, 'x');
  const { pooling, outShape } = pooling3D(x.shape, call.attrs as unknown as MaxPool3DAttrs);
  const out = backend.makeOutput(outShape, 'float32');
  const into = floats(backend, out);
  const values = floats(backend, x);
  eachMaximum(values, pooling, (at, from) => {
    into[at] = values[from] as number;
  });
  return out;
};
