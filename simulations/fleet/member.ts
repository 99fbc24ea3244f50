// One simulated client: the real FederatedClient with a seeded trainer and engine, a scripted network, and maybe an attack.
// Not here: processes (child.ts), the attack itself (hostile.ts), the script (plan.ts).

import type { Dataset } from '../../client/dataset.js';
import { type ClientEngine, inlineEngine } from '../../client/engine.js';
import { FederatedClient } from '../../client/federated-client.js';
import { memoryGuards } from '../../client/guards.js';
import { type LedgerStore, memoryLedgers } from '../../client/ledger-store.js';
import type { ParticipantMachine } from '../../client/machine.js';
import type { ReconnectOptions } from '../../client/reconnect.js';
import type { ModelSpec } from '../../client/tfjs/spec.js';
import type { TrainingPool } from '../../client/tfjs/worker/pool.js';
import type { Trainer, TrainingRound } from '../../client/trainer.js';
import type { Transport } from '../../client/transport/transport.js';
import { identityOf } from '../../protocol/crypto/identity.js';
import type { Rng } from '../../protocol/crypto/primitives.js';
import { Secret } from '../../protocol/crypto/secret.js';
import type { ErrorCode } from '../../protocol/errors.js';
import type { Kernels } from '../../protocol/kernels/kernels.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { Policy } from '../../protocol/participant/types.js';
import type { PrivacyBudget } from '../../protocol/privacy/events.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { openProjector } from '../../protocol/sketch/project.js';
import { type ClientPhase, deriveTask, largestClipNorm, type TaskConfig } from '../../protocol/task.js';
import { needsOthers } from '../attacks/attack.js';
import { createAttack } from '../attacks/spec.js';
import type { Draws } from '../draws.js';
import { asSent, screeningOf } from '../pipeline.js';
import { type DroppingTransport, droppingTransport } from './dropping.js';
import type { Mail } from './gathering.js';
import { type HostileOptions, hostileEngine, hostileTrainer, isOn } from './hostile.js';
import { hostileMachine, noInsight } from './hostile-machine.js';
import type { CampaignOrder, MemberOrder } from './messages.js';
import { dropoutsOf } from './plan.js';

/** What members of one process share. */
export interface Surroundings {
  readonly pool: TrainingPool;
  readonly train: Dataset;
  readonly model: ModelSpec;
  readonly draws: Draws;
  readonly transport: Transport;
  /** One set for all: masking is synchronous, so two members never use it at once. */
  readonly kernels: Kernels;
  readonly onCut: (client: number, round: number, phase: ClientPhase) => void;
  readonly onTrouble: (client: number, code: ErrorCode, text: string) => void;
  /** Where attackers wait for what they are shown. */
  readonly mail: Mail;
  /** Honest clients tell what they learn, too. */
  readonly listens: boolean;
  readonly onTrained: (client: number, round: number, attempt: number, update: Float32Array) => void;
  readonly onAborted: (round: number) => void;
  /** Of honest clients. */
  readonly onLedger: (client: number, entry: LedgerEntry) => void;
  readonly onSpent: (client: number, epsilon: number) => void;
}

/** A loopback coordinator is there or is not: no reason to wait a second, and none to give up. */
const RECONNECT: ReconnectOptions = { minMs: 20, maxMs: 200, factor: 2, jitter: 0.5, tries: Number.POSITIVE_INFINITY };

/** How long a client may take to fetch its last model and end by itself, ms. */
const FAREWELL_MS = 2_000;

/** What makes a client of a campaign honest or not. */
interface Equipment {
  readonly trainer: Trainer;
  readonly engine: ClientEngine;
  readonly rounding: Rng;
  readonly machine?: ParticipantMachine;
  readonly leaves?: (round: number) => ClientPhase | undefined;
  readonly inputDelayMs?: (round: number) => number;
}

export class Member {
  readonly order: MemberOrder;
  readonly #around: Surroundings;
  readonly #trainer: Trainer;
  /** On its data as they were: for attacks that are not always on. */
  readonly #clean: Trainer | undefined;
  #current:
    | { readonly client: FederatedClient; readonly transport: DroppingTransport; readonly ended: Promise<void> }
    | undefined;

