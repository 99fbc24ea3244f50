// Local training against arithmetic done here in float64, and the promises of Trainer: repeatable, stoppable, typed errors, no leaks.

import * as tf from '@tensorflow/tfjs-core';
// For its effect: tensor methods that tfjs-layers' initialisers need in Node.
import '@tensorflow/tfjs';
import * as layers from '@tensorflow/tfjs-layers';
import { afterAll, describe, expect, test } from 'vitest';
import {
  buildModel,
  type Dataset,
  initialWeights,
  type LocalTrainer,
  layersModel,
  modelManifest,
  shard,
  startBackend,
  type TfjsTrainerOptions,
  type TrainableModel,
  tfjsTrainer,
} from '../../client/tfjs/index.js';
import { blobs, CNN, codeOf, MLP, type PlainSpec, round } from './support.js';

const trainers: LocalTrainer[] = [];
function trainer(options: TfjsTrainerOptions): LocalTrainer {
  const made = tfjsTrainer({ backend: 'wasm', seed: 1, ...options });
  trainers.push(made);
  return made;
}
afterAll(() => Promise.all(trainers.map((each) => each.dispose())));

const data = blobs(60, [12], 4, 'trainer');

/** Logit `c` of example `x` under (W, b) flat. */
function dot(x: ArrayLike<number>, w: ArrayLike<number>, classes: number, c: number): number {
  let sum = w[x.length * classes + c] as number;
  for (let i = 0; i < x.length; i++) sum += (x[i] as number) * (w[i * classes + c] as number);
  return sum;
}

/** Softmax regression by hand: full-batch gradient of the mean cross-entropy at (W, b) flat, kernel before bias. */
function gradientByHand(w: Float64Array, { inputs, labels, shape, classes }: Dataset): Float64Array {
  const size = shape[0] as number;
  const gradient = new Float64Array(w.length);
  for (let n = 0; n < labels.length; n++) {
    const x = inputs.subarray(n * size, (n + 1) * size);
    const logits = Array.from({ length: classes }, (_, c) => dot(x, w, classes, c));
    const total = logits.reduce((sum, value) => sum + Math.exp(value), 0);
    logits.forEach((value, c) => {
      const delta = (Math.exp(value) / total - (labels[n] === c ? 1 : 0)) / labels.length;
      for (let i = 0; i < size; i++)
        gradient[i * classes + c] = (gradient[i * classes + c] as number) + delta * (x[i] as number);
      gradient[size * classes + c] = (gradient[size * classes + c] as number) + delta;
    });
  }
  return gradient;
}

/** The update of `epochs` full-batch steps, with the optimiser written out. Adam: Kingma & Ba 2015, Algorithm 1; ε = 1e-7. */
function updateByHand(start: Float32Array, set: Dataset, spec: PlainSpec): Float64Array {
  const w = Float64Array.from(start);
  const velocity = new Float64Array(w.length);
  const second = new Float64Array(w.length);
  for (let step = 1; step <= spec.epochs; step++) {
    gradientByHand(w, set).forEach((slope, i) => {
      const g = slope + (spec.mu ?? 0) * ((w[i] as number) - (start[i] as number));
      let move = g;
      if (spec.optimizer === 'momentum') move = velocity[i] = 0.9 * (velocity[i] as number) + g;
      if (spec.optimizer === 'adam') {
        velocity[i] = 0.9 * (velocity[i] as number) + 0.1 * g;
        second[i] = 0.999 * (second[i] as number) + 0.001 * g * g;
        move =
          (velocity[i] as number) / (1 - 0.9 ** step) / (Math.sqrt((second[i] as number) / (1 - 0.999 ** step)) + 1e-7);
      }
      w[i] = (w[i] as number) - spec.learningRate * move;
    });
  }
  return w.map((value, i) => value - (start[i] as number));
}

