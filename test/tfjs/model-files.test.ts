// Files of weights against bytes made by others (Python's safetensors and NumPy, Keras 3), and in the hands of strangers.
// Not here: the commands (test/cli/models.test.ts).

import { readFileSync } from 'node:fs';
import * as tf from '@tensorflow/tfjs-core';
import '@tensorflow/tfjs';
import * as layers from '@tensorflow/tfjs-layers';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import {
  buildModel,
  createModel,
  decodeNpz,
  decodeSafetensors,
  encodeNpz,
  encodeSafetensors,
  flattenTensors,
  importLayers,
  initialWeights,
  layersFile,
  loadWeights,
  modelManifest,
  type NamedTensor,
  readLayersFile,
  readWeights,
  startBackend,
  tensorsOf,
  tfjsTrainer,
} from '../../client/tfjs/index.js';
import { CNN, MLP } from './support.js';

interface Vector {
  readonly topology: {
    readonly config: { readonly layers: { class_name: string; config: Record<string, unknown> }[] };
  };
  readonly weights: readonly { readonly name: string; readonly shape: readonly number[] }[];
  readonly data: string;
  readonly input: readonly number[];
  readonly output: readonly number[];
}
const vectors = JSON.parse(readFileSync('test/vectors/model-files.json', 'utf8'));
const keras: Readonly<Record<'sequential' | 'functional', Vector>> = JSON.parse(
  readFileSync('test/vectors/keras-models.json', 'utf8'),
);
const bytes = (base64: string): Uint8Array => new Uint8Array(Buffer.from(base64, 'base64'));
const plain = (tensors: readonly NamedTensor[]) =>
  [...tensors]
    .map(({ name, shape, values }) => ({ name, shape: [...shape], values: [...values] }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
const expected: readonly NamedTensor[] = vectors.tensors.map(
  (tensor: { name: string; shape: number[]; values: number[] }) => ({
    ...tensor,
    values: Float32Array.from(tensor.values),
  }),
);
const codeOf = (work: () => unknown): string => {
  try {
    work();
  } catch (error) {
    return (error as { code?: string }).code ?? String(error);
  }
  return 'nothing was thrown';
};

const tensors = fc
  .uniqueArray(
    fc.record({
      name: fc.stringMatching(/^[a-z][a-z0-9_/]{0,12}[a-z]$/),
      shape: fc.array(fc.nat({ max: 4 }), { maxLength: 3 }),
    }),
    { selector: ({ name }) => name, maxLength: 5 },
  )
  .map((list): NamedTensor[] =>
    list.map(({ name, shape }, i) => {
      const size = shape.reduce((product, side) => product * side, 1);
      return { name, shape, values: Float32Array.from({ length: size }, (_, j) => (i + 1) * 0.37 - j * 1.5) };
    }),
  );

describe('safetensors', () => {
  it("reads what Python's package wrote, and writes the same bytes", () => {
    const { tensors: read, metadata } = decodeSafetensors(bytes(vectors.safetensors), 'f');
    expect(plain(read)).toEqual(plain(expected));
    expect(metadata).toEqual({ by: 'python' });
    expect(Buffer.from(encodeSafetensors(expected)).toString('base64')).toBe(vectors.safetensorsPlain);
    expect(Buffer.from(encodeSafetensors(expected, { by: 'python' })).toString('base64')).toBe(vectors.safetensors);
  });

  it('gives back any tensors', () => {
    fc.assert(
      fc.property(tensors, (list) => {
        expect(plain(decodeSafetensors(encodeSafetensors(list), 'f').tensors)).toEqual(plain(list));
      }),
      { seed: 1, numRuns: 100 },
    );
  });

  it('names the type that it does not read', () => {
    expect(() => decodeSafetensors(bytes(vectors.float16), 'f')).toThrow(/'w' is of type "F16"; convert it to F32/);
  });

  const file = (header: string, data = 0): Uint8Array => {
    const text = new TextEncoder().encode(header);
    const out = new Uint8Array(8 + text.length + data);
    new DataView(out.buffer).setBigUint64(0, BigInt(text.length), true);
    out.set(text, 8);
    return out;
  };
  const entry = (from: number, to: number, shape = `[${(to - from) / 4}]`): string =>
    `{"dtype":"F32","shape":${shape},"data_offsets":[${from},${to}]}`;
  it.each([
    ['seven bytes', new Uint8Array(7)],
    ['a header of 2^64 − 1 bytes', new Uint8Array(16).fill(255)],
    ['a header longer than the file', bytes(vectors.safetensors).subarray(0, 60)],
    ['a header that is no object', file('[1]')],
    ['a space before the header', file(' {}')],
    ['bytes that are no UTF-8', Uint8Array.of(3, 0, 0, 0, 0, 0, 0, 0, 0x7b, 0xff, 0x7d)],
    ['a hole between two tensors', file(`{"a":${entry(0, 4)},"b":${entry(8, 12)}}`, 12)],
    ['two tensors over the same bytes', file(`{"a":${entry(0, 8)},"b":${entry(4, 12)}}`, 12)],
    ['bytes behind the last tensor', file(`{"a":${entry(0, 4)}}`, 8)],
    ['a tensor that ends behind the file', file(`{"a":${entry(0, 8)}}`, 4)],
    ['offsets that run backwards', file(`{"a":${entry(8, 4, '[1]')}}`, 8)],
    ['a shape of another size', file(`{"a":${entry(0, 8, '[3]')}}`, 8)],
    ['a side of 2^60', file(`{"a":${entry(0, 8, '[1152921504606846976,0]')}}`, 8)],
    ['a negative side', file(`{"a":${entry(0, 4, '[-1,-1]')}}`, 4)],
    ['a field that nobody knows', file('{"a":{"dtype":"F32","shape":[],"data_offsets":[0,4],"x":1}}', 4)],
    ['metadata that are no strings', file('{"__metadata__":{"a":1}}')],
    ['null for a tensor', file('{"a":null}')],
  ])('refuses %s', (_, hostile) => {
    expect(codeOf(() => decodeSafetensors(hostile, 'f'))).toBe('MODEL_MALFORMED');
  });

  it('whatever bytes are changed, it reads tensors or refuses with a code', () => {
    const sound = bytes(vectors.safetensors);
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), fc.nat(sound.length), (at, value, length) => {
        const hostile = sound.slice(0, length);
        if (at < length) hostile[at] = value;
        const code = codeOf(() => decodeSafetensors(hostile, 'f'));
        expect(code === 'nothing was thrown' || code === 'MODEL_MALFORMED').toBe(true);
      }),
      { seed: 2, numRuns: 500 },
    );
  });
});