  constructor(order: MemberOrder, around: Surroundings) {
    this.order = order;
    this.#around = around;
    const { position, name, rows, attack } = order;
    const honest: Dataset = { ...around.train, rows };
    const make = (id: string, data: Dataset): Trainer =>
      around.pool.trainer(id, { model: around.model, data, seed: around.draws.order(position) });
    if (attack === undefined) {
      this.#trainer = make(name, honest);
      return;
    }
    const { rank, attackers } = attack;
    const { poison, active } = createAttack(attack.spec);
    const random = around.draws.attack(position, 0).fork('data');
    this.#trainer = make(name, poison?.(honest, { rank, attackers, random }) ?? honest);
    if (active !== undefined) this.#clean = make(`${name} clean`, honest);
  }

  /** Starts a client for a campaign; the one of the last campaign must have left. */
  join(campaign: CampaignOrder): void {
    const { position, secret } = this.order;
    const { config } = campaign;
    const { trainer, engine, rounding, machine, leaves, inputDelayMs } = this.#equip(config);
    const planned = dropoutsOf(campaign.dropouts, position);
    const transport = droppingTransport({
      inner: this.#around.transport,
      script: { get: (round) => planned.get(round) ?? leaves?.(round) },
      again: leaves !== undefined,
      ...(inputDelayMs && { inputDelayMs }),
      onCut: (round, phase) => this.#around.onCut(position, round, phase),
    });
    const client = new FederatedClient({
      url: campaign.url,
      // A copy: the client may wipe what it is given.
      identity: identityOf(nativePrimitives, new Secret(secret.slice())),
      coordinator: campaign.coordinator,
      task: config.task,
      policy: policyFor(config, campaign.recordBudget),
      trainer,
      engine,
      ...(machine && { machine }),
      guards: memoryGuards(),
      ledgers: this.#ledgers(),
      transport,
      primitives: nativePrimitives,
      rng: nativeRng,
      rounding,
      reconnect: RECONNECT,
    });
    // What a client meets while it is being stopped is no trouble.
    const trouble = (code: ErrorCode, text: string): void => {
      // Nor is that no welcome comes while the script keeps the network away.
      if (code === 'AUTH_TIMEOUT' && transport.down) return;
      if (this.#current?.client === client) this.#around.onTrouble(position, code, text);
    };
    client.on('guard', ({ code, text }) => trouble(code, text));
    client.on('error', ({ code, message }) => trouble(code, message));
    client.on('round', (news) => {
      if (news.stage === 'ended' && news.how === 'aborted') this.#around.onAborted(news.run.round);
      if (news.stage === 'trained' && news.spent && this.order.attack === undefined)
        this.#around.onSpent(position, news.spent.epsilon);
    });
    const ended = client.run().then(
      () => undefined,
      (error: unknown) => {
        const text = error instanceof Error ? error.message : String(error);
        trouble('INTERNAL', `the client ended: ${text}`);
      },
    );
    this.#current = { client, transport, ended };
  }

  /** Its own ledger, for one campaign. What an attacker claims to have spent is nobody's privacy. */
  #ledgers(): LedgerStore {
    const { position, attack } = this.order;
    const kept = memoryLedgers();
    const records = new Set<string>();
    const append: LedgerStore['append'] = async (coordinator, task, entry) => {
      await kept.append(coordinator, task, entry);
      if (entry.events.some(({ unit }) => unit === 'record')) records.add(entry.id);
      // The coordinator's ledger has what whole clients spend.
      if (attack === undefined && records.has(entry.id)) this.#around.onLedger(position, entry);
    };
    return { ...kept, append };
  }

  release(round: number): void {
    this.#current?.transport.release(round);
  }

