// A running coordinator: puts the machines, connections, engine and store together and carries the effects of the campaign out.
// Protocol decisions are elsewhere: who takes part in campaign/, what happens in a round in protocol/round, what a connection may
// say in session/. Start reading at `#runCampaign`.

import { SottoError } from '../../protocol/errors.js';
import { type ClientId, hashOf } from '../../protocol/ids.js';
import { MAX_COUNTER, MAX_KEPT_REPORTS } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { Measures } from '../aggregate/index.js';
import { debitFact } from '../audit/debits.js';
import type { Fact } from '../audit/events.js';
import { durableJournal, type Journal, NO_JOURNAL } from '../audit/journal.js';
import { monitorFacts, monitorOf } from '../audit/monitor-facts.js';
import { stepCampaign } from '../campaign/campaign.js';
import { inRound, renamedEntry } from '../campaign/rotate.js';
import type {
  CampaignEffect,
  CampaignEvent,
  CampaignOutcome,
  CampaignState,
  WantedRollBack,
} from '../campaign/types.js';
import { linksFrom } from '../chain/find.js';
import type { EngineFailure } from '../engine/types.js';
import { MONITOR_DEFAULTS, type MonitorEvent, type MonitorState } from '../monitor/index.js';
import { type Administration, administration } from './administration.js';
import { Attempts } from './attempts.js';
import { clientHandlers } from './clients.js';
import { Alarm, type Clock } from './clock.js';
import type { ConnectionHandlers, Traffic } from './connection.js';
import { Connections } from './connections.js';
import { Emitter } from './emitter.js';
import { Evaluations } from './evaluations.js';
import { Gate } from './gate.js';
import type { Gains } from './held-out.js';
import { Judge } from './judge.js';
import { Mailbox } from './mailbox.js';
import type {
  AccessControl,
  CampaignResult,
  ClientNotice,
  Coordinator,
  CoordinatorEvents,
  Logger,
  RoundReport,
} from './options.js';
import type { Parts } from './parts.js';
import { Reporter } from './reporter.js';
import { rollBack } from './roll-back.js';
import { stackOf } from './stack.js';
import { type Unwatched, Watch } from './watch.js';

type PublishEffect = Extract<CampaignEffect, { type: 'publish' }>;

export class RunningCoordinator implements Coordinator {
  readonly id: ClientId;
  readonly done: Promise<CampaignResult>;
  readonly admin: Administration;
  readonly #parts: Parts;
  readonly #config: TaskConfig;
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
  readonly #judge: Judge;
  readonly #handlers: ConnectionHandlers;
  readonly #journal: Journal;
  readonly #gate: Gate;
  readonly #attempts: Attempts;
  /** Of the privacy ledger, in order. */
  readonly #entries: CohortEntry[] = [];
  #stopping: Promise<void> | undefined;
  #settle: { resolve: (result: CampaignResult) => void; reject: (error: unknown) => void };

