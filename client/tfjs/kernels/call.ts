// How our wasm kernels reach memory and other kernels: below TensorFlow.js's engine, so nothing is tracked or freed for them.
// Not here: the kernels themselves. A kernel frees by hand every tensor it makes and does not return.

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import {
  getKernel,
  type KernelFunc,
  type NamedAttrMap,
  type NamedTensorInfoMap,
  type TensorInfo,
} from '@tensorflow/tfjs-core';

export type KernelCall = Parameters<KernelFunc>[0];
export type { BackendWasm, TensorInfo };

/** Registered name of the backend all of this is for. */
export const WASM = 'wasm';

/** Runs a registered kernel by name. The result belongs to the caller. */
export function run(name: string, backend: BackendWasm, inputs: NamedTensorInfoMap, attrs: object = {}): TensorInfo {
  const out = getKernel(name, WASM).kernelFunc({ inputs, backend, attrs: attrs as NamedAttrMap });
  return Array.isArray(out) ? (out[0] as TensorInfo) : out;
}

export function free(backend: BackendWasm, tensors: readonly TensorInfo[]): void {
  for (const tensor of tensors) backend.disposeData(tensor.dataId);
}

/**
 * The tensor's values in the wasm heap itself: no copy. An allocation may grow the heap and detach every view,
 * so take views after the last allocation and never keep one.
 */
export function floats(backend: BackendWasm, tensor: TensorInfo): Float32Array {
  return backend.typedArrayFromHeap(tensor) as Float32Array;
}

export function ints(backend: BackendWasm, tensor: TensorInfo): Int32Array {
  return backend.typedArrayFromHeap(tensor) as Int32Array;
}

/** An input by name; a missing one is a bug of the caller. */
export function input(call: KernelCall, name: string): TensorInfo {
  const tensor = call.inputs[name];
  if (tensor === undefined) throw new Error(`kernel input '${name}' is missing`);
  return tensor;
}

/** Swaps the last two axes of a rank 2 or 3 tensor. The result belongs to the caller. */
export function transposed(backend: BackendWasm, x: TensorInfo): TensorInfo {
  return run('Transpose', backend, { x }, { perm: x.shape.length === 2 ? [1, 0] : [0, 2, 1] });
}