describe('the arithmetic', () => {
  const model = { kind: 'softmax', input: 12, classes: 4 } as const;
  const { weights } = initialWeights(model, 3);
  const full = { batchSize: 60, epochs: 5, learningRate: 0.3 };
  const cases: readonly Partial<PlainSpec>[] = [
    { optimizer: 'sgd' },
    { optimizer: 'momentum' },
    { optimizer: 'adam', learningRate: 0.01 },
    { optimizer: 'sgd', algorithm: 'fedprox', mu: 0 },
    { optimizer: 'sgd', algorithm: 'fedprox', mu: 0.7 },
    { optimizer: 'momentum', algorithm: 'fedprox', mu: 0.7 },
  ];
  for (const overrides of cases) {
    const { spec } = round({ ...full, ...overrides });
    test(`${spec.algorithm} with ${spec.optimizer}, µ = ${spec.mu ?? 'none'} moves the weights as written out by hand`, async () => {
      const { update } = await trainer({ model, data }).train(weights, round(spec));
      const expected = updateByHand(weights, data, spec);
      const worst = update.reduce((most, value, i) => Math.max(most, Math.abs(value - (expected[i] as number))), 0);
      expect(worst).toBeLessThan(2e-6);
      expect(Math.max(...expected.map(Math.abs))).toBeGreaterThan(0.01);
    });
  }

  test('the proximal term holds the model back, measurably', async () => {
    const one = trainer({ model, data });
    const length = async (mu: number): Promise<number> => {
      const { update } = await one.train(weights, round({ ...full, algorithm: 'fedprox', mu }));
      return Math.hypot(...update);
    };
    expect(await length(2)).toBeLessThan(0.8 * (await length(0)));
  });

  test('evaluation gives the mean loss and the share of right answers, counted by hand', async () => {
    const { loss, accuracy, examples } = await trainer({ model, data }).evaluate(weights);
    let lossSum = 0;
    let right = 0;
    const w = weights;
    for (let n = 0; n < 60; n++) {
      const x = data.inputs.subarray(n * 12, (n + 1) * 12);
      const logits = [0, 1, 2, 3].map((c) => dot(x, w, 4, c));
      lossSum +=
        Math.log(logits.reduce((sum, value) => sum + Math.exp(value), 0)) -
        (logits[data.labels[n] as number] as number);
      if (logits.indexOf(Math.max(...logits)) === data.labels[n]) right++;
    }
    expect(examples).toBe(60);
    expect(loss).toBeCloseTo(lossSum / 60, 6);
    expect(accuracy).toBeCloseTo(right / 60, 12);
  });

  test('bytes train as the floats they stand for', async () => {
    const bytes = Uint8Array.from({ length: 720 }, (_, i) => (i * 37) % 256);
    const floats = Float32Array.from(bytes, (value) => value / 255);
    const [a, b] = await Promise.all(
      [bytes, floats].map((inputs) => trainer({ model, data: { ...data, inputs } }).train(weights, round())),
    );
    expect(a?.update).toEqual(b?.update);
  });
});

