// Runs inside the page, bundled: trains the same model on a backend of the worker's. No assertions here.

import type { BackendName } from '../../client/tfjs/backend.js';
import { initialWeights, workerTrainer } from '../../client/tfjs/index.js';
import { SottoError } from '../../protocol/errors.js';
import { blobs } from '../tfjs/support.js';

const MODEL = { kind: 'mlp', input: 16, hidden: [24], classes: 4 } as const;
const SPEC = { algorithm: 'fedavg', epochs: 3, batchSize: 16, learningRate: 0.1, optimizer: 'sgd' } as const;

const trains = {
  /** What it trained on, how well, and the first coordinates of the update; or why not. */
  async trains(backend: BackendName, worker: string): Promise<unknown> {
    let said = '';
    const trainer = workerTrainer({
      model: MODEL,
      data: blobs(240, [16], 4, 'backends'),
      seed: 7,
      backend,
      wasmPaths: `${location.origin}/wasm/`,
      makeWorker: () => new Worker(worker, { type: 'module' }),
      log: (line) => {
        said = line;
      },
    });
    try {
      const { weights, manifest } = initialWeights(MODEL, 1);
      await trainer.init({ task: 'backends', dimension: manifest.dimension });
      const { update } = await trainer.train(weights.slice(), { task: 'backends', round: 1, attempt: 1, spec: SPEC });
      const after = weights.map((w, i) => w + (update[i] as number)); // safe: one for one
      const { accuracy } = await trainer.evaluate(after);
      return { said, accuracy, update: [...update.slice(0, 64)] };
    } catch (error) {
      return { code: error instanceof SottoError ? error.code : 'none', text: String(error) };
    } finally {
      await trainer.dispose();
    }
  },
};
Object.assign(globalThis, trains);
