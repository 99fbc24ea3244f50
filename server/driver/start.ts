// Starts a coordinator: checks the settings against each other, opens its data, signs the first model or goes on from the last, listens. Not here: running (coordinator.ts).

import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { deriveTask } from '../../protocol/task.js';
import { debitFact, debitsOf } from '../audit/debits.js';
import { type Durable, openDurable } from '../audit/durable.js';
import type { Fact } from '../audit/events.js';
import { progressOf, type Rows } from '../audit/project.js';
import { clientsOf } from '../audit/resume.js';
import { startCampaign } from '../campaign/campaign.js';
import { checkCampaign } from '../campaign/check.js';
import { lostSpending } from '../campaign/lost.js';
import type { Resumed } from '../campaign/types.js';
import { MemoryChainStore } from '../chain/memory-store.js';
import type { ChainStore } from '../chain/store.js';
import type { RestoreNote } from '../data/doctor.js';
import { workerEngine } from '../engine/engine.js';
import { uploadBudget } from '../uploads/budget.js';
import { realClock } from './clock.js';
import { RunningCoordinator } from './coordinator.js';
import { checkListen } from './listener.js';
import type { Coordinator, CoordinatorOptions, Logger } from './options.js';
import { verifyAtOnce, verifyLater } from './proofs.js';
import { Publisher } from './publisher.js';
import { rollBack } from './roll-back.js';

/** Told in the audit log. */
const SERVER_VERSION = 'sotto/0.1';

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
  const setup = {
    config: task,
    threshold: derived.threshold,
    settings: campaign,
    random: options.random,
    lastRound: 0,
    spent: [],
  };
  checkCampaign(setup);
  const { uploadBytes = uploadBudget(task, derived, options.memoryBytes) } = options;
  if (options.openListener === undefined) checkListen(options.listen);
  if (options.roster.kind === 'token' && options.data === undefined)
    throw new SottoError(
      'CONFIG_INVALID',
      'roster.kind is token, and there is no data directory: a token that was used once could be used again after a restart; name one',
      { field: 'roster.kind' },
    );
  if (options.store !== undefined && options.data !== undefined)
    throw new SottoError('CONFIG_INVALID', 'store and data are both given; a data directory brings its own store');
  const log = options.log ?? SILENT;
  const durable = options.data && (await openData(options, derived.text, log));
  const store = durable?.chain ?? options.store ?? new MemoryChainStore();
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
    const empty = store.length === 0;
    if (options.rollBack !== undefined) {
      if (empty)
        throw new SottoError('CONFIG_INVALID', 'rollBack: there is no earlier model yet', { field: 'rollBack' });
      const last = durable === undefined ? 0 : progressOf(durable.log.rows).round;
      await rollBack(store, identity, nativePrimitives, options.rollBack, last);
    }
    const publisher = empty ? await Publisher.open(parts, options.initialWeights) : Publisher.resume(parts);
    const resumed = durable?.resumed ?? resumedFrom(store);
    const firstStep = startCampaign(
      { ...setup, lastRound: resumed.lastRound, resumed, spent: durable ? debitsOf(durable.log.rows) : [] },
      clock.now(),
    );
    return await RunningCoordinator.open({
      options,
      clock,
      log,
      engine,
      durable,
      store,
      publisher,
      verify: options.clock === undefined ? verifyLater : verifyAtOnce,
      firstStep,
      uploadBytes,
    });
  } catch (error) {
    await engine.close();
    await durable?.close('it did not start');
    throw error;
  }
}

async function openData(options: CoordinatorOptions, config: string, log: Logger): Promise<Durable> {
  const { data, identity, task, openData: open, wallClock = Date.now } = options;
  if (data === undefined) throw new RangeError('no data directory');
  return openDurable({
    settings: data,
    identity,
    task: task.task,
    config,
    version: SERVER_VERSION,
    wallClock,
    lost: (rows, note) => lostFacts(options, rows, note),
    ...(open && { open }),
    warn: (fields, text) => log.warn(fields, text),
  });
}

/** Everybody whom the backup or the roster knows pays for rounds that nobody remembers. */
function lostFacts({ task, campaign, roster }: CoordinatorOptions, rows: Rows, note: RestoreNote): readonly Fact[] {
  const known = [...clientsOf(rows)].map(([client]) => client);
  const lost = {
    first: progressOf(rows).lastRound + 1,
    last: note.lastRound,
    attempts: campaign.attemptsPerRound,
    clients: [...new Set([...known, ...(roster.kind === 'allowlist' ? roster.clients : [])])].sort(),
    known: (id: string) => rows.has(`privacy/${id}`),
  };
  return lostSpending(task, lost).map(debitFact);
}

/** A store of somebody's own that holds a chain: rounds go on behind it, and nothing else is known. */
const resumedFrom = (store: ChainStore): Resumed => ({
  lastRound: store.at(store.length - 1)?.record.round ?? 0,
  attempts: 0,
  blamed: new Map(),
  quarantined: new Map(),
});
