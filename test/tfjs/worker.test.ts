// Training in workers: the same bits as in this thread, shared data, aborts, errors with their codes, and death.

import { afterEach, describe, expect, test } from 'vitest';
import {
  createTrainingPool,
  initialWeights,
  type PoolTrainerOptions,
  shard,
  shareDataset,
  type TrainingPool,
  type TrainingPoolOptions,
  tfjsTrainer,
  workerTrainer,
} from '../../client/tfjs/index.js';
import { blobs, codeOf, MLP, round } from './support.js';

const pools: TrainingPool[] = [];
function pool(options: TrainingPoolOptions = {}): TrainingPool {
  const made = createTrainingPool({ backend: 'wasm', ...options });
  pools.push(made);
  return made;
}
afterEach(() => Promise.all(pools.splice(0).map((each) => each.close())));

const data = shareDataset(blobs(240, [12], 4, 'worker'));
const { weights, manifest } = initialWeights(MLP, 3);
const task = { task: 'test', dimension: manifest.dimension };
const fixture = (name: string): PoolTrainerOptions['model'] => ({
  module: new URL('./fixtures.js', import.meta.url).href,
  name,
});

describe('a training worker', () => {
  test('gives the bits the calling thread would give, for init, train and evaluate', async () => {
    const lines: string[] = [];
    const there = workerTrainer({ backend: 'wasm', model: MLP, data, seed: 1, log: (line) => lines.push(line) });
    const here = tfjsTrainer({ backend: 'wasm', model: MLP, data, seed: 1 });
    expect(await there.init(task)).toEqual(await here.init(task));
    expect(await there.train(weights, round())).toEqual(await here.train(weights, round()));
    expect(await there.evaluate(weights)).toEqual(await here.evaluate(weights));
    expect(lines).toEqual([expect.stringMatching(/backend wasm with our kernels/)]);
    await Promise.all([there.dispose(), here.dispose()]);
    expect(await codeOf(there.train(weights, round()))).toBe('TRAIN_ABORTED');
  });

  test('leaves the weights with the caller and gives an update the caller may transfer', async () => {
    const one = pool().trainer('a', { model: MLP, data, seed: 1 });
    const kept = weights.slice();
    const { update } = await one.train(weights, round());
    expect(weights).toEqual(kept);
    expect(update.buffer.byteLength).toBe(manifest.dimension * 4);
    expect(structuredClone(update, { transfer: [update.buffer] }).length).toBe(manifest.dimension);
  });

  test('trains a model written in code, from the address of its module', async () => {
    const shared = pool();
    const spec = { kind: 'softmax', input: 12, classes: 4 } as const;
    const start = initialWeights(spec, 1).weights;
    const [coded, named] = [
      shared.trainer('coded', { model: fixture('softmaxModel'), data, seed: 1 }),
      shared.trainer('named', { model: spec, data, seed: 1 }),
    ];
    expect((await coded.train(start, round())).update).toEqual((await named.train(start, round())).update);
  });

  test('an abort ends training there, and only that training', async () => {
    const shared = pool();
    const one = shared.trainer('long', { model: MLP, data, seed: 1 });
    const other = shared.trainer('short', { model: MLP, data, seed: 1 });
    const stop = new AbortController();
    const long = one.train(weights, round({ epochs: 1_000_000 }, { signal: stop.signal }));
    const short = other.train(weights, round());
    stop.abort();
    expect(await codeOf(long)).toBe('TRAIN_ABORTED');
    expect((await short).examples).toBe(240);
    expect(await codeOf(one.train(weights, round({}, { signal: stop.signal })))).toBe('TRAIN_ABORTED');
    expect((await one.train(weights, round())).update).toEqual((await short).update);
  });

  test('errors keep their code, details and message across the border', async () => {
    const shared = pool();
    const one = shared.trainer('a', { model: MLP, data });
    await expect(one.init({ task: 'test', dimension: 5 })).rejects.toMatchObject({
      name: 'SottoError',
      code: 'TRAIN_SHAPE',
      message: `TRAIN_SHAPE: the task has 5 weights, this model ${manifest.dimension}`,
      details: { expected: 5, got: manifest.dimension },
    });
    expect(await codeOf(one.train(weights, round({ learningRate: 1e30 })))).toBe('TRAIN_NON_FINITE');
    expect(await codeOf(shared.trainer('b', { model: fixture('brokenModel'), data }).init(task))).toBe('INTERNAL');
    expect(await codeOf(shared.trainer('c', { model: fixture('noSuchModel'), data }).init(task))).toBe(
      'CONFIG_INVALID',
    );
    expect(await codeOf(pool({ backend: 'webgpu' }).trainer('d', { model: MLP, data }).init(task))).toBe(
      'TRAIN_BACKEND',
    );
  });

  test('a worker that dies fails the calls it had by a code of its own, and the next call gets a new one', async () => {
    const shared = pool();
    const fatal = shared.trainer('fatal', { model: fixture('fatalModel'), data });
    const sound = shared.trainer('sound', { model: MLP, data, seed: 1 });
    const before = (await sound.train(weights, round())).update;
    const [died, took] = [
      codeOf(fatal.train(weights, round({ epochs: 1_000_000 }))),
      codeOf(sound.train(weights, round())),
    ];
    expect(await died).toBe('TRAIN_WORKER');
    expect(await took).toBe('TRAIN_WORKER');
    expect((await sound.train(weights, round())).update).toEqual(before);
  });
});

