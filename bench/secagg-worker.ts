// The vector work of secagg.ts in a thread of its own, as a client's and the coordinator's engine have it: key streams are memory
// from outside of the heap, and a heap full of other things would make each piece of them dear to collect. Not a bench.
import { parentPort } from 'node:worker_threads';
import { nativeKernels, nativeKeystream, nativePrimitives } from '../protocol/native/index.js';
import type { MaskWork, UnmaskWork } from '../protocol/secagg/jobs.js';
import { runStreaming } from '../protocol/secagg/keystreams.js';
import { encodePlain, foldInput, maskUpdate, newAccumulator } from '../protocol/secagg/mask.js';
import { unmaskSum } from '../protocol/secagg/unmask.js';
import { chunkHashList } from '../protocol/wire/chunks.js';

export type Job =
  | { readonly type: 'mask'; readonly work: MaskWork; readonly update: Float32Array<ArrayBuffer> }
  | { readonly type: 'hash'; readonly input: Uint8Array<ArrayBuffer> }
  | {
      readonly type: 'fold';
      readonly work: UnmaskWork;
      readonly input: Uint8Array<ArrayBuffer>;
      readonly times: number;
    }
  | { readonly type: 'unmask'; readonly work: UnmaskWork };
/** `ms`: CPU of this process while the job ran; nothing else runs then. */
export interface Done {
  readonly bytes: Uint8Array<ArrayBuffer>;
  readonly ms: number;
}

const kernels = nativeKernels();

function run(job: Job): Uint8Array<ArrayBuffer> {
  switch (job.type) {
    case 'mask':
      return runStreaming(maskUpdate(job.work, job.update, kernels, encodePlain), job.work.prg, nativeKeystream);
    case 'hash':
      return new Uint8Array(chunkHashList(nativePrimitives, job.input));
    case 'fold': {
      const sum = newAccumulator(job.work.encoding);
      for (let i = 0; i < job.times; i++) foldInput(sum, job.input, job.work.encoding, kernels);
      return new Uint8Array(0);
    }
    case 'unmask': {
      const sum = newAccumulator(job.work.encoding);
      runStreaming(unmaskSum(job.work, sum, nativePrimitives, kernels), job.work.prg, nativeKeystream);
      return new Uint8Array(0);
    }
    default:
      return job satisfies never;
  }
}

parentPort?.on('message', (job: Job) => {
  const before = process.cpuUsage();
  const bytes = run(job);
  const { user, system } = process.cpuUsage(before);
  const done: Done = { bytes, ms: (user + system) / 1000 };
  parentPort?.postMessage(done);
});
