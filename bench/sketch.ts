// Verified sketches for a million weights: what R4 costs one client in a clique of 64, and what the coordinator's checks cost a client.

import type { WasmEngine } from '../protocol/kernels/wasm.js';
import { nativeKernels, nativeKeystream, nativePrimitives, nativeRng } from '../protocol/native/index.js';
import type { Encoding, MaskWork, Ring } from '../protocol/secagg/jobs.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import type { SketchMatrix } from '../protocol/sketch/matrix.js';
import { jsProjector, openProjector, type Projector, projectStream } from '../protocol/sketch/project.js';
import { openMatrix, projectInput, sketchSection } from '../protocol/sketch/work.js';
import { atMost, type Bench, cpuMs, msPerCall, type Row, row } from './harness.js';

const DIMENSION = 1_000_000;
const PEERS = 63;
const ROWS = 48;
/** The least of them counts: on a shared core other programs only ever add. */
const RUNS = 8;
const simd = (matrix: SketchMatrix): Projector =>
  openProjector((globalThis as { readonly WebAssembly?: WasmEngine }).WebAssembly, matrix);

function maskWork(encoding: Encoding): MaskWork {
  return {
    type: 'mask',
    encoding,
    prg: 'aes256ctr',
    weight: 1,
    roundingKey: nativeRng(32),
    selfKey: nativeRng(32),
    pairs: Array.from({ length: PEERS }, (_, i) => ({ key: nativeRng(32), sign: i % 2 === 0 ? 1 : -1 })),
  };
}

async function ofRing(ring: Ring): Promise<Row[]> {
  const encoding: Encoding = { dimension: DIMENSION, clipNorm: 5, range: 1, levels: 127, ring, weighted: false };
  const update = Float32Array.from({ length: DIMENSION }, (_, i) => Math.sin(i) / DIMENSION);
  const work = { type: 'sketch', mask: maskWork(encoding), matrixKey: nativeRng(32), rows: ROWS } as const;
  const client = (make: (matrix: SketchMatrix) => Projector) => () =>
    runStreaming(sketchSection(work, update, make), 'aes256ctr', nativeKeystream);
  client(simd)();
  let fast = Number.POSITIVE_INFINITY;
  for (let i = 0; i < RUNS; i++) fast = Math.min(fast, await cpuMs(client(simd)));
  const slow = ring === 32 ? await cpuMs(client(jsProjector)) : undefined;
  // The coordinator draws A once a round; for each client it projects y, and after the opening the stream of b.
  const kernels = nativeKernels();
  const projector = runStreaming(openMatrix(work.matrixKey, ROWS, encoding, simd), 'aes256ctr', nativeKeystream);
  const input = nativeRng(DIMENSION * (ring / 8));
  const key = nativePrimitives.sha256(nativeRng(32));
  const ofInput = msPerCall(() => projectInput(projector, { encoding }, input, kernels));
  const ofSelf = msPerCall(() =>
    runStreaming(projectStream(projector, key, ring === 16 ? 2 : 4), 'aes256ctr', nativeKeystream),
  );
  const drawn = msPerCall(() =>
    runStreaming(openMatrix(work.matrixKey, ROWS, encoding, simd), 'aes256ctr', nativeKeystream),
  );
  const what = `d = 1M, k = ${ROWS}, ρ = ${ring}`;
  return [
    atMost(250, row(`${what}: client, 64 members, CPU`, fast, 'ms')),
    ...(slow === undefined ? [] : [row('  plain loops over SIMD', slow / fast, 'x')]),
    row(`${what}: coordinator, A·y`, ofInput, 'ms'),
    row(`${what}: coordinator, A·PRG(b)`, ofSelf, 'ms'),
    atMost(10, row('  both: its checks per client', ofInput + ofSelf, 'ms')),
    row(`${what}: drawing A, once a round`, drawn, 'ms'),
  ];
}

export const sketchBench: Bench = {
  name: 'sketch',
  title: 'verified sketches: a client in R4, and the checks of the coordinator',
  run: async () => [...(await ofRing(16)), ...(await ofRing(24)), ...(await ofRing(32))],
};
