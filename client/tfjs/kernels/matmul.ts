// Cures for the wasm backend's matrix product: transposed operands are slow there, and the fused form is wrong off its fast path.
// Stock 4.22: the fast path serves only untransposed operands with batch 1. Elsewhere bias is added once per 48-wide block of the
// inner dimension, and the activation is applied to partial sums. Both cures stay on the fast path or do not fuse.

import type { _FusedMatMulAttrs, BatchMatMulAttrs, KernelFunc } from '@tensorflow/tfjs-core';
import { type BackendWasm, free, input, type KernelCall, run, type TensorInfo, transposed } from './call.js';

/**
 * Transposes explicitly, then multiplies: 5-9 ms become 0.5-1.0 for a dense layer's backward products.
 * Wraps BatchMatMul, and _FusedMatMul where both batches are 1.
 */
export function straight(original: KernelFunc): KernelFunc {
  return (call: KernelCall) => {
    const backend = call.backend as BackendWasm;
    const { transposeA, transposeB } = call.attrs as unknown as BatchMatMulAttrs;
    if (!transposeA && !transposeB) return original(call);
    const a = transposeA ? transposed(backend, input(call, 'a')) : input(call, 'a');
    const b = transposeB ? transposed(backend, input(call, 'b')) : input(call, 'b');
    const attrs = { ...call.attrs, transposeA: false, transposeB: false };
    const out = original({ inputs: { ...call.inputs, a, b }, backend, attrs });
    free(backend, [...(transposeA ? [a] : []), ...(transposeB ? [b] : [])]);
    return out;
  };
}

/** Kernel of each activation that TensorFlow.js fuses; `linear` has none. */
const ACTIVATIONS: Readonly<Record<string, string>> = {
  relu: 'Relu',
  relu6: 'Relu6',
  sigmoid: 'Sigmoid',
  elu: 'Elu',
  leakyrelu: 'LeakyRelu',
  prelu: 'Prelu',
};

const batchOf = (tensor: TensorInfo): number => tensor.shape.slice(0, -2).reduce((product, side) => product * side, 1);

/** _FusedMatMul: fused where the fast path is right, otherwise product, bias and activation one after the other. */
export function fusedMatMul(original: KernelFunc): KernelFunc {
  const single = straight(original);
  return (call: KernelCall) => {
    const a = input(call, 'a');
    const b = input(call, 'b');
    if (batchOf(a) === 1 && batchOf(b) === 1) return single(call);
    const backend = call.backend as BackendWasm;
    const { transposeA, transposeB, activation, leakyreluAlpha } = call.attrs as unknown as _FusedMatMulAttrs;
    const { bias, preluActivationWeights } = call.inputs;
    let out = run('BatchMatMul', backend, { a, b }, { transposeA, transposeB });
    const replace = (next: TensorInfo): void => {
      free(backend, [out]);
      out = next;
    };
    if (bias) replace(run('Add', backend, { a: out, b: bias }));
    const kernel = ACTIVATIONS[activation];
    if (kernel === 'Prelu') replace(run(kernel, backend, { x: out, alpha: preluActivationWeights }));
    else if (kernel) replace(run(kernel, backend, { x: out }, { alpha: leakyreluAlpha }));
    else if (activation && activation !== 'linear')
      throw new Error(`fused activation '${activation}' is not known here`);
    return out;
  };
}
