// The coordinator of a world over all its lives: the real one over simulated disk, threads, clock and network. Whoever operates it
// starts it again after it has died or stopped. Not here: what goes wrong with it (simulate.ts).

import type { Identity } from '../../protocol/crypto/identity.js';
import { ERRORS, SottoError } from '../../protocol/errors.js';
import type { Millis } from '../../protocol/ids.js';
import {
  type CampaignOutcome,
  type Coordinator,
  type Engine,
  type Logger,
  startCoordinator,
} from '../../server/index.js';
import { MemoryDisk } from '../../server/store/memory-backend.js';
import type { Random } from '../random.js';
import { type DiskState, placeOn } from './disk.js';
import { coordinatorEngine } from './engines.js';
import { Life } from './life.js';
import type { Network } from './network.js';
import type { Observed } from './observed.js';
import type { Settings } from './ops.js';
import type { Scheduler } from './scheduler.js';
import type { Seams } from './seams.js';
import { dimensionOf, taskOf } from './tasks.js';

export interface CoordinatorSetup {
  readonly identity: Identity;
  readonly settings: Settings;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly observed: Observed;
  readonly random: Random;
  readonly seams: Seams;
  readonly died: (life: Life) => void;
  /** Whose update is far from all others. */
  readonly mayBeLeftOut: (client: string) => boolean;
  /** Until when rounds may suffer from what was done to the world. */
  readonly disturbedUntil: () => Millis;
}

/** After a failed write, before its operator starts it again. */
const REPAIR_MS = 1_000;

export class CoordinatorNode {
  readonly disk: DiskState = { disk: new MemoryDisk(), extraMs: 0, extraUntil: 0, fails: undefined, deadly: undefined };
  readonly #setup: CoordinatorSetup;
  #lives = 0;
  #life: Life | undefined;
  #running: Coordinator | undefined;
  #engine: Engine | undefined;
  /** Begun while nothing was wrong: it must commit. */
  #calm: { readonly round: number; readonly beganAt: Millis } | undefined;
  /** The next engine job is lost with its thread. */
  engineFails = false;
  /** Of the campaign, once it is over for good. */
  outcome: CampaignOutcome | undefined;

  constructor(setup: CoordinatorSetup) {
    this.#setup = setup;
  }

  get life(): Life | undefined {
    return this.#life;
  }
  get up(): boolean {
    return this.#life?.alive ?? false;
  }
  /** Absent while it is down or starting. */
  get running(): Coordinator | undefined {
    return this.up ? this.#running : undefined;
  }
  /** Of the state that is on its disk. */
  rowOf(key: string): string | undefined {
    const row = this.disk.disk.flushed.rows.get(key);
    return row === undefined ? undefined : new TextDecoder().decode(row);
  }
  get starts(): number {
    return this.#lives;
  }

