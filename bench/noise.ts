// Exact noise: samples a second of one thread, by the width of the noise, and what it adds to encoding a million weights.

import { nativeKeystream, nativeRng } from '../protocol/native/index.js';
import { gaussianShape } from '../protocol/privacy/discrete/gaussian.js';
import { drawNoise } from '../protocol/privacy/discrete/noise.js';
import type { Shape } from '../protocol/privacy/discrete/shape.js';
import { skellamShape } from '../protocol/privacy/discrete/skellam.js';
import { noiseTable } from '../protocol/privacy/discrete/table.js';
import { roundedSensitivity } from '../protocol/privacy/sensitivity.js';
import type { Encoding, Mechanism } from '../protocol/secagg/jobs.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import { encodeBounded } from '../protocol/secagg/noised.js';
import { atLeast, type Bench, cpuMs, type Row, row } from './harness.js';

const COUNT = 1_000_000;
const draw = (shape: Shape) => () =>
  runStreaming(drawNoise(noiseTable(shape), COUNT, nativeRng(32)), 'aes256ctr', nativeKeystream);
const SHAPES = { gaussian: gaussianShape, skellam: skellamShape } as const;

/** A million samples with the table they need. */
async function ofVariance(name: keyof typeof SHAPES, deviation: number): Promise<Row> {
  const shape = SHAPES[name]({ num: BigInt(deviation) ** 2n, den: 1n });
  draw(shape)();
  const ms = Math.min(await cpuMs(draw(shape)), await cpuMs(draw(shape)));
  return atLeast(3, row(`${name}, σ = ${deviation} grid steps, one thread`, COUNT / ms / 1_000, 'M samples/s'));
}
const tableOf = async (name: keyof typeof SHAPES): Promise<Row> =>
  row(
    `table of ${name} for σ = 8,000, once a round`,
    await cpuMs(() => noiseTable(SHAPES[name]({ num: 8_000n ** 2n, den: 1n }))),
    'ms CPU',
  );

async function encoding(): Promise<Row[]> {
  const levels = 8_000;
  const maxSquare = Math.floor(roundedSensitivity(levels, COUNT, Math.exp(-0.5)).l2 ** 2);
  const mechanism: Mechanism = {
    prg: 'aes256ctr',
    maxSquare,
    rotationKey: nativeRng(32),
    bitSteps: 0,
    centralVariance: 0,
  };
  const one: Encoding = { dimension: COUNT, clipNorm: 1, range: 1, levels, ring: 24, weighted: false, mechanism };
  const update = Float32Array.from({ length: COUNT }, (_, i) => Math.sin(i) / 1_000);
  const encode = (of: Mechanism) => () =>
    runStreaming(encodeBounded(one, of, update, nativeRng(32)), 'aes256ctr', nativeKeystream);
  const turned = await cpuMs(encode(mechanism));
  const plain = await cpuMs(encode({ ...mechanism, rotationKey: 'none' }));
  return [
    row('clip and round a million weights, norm checked', plain, 'ms CPU'),
    row('  with rotation', turned, 'ms CPU'),
  ];
}

export const noiseBench: Bench = {
  name: 'noise',
  title: 'exact discrete Gaussian and Skellam noise, and bounded encoding',
  run: async () => [
    await ofVariance('gaussian', 2),
    await ofVariance('gaussian', 10),
    await ofVariance('gaussian', 300),
    await ofVariance('gaussian', 8_000),
    await ofVariance('skellam', 2),
    await ofVariance('skellam', 300),
    await ofVariance('skellam', 8_000),
    await tableOf('gaussian'),
    await tableOf('skellam'),
    ...(await encoding()),
  ],
};
