// Paddings that go wrong on the way to the wasm backend's convolutions: one is refused, one is done by hand.
// Not here: gradients (conv.ts, depthwise.ts); they compute their own padding.

import { backend_util, type Conv2DAttrs, type KernelFunc } from '@tensorflow/tfjs-core';
import { SottoError } from '../../../protocol/errors.js';
import { type BackendWasm, free, input, type KernelCall, run } from './call.js';

type Shape4 = [number, number, number, number];

/**
 * A *numeric* `pad` with a filter that is not square or unequal strides is refused: tfjs-core itself computes the width of the
 * result from the filter's height and the vertical stride there, so no backend can be right, and the wasm kernel writes past the
 * memory of its result, which shows later as an error in an unrelated dispose. The remedy keeps the padding: give it per side.
 *
 * 'same' with a filter side smaller than its stride reads beside the input in the stock kernel; it is padded first and then 'valid'.
 * Wraps Conv2D, FusedConv2D, DepthwiseConv2dNative and FusedDepthwiseConv2D.
 */
export function safelyPadded(original: KernelFunc): KernelFunc {
  return (call: KernelCall) => {
    const { strides, pad, dilations, dataFormat, dimRoundingMode } = call.attrs as unknown as Conv2DAttrs;
    const x = input(call, 'x');
    const [height, width] = input(call, 'filter').shape as Shape4;
    const [strideHeight, strideWidth] = Array.isArray(strides) ? strides : [strides, strides];
    if (typeof pad === 'number' && (height !== width || strideHeight !== strideWidth)) {
      const message = `padding ${pad} for a ${height}×${width} filter with strides ${strideHeight}, ${strideWidth} is computed wrongly by TensorFlow.js`;
      const remedy = "give it per side, [[0, 0], [top, bottom], [left, right], [0, 0]], or use 'valid' or 'same'";
      throw new SottoError('TRAIN_UNSUPPORTED', `${message}; ${remedy}`);
    }
    if (pad !== 'same' || dataFormat === 'NCHW' || (height >= strideHeight && width >= strideWidth))
      return original(call);
    const backend = call.backend as BackendWasm;
    // Padding depends on height and width alone, so a depthwise filter [h, w, c, m] may be read as an ordinary one.
    const filter: Shape4 = [height, width, x.shape[3] as number, 1];
    const { padInfo } = backend_util.computeConv2DInfo(
      x.shape as Shape4,
      filter,
      strides,
      dilations ?? 1,
      pad,
      dimRoundingMode,
    );
    const { top, bottom, left, right } = padInfo;
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
