// Our wasm kernels one by one against the reference backend, and their manners: nothing leaked, nothing installed twice.

import type { BackendWasm } from '@tensorflow/tfjs-backend-wasm';
import * as tf from '@tensorflow/tfjs-core';
import { beforeAll, describe, expect, test } from 'vitest';
import { installWasmKernels, startBackend } from '../../client/tfjs/index.js';
import { uniform, wasmAgainstCpu } from './support.js';

/** Relative to max(1, |reference|); float32 sums of a few hundred terms in two orders differ by less. */
const TOLERANCE = 1e-5;

beforeAll(() => startBackend({ backend: 'wasm' }));

describe('matrix products', () => {
  for (const inner of [5, 48, 49, 64, 200]) {
    test(`inner dimension ${inner}: every transpose and batch agrees with the reference`, async () => {
      for (const transposeA of [false, true]) {
        for (const transposeB of [false, true]) {
          for (const batch of [[], [1], [3]]) {
            const a = uniform([...batch, ...(transposeA ? [inner, 7] : [7, inner])], 'a');
            const b = uniform([...batch, ...(transposeB ? [9, inner] : [inner, 9])], 'b');
            const worst = await wasmAgainstCpu(() => [tf.matMul(a, b, transposeA, transposeB)]);
            expect(worst, `${transposeA} ${transposeB} [${batch}]`).toBeLessThan(TOLERANCE);
            tf.dispose([a, b]);
          }
        }
      }
    });

    test(`inner dimension ${inner}: fused bias is added once and the activation applied to whole sums`, async () => {
      for (const activation of ['linear', 'relu', 'relu6', 'elu', 'sigmoid', 'leakyrelu', 'prelu'] as const) {
        for (const transposeB of [false, true]) {
          for (const batch of [[], [1], [2]]) {
            const a = uniform([...batch, 7, inner], 'a');
            const b = uniform([...batch, ...(transposeB ? [9, inner] : [inner, 9])], 'b');
            const bias = uniform([9], 'bias');
            const preluActivationWeights = uniform([9], 'prelu');
            const extra =
              activation === 'prelu'
                ? { preluActivationWeights }
                : activation === 'leakyrelu'
                  ? { leakyreluAlpha: 0.3 }
                  : {};
            const worst = await wasmAgainstCpu(() => [
              tf.fused.matMul({ a, b, transposeB, bias, activation, ...extra }),
            ]);
            expect(worst, `${activation} ${transposeB} [${batch}]`).toBeLessThan(TOLERANCE);
            tf.dispose([a, b, bias, preluActivationWeights]);
          }
        }
      }
    });
  }
});

/** Result and gradients of `f`, weighted so that no two outputs count alike. */
function withGradients(f: (...xs: tf.Tensor[]) => tf.Tensor, xs: tf.Tensor[]): () => tf.Tensor[] {
  return () => {
    const y = f(...xs);
    const weights = tf.sub(tf.mod(tf.reshape(tf.range(0, y.size), y.shape), 7), 3);
    return [y, ...tf.grads((...inputs: tf.Tensor[]) => tf.sum(tf.mul(f(...inputs), weights)))(xs)];
  };
}

type Pad = 'valid' | 'same' | number | [[number, number], [number, number], [number, number], [number, number]];
const UNEVEN: Pad = [
  [0, 0],
  [2, 1],
  [0, 1],
  [0, 0],
];