describe('a round', () => {
  const { weights, manifest } = initialWeights(MLP, 3);

  test('learns: the loss falls and the accuracy rises', async () => {
    const one = trainer({ model: MLP, data });
    const before = await one.evaluate(weights);
    const { update, metrics } = await one.train(weights, round({ epochs: 20 }));
    const after = await one.evaluate(weights.map((value, i) => value + (update[i] as number)));
    expect(metrics.loss).toBeLessThan(metrics.firstLoss as number);
    expect(after.loss).toBeLessThan(before.loss / 2);
    expect(after.accuracy).toBeGreaterThan(0.9);
  });

  test('the same seed gives the same bits whatever ran before; another seed, round or attempt others', async () => {
    const fresh = (seed: number): LocalTrainer => trainer({ model: MLP, data, seed });
    const first = (await fresh(5).train(weights, round())).update;
    const again = fresh(5);
    await again.train(weights, round({}, { round: 9 }));
    expect((await again.train(weights, round())).update).toEqual(first);
    expect((await fresh(6).train(weights, round())).update).not.toEqual(first);
    expect((await again.train(weights, round({}, { round: 2 }))).update).not.toEqual(first);
    expect((await again.train(weights, round({}, { attempt: 1 }))).update).not.toEqual(first);
  });

  test('without a seed two rounds differ', async () => {
    const make = (): LocalTrainer => {
      const made = tfjsTrainer({ backend: 'wasm', model: MLP, data });
      trainers.push(made);
      return made;
    };
    expect((await make().train(weights, round())).update).not.toEqual((await make().train(weights, round())).update);
  });

  test('two trainers of one model that take turns do not see each other', async () => {
    const other = blobs(60, [12], 4, 'other');
    const [a, b] = [trainer({ model: MLP, data }), trainer({ model: MLP, data: other, seed: 2 })];
    const alone = [(await a.train(weights, round())).update, (await b.train(weights, round())).update];
    const together = await Promise.all([a.train(weights, round()), b.train(weights, round())]);
    expect(together.map(({ update }) => update)).toEqual(alone);
  });

  test('leaves the weights it is given alone and answers with a buffer of its own', async () => {
    const kept = weights.slice();
    const { update } = await trainer({ model: MLP, data }).train(weights, round());
    expect(weights).toEqual(kept);
    expect(update.buffer.byteLength).toBe(manifest.dimension * 4);
    expect(update.buffer).not.toBe(weights.buffer);
  });

  test('maxExamples bounds what is used and draws anew each round; short last batches count', async () => {
    const one = trainer({ model: MLP, data });
    const all = await one.train(weights, round({ epochs: 3, batchSize: 16 }));
    expect([all.examples, all.metrics.steps]).toEqual([60, 3 * 4]);
    const some = await one.train(weights, round({ epochs: 3, batchSize: 16, maxExamples: 20 }));
    expect([some.examples, some.metrics.steps]).toEqual([20, 3 * 2]);
    const few = await one.train(weights, round({ batchSize: 1000, maxExamples: 1000 }));
    expect([few.examples, few.metrics.steps]).toEqual([60, 2]);
  });

  test('every epoch visits every example once, each in an order of its own', async () => {
    const numbered: Dataset = { ...data, inputs: Float32Array.from({ length: 720 }, (_, i) => Math.floor(i / 12)) };
    const seen: number[] = [];
    const factory = (): TrainableModel => {
      const model = buildModel({ kind: 'softmax', input: 12, classes: 4 });
      const forward = (x: tf.Tensor, training: boolean): tf.Tensor2D => {
        const values = x.dataSync();
        for (let i = 0; i < values.length; i += 12) seen.push(values[i] as number);
        return model.forward(x, training);
      };
      return { ...model, forward };
    };
    await trainer({ model: factory, data: numbered }).train(
      new Float32Array(52),
      round({ epochs: 2, learningRate: 1e-6 }),
    );
    const [first, second] = [seen.slice(0, 60), seen.slice(60)];
    const all = Array.from({ length: 60 }, (_, i) => i);
    for (const epoch of [first, second]) {
      expect([...epoch].sort((a, b) => a - b)).toEqual(all);
      expect(epoch).not.toEqual(all);
    }
    expect(second).not.toEqual(first);
  });

  test('a shard trains as the same rows copied out would', async () => {
    const rows = Uint32Array.of(3, 59, 7, 7, 20);
    const copied: Dataset = {
      ...data,
      inputs: Float32Array.from(
        { length: 60 },
        (_, i) => data.inputs[(rows[Math.floor(i / 12)] as number) * 12 + (i % 12)] as number,
      ),
      labels: Uint8Array.from(rows, (row) => data.labels[row] as number),
    };
    const [a, b] = await Promise.all(
      [shard(data, rows), copied].map((set) =>
        trainer({ model: MLP, data: set }).train(weights, round({ batchSize: 2 })),
      ),
    );
    expect(a?.update).toEqual(b?.update);
    expect(a?.examples).toBe(5);
  });

  test('a tf.layers model trains as the spec of the same layers does, on logits or on probabilities', async () => {
    const build = (activation: 'linear' | 'softmax') => (): TrainableModel => {
      const model = layers.sequential();
      model.add(layers.layers.dense({ units: 16, activation: 'relu', inputShape: [12] }));
      model.add(layers.layers.dense({ units: 4, activation }));
      return layersModel(model, activation === 'softmax' ? 'probabilities' : 'logits');
    };
    const reference = (await trainer({ model: MLP, data }).train(weights, round())).update;
    for (const activation of ['linear', 'softmax'] as const) {
      const one = trainer({ model: build(activation), data });
      const found = await one.init({ task: 'test', dimension: manifest.dimension });
      expect(found.variables.map(({ shape, offset }) => ({ shape, offset }))).toEqual(
        manifest.variables.map(({ shape, offset }) => ({ shape, offset })),
      );
      const { update } = await one.train(weights, round());
      const worst = update.reduce((most, value, i) => Math.max(most, Math.abs(value - (reference[i] as number))), 0);
      expect(worst, activation).toBeLessThan(1e-5);
    }
  });
});

