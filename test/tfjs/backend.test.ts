// The choice of a backend: said in a line, asserted, refused with a remedy, and without side effects on the host program.

import * as tf from '@tensorflow/tfjs-core';
import { describe, expect, test } from 'vitest';
import { startBackend } from '../../client/tfjs/index.js';
import { codeOf } from './support.js';

describe('starting a backend', () => {
  test('importing the package starts none and registers no kernel', () => {
    expect(tf.engine().registryFactory).toEqual({});
  });

  test('auto falls back to wasm where the native library is missing, and says so in one line', async () => {
    const lines: string[] = [];
    const listeners = process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection');
    const info = await startBackend({ log: (line) => lines.push(line) });
    expect(info.name).toBe('wasm');
    expect(tf.getBackend()).toBe('wasm');
    expect(lines).toEqual([info.why]);
    expect(info.why).toMatch(/^training on TensorFlow\.js 4\.22\.0, backend wasm with our kernels \(tfjs-node .+\)$/);
    expect(info.why).not.toContain('\n');
    // The wasm loader would make every unhandled rejection of the host program fatal in its own way.
    expect(process.listenerCount('uncaughtException') + process.listenerCount('unhandledRejection')).toBe(listeners);
  });

  test('every start asserts the backend: switching back and forth, also at the same time, ends where the last one asked', async () => {
    await Promise.all((['cpu', 'wasm', 'cpu', 'wasm', 'cpu'] as const).map((backend) => startBackend({ backend })));
    expect(tf.getBackend()).toBe('cpu');
    await tf.setBackend('wasm');
    expect((await startBackend({ backend: 'cpu' })).name).toBe('cpu');
    expect(tf.getBackend()).toBe('cpu');
  });

  test('a backend that is not installed is refused by its package name, and the active one stays', async () => {
    await startBackend({ backend: 'wasm' });
    await expect(startBackend({ backend: 'webgpu' })).rejects.toThrow(
      /install or import @tensorflow\/tfjs-backend-webgpu/,
    );
    expect(await codeOf(startBackend({ backend: 'tensorflow' }))).toBe('TRAIN_BACKEND');
    expect(tf.getBackend()).toBe('wasm');
  });

  test('a backend that starts but differentiates wrongly is refused, and the active one stays', async () => {
    await startBackend({ backend: 'cpu' });
    const name = 'webgl';
    tf.registerBackend(name, () => tf.findBackend('cpu'));
    for (const kernel of tf.getKernelsForBackend('cpu')) {
      const broken: typeof kernel.kernelFunc = (call) =>
        kernel.kernelFunc({ ...call, inputs: { ...call.inputs, b: call.inputs.a } });
      tf.registerKernel({
        ...kernel,
        backendName: name,
        kernelFunc: kernel.kernelName === 'Multiply' ? broken : kernel.kernelFunc,
      });
    }
    await expect(startBackend({ backend: name })).rejects.toThrow(/TRAIN_BACKEND.*wrong gradient/);
    expect(tf.getBackend()).toBe('cpu');
  });
});