describe('convolutions', () => {
  for (const filter of [
    [3, 3],
    [1, 1],
    [2, 3],
    [3, 1],
  ] as const) {
    for (const strides of [1, 2, [2, 1]] as const) {
      test(`filter ${filter.join('×')}, stride ${String(strides)}: result and both gradients agree for every padding`, async () => {
        const equal = filter[0] === filter[1] && typeof strides === 'number';
        for (const pad of ['valid', 'same', UNEVEN, ...(equal ? [0, 1, 2] : [])] as const) {
          const x = uniform([2, 7, 6, 3], 'x');
          const w = uniform([...filter, 3, 4], 'w');
          const conv = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
            tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides as number | [number, number], pad as Pad);
          const worst = await wasmAgainstCpu(withGradients(conv as (...xs: tf.Tensor[]) => tf.Tensor, [x, w]));
          expect(worst, `pad ${String(pad)}`).toBeLessThan(TOLERANCE);
          tf.dispose([x, w]);
        }
      });
    }
  }

  test('fused convolutions with a filter side below its stride agree', async () => {
    const x = uniform([2, 7, 6, 3], 'x') as tf.Tensor4D;
    const filter = uniform([3, 1, 3, 4], 'w') as tf.Tensor4D;
    const bias = uniform([4], 'bias');
    const worst = await wasmAgainstCpu(() => [
      tf.fused.conv2d({ x, filter, strides: 2, pad: 'same', bias, activation: 'relu' }),
    ]);
    expect(worst).toBeLessThan(TOLERANCE);
    tf.dispose([x, filter, bias]);
  });

  test('a numeric padding that TensorFlow.js would compute wrongly is refused with the remedy, and corrupts nothing', async () => {
    await startBackend({ backend: 'wasm' });
    const x = uniform([2, 7, 6, 3], 'x') as tf.Tensor4D;
    const oblong = uniform([2, 3, 3, 4], 'w') as tf.Tensor4D;
    const square = uniform([3, 3, 3, 4], 'w') as tf.Tensor4D;
    expect(() => tf.conv2d(x, oblong, 1, 1)).toThrow(/per side/);
    expect(() => tf.conv2d(x, square, [2, 1], 1)).toThrow(/TRAIN_UNSUPPORTED/);
    expect(() => tf.fused.conv2d({ x, filter: oblong, strides: 1, pad: 0 })).toThrow(/per side/);
    expect(() => tf.depthwiseConv2d(x, oblong, 1, 1)).toThrow(/per side/);
    tf.dispose([x, oblong, square]);
  });

  test('a batch too large for one slice of unfolded windows gives the same gradients', async () => {
    // 12 images × 30² windows × 9·9·6 values = 5.2 M, above the 4 M of a slice. Tolerance for
    // float32 sums of 10,800 terms up to 3; a window or an image left out would show as 1 or more.
    const x = uniform([12, 30, 30, 6], 'x');
    const w = uniform([9, 9, 6, 1], 'w');
    const grad = withGradients((a, b) => tf.conv2d(a as tf.Tensor4D, b as tf.Tensor4D, 1, 'same'), [x, w]);
    expect(await wasmAgainstCpu(grad)).toBeLessThan(1e-3);
    tf.dispose([x, w]);
  });

  for (const [multiplier, strides] of [
    [1, 1],
    [2, 2],
    [3, 1],
  ] as const) {
    test(`depthwise, ${multiplier} outputs a channel, stride ${strides}: both gradients agree`, async () => {
      for (const pad of ['valid', 'same', 1] as const) {
        const x = uniform([2, 7, 6, 3], 'x');
        const w = uniform([3, 3, 3, multiplier], 'w');
        const depthwise = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
          tf.depthwiseConv2d(a as tf.Tensor4D, b as tf.Tensor4D, strides, pad);
        const worst = await wasmAgainstCpu(withGradients(depthwise as (...xs: tf.Tensor[]) => tf.Tensor, [x, w]));
        expect(worst, `pad ${pad}`).toBeLessThan(TOLERANCE);
        tf.dispose([x, w]);
      }
    });
  }

  test('three dimensions: gradients agree even in memory full of old values', async () => {
    const x = uniform([2, 5, 4, 6, 2], 'x');
    const w = uniform([2, 3, 2, 2, 3], 'w');
    for (const strides of [1, 2]) {
      for (const pad of ['valid', 'same'] as const) {
        dirtyHeap();
        const conv = (a: tf.Tensor, b: tf.Tensor): tf.Tensor =>
          tf.conv3d(a as tf.Tensor5D, b as tf.Tensor5D, strides, pad);
        const worst = await wasmAgainstCpu(withGradients(conv as (...xs: tf.Tensor[]) => tf.Tensor, [x, w]));
        expect(worst).toBeLessThan(TOLERANCE);
      }
    }
    tf.dispose([x, w]);
  });
});

/** Leaves 7s in freed memory of many sizes, so that a kernel which does not clear its output shows it. */
function dirtyHeap(): void {
  for (let size = 8; size < 4000; size = Math.ceil(size * 1.3)) tf.dispose([tf.fill([size], 7), tf.fill([size], 7)]);
}

