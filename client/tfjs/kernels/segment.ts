// UnsortedSegmentSum as one pass over the data: the gradient of every gather, so of embeddings. Missing on wasm; on cpu the stock
// kernel costs (segments × data), which an embedding of 10,000 rows does not survive, so this one replaces it there too.

import { type KernelFunc, type TensorInfo, type UnsortedSegmentSumAttrs, util } from '@tensorflow/tfjs-core';
import { type BackendWasm, floats, input, ints, type KernelCall } from './call.js';

/** Adds each slice of `values` to the row its id names. Negative ids and ids ≥ `rows` are skipped, as TensorFlow does. */
export function segmentSum(
  values: ArrayLike<number>,
  ids: ArrayLike<number>,
  into: Float32Array | Int32Array,
  rows: number,
): void {
  const width = ids.length === 0 ? 0 : values.length / ids.length;
  for (let i = 0; i < ids.length; i++) {
    const id = ids[i] as number;
    if (id < 0 || id >= rows) continue;
    for (let k = 0, from = i * width, to = id * width; k < width; k++) {
      into[to + k] = (into[to + k] as number) + (values[from + k] as number);
    }
  }
}

function outputShape(call: KernelCall): {
  x: TensorInfo;
  segmentIds: TensorInfo;
  numSegments: number;
  shape: number[];
} {
  const x = input(call, 'x');
  const segmentIds = input(call, 'segmentIds');
  const { numSegments } = call.attrs as unknown as UnsortedSegmentSumAttrs;
  return { x, segmentIds, numSegments, shape: [numSegments, ...x.shape.slice(segmentIds.shape.length)] };
}

export const wasmSegmentSum: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as BackendWasm;
  const { x, segmentIds, numSegments, shape } = outputShape(call);
  const out = backend.makeOutput(shape, x.dtype);
  const view = x.dtype === 'int32' ? ints : floats;
  const into = view(backend, out);
  into.fill(0);
  segmentSum(view(backend, x), ints(backend, segmentIds), into, numSegments);
  return out;
};

/** What both kinds of backend offer and this kernel needs of cpu's. */
interface HostBackend {
  readSync(dataId: object): Float32Array | Int32Array;
  makeTensorInfo(shape: number[], dtype: TensorInfo['dtype'], values: Float32Array | Int32Array): TensorInfo;
}

export const cpuSegmentSum: KernelFunc = (call: KernelCall) => {
  const backend = call.backend as HostBackend;
  const { x, segmentIds, numSegments, shape } = outputShape(call);
  const size = util.sizeFromShape(shape);
  const into = x.dtype === 'int32' ? new Int32Array(size) : new Float32Array(size);
  segmentSum(backend.readSync(x.dataId), backend.readSync(segmentIds.dataId), into, numSegments);
  return backend.makeTensorInfo(shape, x.dtype, into);
};