  /** Waits a little for the client to hear that the task is finished, then stops it. */
  async leave(): Promise<void> {
    const current = this.#current;
    if (current === undefined) return;
    this.#current = undefined;
    let timer: NodeJS.Timeout | undefined;
    const grace = new Promise<void>((resolve) => {
      timer = setTimeout(resolve, FAREWELL_MS);
    });
    await Promise.race([current.ended, grace]);
    clearTimeout(timer);
    await current.client.stop();
    await current.ended;
  }

  /** Trainer, engine and rounding of one campaign: seeded, and hostile where this member is an attacker. */
  #equip(config: TaskConfig): Equipment {
    const { position, attack: ordered } = this.order;
    const { draws } = this.#around;
    let round = 0;
    const honest = inlineEngine(
      {
        primitives: nativePrimitives,
        kernels: this.#around.kernels,
        openKeystream: nativeKeystream,
        makeProjector: (matrix) => openProjector(globalThis.WebAssembly, matrix),
      },
      runStreaming,
    );
    const rounding = (length: number): Uint8Array => draws.rounding(position, round).bytes(length);
    const pooled = this.#trainer;
    // The pool's trainer outlives the campaign, so this one has nothing to dispose of.
    const trainer: Trainer = {
      init: (task) => pooled.init(task),
      ...(pooled.releases && { releases: pooled.releases }),
      train: (weights, order) => {
        round = order.round;
        return pooled.train(weights, order);
      },
    };
    const { encoding } = deriveTask(config);
    const told = (update: Float32Array, at: TrainingRound): void =>
      this.#around.onTrained(position, at.round, at.attempt, asSent(update, encoding));
    if (ordered === undefined) {
      return { trainer: this.#around.listens ? watched(trainer, told) : trainer, engine: honest, rounding };
    }
    const screening = screeningOf(config);
    // A fresh value for each campaign: some attacks remember.
    const attack = createAttack(ordered.spec);
    const options: HostileOptions = {
      attack,
      position,
      allies: ordered.allies,
      rank: ordered.rank,
      attackers: ordered.attackers,
      cohort: config.group.size * config.group.count,
      encoding,
      rule: config.rule,
      ...(screening && { screening }),
      draws: (at) => draws.attack(position, at),
      ...(this.#clean && { clean: this.#clean }),
      ...(needsOthers(attack) && {
        others: (update: Float32Array, at: TrainingRound) => {
          told(update, at);
          return this.#around.mail.wait(ordered.conspiracy, at.round, at.attempt, at.signal);
        },
      }),
    };
    const insight = noInsight();
    const hostile = hostileTrainer(trainer, options, insight);
    const active = (at: number): boolean => isOn(options, at);
    const { leaves, inputDelayMs } = attack;
    return {
      trainer: {
        init: (task) => hostile.init(task),
        ...(hostile.releases && { releases: hostile.releases }),
        train: (weights, order) => {
          round = order.round;
          return hostile.train(weights, order);
        },
      },
      engine: hostileEngine(honest, options, nativePrimitives, () => active(round), insight),
      machine: hostileMachine(options, insight, nativePrimitives),
      rounding,
      ...(leaves && { leaves: (at: number) => (active(at) ? leaves(at, ordered.rank) : undefined) }),
      ...(inputDelayMs && { inputDelayMs: (at: number) => (active(at) ? inputDelayMs : 0) }),
    };
  }
}

/** Tells what an honest client learns, for those attackers that see everything. */
function watched(inner: Trainer, told: (update: Float32Array, round: TrainingRound) => void): Trainer {
  return {
    ...inner,
    async train(weights, round) {
      const result = await inner.train(weights, round);
      told(result.update, round);
      return result;
    },
  };
}

/** As strict as the task itself: the guards are on, and pass. */
function policyFor(config: TaskConfig, record: PrivacyBudget | undefined): Policy {
  const { profile, group } = config;
  return {
    profiles: [profile],
    minGroup: group.size,
    minThreshold: 1,
    minColluders: group.colluders,
    maxClipNorm: largestClipNorm(config),
    maxRounds: Number.MAX_SAFE_INTEGER,
    privacy: record === undefined ? 'any' : { record },
    catchUp: 'chain',
  };
}
