// One client of a world over all its lives: the real client over simulated disk, threads, clock and network. Its update is its own unit
// vector. Not here: what goes wrong with it (simulate.ts).

import { type Ended, FederatedClient, type Trainer } from '../../client/index.js';
import { participantMachine } from '../../client/machine.js';
import type { RecordRelease } from '../../client/trainer.js';
import { allClauses } from '../../protocol/clauses/all.js';
import { answerWith } from '../../protocol/crypto/asking.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { Millis } from '../../protocol/ids.js';
import type { Policy } from '../../protocol/participant/types.js';
import type { Random } from '../random.js';
import { STEP } from './check-log.js';
import { clientEngine } from './engines.js';
import { Life } from './life.js';
import type { Network } from './network.js';
import type { Observed } from './observed.js';
import type { Settings } from './ops.js';
import type { Scheduler } from './scheduler.js';
import type { Seams } from './seams.js';
import { watchedMachine } from './secrets.js';
import { type ClientDisk, newClientDisk, storesOf } from './stores.js';

const POLICY: Policy = {
  profiles: ['cohort', 'grouped'],
  minGroup: 2,
  minThreshold: 2,
  minColluders: 0,
  maxClipNorm: 1e9,
  maxRounds: 1_000,
  catchUp: 'chain',
  privacy: 'any',
};
const RELEASE: RecordRelease = { type: 'gaussian', noiseMultiplier: 30, count: 1, arithmetic: 'exact' };

export interface ClientSetup {
  readonly index: number;
  readonly identity: Identity;
  readonly coordinator: Identity;
  readonly settings: Settings;
  readonly scheduler: Scheduler;
  readonly network: Network;
  readonly observed: Observed;
  readonly primitives: Primitives;
  readonly random: Random;
  readonly seams: Seams;
  readonly died: (life: Life) => void;
}

export class ClientNode {
  readonly disk: ClientDisk = newClientDisk();
  readonly #setup: ClientSetup;
  #lives = 0;
  #life: Life | undefined;
  #client: FederatedClient | undefined;
  #engine: ReturnType<typeof clientEngine> | undefined;
  /** Made in this life, to see that each was erased. */
  #updates: Float32Array[] = [];
  /** How the last life's run came to its end. */
  ended: Ended | { readonly how: 'failed'; readonly text: string } | undefined;
  slowTrainingMs: Millis = 0;

  constructor(setup: ClientSetup) {
    this.#setup = setup;
  }

  get id(): string {
    return this.#setup.identity.id;
  }
  get index(): number {
    return this.#setup.index;
  }
  get life(): Life | undefined {
    return this.#life;
  }
  get up(): boolean {
    return this.#life?.alive ?? false;
  }

  start(): void {
    const { index, identity, coordinator, settings, scheduler, network, observed, primitives, seams } = this.#setup;
    const random = this.#setup.random.fork(`life ${++this.#lives}`);
    const life = new Life(`client ${index}`, scheduler, random.fork('life'), this.#setup.died);
    const engine = clientEngine(life, settings.engineMs);
    const stores = storesOf(this.disk, life, settings.diskMs);
    const rng = random.fork('rng');
    this.#life = life;
    this.#engine = engine;
    this.#updates = [];
    this.ended = undefined;
    const machine = participantMachine((question) => answerWith(primitives, question));
    const kept = (text: string): void => observed.violate('secret kept', `client ${index}: ${text}`);
    const client = new FederatedClient({
      url: 'memory://coordinator',
      identity,
      coordinator: coordinator.publicKey,
      task: 'world',
      policy: settings.privacy ? { ...POLICY, privacy: { record: { epsilon: 50, delta: 1e-6 } } } : POLICY,
      trainer: this.#trainer(life),
      guards: seams.guards?.(stores.guards) ?? stores.guards,
      ...(settings.clientModels && { models: stores.models }),
      ledgers: stores.ledger,
      transport: network.transport(index, life),
      timers: seams.timers?.(life.timers) ?? life.timers,
      engine: seams.clientEngine?.(engine) ?? engine,
      machine: watchedMachine(seams.machine?.(machine) ?? machine, kept),
      primitives,
      clauses: allClauses,
      rng: (length) => rng.bytes(length),
      reconnect: { minMs: 200, maxMs: 2_000 },
    });
    this.#client = client;
    client.on('model', ({ round, model }) => observed.model(round, model));
    client.on('round', (news) => {
      if (news.stage === 'joined') observed.joined.add(`${news.run.round}.${news.run.attempt}`);
    });
    client.on('guard', ({ code, text }) => life.alive && observed.guard(index, code, text));
    client.run().then(
      (ended) => {
        if (life.alive) this.ended = ended;
      },
      (error: unknown) => {
        if (life.alive) this.ended = { how: 'failed', text: String(error) };
      },
    );
  }

  /** Leaves by itself; `then` once it is gone. */
  leave(then: () => void): void {
    const life = this.#life;
    if (life?.alive !== true) {
      then();
      return;
    }
    void this.#client?.stop('leaves').then(() => {
      if (!life.alive) return;
      life.die();
      then();
    });
  }

  /** At rest: what is still there that should have been erased. */
  leftovers(): string[] {
    const found: string[] = [];
    if (this.#engine?.holds()) found.push('a masked vector');
    const kept = this.#updates.filter((update) => update.some((value) => value !== 0)).length;
    if (kept > 0) found.push(`${kept} of ${this.#updates.length} updates`);
    return found;
  }

  #trainer(life: Life): Trainer {
    const { settings, index } = this.#setup;
    return {
      init: async ({ dimension }) => ({ dimension, variables: [{ name: 'all', shape: [dimension], offset: 0 }] }),
      train: async (weights) => {
        const slow = this.slowTrainingMs;
        this.slowTrainingMs = 0;
        await life.wait([settings.trainMs[0] + slow, settings.trainMs[1] + slow], 'trains');
        const update = new Float32Array(weights.length);
        update[index] = STEP;
        this.#updates.push(update);
        return { update, examples: 1, metrics: {} };
      },
      ...(settings.privacy && { releases: () => [RELEASE] }),
    };
  }
}
