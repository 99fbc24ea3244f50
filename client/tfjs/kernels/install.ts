// Puts our kernels into TensorFlow.js's registry. A function you call, never an effect of an import.
// For the stock wasm backend 4.22: four gradients it lacks, five results it gets wrong (fused bias, padding, 3-D pooling and
// its gradient, 3-D convolution's input gradient), and three that are only slow.
// Works before or after the backend has started: replaced kernels keep their set-up function, added ones need none.

import { getKernel, type KernelFunc, registerKernel, unregisterKernel } from '@tensorflow/tfjs-core';
import { WASM } from './call.js';
import { conv2DBackpropFilter, conv2DBackpropInput, conv3DBackpropFilter, conv3DBackpropInput } from './conv.js';
import { depthwiseBackpropFilter, depthwiseBackpropInput } from './depthwise.js';
import { fusedMatMul, straight } from './matmul.js';
import { safelyPadded } from './padding.js';
import { maxPool3D, maxPool3DGrad, maxPoolGrad } from './pool.js';
import { cpuSegmentSum, wasmSegmentSum } from './segment.js';

// On the function itself, by a global symbol: the registry is one per process, while this module may be loaded twice (two bundles).
const OURS = Symbol.for('sotto.tfjs.kernel');

function put(kernelName: string, backendName: string, make: (original: KernelFunc | undefined) => KernelFunc): void {
  const old = getKernel(kernelName, backendName) as ReturnType<typeof getKernel> | undefined;
  if (old && OURS in old.kernelFunc) return;
  const wrapped = make(old?.kernelFunc);
  const kernelFunc: KernelFunc = Object.assign((call: Parameters<KernelFunc>[0]) => wrapped(call), { [OURS]: true });
  if (old) unregisterKernel(kernelName, backendName);
  registerKernel({ ...old, kernelName, backendName, kernelFunc });
}

const wrap =
  (by: (original: KernelFunc) => KernelFunc) =>
  (original: KernelFunc | undefined): KernelFunc => {
    if (!original) throw new Error('the wasm backend is not loaded: import @tensorflow/tfjs-backend-wasm first');
    return by(original);
  };

/** Call after `@tensorflow/tfjs-backend-wasm` is imported. A second call changes nothing. */
export function installWasmKernels(): void {
  put('BatchMatMul', WASM, wrap(straight));
  put('_FusedMatMul', WASM, wrap(fusedMatMul));
  for (const name of ['Conv2D', 'FusedConv2D', 'DepthwiseConv2dNative', 'FusedDepthwiseConv2D'])
    put(name, WASM, wrap(safelyPadded));
  put('Conv2DBackpropFilter', WASM, () => conv2DBackpropFilter);
  put('Conv2DBackpropInput', WASM, () => conv2DBackpropInput);
  put('DepthwiseConv2dNativeBackpropFilter', WASM, () => depthwiseBackpropFilter);
  put('DepthwiseConv2dNativeBackpropInput', WASM, () => depthwiseBackpropInput);
  put('Conv3DBackpropFilterV2', WASM, () => conv3DBackpropFilter);
  put('Conv3DBackpropInputV2', WASM, () => conv3DBackpropInput);
  put('MaxPoolGrad', WASM, () => maxPoolGrad);
  put('MaxPool3D', WASM, () => maxPool3D);
  put('MaxPool3DGrad', WASM, () => maxPool3DGrad);
  put('UnsortedSegmentSum', WASM, () => wasmSegmentSum);
}

/** Call after `@tensorflow/tfjs-backend-cpu` is imported. A second call changes nothing. */
export function installCpuKernels(): void {
  put('UnsortedSegmentSum', 'cpu', () => cpuSegmentSum);
}
