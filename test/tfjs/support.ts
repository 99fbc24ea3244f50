// Shared by the tests of client/tfjs: synthetic data from a seed, round descriptions, differences of tensors across backends.

import * as tf from '@tensorflow/tfjs-core';
import { type CnnSpec, type Dataset, type MlpSpec, seededRandom, startBackend } from '../../client/tfjs/index.js';
import type { LocalSteps, PlainTraining, TrainingRound } from '../../client/trainer.js';

/** `n` examples of `classes` noisy prototypes: separable, so training visibly helps, and no file is read. */
export function blobs(n: number, shape: readonly number[], classes: number, seed: string): Dataset {
  const random = seededRandom('blobs', seed);
  const size = shape.reduce((product, side) => product * side, 1);
  const prototypes = Float32Array.from({ length: classes * size }, () => random() - 0.5);
  const labels = Uint8Array.from({ length: n }, () => Math.floor(random() * classes));
  const inputs = Float32Array.from({ length: n * size }, (_, i) => {
    const label = labels[Math.floor(i / size)] as number;
    return (prototypes[label * size + (i % size)] as number) + 0.4 * (random() - 0.5);
  });
  return { inputs, labels, shape, classes };
}

export const MLP: MlpSpec = { kind: 'mlp', input: 12, hidden: [16], classes: 4 };
export const CNN: CnnSpec = { kind: 'cnn', input: [10, 10, 2], filters: [4], hidden: [8], classes: 3 };

export type PlainSpec = LocalSteps & PlainTraining;

export function spec(overrides: Partial<PlainSpec> = {}): PlainSpec {
  return { algorithm: 'fedavg', epochs: 2, batchSize: 16, learningRate: 0.1, optimizer: 'sgd', ...overrides };
}

type PlainRound = TrainingRound & { readonly spec: PlainSpec };
export function round(overrides: Partial<PlainSpec> = {}, rest: Partial<PlainRound> = {}): PlainRound {
  return { task: 'test', round: 1, attempt: 0, spec: spec(overrides), ...rest };
}

/** The error's code, or 'none' if nothing was thrown. */
export async function codeOf(work: Promise<unknown>): Promise<string> {
  try {
    await work;
    return 'none';
  } catch (error) {
    return String((error as { code?: unknown }).code ?? error);
  }
}

export function uniform(shape: readonly number[], seed: string): tf.Tensor {
  const random = seededRandom('uniform', seed);
  const size = shape.reduce((product, side) => product * side, 1);
  return tf.tensor(
    Float32Array.from({ length: size }, () => 2 * random() - 1),
    [...shape],
  );
}

/** Values of what `compute` gives on one backend, tensors in order, all freed. */
export async function valuesOn(backend: 'wasm' | 'cpu', compute: () => tf.Tensor[]): Promise<Float32Array[]> {
  await startBackend({ backend });
  const out = tf.tidy(compute);
  const values = out.map((tensor) => Float32Array.from(tensor.dataSync()));
  tf.dispose(out);
  return values;
}

/** Largest difference relative to max(1, |reference|), Infinity where shapes differ or a value is not finite. */
export function difference(got: readonly Float32Array[], reference: readonly Float32Array[]): number {
  let worst = got.length === reference.length ? 0 : Number.POSITIVE_INFINITY;
  reference.forEach((expected, i) => {
    const values = got[i];
    if (values?.length !== expected.length) worst = Number.POSITIVE_INFINITY;
    else {
      expected.forEach((value, k) => {
        const distance = Math.abs((values[k] as number) - value) / Math.max(1, Math.abs(value));
        worst = Number.isNaN(distance) ? Number.POSITIVE_INFINITY : Math.max(worst, distance);
      });
    }
  });
  return worst;
}

/** Largest difference between wasm and cpu of the same computation. */
export async function wasmAgainstCpu(compute: () => tf.Tensor[]): Promise<number> {
  const reference = await valuesOn('cpu', compute);
  return difference(await valuesOn('wasm', compute), reference);
}