  private constructor(parts: Parts) {
    const { options, clock, log } = parts;
    this.#parts = parts;
    this.#config = options.task;
    this.#clock = clock;
    this.#log = log;
    this.id = options.identity.id;
    this.#connections = new Connections(clock);
    this.#emitter = new Emitter((error) => log.error({ error: String(error) }, 'a listener of the coordinator threw'));
    this.#evaluations = new Evaluations(options.evaluate, log);
    this.#reporter = new Reporter(this.#traffic);
    const memory = parts.durable && monitorOf(parts.durable.log.rows, options.monitor ?? MONITOR_DEFAULTS);
    this.#watch = new Watch(options.task, options.monitor, memory);
    this.#journal = parts.durable ? durableJournal(parts.durable.log, (error) => this.#storeFailed(error)) : NO_JOURNAL;
    this.#alarm = new Alarm(clock, (now) => this.#campaign.post({ type: 'tick', now }));
    this.#judge = new Judge({
      options,
      watch: this.#watch,
      reporter: this.#reporter,
      publisher: parts.publisher,
      engine: parts.engine,
      evaluations: this.#evaluations,
      log,
    });
    this.#handlers = clientHandlers({
      connections: this.#connections,
      store: parts.store,
      reporter: this.#reporter,
      log,
      now: () => clock.now(),
      runner: () => this.#attempts.runner,
      campaign: (event) => this.#campaign.post(event),
      notify: (notice) => this.#notify(notice),
      heard: (client, part) => this.#emitter.emit('contribution', { client, part }),
      enrol: (client, token) => this.#gate.enrol(client, token),
      durably: (work) => this.#journal.after(work),
      verify: parts.verify,
    });
    this.#settle = { resolve: () => {}, reject: () => {} };
    this.done = new Promise((resolve, reject) => {
      this.#settle = { resolve, reject };
    });
    this.#gate = new Gate({
      ...parts,
      connections: this.#connections,
      journal: this.#journal,
      traffic: this.#traffic,
      round: () => this.#attempts.round,
      campaign: (event) => this.#campaign.post(event),
      barredUntil: (client) => {
        const ledger = this.#watch.state.clients.get(client);
        return ledger?.banned ? MAX_COUNTER : (ledger?.quarantinedUntil ?? 0);
      },
      inRound: () => inRound(this.#campaign.state),
      rotated: (from, to) => this.#rotated(from, to),
      done: this.done,
    });
    this.#attempts = new Attempts({
      parts,
      connections: this.#connections,
      emitter: this.#emitter,
      reporter: this.#reporter,
      watch: this.#watch,
      judge: this.#judge,
      journal: this.#journal,
      gate: this.#gate,
      state: () => this.#campaign.state,
      campaign: (event) => this.#campaign.post(event),
      reserved: (entry) => this.#entries.push(entry),
    });
    this.done.catch(() => {}); // whoever wants to know awaits it; a bug must not end the process a second time
    this.#campaign = new Mailbox({
      first: parts.firstStep,
      step: stepCampaign,
      run: (effect) => this.#runCampaign(effect),
      broken: (error) => this.#broken(error, 'the campaign machine threw'),
    });
    this.admin = administration({
      parts,
      campaign: this.#campaign,
      connections: this.#connections,
      watch: this.#watch,
      journal: this.#journal,
      tell: (event) => this.#tellMonitor(event),
    });
  }

  /** @throws what listening throws, such as EADDRINUSE */
  static async open(parts: Parts): Promise<RunningCoordinator> {
    const coordinator = new RunningCoordinator(parts);
    await coordinator.#gate.open(coordinator.#handlers).catch((error: unknown) => {
      // Its timer would keep a process alive that has nothing left to do.
      coordinator.#connections.stop();
      throw error;
    });
    coordinator.#campaign.open();
    return coordinator;
  }

  get access(): AccessControl {
    return this.#gate;
  }

  get url(): string {
    return this.#gate.url;
  }

  on<K extends keyof CoordinatorEvents>(event: K, listener: (value: CoordinatorEvents[K]) => void): () => void {
    return this.#emitter.on(event, listener);
  }

  model(): Float32Array<ArrayBuffer> {
    return this.#parts.publisher.weights.slice();
  }

  chain() {
    return linksFrom(this.#parts.store, 0).map(({ record }) => record);
  }

  appeal(client: ClientId, granted: boolean, reason: string): MonitorEvent {
    return this.admin.hear(client, granted, reason);
  }

  monitor(): MonitorState {
    return structuredClone(this.#watch.state);
  }

  stop(reason: string): Promise<void> {
    this.#stopping ??= this.#shutDown(reason);
    return this.#stopping;
  }

  async abort(): Promise<void> {
    this.#gate.refuseNew();
    this.#connections.closeAll(true);
    this.#connections.stop();
    this.#alarm.off();
    await this.#gate.durable();
  }

  async #shutDown(reason: string): Promise<void> {
    this.#gate.refuseNew();
    this.#campaign.post({ type: 'stop', reason, now: this.#clock.now() });
    const result = await this.done.catch(() => undefined);
    // Who was told that all is over does not come back; who was not, does.
    this.#connections.closeAll(result === undefined || result.outcome.type === 'stopped');
    this.#connections.stop();
    this.#alarm.off();
    await this.#gate.close();
    await this.#parts.engine.close();
    await this.#parts.durable?.close(reason);
  }

  // ---- the campaign ----------------------------------------------------------------------------------------------------

  #runCampaign(effect: CampaignEffect): void {
    switch (effect.type) {
      case 'accept':
        this.#connections.of(effect.client)?.tell({ type: 'accepted', round: effect.round });
        this.#emitter.emit('client', { type: 'checkedIn', client: effect.client });
        return;
      case 'reject': {
        const { client, code, retryAfterMs } = effect;
        this.#connections.of(client)?.tell({ type: 'rejected', code, retryAfterMs });
        this.#emitter.emit('client', { type: 'rejected', client, code, retryAfterMs });
        return;
      }
      case 'farewell':
        this.#journal.after(() => this.#farewell(effect.client, effect.rounds));
        return;
      case 'start':
        this.#attempts.start(effect);
        return;
      case 'record':
        this.#debit(effect.entry, () => undefined);
        return;
      case 'cancel':
        this.#attempts.cancel();
        return;
      case 'publish':
        void this.#publish(effect);
        return;
      case 'void': {
        const { round, attempts, code, text } = effect;
        this.#log.warn({ round, attempts, code, text }, 'round void');
        // Handed back: the next start goes on with it.
        if (!effect.handedBack) this.#roundOver(round, [{ type: 'round-void', body: { round, attempts, code, text } }]);
        const model = hashOf(this.#parts.store.head().record.modelAfter);
        const report = this.#reporter.void(round, attempts, code, text, model, this.#clock.now());
        this.#report(this.#watched(report, undefined));
        this.#gate.rotate();
        return;
      }
      case 'setback': {
        const { type: _, ...told } = effect;
        this.#log.warn(told, 'nothing came of it again; the campaign goes on');
        this.#emitter.emit('setback', told);
        return;
      }
      case 'blame': {
        const { client, code } = effect;
        this.#log.warn({ client, code }, 'client proven to have broken the protocol; it sits out');
        this.#watch.proven(client, code);
        this.#journal.record([{ type: 'client-blamed', body: { client, code, round: this.#attempts.round } }]);
        this.#emitter.emit('client', { type: 'blamed', client, code });
        this.#journal.after(() => this.#connections.of(client)?.tell({ type: 'end', code: 'SESSION_EXCLUDED' }));
        return;
      }
      case 'rollBack':
        void this.#rollBack(effect.round, effect.wanted);
        return;
      case 'wakeAt':
        this.#alarm.set(effect.at);
        return;
      case 'ended':
        this.#alarm.off();
        // What strangers did since the last round, or in the one that is handed back.
        this.#journal.record(this.#gate.roundOver());
        // Not over before the log says so: a start on a log without the last round's end would go on with it.
        this.#journal.after(() => void this.#finish(effect.outcome));
        return;
      default:
        effect satisfies never;
    }
  }

  /** An entry of the privacy ledger; `then` runs when it is durable. */
  #debit(entry: CohortEntry, then: () => void): void {
    this.#entries.push(entry);
    this.#journal.record([debitFact(entry)]);
    this.#journal.after(then);
  }

  async #publish({ round, attempt, result, settlement }: PublishEffect): Promise<void> {
    const { publisher, engine } = this.#parts;
    const before = publisher.weights;
    const publish = async () => {
      // Debits are durable before releases.
      if (settlement !== 'none') await new Promise<void>((durable) => this.#debit(settlement.entry, durable));
      return publisher.publish(round, attempt, result);
    };
    const published = await publish().catch((error: unknown): EngineFailure => {
      this.#log.error({ round, error: stackOf(error) }, 'publishing threw; please report it');
      return { ok: false, code: 'INTERNAL', text: 'the coordinator broke; see its log' };
    });
    const means = published.ok ? await this.#judge.withoutEach(result) : undefined;
    await engine.forget([]);
    const now = this.#clock.now();
    if (!published.ok) {
      const { code, text } = published;
      return this.#campaign.post({ type: 'unpublished', code, text, now });
    }
    const { link, rule, measures } = published;
    const unwatched = this.#reporter.committed(
      link,
      attempt,
      result,
      rule,
      settlement === 'none' ? 'none' : settlement.privacy,
      now,
    );
    // Clients hear it first: what is measured now holds up the next round, and nobody's download.
    for (const { id, members } of unwatched.groups) {
      const outcome = { kind: 'outcome', run: { round, attempt, group: id }, record: link.record } as const;
      for (const member of members) this.#connections.of(member)?.send(outcome);
    }
    const gains = means && (await this.#judge.gains(round, result, before, means));
    this.#report(this.#watched(unwatched, measures, gains));
    this.#roundOver(round, []);
    this.#gate.rotate();
    this.#campaign.post({ type: 'published', now: this.#clock.now() });
  }

  async #rollBack(round: number, { to, by, reason }: WantedRollBack): Promise<void> {
    const { store, publisher, options } = this.#parts;
    const link = await rollBack(store, options.identity, nativePrimitives, { round: to, reason }, round - 1).catch(
      (error: unknown) => {
        this.#log.error({ round, to, by, error: stackOf(error) }, 'the roll-back could not be made');
        return undefined;
      },
    );
    if (link !== undefined) {
      try {
        publisher.adopt();
      } catch (error) {
        // The chain says one thing and this process has another: nothing may be built on that.
        return this.#broken(error, 'the model of a roll-back cannot be read');
      }
      this.#log.warn({ round, to, by, reason }, 'rolled back to an earlier model');
      this.#emitter.emit('rolledBack', { round, to, by, reason, model: hashOf(link.record.modelAfter) });
    }
    this.#campaign.post({ type: 'rolledBack', done: link !== undefined, now: this.#clock.now() });
  }

  #rotated(from: ClientId, to: ClientId): void {
    this.#watch.rotate(from, to);
    for (const [i, entry] of this.#entries.entries()) this.#entries[i] = renamedEntry(entry, from, to);
    this.#campaign.post({ type: 'rotated', from, to, now: this.#clock.now() });
  }

  /** Hears the monitor, and carries out what it asks for: before the campaign hears that the round is over. */
  #watched(unwatched: Unwatched, measures: Measures | undefined, gains?: Gains): RoundReport {
    const before = this.#watch.state;
    const report = this.#watch.round(unwatched, measures, gains);
    this.#remember(before, report.monitor);
    for (const event of report.monitor) {
      this.#tellMonitor(event);
      if (event.type !== 'quarantine') continue;
      const { client, until } = event;
      this.#campaign.post({ type: 'quarantined', client, until, now: this.#clock.now() });
    }
    return report;
  }

  #remember(before: MonitorState, events: readonly MonitorEvent[]): void {
    if (this.#parts.durable) this.#journal.record(monitorFacts(before, this.#watch.state, events));
  }

  #tellMonitor(event: MonitorEvent): void {
    const { says, ...fields } = event;
    this.#log.info(fields, says);
    this.#emitter.emit('monitor', event);
  }

  /** Reports come in the order of the rounds: one without a model waits for the evaluations before it as well. */
  #report(report: RoundReport): void {
    const { round } = report;
    const weights = this.#parts.publisher.weights;
    const finish = (done: RoundReport): void => {
      this.#reports.push(done);
      if (this.#reports.length > MAX_KEPT_REPORTS) this.#reports.shift();
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

  #notify(notice: ClientNotice): void {
    this.#emitter.emit('client', notice);
    this.#gate.noticed(notice);
  }

  /** @param facts that end it */
  #roundOver(round: number, facts: readonly Fact[]): void {
    this.#journal.record([...facts, ...this.#gate.roundOver()]);
    this.#parts.durable?.roundOver(round);
  }

  /** What is not on disk must not be sent, so there is nothing left to do here but end. */
  #storeFailed(error: SottoError): void {
    this.#log.error({ error: error.message }, 'durable state could not be written; the coordinator stops');
    this.#settle.reject(error);
    this.#alarm.off();
    this.#attempts.cancel();
    this.#connections.closeAll(true);
  }

  #broken(error: unknown, text: string): void {
    this.#log.error({ error: stackOf(error) }, `${text}; please report it`);
    this.#settle.reject(new SottoError('INTERNAL', text));
  }
}