describe('.npz', () => {
  it('reads what NumPy wrote, stored and deflated', () => {
    for (const name of ['npz', 'npzDeflated'])
      expect(plain(decodeNpz(bytes(vectors[name]), 'f'))).toEqual(plain(expected));
  });

  it('gives back any tensors, and the same bytes each time', () => {
    fc.assert(
      fc.property(tensors, (list) => {
        const file = encodeNpz(list);
        expect(plain(decodeNpz(file, 'f'))).toEqual(plain(list));
        expect(Buffer.from(encodeNpz(list)).equals(Buffer.from(file))).toBe(true);
      }),
      { seed: 3, numRuns: 50 },
    );
  });

  it('names type and order that it does not read, with the remedy', () => {
    expect(() => decodeNpz(bytes(vectors.npzFortran), 'f')).toThrow(
      /Fortran order; convert it: numpy.ascontiguousarray/,
    );
    expect(() => decodeNpz(bytes(vectors.npzFloat64), 'f')).toThrow(/of type <f8; convert it: array.astype/);
  });

  it('a zip that says it unpacks to more than a model can have is refused before it is unpacked', () => {
    const bomb = bytes(vectors.npzDeflated);
    const view = new DataView(bomb.buffer);
    for (let at = 0; at + 28 < bomb.length; at++)
      if (view.getUint32(at, true) === 0x02014b50) view.setUint32(at + 24, 0xf0000000, true);
    expect(() => decodeNpz(bomb, 'f')).toThrow(/unpacks to more than a model can have/);
  });

  it('whatever bytes are changed, it reads tensors or refuses with a code', () => {
    const sound = bytes(vectors.npzDeflated);
    fc.assert(
      fc.property(fc.nat(sound.length - 1), fc.nat(255), fc.nat(sound.length), (at, value, length) => {
        const hostile = sound.slice(0, length);
        if (at < length) hostile[at] = value;
        const code = codeOf(() => decodeNpz(hostile, 'f'));
        expect(code === 'nothing was thrown' || code === 'MODEL_MALFORMED').toBe(true);
      }),
      { seed: 4, numRuns: 300 },
    );
  });
});