describe('what is refused, and how', () => {
  const { weights, manifest } = initialWeights(MLP, 3);

  test('a model that does not fit the task, weights that do not fit the model, data that do not fit either', async () => {
    const one = trainer({ model: MLP, data });
    expect(await codeOf(one.init({ task: 'test', dimension: manifest.dimension + 1 }))).toBe('TRAIN_SHAPE');
    expect(await codeOf(one.train(weights.slice(1), round()))).toBe('TRAIN_SHAPE');
    expect(await codeOf(trainer({ model: MLP, data: blobs(9, [11], 4, 'x') }).train(weights, round()))).toBe(
      'TRAIN_SHAPE',
    );
    expect(await codeOf(trainer({ model: MLP, data: blobs(9, [12], 5, 'x') }).train(weights, round()))).toBe(
      'TRAIN_SHAPE',
    );
    expect(
      await codeOf(trainer({ model: MLP, data: { ...data, labels: data.labels.slice(1) } }).train(weights, round())),
    ).toBe('DATA_MALFORMED');
    const { update } = await one.train(weights, round());
    expect(update.length).toBe(manifest.dimension);
  });

  test('settings out of range, each by its name', async () => {
    const one = trainer({ model: MLP, data });
    const bad: readonly Partial<PlainSpec>[] = [
      { epochs: 0 },
      { batchSize: 1.5 },
      { learningRate: Number.NaN },
      { maxExamples: 0 },
      { algorithm: 'fedprox' },
      { algorithm: 'fedprox', mu: -1 },
      { mu: 1 },
      { optimizer: 'lion' as 'sgd' },
    ];
    for (const overrides of bad)
      expect(await codeOf(one.train(weights, round(overrides))), JSON.stringify(overrides)).toBe('CONFIG_INVALID');
  });

  test('an input that is not a number, and a learning rate that blows up, at the first loss that shows it', async () => {
    const poisoned = { ...data, inputs: data.inputs.slice() };
    poisoned.inputs[17] = Number.NaN;
    expect(await codeOf(trainer({ model: MLP, data: poisoned }).train(weights, round({ batchSize: 60 })))).toBe(
      'TRAIN_NON_FINITE',
    );
    expect(await codeOf(trainer({ model: MLP, data }).train(weights, round({ learningRate: 1e30 })))).toBe(
      'TRAIN_NON_FINITE',
    );
    const infinite = weights.slice();
    infinite[0] = Number.POSITIVE_INFINITY;
    expect(await codeOf(trainer({ model: MLP, data }).train(infinite, round()))).toBe('TRAIN_NON_FINITE');
  });

  test('a step that ends in infinity although every loss was finite', async () => {
    const spec = round({ learningRate: 3e38, epochs: 1, batchSize: 60 });
    const large = { ...data, inputs: data.inputs.map((value) => value * 1e4) } as Dataset;
    expect(await codeOf(trainer({ model: MLP, data: large }).train(weights, spec))).toBe('TRAIN_NON_FINITE');
  });

  test('an operation the backend lacks, named with the remedy', async () => {
    const { variables: entries } = modelManifest({ kind: 'softmax', input: 12, classes: 4 });
    const factory = (): TrainableModel => {
      const w = tf.variable(tf.zeros([12, 4]));
      return {
        manifest: { dimension: 48, variables: entries.slice(0, 1) },
        variables: [w],
        trainable: [w],
        inputShape: [12],
        classes: 4,
        output: 'logits',
        forward: (x) => tf.einsum('ij,jk->ik', x, w) as tf.Tensor2D,
        dispose: () => w.dispose(),
      };
    };
    const one = trainer({ model: factory, data });
    await expect(one.train(new Float32Array(48), round())).rejects.toThrow(/TRAIN_UNSUPPORTED.*Einsum.*wasm/);
  });

  test('a hand-written model whose variables are not those of its manifest', async () => {
    const factory = (): TrainableModel => {
      const model = buildModel({ kind: 'softmax', input: 12, classes: 4 });
      return { ...model, manifest: modelManifest(MLP) };
    };
    expect(await codeOf(trainer({ model: factory, data }).train(weights, round()))).toBe('TRAIN_SHAPE');
  });

  test('work after dispose', async () => {
    const one = trainer({ model: MLP, data });
    await one.dispose();
    expect(await codeOf(one.train(weights, round()))).toBe('TRAIN_ABORTED');
  });
});

