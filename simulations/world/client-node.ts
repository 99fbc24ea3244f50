// One client of a world over all its lives, and keys: the real client over simulated disk, threads, clock and network. Not here: what goes
// wrong with it (simulate.ts), its update (tasks.ts).

import { type ClientEngine, type Ended, FederatedClient, type Trainer } from '../../client/index.js';
import { participantMachine } from '../../client/machine.js';
import type { RecordRelease } from '../../client/trainer.js';
import { allClauses } from '../../protocol/clauses/all.js';
import { answerWith } from '../../protocol/crypto/asking.js';
import { type Identity, identityOf } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { Secret } from '../../protocol/crypto/secret.js';
import { type ErrorCode, SottoError } from '../../protocol/errors.js';
import type { ClientId, Millis } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { Policy } from '../../protocol/participant/types.js';
import type { RunRef } from '../../protocol/wire/messages.js';
import { makeRotation } from '../../server/index.js';
import type { Random } from '../random.js';
import { inputName, inputOf } from './accounting.js';
import type { Verified } from './check-decisions.js';
import { clientEngine } from './engines.js';
import { Life } from './life.js';
import type { Network } from './network.js';
import type { Observed } from './observed.js';
import { AMPLE_EPSILON, type Settings } from './ops.js';
import type { Scheduler } from './scheduler.js';
import type { Seams } from './seams.js';
import { watchedMachine } from './secrets.js';
import { type ClientDisk, newClientDisk, storesOf } from './stores.js';
import { TASK, updateOf } from './tasks.js';

const POLICY: Policy = {
  profiles: ['cohort', 'grouped', 'sketch'],
  minGroup: 2,
  minThreshold: 2,
  minColluders: 0,
  maxClipNorm: 1e9,
  maxRounds: 1_000,
  catchUp: 'chain',
  privacy: 'any',
};
const RELEASE: RecordRelease = { type: 'gaussian', noiseMultiplier: 30, count: 1, arithmetic: 'exact' };

/** Of a refusal that its policy asks for. */
const GOES_BACK = 'goes back to an earlier model';

export interface ClientSetup {
  readonly index: number;
  /** The first one. */
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
  /** The run that it has joined last. */
  #run: RunRef | undefined;
  /** Made in this life, to see that each was erased. */
  #updates: Float32Array[] = [];
  /** How the last life's run came to its end. */
  ended: Ended | { readonly how: 'failed'; readonly code?: ErrorCode; readonly text: string } | undefined;
  slowTrainingMs: Millis = 0;
  #identity: Identity;
  /** All that it has had, the newest last. */
  readonly #ids: ClientId[];
  /** The text with which it moves to its newest key. */
  #token: string | undefined;
  /** Of each life, the rounds of the models that it has verified. */
  readonly #verified: number[][] = [];

  constructor(setup: ClientSetup) {
    this.#setup = setup;
    this.#identity = setup.identity;
    this.#ids = [setup.identity.id];
  }

