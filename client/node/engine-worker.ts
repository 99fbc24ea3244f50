// The thread behind worker-engine.ts: gets work and an update, gives the vector and its hashes. Holds nothing between jobs.
import { parentPort } from 'node:worker_threads';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import { nativeKernels } from '../../protocol/native/kernels.js';
import type { ClientWork, SketchWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { computeSketch, computeVector } from '../engine.js';

const tools = {
  primitives: nativePrimitives,
  kernels: nativeKernels(),
  openKeystream: nativeKeystream,
};

parentPort?.on(
  'message',
  ({ job, work, update }: { job: number; work: ClientWork | SketchWork; update: Float32Array<ArrayBuffer> }) => {
    const computed =
      work.type === 'sketch'
        ? computeSketch(work, update, tools, runStreaming).then((vector) => ({ result: undefined, vector }))
        : computeVector(work, update, tools, runStreaming);
    computed
      .then(({ result, vector }) => parentPort?.postMessage({ job, result, vector }, [vector.buffer]))
      .catch((error: unknown) => parentPort?.postMessage({ job, failed: String(error) }))
      .finally(() => {
        update.fill(0);
        const mask = work.type === 'sketch' ? work.mask : work;
        if (mask.type === 'mask')
          for (const key of [mask.selfKey, mask.roundingKey, mask.noise?.key, ...mask.pairs.map((pair) => pair.key)])
            key?.fill(0);
      });
  },
);