describe('an abort', () => {
  const { weights } = initialWeights(MLP, 3);

  test('before the start, while waiting and in the middle ends training; the next round is as if nothing had been', async () => {
    const one = trainer({ model: MLP, data });
    const reference = (await one.train(weights, round())).update;
    const gone = new AbortController();
    gone.abort();
    expect(await codeOf(one.train(weights, round({}, { signal: gone.signal })))).toBe('TRAIN_ABORTED');

    const middle = new AbortController();
    const long = one.train(weights, round({ epochs: 1_000_000 }, { signal: middle.signal }));
    const waiting = new AbortController();
    const queued = one.train(weights, round({ epochs: 1_000_000 }, { signal: waiting.signal }));
    setImmediate(() => {
      waiting.abort();
      middle.abort();
    });
    expect(await codeOf(long)).toBe('TRAIN_ABORTED');
    expect(await codeOf(queued)).toBe('TRAIN_ABORTED');
    expect((await one.train(weights, round())).update).toEqual(reference);
  });
});

describe('memory', () => {
  for (const backend of ['wasm', 'cpu'] as const) {
    test(`on ${backend}: rounds, evaluations, refusals and trainers leave no tensor, buffer or byte behind`, async () => {
      await startBackend({ backend });
      const empty = tf.memory();
      const images = blobs(12, [10, 10, 2], 3, 'images');
      const sets = [
        {
          model: MLP,
          data: shard(
            data,
            Uint32Array.from({ length: 12 }, (_, i) => i),
          ),
        },
        { model: CNN, data: images },
      ];
      const cycle = async (): Promise<void> => {
        for (const { model, data: set } of sets) {
          const { weights } = initialWeights(model, 1);
          const one = tfjsTrainer({ backend, model, data: set, seed: 1 });
          for (const optimizer of ['sgd', 'momentum', 'adam'] as const) {
            await one.train(weights, round({ optimizer, batchSize: 8, epochs: 1 }));
          }
          await one.train(weights, round({ algorithm: 'fedprox', mu: 0.1, batchSize: 8, epochs: 1 }));
          await one.evaluate(weights);
          await codeOf(one.train(weights, round({ learningRate: 1e30, batchSize: 4, algorithm: 'fedprox', mu: 1 })));
          await one.dispose();
        }
      };
      await cycle(); // backends allocate a little on first use
      const before = tf.memory();
      for (let i = 0; i < 2; i++) await cycle();
      const { numTensors, numDataBuffers, numBytes } = tf.memory();
      expect({ numTensors, numDataBuffers, numBytes }).toEqual({
        numTensors: before.numTensors,
        numDataBuffers: before.numDataBuffers,
        numBytes: before.numBytes,
      });
      expect(numTensors).toBe(empty.numTensors);
    });
  }
});