  /** The newest key. */
  get clientId(): ClientId {
    return this.#identity.id;
  }
  /** All that it has had. */
  get keys(): readonly ClientId[] {
    return this.#ids;
  }
  has(id: string): boolean {
    return this.#ids.some((one) => one === id);
  }
  get refusesRollBack(): boolean {
    return this.#setup.settings.refusesRollBack.includes(this.index);
  }
  get verified(): readonly Verified[] {
    const { index, refusesRollBack } = this;
    return this.#verified.map((rounds) => ({ client: index, rounds, refusesRollBack }));
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
    const { index, coordinator, settings, scheduler, network, observed, primitives, seams } = this.#setup;
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
    const token = this.#token;
    const client = new FederatedClient({
      url: 'memory://coordinator',
      identity: this.#identity,
      coordinator: coordinator.publicKey,
      task: TASK,
      policy: seams.policy?.(this.#policy()) ?? this.#policy(),
      trainer: this.#trainer(life),
      guards: seams.guards?.(stores.guards) ?? stores.guards,
      ...(settings.clientModels && { models: stores.models }),
      ...(token !== undefined && { token }),
      ledgers: seams.ledgers?.(stores.ledger) ?? stores.ledger,
      transport: network.transport(index, life),
      timers: seams.timers?.(life.timers) ?? life.timers,
      engine: this.#noting(seams.clientEngine?.(engine) ?? engine),
      machine: watchedMachine(seams.machine?.(machine) ?? machine, kept),
      primitives,
      clauses: allClauses,
      rng: (length) => rng.bytes(length),
      reconnect: { minMs: 200, maxMs: 2_000 },
    });
    this.#client = client;
    this.#watch(client, life);
    client.run().then(
      (ended) => {
        if (life.alive) this.ended = ended;
      },
      (error: unknown) => {
        if (!life.alive) return;
        const code = error instanceof SottoError ? { code: error.code } : {};
        this.ended = { how: 'failed', ...code, text: String(error) };
      },
    );
  }

  #watch(client: FederatedClient, life: Life): void {
    const { index, observed, settings } = this.#setup;
    const stored = settings.clientModels ? this.disk.model?.record.round : undefined;
    const rounds: number[] = stored === undefined ? [] : [stored];
    this.#verified.push(rounds);
    let said = '';
    client.on('model', ({ round, model }) => {
      rounds.push(round);
      observed.model(round, model);
    });
    client.on('round', (news) => {
      const { run, stage } = news;
      const name = `${run.round}.${run.attempt}`;
      if (stage === 'joined') {
        this.#run = run;
        observed.joined.add(name);
      }
      if (stage === 'training') observed.trained.push({ client: index, round: run.round, from: rounds.at(-1) ?? -1 });
      if (stage === 'ended' && news.code === 'GUARD_MODEL_CHAIN' && said !== name)
        observed.violate('guard is silent', `client ${index} leaves ${name} for a reason that it does not say`);
    });
    client.on('guard', ({ code, text, run }) => {
      if (!life.alive) return;
      said = run === undefined ? '' : `${run.round}.${run.attempt}`;
      const refuses = this.refusesRollBack && code === 'GUARD_MODEL_CHAIN' && text.includes(GOES_BACK);
      // Its reservation of a round whose end it has not heard of counts at its worst: it may refuse what the coordinator can still pay.
      const broke = settings.epsilon < AMPLE_EPSILON && code === 'GUARD_PRIVACY' && text.startsWith('PRIVACY_BUDGET');
      if (broke) observed.broke = true;
      if (!refuses && !broke) observed.guard(index, code, text);
    });
  }

  #policy(): Policy {
    const { settings } = this.#setup;
    return {
      ...POLICY,
      ...(settings.privacy && { privacy: { record: { epsilon: 50, delta: 1e-6 } } }),
      ...(!this.refusesRollBack && { rollBack: 'signed' }),
    };
  }

  /** Keeps what is about to be masked, where only that tells what a sum must be. */
  #noting(engine: ClientEngine): ClientEngine {
    const { settings, observed, index } = this.#setup;
    if (settings.task !== 'noise') return engine;
    return {
      ...engine,
      run: (work, update) => {
        const run = this.#run;
        if (work.type === 'mask' && run !== undefined) {
          if (work.noise === undefined) observed.violate('no noise', `client ${index} in ${run.round}.${run.attempt}`);
          else observed.noise(index, work.noise.key);
          observed.inputs.set(inputName(run.round, run.attempt, index), inputOf(work, update));
        }
        return engine.run(work, update);
      },
    };
  }

  /** It has been told that its key is kept out, and has ended: no retry helps. */
  get shutOut(): boolean {
    return this.ended?.how === 'failed' && (this.ended.code === 'AUTH_REVOKED' || this.ended.code === 'AUTH_ROTATION');
  }

  /** Whoever runs it hears that it is welcome again. */
  startAgain(): void {
    this.#life?.die();
    this.start();
  }

  /** Goes on under another key from its next life on. The old key is of no use to anybody from then on. */
  changeKey(): void {
    const { observed, coordinator, random } = this.#setup;
    const seed = new Secret(random.fork(`key ${this.#ids.length}`).bytes(32));
    const next = identityOf(nativePrimitives, seed);
    this.#token = makeRotation(nativePrimitives, coordinator.publicKey, this.#identity, next.publicKey);
    // A key that is shut out cannot let another one in.
    if (observed.shut.has(this.#identity.id)) observed.shut.add(next.id);
    observed.shut.add(this.#identity.id);
    this.#identity = next;
    this.#ids.push(next.id);
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
        const update = updateOf(settings, index);
        if (weights.length !== update.length) throw new RangeError(`a model of ${weights.length} values`);
        this.#updates.push(update);
        return { update, examples: 1, metrics: {} };
      },
      ...(settings.privacy && { releases: () => [RELEASE] }),
    };
  }
}
