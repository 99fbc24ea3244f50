// The engines of both sides as threads of a world: jobs in order, each with its time, each a point at which its process can die.
// The arithmetic is the real one, in this process. Not here: what the jobs are (protocol/secagg/jobs.ts).

import { type ClientEngine, inlineEngine } from '../../client/index.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { nativeKeystream, nativePrimitives } from '../../protocol/native/index.js';
import { jsProjector } from '../../protocol/sketch/project.js';
import { type Engine, inProcessEngine } from '../../server/index.js';
import { inOrder, type Life, type Range } from './life.js';

/** @param fails asked at each job: whether the thread that has it is lost */
export function coordinatorEngine(life: Life, ms: Range, fails: () => boolean): Engine {
  const inner = inProcessEngine(1);
  const queue = inOrder();
  const job = <T>(what: string, work: () => Promise<T>): Promise<T> =>
    queue(async () => {
      await life.wait(ms, what);
      const result = await work();
      await life.wait([0, 0], `${what}: done`);
      return result;
    });
  return {
    run(work) {
      // As the real one, which posts a copy to its thread.
      const given = work.type === 'chunk' ? { ...work, section: work.section.slice() } : work;
      return job(work.type, async () => (fails() ? { ok: false, code: 'ENGINE_FAILED' } : inner.run(given)));
    },
    aggregate: (work) =>
      job('aggregates', async () =>
        fails() ? { ok: false, code: 'ENGINE_FAILED', text: 'a worker was lost' } : inner.aggregate(work),
      ),
    nextModel: (work) => job('makes the model', () => inner.nextModel(work)),
    direction: (work) => job('projects', () => inner.direction(work)),
    forget: (keep) => job('forgets', () => inner.forget(keep)),
    sharedBytes: () => inner.sharedBytes(),
    held: () => inner.held(),
    warm: () => inner.warm(),
    rest: () => inner.rest(),
    close: () => inner.close(),
  };
}

/** `holds`: whether a vector is still there. */
export function clientEngine(life: Life, ms: Range): ClientEngine & { holds(): boolean } {
  const inner = inlineEngine({
    primitives: nativePrimitives,
    kernels: jsKernels,
    openKeystream: nativeKeystream,
    makeProjector: jsProjector,
  });
  return {
    async run(work, update) {
      await life.wait(ms, 'masks');
      const result = await inner.run(work, update);
      await life.wait([0, 0], 'has masked');
      return result;
    },
    async sketch(work, update) {
      await life.wait(ms, 'sketches');
      return inner.sketch(work, update);
    },
    chunk: (index) => inner.chunk(index),
    forget: () => inner.forget(),
    holds() {
      try {
        inner.chunk(0);
        return true;
      } catch {
        return false;
      }
    },
  };
}
