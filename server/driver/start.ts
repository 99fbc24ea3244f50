// Starts a coordinator: checks the settings against each other, signs the first model, listens. Not here: running (coordinator.ts).

import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { deriveTask } from '../../protocol/task.js';
import { startCampaign } from '../campaign/campaign.js';
import { checkCampaign } from '../campaign/check.js';
import { MemoryChainStore } from '../chain/memory-store.js';
import { workerEngine } from '../engine/engine.js';
import { memoryPrivacyStore } from '../privacy-store.js';
import { realClock } from './clock.js';
import { RunningCoordinator } from './coordinator.js';
import type { Coordinator, CoordinatorOptions, Logger } from './options.js';
import { Publisher } from './publisher.js';

const nothing = (): void => {};
const SILENT: Logger = { debug: nothing, info: nothing, warn: nothing, error: nothing };

/**
 * Resolves when clients can connect; the campaign waits for them already.
 * @throws SottoError CONFIG_* where the settings contradict themselves, TRAIN_SHAPE for the initial weights;
 *   what listening throws, such as EADDRINUSE
 */
export async function startCoordinator(options: CoordinatorOptions): Promise<Coordinator> {
  const { task, campaign, identity } = options;
  const derived = deriveTask(task);
  const privacyStore = options.privacyStore ?? memoryPrivacyStore();
  const setup = {
    config: task,
    threshold: derived.threshold,
    settings: campaign,
    random: options.random,
    lastRound: 0,
    spent: await privacyStore.load(),
  };
  checkCampaign(setup);
  const store = options.store ?? new MemoryChainStore();
  if (store.all().length > 0)
    throw new SottoError('CONFIG_INVALID', 'the store holds a chain already; start with an empty one');
  const clock = options.clock ?? realClock;
  const engine = options.engine ?? workerEngine(options.workers);
  try {
    const parts = {
      config: task,
      derived,
      identity,
      primitives: nativePrimitives,
      engine,
      store,
      random: options.random,
    };
    const publisher = await Publisher.open(parts, options.initialWeights);
    const firstStep = startCampaign(setup, clock.now());
    return await RunningCoordinator.open({
      options,
      clock,
      log: options.log ?? SILENT,
      engine,
      store,
      publisher,
      privacyStore,
      firstStep,
    });
  } catch (error) {
    await engine.close();
    throw error;
  }
}
