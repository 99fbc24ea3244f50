// Real time, so in the slow suite: a worker that trains must not silence the thread that owns the socket.

import { expect, test } from 'vitest';
import { createTrainingPool, initialWeights } from '../../client/tfjs/index.js';
import { blobs } from '../tfjs/support.js';

/** The bar is 100 ms on an idle machine; shared machines get room, and training in the same thread would take the whole epoch. */
const LONGEST_GAP_MS = 300;
const TRAINING_MS = 5_000;

test('while a worker trains for five seconds, the thread that owns the socket never falls silent for long', async () => {
  const model = { kind: 'mlp', input: 784, hidden: [256], classes: 10 } as const;
  const pool = createTrainingPool({ backend: 'wasm' });
  const trainer = pool.trainer('client', { model, data: blobs(2_000, [784], 10, 'gap'), seed: 1 });
  const { weights, manifest } = initialWeights(model, 1);
  await trainer.init({ task: 'gap', dimension: manifest.dimension });
  const stop = new AbortController();
  const spec = { algorithm: 'fedavg', epochs: 1_000_000, batchSize: 64, learningRate: 0.01, optimizer: 'sgd' } as const;
  const ended = trainer
    .train(weights, { task: 'gap', round: 1, attempt: 0, spec, signal: stop.signal })
    .catch((error: unknown) => error);
  const gaps: number[] = [];
  const start = performance.now();
  let last = start;
  while (last - start < TRAINING_MS) {
    await new Promise((resolve) => setTimeout(resolve, 5));
    gaps.push(performance.now() - last);
    last = performance.now();
  }
  const aborted = performance.now();
  stop.abort();
  await expect(ended).resolves.toMatchObject({ code: 'TRAIN_ABORTED' });
  await pool.close();
  expect(Math.max(...gaps)).toBeLessThan(LONGEST_GAP_MS);
  expect(performance.now() - aborted, 'an abort takes one yield and one batch').toBeLessThan(1_000);
}, 60_000);