describe('tensors of a model', () => {
  const manifest = modelManifest(MLP);
  const { weights } = initialWeights(MLP, 5);
  it('go to the flat vector and back in any order', () => {
    expect(flattenTensors('f', manifest, tensorsOf(manifest, weights).reverse())).toEqual(weights);
  });
  it.each<[string, (list: NamedTensor[]) => NamedTensor[], RegExp]>([
    ['is missing', (list) => list.slice(1), /has no tensor 'dense0\/kernel'/],
    ['is too many', (list) => [...list, { name: 'x', shape: [1], values: new Float32Array(1) }], /holds a tensor 'x'/],
    [
      'is turned',
      ([first, ...rest]) => [{ ...first!, shape: [...first!.shape].reverse() }, ...rest],
      /'dense0\/kernel' is 16×12, the model wants 12×16/,
    ],
    [
      'holds a NaN',
      ([first, ...rest]) => [{ ...first!, values: first!.values.map((x, i) => (i === 7 ? Number.NaN : x)) }, ...rest],
      /'dense0\/kernel' holds a value that is not finite, at 7/,
    ],
  ])('are refused by name where one %s', (_, spoil, message) => {
    expect(() => flattenTensors('f', manifest, spoil(tensorsOf(manifest, weights)))).toThrow(message);
  });
});

