// Sum of the clipped gradients of some records: two passes per micro-batch, none of them with a gradient per record.
// Not here: which records (poisson.ts), noise, optimiser (loop.ts).

import * as tf from '@tensorflow/tfjs-core';
import { batchLoss } from '../loss.js';
import type { TrainableModel } from '../model.js';
import { clipFactors } from './arithmetic.js';
import { Tape } from './tape.js';

export interface Records {
  /** n × values of one example, scaled. */
  readonly x: Float32Array;
  readonly y: Int32Array;
}

export interface ClippedGradients {
  /** Norm of each record's gradient before clipping. */
  readonly norms: Float64Array;
  /** Summed over the records. */
  readonly loss: number;
  /** Records whose gradient is not finite: they count zero. A NaN would survive min(1, C ÷ NaN) and unbound the sum. */
  readonly rejected: number;
}

/**
 * Adds Σ min(1, C ÷ (‖g_i‖ + 1e-6))·g_i to `sum`: the trainable variables one after the other, flattened, in their order.
 * The norm is over all of them jointly. @throws SottoError TRAIN_UNBOUNDED for models that the tape cannot bound
 */
export function addClippedGradients(
  model: TrainableModel,
  records: Records,
  clipNorm: number,
  sum: Float64Array,
): ClippedGradients {
  const n = records.y.length;
  const all = attempt(model, records, clipNorm);
  if (all.sums !== undefined) {
    add(sum, all.sums);
    return { norms: all.norms, loss: all.loss, rejected: 0 };
  }
  // Some record is not finite. One at a time, so that the others count as they should.
  const norms = new Float64Array(n);
  const width = records.x.length / n;
  let loss = 0;
  let rejected = 0;
  for (let i = 0; i < n; i++) {
    const one = { x: records.x.subarray(i * width, (i + 1) * width), y: records.y.subarray(i, i + 1) };
    const single = attempt(model, one, clipNorm);
    if (single.sums === undefined) {
      rejected++;
      continue;
    }
    add(sum, single.sums);
    norms[i] = single.norms[0] as number; // safe: one record
    loss += single.loss;
  }
  return { norms, loss, rejected };
}

interface Attempt {
  readonly norms: Float64Array;
  readonly loss: number;
  /** Absent where a value, a norm or a sum is not finite, or the sum is longer than its records allow. */
  readonly sums?: readonly Float32Array[];
}

function attempt(model: TrainableModel, { x, y }: Records, clipNorm: number): Attempt {
  // Kernels swallow a NaN here and there (relu, pooling, matrix products of the wasm backend); what is not trained on cannot be.
  if (!allFinite(x)) return { norms: new Float64Array(0), loss: 0 };
  const tape = new Tape(model.trainable);
  try {
    let found: Attempt = { norms: new Float64Array(0), loss: 0 };
    tf.tidy(() => {
      const input = tf.tensor(x, [y.length, ...model.inputShape], 'float32');
      const loss = tape.run((layers) => batchLoss(model.forward(input, true, layers), y, model.output, 'sum'));
      const norms = tape.squaredNorms(y.length).map(Math.sqrt);
      found = { norms, loss };
      if (!norms.every(Number.isFinite)) return;
      const sums = flat(model, tape.clippedSums(clipFactors(norms, clipNorm)));
      if (isWithin(sums, y.length * clipNorm)) found = { norms, loss, sums };
    });
    return found;
  } finally {
    tape.dispose();
  }
}

/** No callback per value: this is the largest array there is. */
function allFinite(values: Float32Array): boolean {
  let sum = 0;
  // 0 for every finite value, NaN for the others.
  for (let i = 0; i < values.length; i++) sum += (values[i] as number) * 0;
  return sum === 0;
}

/** Rounding of float32 sums. */
const LENGTH_SLACK = 1e-4;

/**
 * Whether the sum is as short as clipping makes it. It is by construction; this holds even where a kernel turned a NaN into a number
 * that no norm has seen. False for NaN.
 */
function isWithin(sums: readonly Float32Array[], length: number): boolean {
  let square = 0;
  for (const part of sums) {
    for (let k = 0; k < part.length; k++) square += (part[k] as number) * (part[k] as number);
  }
  return Math.sqrt(square) <= length * (1 + LENGTH_SLACK);
}

/** One array for each trainable variable; empty where the loss does not depend on it. */
function flat(model: TrainableModel, sums: Map<tf.Variable, tf.Tensor>): Float32Array[] {
  return model.trainable.map((variable) => {
    const found = sums.get(variable);
    return found === undefined ? new Float32Array(variable.size) : (found.dataSync() as Float32Array);
  });
}

function add(sum: Float64Array, parts: readonly Float32Array[]): void {
  let at = 0;
  for (const part of parts) {
    for (let k = 0; k < part.length; k++, at++) sum[at] = (sum[at] as number) + (part[k] as number);
  }
}
