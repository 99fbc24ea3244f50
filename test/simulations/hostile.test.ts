// The hostile trainer and engine round the real engine: what leaves differs from an honest client's in the attack alone.
// Not here: the attack maths (attacks.test.ts), a hostile client in a round (fleet.test.ts).

import { describe, expect, it } from 'vitest';
import { type ClientEngine, inlineEngine } from '../../client/engine.js';
import type { Trainer } from '../../client/trainer.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import type { Encoding, MaskWork, SketchWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { jsProjector } from '../../protocol/sketch/project.js';
import { deriveTask } from '../../protocol/task.js';
import { chunkHashList } from '../../protocol/wire/chunks.js';
import {
  type Attack,
  freeRider,
  innerProduct,
  noiseEvasion,
  signFlip,
  vectorAbuse,
} from '../../simulations/attacks/index.js';
import { type HostileOptions, hostileEngine, hostileTrainer } from '../../simulations/fleet/hostile.js';
import { Random } from '../../simulations/random.js';
import { privateTask } from '../privacy/tasks.js';

const encoding: Encoding = { dimension: 4, clipNorm: 1, range: 2, levels: 127, ring: 16, weighted: false };
const options = (attack: Attack): HostileOptions => ({
  attack,
  position: 0,
  allies: [],
  rank: 0,
  attackers: 1,
  cohort: 8,
  encoding,
  rule: { name: 'mean' },
  draws: (round) => Random.fromSeed('hostile').fork(round),
});
/** Nothing but the self mask, and that is known: what is left is the encoded update. */
const work = (): MaskWork => ({
  type: 'mask',
  encoding,
  prg: 'aes256ctr',
  weight: 1,
  roundingKey: new Uint8Array(32).fill(7),
  selfKey: new Uint8Array(32).fill(9),
  pairs: [],
});
const tools = {
  primitives: nativePrimitives,
  kernels: jsKernels,
  openKeystream: nativeKeystream,
  makeProjector: jsProjector,
};
const engineFor = (attack?: Attack) => {
  const honest = inlineEngine(tools, runStreaming);
  return attack === undefined ? honest : hostileEngine(honest, options(attack), nativePrimitives);
};
/** The levels an engine uploads for `update`, self mask taken off. */
async function levels(update: number[], attack?: Attack): Promise<number[]> {
  const engine = engineFor(attack);
  await engine.run(work(), Float32Array.from(update));
  const sent = new Int16Array(engine.chunk(0).slice().buffer);
  const zero = engineFor();
  await zero.run(work(), new Float32Array(4));
  const mask = new Int16Array(zero.chunk(0).slice().buffer);
  return [...sent].map((word, i) => ((word - (mask[i] ?? 0)) << 16) >> 16);
}

const trainerOf = (update: number[]): Trainer => ({
  init: async () => ({ dimension: 4, variables: [] }),
  train: async () => ({ update: Float32Array.from(update), examples: 10, metrics: {} }),
});
const order = (round: number) => ({
  task: 'test',
  round,
  attempt: 1,
  spec: { algorithm: 'fedavg', epochs: 1, batchSize: 1, learningRate: 1, optimizer: 'sgd' } as const,
});

describe('the hostile engine', () => {
  it('does not clip where the attack does not: only the grid bounds what it sends', async () => {
    const update = [3, -100, 1, 0];
    expect(Math.hypot(...(await levels(update)).map((level) => (level * 2) / 127))).toBeLessThan(1.02);
    const sent = await levels(update, signFlip());
    expect(sent.slice(0, 2)).toEqual([127, -127]);
    expect(Math.abs((sent[2] ?? 0) - 63.5)).toBeLessThanOrEqual(0.5);
  });

  it('is the honest engine for an attack that clips', async () => {
    const update = [3, -4, 1, 0];
    expect(await levels(update, freeRider({ send: 'zero' }))).toEqual(await levels(update));
  });

  it('hashes what it uploads in place of the vector, however long', async () => {
    for (const abuse of ['nan', 'short', 'long', 'ring'] as const) {
      const engine = engineFor(vectorAbuse(abuse));
      const result = await engine.run(work(), Float32Array.of(1, 0, 0, 0));
      if (!result.ok) throw new Error(result.code);
      const chunk = engine.chunk(0);
      expect(chunk.length).toBe(result.bytes);
      expect([...result.chunks]).toEqual([...chunkHashList(nativePrimitives, chunk)]);
    }
  });

  it('uploads the forged vector chunk by chunk', async () => {
    const dimension = CHUNK_BYTES / 2 + 3;
    const engine = engineFor(vectorAbuse('ring'));
    const result = await engine.run({ ...work(), encoding: { ...encoding, dimension } }, new Float32Array(dimension));
    expect(result).toMatchObject({ ok: true, bytes: 2 * dimension });
    expect(engine.chunk(0)).toHaveLength(CHUNK_BYTES);
    expect(engine.chunk(1)).toHaveLength(6);
  });
});

