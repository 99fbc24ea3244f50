// `npm run mnist:dpsgd`: DP-SGD on MNIST by one client, with the noise, rate and steps of published runs (privacy.md §3.4), on demand.
//   npm run mnist:dpsgd -- 15                 the 15-epoch row: z 1.3, C 1.5, lr .25, 3,515 steps; or 60: z 1.1, C 1, lr .15, 14,062
//   npm run mnist:dpsgd -- 15-240             published with lots of 240 and 3,750 steps, C and lr of row 15; or 60-240: 15,000 steps
//   npm run mnist:dpsgd -- --rows             what the rows are, as JSON; trains nothing
//   npm run mnist:dpsgd -- 15 --noise float   faster than the exact sampler; the run is labelled
// Saves itself after each epoch and goes on from there when it is started again (--file names the checkpoint). Exit code 1 where the
// accuracy that was promised is missed. Not here: the model (mnist-cnn.ts), speed (dpsgd.ts).

import { existsSync, readFileSync, renameSync, writeFileSync } from 'node:fs';
import { parseArgs } from 'node:util';
import * as tf from '@tensorflow/tfjs-core';
import { shard, tfjsTrainer } from '../client/tfjs/index.js';
import { initialWeightsFor } from '../client/tfjs/spec.js';
import type { DpSgdSpec, RecordRelease, TrainingSpec } from '../client/trainer.js';
import { loadMnist } from '../simulations/datasets/mnist.js';
import { mnistCnn, mnistCnnManifest } from './mnist-cnn.js';

/** Published settings, and the accuracy to reach. */
const ROWS = {
  '15': { learningRate: 0.25, noiseMultiplier: 1.3, clipNorm: 1.5, lot: 256, steps: 3_515, promised: 0.945 },
  '60': { learningRate: 0.15, noiseMultiplier: 1.1, clipNorm: 1, lot: 256, steps: 14_062, promised: 0.963 },
  '15-240': { learningRate: 0.25, noiseMultiplier: 1.3, clipNorm: 1.5, lot: 240, steps: 3_750, promised: 0.945 },
  '60-240': { learningRate: 0.15, noiseMultiplier: 1.1, clipNorm: 1, lot: 240, steps: 15_000, promised: 0.963 },
} as const;
const isRow = (name: string): name is keyof typeof ROWS => Object.hasOwn(ROWS, name);
const RECORDS = 60_000;
const STEPS_PER_SAVE = 235;

interface Checkpoint {
  readonly row: string;
  readonly noise: 'exact' | 'float';
  steps: number;
  /** Of this process alone, summed over all of them. */
  cpuSeconds: number;
  weights: string;
  releases: readonly RecordRelease[];
  readonly history: { readonly steps: number; readonly accuracy: number; readonly loss: number }[];
}

async function main(): Promise<number> {
  const { values, positionals } = parseArgs({
    options: {
      noise: { type: 'string', default: 'exact' },
      file: { type: 'string' },
      rows: { type: 'boolean', default: false },
    },
    allowPositionals: true,
  });
  if (values.rows) {
    console.log(JSON.stringify(ROWS));
    return 0;
  }
  const [name = ''] = positionals;
  const row = isRow(name) ? ROWS[name] : undefined;
  const noise: DpSgdSpec['noise'] | undefined =
    values.noise === 'exact' || values.noise === 'float' ? values.noise : undefined;
  if (row === undefined || noise === undefined) {
    console.error('usage: npm run mnist:dpsgd -- 15|60|15-240|60-240 [--noise exact|float] [--file checkpoint.json]');
    return 2;
  }
  const file = values.file ?? `mnist-dpsgd-${name}.json`;
  const start = initialWeightsFor(mnistCnnManifest, 1);
  const state: Checkpoint = existsSync(file)
    ? (JSON.parse(readFileSync(file, 'utf8')) as Checkpoint)
    : { row: name, noise, steps: 0, cpuSeconds: 0, weights: encode(start), releases: [], history: [] };
  if (state.row !== name || state.noise !== noise) {
    console.error(`${file} is of another run (row ${state.row}, noise ${state.noise}); name another file with --file`);
    return 2;
  }
  const { train, test } = loadMnist();
  const trainer = tfjsTrainer({
    backend: 'wasm',
    model: mnistCnn((x) => tf.tanh(x)),
    data: shard(
      train,
      Uint32Array.from({ length: RECORDS }, (_, i) => i),
    ),
    evaluation: test,
  });
  const weights = decode(state.weights);
  while (state.steps < row.steps) {
    const steps = Math.min(STEPS_PER_SAVE, row.steps - state.steps);
    const { noiseMultiplier, clipNorm, learningRate, lot } = row;
    const dpSgd: DpSgdSpec = {
      noiseMultiplier,
      clipNorm,
      samplingRate: lot / RECORDS,
      lotSize: lot,
      steps,
      microBatch: lot,
      noise,
    };
    const spec: TrainingSpec = { algorithm: 'fedavg', optimizer: 'sgd', learningRate, dpSgd };
    const cpu = process.cpuUsage();
    const {
      update,
      releases = [],
      metrics,
    } = await trainer.train(weights, { task: 'mnist', round: state.steps, attempt: 0, spec });
    for (let i = 0; i < weights.length; i++) weights[i] = (weights[i] as number) + (update[i] as number);
    const used = process.cpuUsage(cpu);
    state.steps += steps;
    state.cpuSeconds += (used.user + used.system) / 1e6;
    state.weights = encode(weights);
    state.releases = [...state.releases, ...releases];
    const { accuracy, loss } = await trainer.evaluate(weights);
    state.history.push({ steps: state.steps, accuracy, loss });
    save(file, state);
    const clipped = (100 * (metrics.clipped ?? 0)).toFixed(0);
    console.log(
      `${state.steps} of ${row.steps} steps: accuracy ${(100 * accuracy).toFixed(2)} %, ${clipped} % of the gradients clipped, ${state.cpuSeconds.toFixed(0)} s of CPU`,
    );
  }
  await trainer.dispose();
  const accuracy = state.history.at(-1)?.accuracy ?? 0;
  const met = accuracy >= row.promised;
  console.log(
    `${(100 * accuracy).toFixed(2)} % after ${state.steps} steps; promised ${100 * row.promised} %: ${met ? 'met' : 'MISSED'}`,
  );
  return met ? 0 : 1;
}

const encode = (weights: Float32Array): string =>
  Buffer.from(weights.buffer, weights.byteOffset, weights.byteLength).toString('base64');

function decode(text: string): Float32Array<ArrayBuffer> {
  const bytes = Uint8Array.from(Buffer.from(text, 'base64'));
  return new Float32Array(bytes.buffer);
}

/** A crash leaves the old file or the new one. */
function save(file: string, state: Checkpoint): void {
  writeFileSync(`${file}.tmp`, JSON.stringify(state));
  renameSync(`${file}.tmp`, file);
}

process.exitCode = await main();
