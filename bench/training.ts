// How fast local training is on the wasm backend: against the stock backend and model.fit, against the reference backend, and over
// workers; how long a socket's thread is kept waiting; what is left in memory. Rates are this machine's; ratios are the test.
// The stock rows run in a child process, because kernels are installed once per process and for good.

import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import {
  createTrainingPool,
  type Dataset,
  type DescribedSpec,
  initialWeights,
  seededRandom,
  shard,
  shareDataset,
  startBackend,
  type TrainingPool,
  tfjsTrainer,
} from '../client/tfjs/index.js';
import type { TrainingRound } from '../client/trainer.js';
import { atLeast, atMost, type Bench, type Row, row } from './harness.js';

const MLP: DescribedSpec = { kind: 'mlp', input: 784, hidden: [128], classes: 10 };
const CNN: DescribedSpec = { kind: 'cnn', input: [28, 28, 1], filters: [16, 32], hidden: [64], classes: 10 };
const BATCH = 64;

/** Noise in the shape of MNIST: the time of a step does not depend on what is learnt. */
function noise(n: number): Dataset {
  const random = seededRandom('bench');
  const inputs = Uint8Array.from({ length: n * 784 }, () => random() * 256);
  return { inputs, labels: Uint8Array.from({ length: n }, (_, i) => i % 10), shape: [28, 28, 1], classes: 10 };
}

function round(epochs: number, number = 0): TrainingRound {
  const spec = { algorithm: 'fedavg', epochs, batchSize: BATCH, learningRate: 0.05, optimizer: 'sgd' } as const;
  return { task: 'bench', round: number, attempt: 0, spec };
}

/** Examples per second, the best of `repeats` rounds after a warm one. */
async function rate(backend: 'wasm' | 'cpu', model: DescribedSpec, data: Dataset, repeats: number): Promise<number> {
  const trainer = tfjsTrainer({ backend, model, data, seed: 1 });
  const { weights } = initialWeights(model, 1);
  let best = 0;
  for (let i = 0; i <= repeats; i++) {
    const start = performance.now();
    const { examples } = await trainer.train(weights, round(1, i));
    if (i > 0 || repeats === 0) best = Math.max(best, (examples * 1000) / (performance.now() - start));
  }
  await trainer.dispose();
  return best;
}

/** Stock wasm, `model.fit`, the same model and batch: run in a child process, see the end of the file. */
async function stockFit(): Promise<void> {
  const { layers, sequential } = await import('@tensorflow/tfjs');
  await import('@tensorflow/tfjs-backend-wasm');
  await tf.setBackend('wasm');
  const model = sequential({
    layers: [
      layers.dense({ inputShape: [784], units: 128, activation: 'relu' }),
      layers.dense({ units: 10, activation: 'softmax' }),
    ],
  });
  model.compile({ optimizer: tf.train.sgd(0.05), loss: 'categoricalCrossentropy' });
  const data = noise(2048);
  const x = tf.tensor2d(
    Float32Array.from(data.inputs, (value) => value / 255),
    [2048, 784],
  );
  const y = tf.oneHot(tf.tensor1d(Int32Array.from(data.labels), 'int32'), 10);
  let best = 0;
  for (let i = 0; i < 4; i++) {
    const start = performance.now();
    await model.fit(x, y, { epochs: 1, batchSize: BATCH, shuffle: true, verbose: 0 });
    if (i > 0) best = Math.max(best, (2048 * 1000) / (performance.now() - start));
  }
  process.stdout.write(JSON.stringify({ backend: tf.getBackend(), best }));
}

async function stockRate(): Promise<number> {
  const { stdout } = await promisify(execFile)(process.execPath, [fileURLToPath(import.meta.url), 'stock-fit']);
  const { backend, best } = JSON.parse(stdout) as { backend: string; best: number };
  if (backend !== 'wasm') throw new Error(`the stock run used backend ${backend}`);
  return best;
}

/** Seconds of one round of 48 clients with 625 examples each, and the longest silence of this thread meanwhile, ms. */
async function fleet(pool: TrainingPool): Promise<{ seconds: number; gapMs: number }> {
  const data = shareDataset(noise(6_000));
  const { weights, manifest } = initialWeights(MLP, 1);
  const clients = Array.from({ length: 48 }, (_, i) =>
    pool.trainer(`${i}`, {
      model: MLP,
      data: shard(
        data,
        Uint32Array.from({ length: 625 }, (_, k) => (k * 48 + i) % 6_000),
      ),
      seed: i,
    }),
  );
  await Promise.all(clients.map((client) => client.init({ task: 'bench', dimension: manifest.dimension })));
  let last = performance.now();
  let gapMs = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    gapMs = Math.max(gapMs, now - last);
    last = now;
  }, 1);
  const start = performance.now();
  await Promise.all(clients.map((client) => client.train(weights, round(1))));
  const seconds = (performance.now() - start) / 1000;
  clearInterval(timer);
  return { seconds, gapMs };
}

export const training: Bench = {
  name: 'training',
  title: `Local training with TensorFlow.js on wasm, batch ${BATCH}, SGD`,
  async run() {
    await startBackend({ backend: 'wasm' });
    const rows: Row[] = [];
    const images = noise(2048);
    // Alternating, so that a busy minute hurts both.
    let [stock, ours] = [0, 0];
    for (let i = 0; i < 2; i++) {
      stock = Math.max(stock, await stockRate());
      ours = Math.max(ours, await rate('wasm', MLP, images, 3));
    }
    rows.push(row('MLP 784-128-10, stock wasm, model.fit', stock, 'ex/s'));
    rows.push(atLeast(12_000, row('MLP 784-128-10, ours', ours, 'ex/s')));
    rows.push(atLeast(2.5, row('MLP, ours ÷ stock', ours / stock, 'x')));

    const some = shard(
      images,
      Uint32Array.from({ length: 512 }, (_, i) => i),
    );
    const cnn = await rate('wasm', CNN, some, 3);
    // One step of the reference backend takes seconds; a batch of 16 is measured and compared per example.
    const reference = await rate(
      'cpu',
      CNN,
      shard(
        images,
        Uint32Array.from({ length: 16 }, (_, i) => i),
      ),
      0,
    );
    await startBackend({ backend: 'wasm' });
    rows.push(atLeast(500, row('CNN of 56,714 weights, ours', cnn, 'ex/s')));
    rows.push(atLeast(40, row('CNN, ours ÷ cpu backend', cnn / reference, 'x')));

    const before = tf.memory();
    await rate('wasm', MLP, some, 5);
    rows.push(
      atMost(0, row('tensors left after 6 rounds and dispose', tf.memory().numTensors - before.numTensors, 'tensors')),
    );

    for (const workers of [1, 2]) {
      const started = performance.now();
      const pool = createTrainingPool({ backend: 'wasm', workers });
      try {
        const { seconds, gapMs } = await fleet(pool);
        rows.push(row(`48 clients × 625 examples, MLP, ${workers} worker(s)`, seconds, 's a round'));
        rows.push(atMost(100, row(`longest silence of the socket's thread, ${workers} worker(s)`, gapMs, 'ms')));
        rows.push(row(`start-up and first round, ${workers} worker(s)`, (performance.now() - started) / 1000, 's'));
      } finally {
        await pool.close();
      }
    }
    return rows;
  },
};

if (process.argv[2] === 'stock-fit' && process.argv[1] === fileURLToPath(import.meta.url)) await stockFit();