describe('noise evasion', () => {
  const task = privateTask({ size: 4, dimension: 64 });
  const derived = deriveTask(task);
  if (derived.noise === 'none') throw new Error('no noise');
  const { localVariance, bitVariance } = derived.noise;
  const noised = (): MaskWork => ({
    ...work(),
    encoding: derived.encoding,
    noise: { from: 'discrete-gaussian', variance: localVariance, bitVariance, key: new Uint8Array(32).fill(3) },
  });
  const update = Float32Array.from({ length: 64 }, (_, i) => Math.sin(i) / 10);
  const sketchOf = (mask: MaskWork): SketchWork => ({
    type: 'sketch',
    mask,
    matrixKey: new Uint8Array(32).fill(5),
    rows: 48,
  });
  async function sent(engine: ClientEngine, mask: MaskWork): Promise<{ vector: number[]; sketch: number[] }> {
    await engine.run(mask, update.slice());
    const vector = [...engine.chunk(0)];
    return { vector, sketch: [...(await engine.sketch(sketchOf(mask), update.slice()))] };
  }

  it('I leave my share of the exact noise out, and nothing else changes, in the input and in the sketch of it', async () => {
    const { noise: _, ...bare } = noised();
    const [honest, quiet] = [await sent(engineFor(), noised()), await sent(engineFor(), bare)];
    const evading = await sent(engineFor(noiseEvasion()), noised());
    expect(evading.vector).toEqual(quiet.vector);
    expect(evading.vector).not.toEqual(honest.vector);
    // A sketch with the noise would not be of what was sent, which is proven at once.
    expect(evading.sketch).toEqual(quiet.sketch);
    expect(evading.sketch).not.toEqual(honest.sketch);
  });

  it('where the task has no noise it is the honest engine', async () => {
    expect(await levels([0.3, -0.4, 0.1, 0], noiseEvasion())).toEqual(await levels([0.3, -0.4, 0.1, 0]));
  });
});

describe('the hostile trainer', () => {
  it('sends the corrupted update and leaves the rest as it was', async () => {
    const trainer = hostileTrainer(trainerOf([1, 2, 3, 4]), options(signFlip(2)));
    const result = await trainer.train(new Float32Array(4), order(1));
    expect([...result.update]).toEqual([-2, -4, -6, -8]);
    expect(result.examples).toBe(10);
  });

  it('replays the step between the last two models it saw, not within one round', async () => {
    const trainer = hostileTrainer(trainerOf([1, 1, 1, 1]), options(freeRider({ send: 'replay' })));
    const send = async (round: number, ...weights: number[]) => [
      ...(await trainer.train(Float32Array.from(weights), order(round))).update,
    ];
    expect(await send(1, 1, 2, 3, 4)).toEqual([0, 0, 0, 0]);
    expect(await send(2, 2, 2, 2, 2)).toEqual([1, 0, -1, -2]);
    // A second attempt of round 2 starts from the same model.
    expect(await send(2, 2, 2, 2, 2)).toEqual([0, 0, 0, 0]);
  });

  it('refuses an attack that has to be shown the honest updates', () => {
    expect(() => hostileTrainer(trainerOf([1]), options(innerProduct(1)))).toThrow(
      'nobody here can show IPM 1 the others',
    );
  });
});