describe('max pooling', () => {
  test('gradients agree for overlapping, padded and cut-off windows, and for windows without a positive value', async () => {
    for (const [size, strides, pad] of [
      [2, 2, 'valid'],
      [3, 2, 'same'],
      [3, 1, 'same'],
      [2, 3, 'valid'],
    ] as const) {
      for (const shift of [0, -2]) {
        const x = tf.add(uniform([2, 7, 6, 3], 'x'), shift);
        const flat = withGradients((a) => tf.maxPool(a as tf.Tensor4D, size, strides, pad), [x]);
        expect(await wasmAgainstCpu(flat), `2-D ${size} ${strides} ${pad} ${shift}`).toBeLessThan(TOLERANCE);
        const deep = tf.add(uniform([2, 5, 6, 5, 2], 'deep'), shift);
        const solid = withGradients((a) => tf.maxPool3d(a as tf.Tensor5D, size, strides, pad), [deep]);
        expect(await wasmAgainstCpu(solid), `3-D ${size} ${strides} ${pad} ${shift}`).toBeLessThan(TOLERANCE);
        tf.dispose([x, deep]);
      }
    }
  });

  test('of equal values the first gets the gradient', async () => {
    const x = tf.ones([1, 4, 4, 1]);
    expect(await wasmAgainstCpu(withGradients((a) => tf.maxPool(a as tf.Tensor4D, 2, 2, 'valid'), [x]))).toBeLessThan(
      TOLERANCE,
    );
    tf.dispose(x);
  });
});

describe('segment sums', () => {
  for (const backend of ['wasm', 'cpu'] as const) {
    test(`on ${backend}: repeated ids add up, negative and too large ids are skipped, int32 stays int32`, async () => {
      await startBackend({ backend });
      const [floats, ints] = tf.tidy(() => {
        const ids = tf.tensor1d([2, -1, 0, 2, 9], 'int32');
        const values = [1, 2, 30, 40, 500, 600, 7, 8, 9, 9];
        return [
          tf.unsortedSegmentSum(tf.tensor2d(values, [5, 2]), ids, 3),
          tf.unsortedSegmentSum(tf.tensor2d(values, [5, 2], 'int32'), ids, 3),
        ] as const;
      });
      expect([...floats.dataSync()]).toEqual([500, 600, 0, 0, 8, 10]);
      expect([...ints.dataSync()]).toEqual([500, 600, 0, 0, 8, 10]);
      expect(ints.dtype).toBe('int32');
      tf.dispose([floats, ints]);
      await startBackend({ backend: 'wasm' });
    });
  }

  test('the gradient of a gather adds what one row was used for', async () => {
    const table = uniform([6, 4], 'table');
    const gather = withGradients((t) => tf.gather(t, tf.tensor2d([1, 5, 1, 1], [2, 2], 'int32')), [table]);
    expect(await wasmAgainstCpu(gather)).toBeLessThan(TOLERANCE);
    tf.dispose(table);
  });
});

describe('manners', () => {
  test('a kernel leaves no tensor, engine-known or not, behind', async () => {
    await startBackend({ backend: 'wasm' });
    const x = uniform([2, 7, 6, 3], 'x') as tf.Tensor4D;
    const w = uniform([2, 3, 3, 4], 'w') as tf.Tensor4D;
    const d = uniform([3, 3, 3, 2], 'd') as tf.Tensor4D;
    const a = uniform([2, 4, 60], 'a');
    const b = uniform([2, 5, 60], 'b');
    const bias = uniform([5], 'bias');
    const work = (): void =>
      tf.tidy(() => {
        withGradients((p, q) => tf.conv2d(p as tf.Tensor4D, q as tf.Tensor4D, [3, 1], 'same'), [x, w])();
        withGradients((p, q) => tf.depthwiseConv2d(p as tf.Tensor4D, q as tf.Tensor4D, 1, 'same'), [x, d])();
        withGradients((p) => tf.maxPool(p as tf.Tensor4D, 2, 2, 'valid'), [x])();
        withGradients((p, q) => tf.matMul(p, q, false, true), [a, b])();
        tf.fused.matMul({ a, b, transposeB: true, bias, activation: 'relu' });
        withGradients((p) => tf.gather(p, tf.tensor1d([1, 1], 'int32')), [a])();
      });
    work();
    const backend = tf.backend() as BackendWasm;
    const before = { ids: backend.numDataIds(), ...tf.memory() };
    for (let i = 0; i < 5; i++) work();
    expect({ ids: backend.numDataIds(), ...tf.memory() }).toEqual(before);
    tf.dispose([x, w, d, a, b, bias]);
  });

  test('installing a second time changes no kernel', () => {
    const kernels = (): unknown[] =>
      (tf.getKernelsForBackend('wasm') ?? []).map(({ kernelName, kernelFunc }) => [kernelName, kernelFunc]);
    const before = kernels();
    installWasmKernels();
    expect(kernels()).toEqual(before);
    expect(new Map(kernels() as [string, unknown][]).get('BatchMatMul')).toBe(
      new Map(before as [string, unknown][]).get('BatchMatMul'),
    );
  });
});
