// Local training by DP-SGD: the steps of one round over a model whose weights are loaded. Everything that a step releases went
// through Poisson sampling, clipping of each record, noise, and a public denominator; what follows is post-processing.
// Source: Abadi et al. 2016, Algorithm 1; privacy.md §3.1. Not here: prices (protocol/privacy), plain training (../loop.ts).

import * as tf from '@tensorflow/tfjs-core';
import type { Rng } from '../../../protocol/crypto/primitives.js';
import { type Dataset, exampleSize } from '../../dataset.js';
import type { LocalSteps, PrivateTraining, RecordRelease } from '../../trainer.js';
import { breathe, fillBatch, rowsOf, stopIfAborted, YIELD_MS } from '../loop.js';
import type { TrainableModel } from '../model.js';
import { makeOptimizer } from '../optimizer.js';
import { divide } from './arithmetic.js';
import { addClippedGradients } from './clipped.js';
import { requireIndependence } from './independence.js';
import { stepNoise } from './noise-kinds.js';
import { poissonBatch } from './poisson.js';
import { releaseOf } from './releases.js';

/** For the local user's eyes: all but `steps` say something about the data, and nothing of it is sent. */
export interface PrivateMetrics {
  readonly steps: number;
  /** Records drawn, over all steps. */
  readonly drawn: number;
  /** Share of those that were longer than the clipping norm. */
  readonly clipped: number;
  /** Records left out because their gradient was not finite. */
  readonly rejected: number;
  /** Mean loss of the drawn records over the first and over the last step; NaN where none was drawn. */
  readonly firstLoss: number;
  readonly loss: number;
  readonly noiseSeconds: number;
}

/** Coordinates of the gradient: those of the trainable variables. */
export const gradientSize = ({ trainable }: Pick<TrainableModel, 'trainable'>): number =>
  trainable.reduce((sum, variable) => sum + variable.size, 0);

/**
 * Trains `model` in place, from its present weights, which are also the centre of FedProx (its pull looks at no data and is free).
 * @param rng coins and noise; a CSPRNG, except in simulations
 * @throws SottoError TRAIN_UNBOUNDED naming the layer; TRAIN_ABORTED at the next micro-batch after an abort
 */
export async function trainPrivately(
  model: TrainableModel,
  data: Dataset,
  spec: LocalSteps & PrivateTraining,
  rng: Rng,
  signal?: AbortSignal,
): Promise<{ readonly metrics: PrivateMetrics; readonly release: RecordRelease }> {
  const { dpSgd: dp } = spec;
  requireIndependence(model);
  const rows = rowsOf(data);
  const noise = stepNoise(dp, gradientSize(model), rng);
  const optimizer = makeOptimizer(spec);
  const centre = spec.algorithm === 'fedprox' && spec.mu ? model.trainable.map((variable) => tf.clone(variable)) : [];
  const sum = new Float64Array(gradientSize(model));
  const batches = new MicroBatches(model, data, rows, dp.microBatch);
  const rest = rester();
  let [drawn, clipped, rejected, firstLoss, loss, noiseMs] = [0, 0, 0, Number.NaN, Number.NaN, 0];
  try {
    for (let step = 0; step < dp.steps; step++) {
      // Before anything of this step looks at data, the coins of which are data themselves.
      const from = performance.now();
      noise.draw();
      noiseMs += performance.now() - from;
      const batch = poissonBatch(rows.length, dp.samplingRate, rng);
      sum.fill(0);
      let stepLoss = 0;
      for (let at = 0; at < batch.length; at += dp.microBatch) {
        stopIfAborted(signal);
        const found = batches.add(batch.subarray(at, at + dp.microBatch), dp.clipNorm, sum);
        stepLoss += found.loss;
        rejected += found.rejected;
        clipped += found.norms.reduce((count, norm) => count + (norm > dp.clipNorm ? 1 : 0), 0);
        await rest();
      }
      stopIfAborted(signal);
      noise.release(sum);
      divide(sum, dp.lotSize);
      apply(model, optimizer, sum, spec.mu ?? 0, centre);
      drawn += batch.length;
      loss = stepLoss / batch.length;
      if (step === 0) firstLoss = loss;
    }
  } finally {
    optimizer.dispose();
    tf.dispose(centre);
    sum.fill(0);
  }
  const metrics = {
    steps: dp.steps,
    drawn,
    clipped: drawn === 0 ? 0 : clipped / drawn,
    rejected,
    firstLoss,
    loss,
    noiseSeconds: noiseMs / 1_000,
  };
  return { metrics, release: releaseOf(dp, noise) };
}

/** Cuts a batch into pieces that fit into memory and adds up their clipped gradients. */
class MicroBatches {
  readonly #model: TrainableModel;
  readonly #data: Dataset;
  readonly #rows: Uint32Array;
  readonly #x: Float32Array;
  readonly #y: Int32Array;
  readonly #order: Uint32Array;

  constructor(model: TrainableModel, data: Dataset, rows: Uint32Array, size: number) {
    this.#model = model;
    this.#data = data;
    this.#rows = rows;
    const room = Math.min(size, rows.length);
    this.#x = new Float32Array(room * exampleSize(data));
    this.#y = new Int32Array(room);
    this.#order = new Uint32Array(room);
  }

  /** @param records positions in `rows` */
  add(records: Uint32Array, clipNorm: number, sum: Float64Array): ReturnType<typeof addClippedGradients> {
    const n = records.length;
    records.forEach((record, i) => {
      this.#order[i] = this.#rows[record] as number;
    });
    fillBatch(this.#data, this.#order, 0, n, this.#x, this.#y);
    const x = this.#x.subarray(0, n * exampleSize(this.#data));
    return addClippedGradients(this.#model, { x, y: this.#y.subarray(0, n) }, clipNorm, sum);
  }
}

function apply(
  model: TrainableModel,
  optimizer: ReturnType<typeof makeOptimizer>,
  gradient: Float64Array,
  mu: number,
  centre: readonly tf.Tensor[],
): void {
  tf.tidy(() => {
    let at = 0;
    const gradients = model.trainable.map((variable, i) => {
      const part = Float32Array.from(gradient.subarray(at, at + variable.size));
      at += variable.size;
      const tensor = tf.tensor(part, variable.shape, 'float32');
      const start = centre[i];
      return start === undefined ? tensor : tf.add(tensor, tf.mul(mu, tf.sub(variable, start)));
    });
    optimizer.apply(model.trainable, gradients);
  });
}

/** Looks at the event loop every YIELD_MS. */
function rester(): () => Promise<void> {
  let rested = performance.now();
  return async () => {
    if (performance.now() - rested < YIELD_MS) return;
    await breathe();
    rested = performance.now();
  };
}