describe('a pool', () => {
  test('serves 24 clients from two workers with the bits that one worker gives', async () => {
    const clients = (of: TrainingPool) =>
      Array.from({ length: 24 }, (_, i) =>
        of.trainer(`client ${i}`, {
          model: MLP,
          data: shard(
            data,
            Uint32Array.from({ length: 10 }, (_, k) => k * 24 + i),
          ),
          seed: i,
        }),
      );
    const run = async (workers: number) => {
      const results = await Promise.all(
        clients(pool({ workers })).map((each) => each.train(weights, round({ epochs: 3 }))),
      );
      return results.map(({ update, examples }) => ({ update, examples }));
    };
    const [two, one] = [await run(2), await run(1)];
    expect(two).toEqual(one);
    expect(new Set(two.map(({ update }) => update.join())).size).toBe(24);
  });

  test('tells apart clients with the same inputs and other labels', async () => {
    const shared = pool();
    const flipped = { ...data, labels: Uint8Array.from(data.labels, (label) => 3 - label) };
    const [a, b] = [
      shared.trainer('honest', { model: MLP, data, seed: 1 }),
      shared.trainer('flipped', { model: MLP, data: flipped, seed: 1 }),
    ];
    expect((await a.train(weights, round())).update).not.toEqual((await b.train(weights, round())).update);
  });

  test('two trainers of one name are refused; a name is free again after dispose', async () => {
    const shared = pool();
    const one = shared.trainer('a', { model: MLP, data, seed: 1 });
    expect(() => shared.trainer('a', { model: MLP, data })).toThrow(/CONFIG_INVALID/);
    const { update } = await one.train(weights, round());
    await one.dispose();
    expect(await codeOf(one.evaluate(weights))).toBe('TRAIN_ABORTED');
    expect((await shared.trainer('a', { model: MLP, data, seed: 1 }).train(weights, round())).update).toEqual(update);
  });

  test('closing it ends calls under way', async () => {
    const shared = pool();
    const long = shared.trainer('a', { model: MLP, data }).train(weights, round({ epochs: 1_000_000 }));
    await Promise.all([shared.close(), expect(long).rejects.toMatchObject({ code: 'TRAIN_ABORTED' })]);
    expect(() => createTrainingPool({ workers: 0 })).toThrow(/CONFIG_INVALID/);
  });
});

describe('the entry for browsers', () => {
  test('trains behind the postMessage of a Web Worker, given by the app', async () => {
    // One realm plays page and worker: what the entry posts comes back to the page's handler, cloned as a browser would.
    const page: { onmessage: ((event: { data: unknown }) => void) | null } = { onmessage: null };
    const scope = globalThis as unknown as {
      postMessage: unknown;
      onmessage: ((event: { data: unknown }) => void) | null;
    };
    const transferred: number[] = [];
    scope.postMessage = (message: unknown, transfer: ArrayBuffer[]) => {
      transferred.push(transfer.length);
      const data = structuredClone(message, { transfer });
      queueMicrotask(() => page.onmessage?.({ data }));
    };
    await import('../../client/tfjs/worker/browser.js');
    const makeWorker = (): Worker =>
      Object.assign(page, {
        postMessage: (message: unknown, transfer: ArrayBuffer[]) =>
          scope.onmessage?.({ data: structuredClone(message, { transfer }) }),
        terminate: () => {},
      }) as unknown as Worker;
    const there = workerTrainer({ backend: 'wasm', model: MLP, data, seed: 1, makeWorker });
    const here = tfjsTrainer({ backend: 'wasm', model: MLP, data, seed: 1 });
    expect(await there.train(weights, round())).toEqual(await here.train(weights, round()));
    expect(transferred).toContain(1);
    await Promise.all([there.dispose(), here.dispose()]);
  });
});