  start(): void {
    const { settings, scheduler, seams, observed, identity, network } = this.#setup;
    const random = this.#setup.random.fork(`life ${++this.#lives}`);
    const life = new Life('coordinator', scheduler, random.fork('life'), this.#setup.died);
    const rng = random.fork('rng');
    const campaign = random.fork('campaign');
    const real = coordinatorEngine(life, settings.engineMs, () => {
      const fails = this.engineFails;
      this.engineFails = false;
      return fails;
    });
    const engine = seams.engine?.(real) ?? real;
    this.#life = life;
    this.#running = undefined;
    this.#engine = engine;
    this.#calm = undefined;
    this.disk.deadly = undefined;
    seams.disk?.(this.disk.disk);
    const heads = (head: { readonly seq: number; readonly hash: string }) => observed.heads.set(head.seq, head.hash);
    startCoordinator({
      task: taskOf(settings),
      initialWeights: new Float32Array(dimensionOf(settings)),
      identity,
      listen: { host: 'memory', port: 0 },
      roster: { kind: 'open' },
      campaign: {
        rounds: settings.rounds,
        attemptsPerRound: settings.attemptsPerRound,
        clients: { min: settings.minClients, waitMs: settings.waitMs },
        overSelection: settings.overSelection,
        pauseMs: settings.pauseMs,
        ...(settings.patient !== true && { giveUpAfter: 3 }),
      },
      random: () => campaign.uniform(),
      rng: (length) => rng.bytes(length),
      engine,
      uploadBytes: settings.uploadBytes,
      clock: seams.clock?.(life.clock) ?? life.clock,
      wallClock: () => 1_700_000_000_000 + Math.round(scheduler.now),
      data: { directory: 'memory', keptModels: settings.keptModels, backupRounds: 0 },
      openData: placeOn(this.disk, life, settings.diskMs, heads, seams.backend),
      openListener: async (listener) => network.listen(listener, life),
      log: this.#logger(life),
    }).then(
      (coordinator) => this.#started(coordinator, life),
      (error: unknown) => life.alive && this.#failed(error, life),
    );
  }

  #started(coordinator: Coordinator, life: Life): void {
    const { observed, scheduler, disturbedUntil } = this.#setup;
    if (!life.alive) return;
    this.#running = coordinator;
    coordinator.on('attempt', ({ round }) => {
      this.#calm = scheduler.now > disturbedUntil() ? { round, beganAt: scheduler.now } : undefined;
    });
    coordinator.on('round', ({ round, outcome }) => {
      if (!life.alive) return;
      observed.reports[outcome.type]++;
      const calm = this.#calm?.round === round && this.#calm.beganAt > disturbedUntil();
      if (calm && outcome.type === 'void' && !observed.broke)
        observed.violate('calm round void', `round ${round}: ${outcome.code}, ${outcome.text}`);
    });
    coordinator.on('fact', ({ round, fact }) => {
      if (!life.alive || observed.meddled || fact.type !== 'excluded' || ERRORS[fact.code].blame !== 'remote') return;
      observed.violate('honest client excluded', `round ${round}: ${fact.client}, ${fact.code}`);
    });
    coordinator.on('fact', ({ round, fact }) => {
      if (!life.alive || observed.meddled || fact.type !== 'excluded' || fact.code !== 'SKETCH_OUTLIER') return;
      if (!this.#setup.mayBeLeftOut(fact.client))
        observed.violate('honest client left out', `round ${round}: ${fact.client}`);
    });
    coordinator.on('rolledBack', ({ round }) => {
      const links = coordinator.admin.links();
      if (life.alive && !this.rowOf('chain')?.includes(links.at(links.length - 1)?.hash ?? '?'))
        observed.violate('decision not durable', `the roll-back in round ${round} is told before it is on the disk`);
    });
    coordinator.on('client', (notice) => {
      if (life.alive && notice.type === 'blamed' && !observed.meddled)
        observed.violate('honest client blamed', `${notice.client}: ${notice.code}`);
      const shut =
        notice.type === 'offence' && notice.code === 'AUTH_REVOKED' && observed.shut.has(notice.client ?? '');
      if (life.alive && notice.type === 'offence' && !observed.meddled && !shut && notice.code !== 'AUTH_TIMEOUT')
        observed.violate('honest client offends', `${notice.client}: ${notice.code}, ${notice.text}`);
    });
    coordinator.done.then(
      ({ outcome }) => {
        if (life.alive && outcome.type !== 'stopped') this.outcome = outcome;
      },
      (error: unknown) => life.alive && this.#failed(error, life),
    );
  }

  /** The disk failed it, which is no bug: it is started again. Anything else is one. */
  #failed(error: unknown, life: Life): void {
    const { observed, scheduler } = this.#setup;
    if (!(error instanceof SottoError) || !error.code.startsWith('STORE_') || error.code === 'STORE_CORRUPT') {
      observed.violate('coordinator broke', String(error));
    }
    const again = (): void => {
      if (life.alive) life.die();
      scheduler.after(REPAIR_MS, 'the coordinator is repaired', () => {
        if (!this.up) this.start();
      });
    };
    if (this.#running === undefined) again();
    else void this.#running.stop('its disk failed').then(() => life.alive && again());
  }

  /** Stops as an operator would; `then` once it is gone. */
  stop(then: () => void): void {
    const life = this.#life;
    if (life?.alive !== true || this.#running === undefined) {
      then();
      return;
    }
    void this.#running.stop('told to').then(() => {
      // Told to stop twice, it stops once.
      life.die();
      then();
    });
  }

  /** At rest: vectors and sums that the engine still holds. */
  async leftovers(): Promise<readonly string[]> {
    return (await this.#engine?.held()) ?? [];
  }

  #logger(life: Life): Logger {
    const quiet = (): void => {};
    const error = (fields: object, text: string): void => {
      if (!life.alive) return;
      // Its disk, again: the next fact that cannot be written ends it.
      if (text === 'the roll-back could not be made' && /STORE_(WRITE|FULL)/.test(JSON.stringify(fields))) return;
      if (text.startsWith('durable state could not be written')) {
        // While a campaign runs, this ends it. Afterwards only whoever reads the log can tell: late clients would wait for ever.
        if (this.outcome !== undefined) this.#failed(new SottoError('STORE_WRITE', text), life);
        return;
      }
      this.#setup.observed.violate('coordinator says error', `${text} ${JSON.stringify(fields)}`);
    };
    return { debug: quiet, info: quiet, warn: quiet, error };
  }
}
