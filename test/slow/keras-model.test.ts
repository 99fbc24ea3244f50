// A model that a Keras user brings, end to end through the command line: imported from TensorFlow.js JSON, trained by a federation on data of
// a module, exported again for TensorFlow.js, safetensors and NumPy. Not here: what Keras computes with it (tfjs/model-files.test.ts).

import { execFileSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sotto-keras-'));
afterAll(() => rmSync(folder, { recursive: true }));
const main = resolve('dist/server/cli/main.js');
const sotto = (...args: string[]): string =>
  execFileSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
const last = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '');
const at = (...names: string[]) => join(folder, ...names);

it('a Keras model in TensorFlow.js JSON starts a task, trains in it, and goes out under its own names', () => {
  const { topology, weights, data } = JSON.parse(readFileSync('test/vectors/keras-models.json', 'utf8')).sequential;
  const specs = weights.map((weight: object) => ({ ...weight, dtype: 'float32' }));
  const file = {
    format: 'layers-model',
    modelTopology: { model_config: topology },
    weightsManifest: [{ paths: ['group1-shard1of1.bin'], weights: specs }],
  };
  writeFileSync(at('model.json'), JSON.stringify(file));
  writeFileSync(at('group1-shard1of1.bin'), Buffer.from(data, 'base64'));
  sotto('models', 'import', 'model.json', '--to', 'start');
  // Six by six pictures: a bright row, column or corner.
  writeFileSync(
    at('data.mjs'),
    `const bright = [(r, c) => r === 2, (r, c) => c === 3, (r, c) => r + c < 3];
    const inputs = Float32Array.from({ length: 240 * 36 }, (_, i) => {
      const [n, p] = [Math.floor(i / 36), i % 36];
      return (bright[n % 3](Math.floor(p / 6), p % 6) ? 1 : 0) + 0.1 * Math.sin(i);
    });
    export const data = { inputs, shape: [6, 6, 1], labels: Uint8Array.from({ length: 240 }, (_, n) => n % 3), classes: 3 };`,
  );
  writeFileSync(
    at('simulation.yaml'),
    `task: keras
profile: cohort
trust: trusted
group: { size: 3 }
model: { kind: imported, folder: start }
encoding: { clipNorm: 10 }
optimizer: { name: fedavg, learningRate: 1 }
training: { algorithm: fedavg, epochs: 4, batchSize: 8, learningRate: 0.1, optimizer: sgd }
data: { source: { set: module, file: data.mjs }, partition: { kind: iid } }
fleet: { clients: 3, processes: 1 }
campaign: { rounds: 4 }
seed: 1
`,
  );
  const report = last(sotto('simulate', 'simulation.yaml', '--json'));
  expect(report).toMatchObject({ outcome: 'finished', config: { model: { kind: 'layers' } } });
  expect(report.finalAccuracy).toBeGreaterThan(0.9);
  expect(report.rounds.at(-1).loss).toBeLessThan(report.rounds[0].loss);

  sotto('models', 'export', 'latest', '--to', 'result');
  const [manifest] = JSON.parse(readFileSync(at('result/model.json'), 'utf8')).weightsManifest;
  expect(manifest.weights.map(({ name }: { name: string }) => name).sort()).toEqual(
    weights.map(({ name }: { name: string }) => name).sort(),
  );
  for (const format of ['safetensors', 'npz']) {
    sotto('models', 'export', 'latest', '--to', `result.${format}`, '--format', format);
    sotto('models', 'import', `result.${format}`, '--to', `back-${format}`, '--model', 'simulation.yaml');
    expect(readFileSync(at(`back-${format}/weights.bin`))).toEqual(readFileSync(at('result/weights.bin')));
  }
}, 300_000);
