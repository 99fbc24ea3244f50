// A running coordinator: puts the machines, connections, engine and store together and carries the effects of the campaign out.
// Protocol decisions are elsewhere: who takes part in campaign/, what happens in a round in protocol/round, what a connection may
// say in session/. Start reading at `#runCampaign`.

import type { Identity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import { type ClientId, hashOf } from '../../protocol/ids.js';
import { PING_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { Measures } from '../aggregate/index.js';
import { stepCampaign } from '../campaign/campaign.js';
import type { CampaignEffect, CampaignEvent, CampaignOutcome, CampaignState, Team } from '../campaign/types.js';
import type { ChainStore } from '../chain/store.js';
import type { Engine, EngineFailure } from '../engine/types.js';
import type { PrivacyStore } from '../privacy-store.js';
import { CLOSE, closeCodeOf } from '../session/close-codes.js';
import { faultOf } from '../session/session.js';
import type { SessionSetup } from '../session/types.js';
import { clientHandlers } from './clients.js';
import { Alarm, type Clock } from './clock.js';
import { Connection, type ConnectionHandlers, type Traffic } from './connection.js';
import { Connections } from './connections.js';
import { Emitter } from './emitter.js';
import { Evaluations } from './evaluations.js';
import { type Listener, openListener } from './listener.js';
import { type MachineSpec, Mailbox } from './mailbox.js';
import type {
  CampaignResult,
  Coordinator,
  CoordinatorEvents,
  CoordinatorOptions,
  Logger,
  RoundReport,
} from './options.js';
import type { Publisher } from './publisher.js';
import { Reporter } from './reporter.js';
import { RoundRunner, type RunnerHandlers } from './round-runner.js';
import { type Unwatched, Watch } from './watch.js';

type StartEffect = Extract<CampaignEffect, { type: 'start' }>;
type PublishEffect = Extract<CampaignEffect, { type: 'publish' }>;

/** What `startCoordinator` has made and checked. */
export interface Parts {
  readonly options: CoordinatorOptions;
  readonly clock: Clock;
  readonly log: Logger;
  readonly engine: Engine;
  readonly store: ChainStore;
  readonly publisher: Publisher;
  readonly privacyStore: PrivacyStore;
  readonly firstStep: MachineSpec<CampaignState, CampaignEvent, CampaignEffect>['first'];
}

export class RunningCoordinator implements Coordinator {
  readonly id: ClientId;
  readonly done: Promise<CampaignResult>;
  readonly #parts: Parts;
  readonly #config: TaskConfig;
  readonly #identity: Identity;
  readonly #clock: Clock;
  readonly #log: Logger;
  readonly #traffic: Traffic = { up: 0, down: 0 };
  readonly #connections: Connections;
  readonly #emitter: Emitter<CoordinatorEvents>;
  readonly #evaluations: Evaluations;
  readonly #reporter: Reporter;
  readonly #watch: Watch;
  readonly #reports: RoundReport[] = [];
  readonly #alarm: Alarm;
  readonly #campaign: Mailbox<CampaignState, CampaignEvent, CampaignEffect>;
  readonly #session: SessionSetup;
  readonly #handlers: ConnectionHandlers;
  #runner: RoundRunner | undefined;
  /** Entries of the privacy ledger, in order: written one after the other. */
  #recorded: Promise<void> = Promise.resolve();
  readonly #entries: CohortEntry[] = [];
  /** The attempt whose reservation is being written. */
  #reserving: { cancelled: boolean } | undefined;
  #listener: Listener | undefined;
  #stopping: Promise<void> | undefined;
  #settle: { resolve: (result: CampaignResult) => void; reject: (error: unknown) => void };

  private constructor(parts: Parts) {
    const { options, clock, log } = parts;
    this.#parts = parts;
    this.#config = options.task;
    this.#identity = options.identity;
    this.#clock = clock;
    this.#log = log;
    this.id = options.identity.id;
    this.#connections = new Connections(clock);
    this.#emitter = new Emitter((error) => log.error({ error: String(error) }, 'a listener of the coordinator threw'));
    this.#evaluations = new Evaluations(options.evaluate, log);
    this.#reporter = new Reporter(this.#traffic);
    this.#watch = new Watch(options.task, options.monitor);
    this.#alarm = new Alarm(clock, (now) => this.#campaign.post({ type: 'tick', now }));
    this.#session = sessionSetup(options);
    this.#handlers = clientHandlers({
      connections: this.#connections,
      store: parts.store,
      reporter: this.#reporter,
      log,
      now: () => clock.now(),
      runner: () => this.#runner,
      campaign: (event) => this.#campaign.post(event),
      notify: (notice) => this.#emitter.emit('client', notice),
    });
    this.#settle = { resolve: () => {}, reject: () => {} };
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.done.catch(() => {}); // whoever wants to know awaits it; a bug must not end the process a second time
    this.#campaign = new Mailbox({
      first: parts.firstStep,
      step: stepCampaign,
      run: (effect) => this.#runCampaign(effect),
      broken: (error) => this.#broken(error, 'the campaign machine threw'),
    });
  }

  /** @throws what listening throws, such as EADDRINUSE */
  static async open(parts: Parts): Promise<RunningCoordinator> {
    const coordinator = new RunningCoordinator(parts);
    const open = parts.options.openListener ?? openListener;
    coordinator.#listener = await open({
      ...parts.options.listen,
      room: () => coordinator.#connections.room,
      accept: (socket) => {
        const { clock } = parts;
        const connection = new Connection(
          socket,
          coordinator.#session,
          coordinator.#handlers,
          clock,
          coordinator.#traffic,
        );
        coordinator.#connections.add(connection);
      },
    });
    coordinator.#campaign.open();
    return coordinator;
  }

  get url(): string {
    return this.#listener?.url ?? '';
  }

  on<K extends keyof CoordinatorEvents>(event: K, listener: (value: CoordinatorEvents[K]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  model(): Float32Array<ArrayBuffer> {
    return this.#parts.publisher.weights.slice();
  }

  chain() {
    return this.#parts.store.all().map(({ record }) => record);
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#shutDown(reason);
    return this.#stopping;
  }

  async #shutDown(reason: string): Promise<void> {
    this.#listener?.refuseNew();
    this.#campaign.post({ type: 'stop', reason, now: this.#clock.now() });
    await this.done.catch(() => undefined);
    this.#connections.closeAll(CLOSE.goingAway, 'going away');
    this.#connections.stop();
    this.#alarm.off();
    await this.#listener?.close();
    await this.#parts.engine.close();
  }

  // ---- the campaign ----------------------------------------------------------------------------------------------------

  #runCampaign(effect: CampaignEffect): void {
    switch (effect.type) {
      case 'accept':
        this.#connections.of(effect.client)?.tell({ type: 'accepted', round: effect.round });
        this.#emitter.emit('client', { type: 'checkedIn', client: effect.client });
        return;
      case 'reject':
        {
          const { client, code, retryAfterMs } = effect;
          this.#connections.of(client)?.tell({ type: 'rejected', code, retryAfterMs });
          this.#emitter.emit('client', { type: 'rejected', client, code, retryAfterMs });
        }
        return;
      case 'farewell':
        this.#farewell(effect.client, effect.rounds);
        return;
      case 'start':
        if (effect.reservation === 'none') this.#startAttempt(effect.round, effect.attempt, effect.groups);
        else void this.#startReserved(effect, effect.reservation);
        return;
      case 'record':
        this.#record(effect.entry).catch((error: unknown) =>
          this.#log.error(
            { error: stackOf(error) },
            'the privacy ledger could not be written; the reservation stays in force',
          ),
        );
        return;
      case 'cancel':
        if (this.#reserving !== undefined) this.#reserving.cancelled = true;
        else this.#runner?.cancel();
        return;
      case 'publish':
        void this.#publish(effect);
        return;
      case 'void': {
        const { round, attempts, code, text } = effect;
        this.#log.warn({ round, attempts, code, text }, 'round void');
        const model = hashOf(this.#parts.store.head().record.modelAfter);
        const report = this.#reporter.void(round, attempts, code, text, model, this.#clock.now());
        this.#report(this.#watched(report, undefined));
        return;
      }
      case 'blame': {
        const { client, code } = effect;
        this.#log.warn({ client, code }, 'client proven to have broken the protocol; it sits out');
        this.#watch.proven(client, code);
        this.#emitter.emit('client', { type: 'blamed', client, code });
        this.#connections.of(client)?.tell({ type: 'end', code: 'SESSION_EXCLUDED' });
        return;
      }
      case 'wakeAt':
        this.#alarm.set(effect.at);
        return;
      case 'ended':
        this.#alarm.off();
        void this.#finish(effect.outcome);
        return;
      default:
        effect satisfies never;
    }
  }

  /** One after the other, and durable when the promise resolves. */
  #record(entry: CohortEntry): Promise<void> {
    const written = this.#recorded.then(() => this.#parts.privacyStore.append(entry));
    this.#recorded = written.catch(() => undefined);
    return written.then(() => void this.#entries.push(entry));
  }

  /** Nobody is told of a round before its worst case is on durable storage: a crash then wastes budget, and never exceeds it. */
  async #startReserved({ round, attempt, groups }: StartEffect, reservation: CohortEntry): Promise<void> {
    const reserving = { cancelled: false };
    this.#reserving = reserving;
    const failed = await this.#record(reservation).then(
      () => undefined,
      (error: unknown) => (error instanceof Error ? error.message : String(error)),
    );
    this.#reserving = undefined;
    if (failed === undefined && !reserving.cancelled) return this.#startAttempt(round, attempt, groups);
    const code = failed === undefined ? 'ROUND_CANCELLED' : 'STORE_WRITE';
    const text = failed ?? 'the coordinator gave the round up';
    const failure = { code, phase: 'keys', text, culprits: [], retry: 'next-round' } as const;
    this.#campaign.post({ type: 'failed', failure, now: this.#clock.now() });
  }

  #startAttempt(round: number, attempt: number, groups: readonly Team[]): void {
    const head = this.#parts.store.head();
    const setup = {
      config: this.#config,
      round,
      attempt,
      model: hashOf(head.record.modelAfter),
      head: head.hash,
      clip: head.record.clip,
      groups,
      coordinator: this.#identity,
      primitives: nativePrimitives,
      nonce: nativeRng(32),
    };
    this.#reporter.attempt(attempt, groups, this.#clock.now());
    this.#emitter.emit('attempt', { round, attempt, groups });
    this.#log.info({ round, attempt, groups: groups.length }, 'attempt starts');
    this.#runner = new RoundRunner(setup, this.#parts.engine, this.#clock, this.#roundHandlers(round, attempt));
    this.#runner.start();
  }

  #roundHandlers(round: number, attempt: number): RunnerHandlers {
    return {
      send: (to, message) => this.#connections.of(to)?.send(message),
      refuse: (client, code, run, fatal) => {
        const connection = this.#connections.of(client);
        connection?.send(faultOf(code, run));
        if (fatal) connection?.bye(closeCodeOf(code), code);
      },
      fact: (fact) => {
        this.#reporter.fact(fact);
        this.#emitter.emit('fact', { round, attempt, fact });
        if (fact.type !== 'excluded') return;
        this.#log.warn({ round, attempt, ...fact }, 'client excluded from the round');
        this.#campaign.post({ type: 'offended', client: fact.client, code: fact.code, now: this.#clock.now() });
      },
      selected: (selection) => this.#reporter.selected(selection),
      done: (result) => this.#campaign.post({ type: 'done', result, now: this.#clock.now() }),
      failed: (failure) => {
        this.#log.warn({ round, attempt, code: failure.code, text: failure.text }, 'attempt failed');
        this.#campaign.post({ type: 'failed', failure, now: this.#clock.now() });
      },
      broken: (error) =>
        this.#log.error({ round, attempt, error: stackOf(error) }, 'the round machine threw; please report it'),
    };
  }

  async #publish({ round, attempt, result, settlement }: PublishEffect): Promise<void> {
    const { publisher, engine } = this.#parts;
    const publish = async () => {
      if (settlement !== 'none') await this.#record(settlement.entry);
      return publisher.publish(round, attempt, result);
    };
    const published = await publish().catch((error: unknown): EngineFailure => {
      this.#log.error({ round, error: stackOf(error) }, 'publishing threw; please report it');
      return { ok: false, code: 'INTERNAL', text: 'the coordinator broke; see its log' };
    });
    await engine.forget([]);
    const now = this.#clock.now();
    if (!published.ok) {
      const { code, text } = published;
      return this.#campaign.post({ type: 'unpublished', code, text, now });
    }
    const { link, rule, measures } = published;
    const report = this.#watched(
      this.#reporter.committed(link, attempt, result, rule, settlement === 'none' ? 'none' : settlement.privacy, now),
      measures,
    );
    for (const { id, members } of report.groups) {
      const outcome = { kind: 'outcome', run: { round, attempt, group: id }, record: published.link.record } as const;
      for (const member of members) this.#connections.of(member)?.send(outcome);
    }
    this.#report(report);
    this.#campaign.post({ type: 'published', now });
  }

  /** Hears the monitor, and carries out what it asks for: before the campaign hears that the round is over. */
  #watched(unwatched: Unwatched, measures: Measures | undefined): RoundReport {
    const report = this.#watch.round(unwatched, measures);
    for (const event of report.monitor) {
      const { says, ...fields } = event;
      this.#log.info(fields, says);
      if (event.type !== 'quarantine') continue;
      const { client, until } = event;
      this.#campaign.post({ type: 'quarantined', client, until, now: this.#clock.now() });
    }
    return report;
  }

  /** Reports come in the order of the rounds: one without a model waits for the evaluations before it as well. */
  #report(report: RoundReport): void {
    const { round } = report;
    const weights = this.#parts.publisher.weights;
    const finish = (done: RoundReport): void => {
      this.#reports.push(done);
      this.#emitter.emit('round', done);
    };
    if (report.outcome.type === 'void') {
      this.#evaluations.after(() => finish(report));
      return;
    }
    this.#evaluations.add(weights, round, (evaluation) => {
      finish(evaluation ? { ...report, accuracy: evaluation.accuracy, loss: evaluation.loss } : report);
      const accuracy = evaluation?.accuracy ?? Number.NaN;
      this.#campaign.post({ type: 'evaluated', round, accuracy, now: this.#clock.now() });
    });
  }

  #farewell(client: ClientId, rounds: number): void {
    const { record } = this.#parts.store.head();
    this.#connections.of(client)?.send({ kind: 'finished', task: this.#config.task, rounds, model: record.modelAfter });
  }

  async #finish(outcome: CampaignOutcome): Promise<void> {
    await this.#evaluations.idle();
    const result: CampaignResult = {
      outcome,
      rounds: this.#reports,
      modelHash: hashOf(this.#parts.store.head().record.modelAfter),
      ...(this.#config.privacy !== 'none' && {
        privacy: { budgets: { client: this.#config.privacy.budget }, cohort: this.#entries, clients: {} },
      }),
      blamed: [...this.#campaign.state.blamed].map(([client, code]) => ({ client, code })),
    };
    this.#log.info({ ...outcome }, 'campaign ended');
    this.#emitter.emit('finished', result);
    this.#settle.resolve(result);
  }

  #broken(error: unknown, text: string): void {
    this.#log.error({ error: stackOf(error) }, `${text}; please report it`);
    this.#settle.reject(new SottoError('INTERNAL', text));
  }
}

function sessionSetup({ identity, roster, task }: CoordinatorOptions): SessionSetup {
  const listed = roster.kind === 'allowlist' ? new Set(roster.clients) : undefined;
  return {
    identity,
    primitives: nativePrimitives,
    rng: nativeRng,
    enrolled: (client) => listed?.has(client) ?? true,
    task: task.task,
    pingMs: PING_MS,
  };
}

const stackOf = (error: unknown): string => (error instanceof Error ? (error.stack ?? error.message) : String(error));
