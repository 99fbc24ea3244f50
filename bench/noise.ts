// Exact noise: samples a second of one thread, by the width of the noise, and what it adds to encoding a million weights.

import { nativeKeystream, nativeRng } from '../protocol/native/index.js';
import { drawGaussian } from '../protocol/privacy/discrete/noise.js';
import { gaussianTable } from '../protocol/privacy/discrete/table.js';
import { roundedSensitivity } from '../protocol/privacy/sensitivity.js';
import type { Encoding, Mechanism } from '../protocol/secagg/jobs.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import { encodeBounded } from '../protocol/secagg/noised.js';
import { atLeast, type Bench, cpuMs, type Row, row } from './harness.js';

const COUNT = 1_000_000;
const draw = (variance: bigint) => () =>
  runStreaming(
    drawGaussian(gaussianTable({ num: variance, den: 1n }), COUNT, nativeRng(32)),
    'aes256ctr',
    nativeKeystream,
  );

async function ofVariance(deviation: number): Promise<Row[]> {
  const variance = BigInt(deviation) ** 2n;
  draw(variance)();
  const ms = Math.min(await cpuMs(draw(variance)), await cpuMs(draw(variance)));
  return [atLeast(3, row(`σ = ${deviation} grid steps, one thread`, COUNT / ms / 1_000, 'M samples/s'))];
}

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
  const table = await cpuMs(() => gaussianTable({ num: 8_000n ** 2n, den: 1n }));
  return [
    row('table for σ = 8,000, once a round', table, 'ms CPU'),
    row('clip and round a million weights, norm checked', plain, 'ms CPU'),
    row('  with rotation', turned, 'ms CPU'),
  ];
}

export const noiseBench: Bench = {
  name: 'noise',
  title: 'exact discrete Gaussian noise and bounded encoding',
  run: async () => [
    ...(await ofVariance(2)),
    ...(await ofVariance(10)),
    ...(await ofVariance(300)),
    ...(await ofVariance(8_000)),
    ...(await encoding()),
  ],
};
