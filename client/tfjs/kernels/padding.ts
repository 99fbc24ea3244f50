// Explicit padding for convolutions of the wasm backend whose padding it gets wrong. Not here: gradients (conv.ts, depthwise.ts).

import { backend_util, type Conv2DAttrs, type KernelFunc } from '@tensorflow/tfjs-core';
import { type BackendWasm, free, input, type KernelCall, run, type TensorInfo } from './call.js';

type ConvInfo = backend_util.Conv2DInfo;
type Shape4 = [number, number, number, number];

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
