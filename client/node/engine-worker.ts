// The thread behind worker-engine.ts: gets work and an update, gives the vector and its hashes. Holds nothing between jobs.
import { parentPort } from 'node:worker_threads';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import { nativeKernels } from '../../protocol/native/kernels.js';
import type { ClientWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { computeVector } from '../engine.js';

const tools = {
  primitives: nativePrimitives,
  kernels: nativeKernels(),
  openKeystream: nativeKeystream,
};

parentPort?.on(
  'message',
  ({ job, work, update }: { job: number; work: ClientWork; update: Float32Array<ArrayBuffer> }) => {
    computeVector(work, update, tools, runStreaming)
      .then(({ result, vector }) => parentPort?.postMessage({ job, result, vector }, [vector.buffer]))
      .catch((error: unknown) => parentPort?.postMessage({ job, failed: String(error) }))
      .finally(() => {
        update.fill(0);
        if (work.type === 'mask')
          for (const key of [work.selfKey, work.roundingKey, ...work.pairs.map((pair) => pair.key)]) key.fill(0);
      });
  },
);