describe('layers of TensorFlow.js', () => {
  it.each([
    ['mlp', MLP],
    ['cnn', CNN],
    ['softmax', { kind: 'softmax', input: 12, classes: 4 }],
  ] as const)('an exported %s computes in TensorFlow.js what it computes here', async (_, spec) => {
    await startBackend({ backend: 'cpu' });
    const { weights, manifest } = initialWeights(spec, 11);
    const { modelTopology, weightsManifest } = JSON.parse(layersFile(spec, manifest));
    const theirs = await layers.loadLayersModel({
      load: async () => ({
        modelTopology,
        weightSpecs: weightsManifest[0].weights,
        weightData: weights.slice().buffer,
      }),
    });
    const ours = buildModel(spec);
    loadWeights(ours, weights);
    const x = tf.randomUniform([3, ...ours.inputShape], -1, 1, 'float32', 8);
    const [a, b] = [theirs.predict(x) as tf.Tensor, tf.softmax(ours.forward(x, false))];
    expect(tf.max(tf.abs(tf.sub(a, b))).dataSync()[0]).toBeLessThan(1e-6);
    theirs.dispose();
    ours.dispose();
    tf.dispose([x, a, b]);
  });

  const fromVector = ({ weights, data }: Vector): NamedTensor[] => {
    const all = new Float32Array(bytes(data).buffer);
    let at = 0;
    return weights.map(({ name, shape }) => {
      const from = at;
      at += shape.reduce((product, side) => product * side, 1);
      return { name, shape, values: all.slice(from, at) };
    });
  };
  it.each(['sequential', 'functional'] as const)(
    'a %s model of Keras 3 computes here what it computed there',
    async (kind) => {
      await startBackend({ backend: 'cpu' });
      const vector = keras[kind];
      const { spec, weights } = await importLayers('k', vector.topology, fromVector(vector));
      // What crosses to a worker is text.
      const model = await createModel(JSON.parse(JSON.stringify(spec)));
      loadWeights(model, weights);
      const y = model.forward(tf.tensor([...vector.input], [3, ...model.inputShape]), false).dataSync();
      expect(y.length).toBe(vector.output.length);
      for (const [i, value] of y.entries()) expect(value).toBeCloseTo(vector.output[i]!, 5);
      expect(spec.output).toBe(kind === 'sequential' ? 'probabilities' : 'logits');
      // And back out: the same file of weights, under the names of Keras.
      const { tensors: again } = readLayersFile(
        layersFile(spec, model.manifest),
        'f',
        () => new Uint8Array(weights.buffer),
      );
      expect(again.map(({ name }) => name).sort()).toEqual(vector.weights.map(({ name }) => name).sort());
      expect(readWeights(model)).toEqual(weights);
      model.dispose();
    },
  );

  it('a model of Keras trains', async () => {
    const vector = keras.sequential;
    const { spec, weights } = await importLayers('k', vector.topology, fromVector(vector));
    const inputs = Float32Array.from({ length: 60 * 36 }, (_, i) => Math.sin(i * 0.7 + (Math.floor(i / 36) % 3)));
    const labels = Uint8Array.from({ length: 60 }, (_, i) => i % 3);
    const trainer = tfjsTrainer({
      backend: 'cpu',
      model: spec,
      data: { inputs, labels, shape: [6, 6, 1], classes: 3 },
      seed: 1,
    });
    const before = await trainer.evaluate(weights);
    const { update } = await trainer.train(weights, {
      task: 't',
      round: 1,
      attempt: 1,
      spec: { algorithm: 'fedavg', epochs: 10, batchSize: 10, learningRate: 0.1, optimizer: 'sgd' },
    });
    const after = await trainer.evaluate(weights.map((w, i) => w + update[i]!) as Float32Array<ArrayBuffer>);
    expect(after.loss).toBeLessThan(before.loss * 0.9);
    await trainer.dispose();
  });

  it.each<[string, object, RegExp]>([
    ['a kind that nobody trained', { class_name: 'Lambda' }, /layer 'conv2d' \(Lambda\) is of a kind/],
    ['dilation', { config: { dilation_rate: [2, 2] } }, /layer 'conv2d' \(Conv2D\) is dilated/],
    ['a regulariser', { config: { kernel_regularizer: { class_name: 'L2' } } }, /has a kernel_regularizer/],
    ['groups', { config: { groups: 2 } }, /has groups/],
    ['channels first', { config: { data_format: 'channels_first' } }, /has data_format channels_first/],
    ['half precision', { config: { dtype: 'float16' } }, /is of type "float16"; use float32/],
  ])('a layer with %s is refused by name', async (_, change, message) => {
    const topology = structuredClone(keras.sequential.topology);
    const layer = topology.config.layers[1]!;
    topology.config.layers[1] = {
      ...layer,
      ...change,
      config: { ...layer.config, ...('config' in change ? (change.config as object) : {}) },
    };
    await expect(importLayers('k', topology, [])).rejects.toThrow(message);
  });

  it('a file that is no model is refused with a code', async () => {
    for (const topology of [
      null,
      7,
      {},
      { class_name: 'Dense' },
      { class_name: 'Sequential', config: { layers: [3] } },
    ])
      await expect(importLayers('k', topology, [])).rejects.toMatchObject({ code: 'MODEL_MALFORMED' });
    let nested: unknown = keras.sequential.topology;
    for (let i = 0; i < 50; i++) nested = { class_name: 'Sequential', config: { name: 'n', layers: [nested] } };
    await expect(importLayers('k', nested, [])).rejects.toThrow(/more than 8 deep/);
  });

  const manifest = (paths: unknown, weight: object = {}) =>
    JSON.stringify({
      modelTopology: {},
      weightsManifest: [{ paths, weights: [{ name: 'w', shape: [1], dtype: 'float32', ...weight }] }],
    });
  it.each(['../secret.key', '/etc/passwd', 'a/b.bin', 'https://example.org/w.bin', 'C:\\w.bin', '..', '.hidden', ''])(
    'I name %s as my weights and it is not read',
    (path) => {
      const read: string[] = [];
      const opened = (name: string): Uint8Array => {
        read.push(name);
        return new Uint8Array(4);
      };
      expect(() => readLayersFile(manifest([path]), 'f', opened)).toThrow(/they must lie beside it/);
      expect(read).toEqual([]);
    },
  );
  it('weights that are quantised, of other types, too short or too long are refused', () => {
    const read = (length: number) => () => new Uint8Array(length);
    expect(() => readLayersFile(manifest(['w.bin'], { quantization: {} }), 'f', read(4))).toThrow(/quantised/);
    expect(() => readLayersFile(manifest(['w.bin'], { dtype: 'int32' }), 'f', read(4))).toThrow(/"int32"; use float32/);
    expect(() => readLayersFile(manifest(['w.bin']), 'f', read(3))).toThrow(/end within weight 'w'/);
    expect(() => readLayersFile(manifest(['w.bin']), 'f', read(8))).toThrow(/4 bytes of weights that no weight claims/);
    expect(readLayersFile(manifest(['a.bin', 'b.bin']), 'f', read(2)).tensors[0]?.values.length).toBe(1);
  });
});
