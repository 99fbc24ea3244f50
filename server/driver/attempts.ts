// Attempts of rounds, from the campaign's decision to their end: written down first, then announced and run; what the round says goes
// to its members once it is durable. Not here: when an attempt starts (campaign/), what happens in it (protocol/round).

import type { Identity } from '../../protocol/crypto/identity.js';
import { ERRORS } from '../../protocol/errors.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { CohortEntry } from '../../protocol/privacy/cohort-ledger.js';
import type { TaskConfig } from '../../protocol/task.js';
import { debitFact } from '../audit/debits.js';
import type { Fact } from '../audit/events.js';
import { type Journal, SetFacts, teamFact } from '../audit/journal.js';
import type { CampaignEffect, CampaignEvent, CampaignState, Team } from '../campaign/types.js';
import { closeCodeOf } from '../session/close-codes.js';
import { faultOf } from '../session/session.js';
import type { Clock } from './clock.js';
import type { Connections } from './connections.js';
import type { Emitter } from './emitter.js';
import type { Gate } from './gate.js';
import type { Judge } from './judge.js';
import type { CoordinatorEvents, Logger } from './options.js';
import type { Parts } from './parts.js';
import type { Reporter } from './reporter.js';
import { RoundRunner, type RunnerHandlers } from './round-runner.js';
import { stackOf } from './stack.js';
import type { Watch } from './watch.js';

export type StartEffect = Extract<CampaignEffect, { type: 'start' }>;

export interface AttemptsDesk {
  readonly parts: Parts;
  readonly connections: Connections;
  readonly emitter: Emitter<CoordinatorEvents>;
  readonly reporter: Reporter;
  readonly watch: Watch;
  readonly judge: Judge;
  readonly journal: Journal;
  readonly gate: Gate;
  readonly state: () => CampaignState;
  readonly campaign: (event: CampaignEvent) => void;
  /** A reservation of the privacy ledger, to be written down with the attempt. */
  readonly reserved: (entry: CohortEntry) => void;
}

export class Attempts {
  readonly #desk: AttemptsDesk;
  readonly #config: TaskConfig;
  readonly #identity: Identity;
  readonly #clock: Clock;
  readonly #log: Logger;
  #runner: RoundRunner | undefined;
  #round = 0;
  /** An attempt that is written down and not yet announced. */
  #starting: { cancelled: boolean } | undefined;

  constructor(desk: AttemptsDesk) {
    const { options, clock, log } = desk.parts;
    this.#desk = desk;
    this.#config = options.task;
    this.#identity = options.identity;
    this.#clock = clock;
    this.#log = log;
  }

  /** Of the newest attempt. */
  get round(): number {
    return this.#round;
  }

  /** The latest attempt, running or over. */
  get runner(): RoundRunner | undefined {
    return this.#runner;
  }

  cancel(): void {
    if (this.#starting) this.#starting.cancelled = true;
    else this.#runner?.cancel();
  }

  /** Nobody is told of a round before its worst case is durable: a crash then wastes budget, and never exceeds it. */
  start({ round, attempt, groups, reservation }: StartEffect): void {
    const { journal, reserved } = this.#desk;
    const { model, head } = this.#base();
    const starting = { cancelled: false };
    this.#starting = starting;
    this.#round = round;
    if (reservation !== 'none') reserved(reservation);
    journal.record([
      ...(reservation === 'none' ? [] : [debitFact(reservation)]),
      ...this.#dealt(),
      { type: 'attempt-started', body: { round, attempt, model, head, groups: groups.map(teamFact) } },
    ]);
    journal.after(() => {
      this.#starting = undefined;
      if (starting.cancelled) return this.#cancelled();
      this.#announce(round, attempt, groups);
    });
  }

  #announce(round: number, attempt: number, groups: readonly Team[]): void {
    const { parts, reporter, watch, emitter, connections, gate } = this.#desk;
    const setup = {
      config: this.#config,
      round,
      attempt,
      ...this.#base(),
      clip: parts.store.head().record.clip,
      groups,
      coordinator: this.#identity,
      primitives: nativePrimitives,
      nonce: parts.options.sketchNonce?.(round, attempt) ?? (parts.options.rng ?? nativeRng)(32),
    };
    reporter.attempt(attempt, groups, this.#clock.now());
    watch.attempt();
    emitter.emit('attempt', { round, attempt, groups });
    this.#log.info({ round, attempt, groups: groups.length }, 'attempt starts');
    const handlers = this.#roundHandlers(round, attempt);
    this.#runner = new RoundRunner(
      setup,
      parts.engine,
      this.#clock,
      handlers,
      parts.uploadBytes,
      () => gate.memoryTight,
    );
    this.#runner.start();
    // Who left while the attempt was being written down is not waited for.
    const absent = groups.flatMap(({ members }) => members).filter((one) => !connections.of(one));
    for (const client of absent) this.#runner.gone(client);
  }

  #base(): { readonly model: Hash; readonly head: Hash } {
    const { record, hash } = this.#desk.parts.store.head();
    return { model: hashOf(record.modelAfter), head: hash };
  }

  /** The groups, once they are dealt: they stay for the life of the roster. */
  #dealt(): Fact[] {
    const { seating } = this.#desk.state();
    if (seating.type !== 'dealt' || this.#desk.parts.durable?.log.rows.has('seating')) return [];
    return [{ type: 'groups-dealt', body: { groups: seating.groups.map(teamFact) } }];
  }

  /** Before anybody heard of it. */
  #cancelled(): void {
    const text = 'the coordinator gave the round up before it was announced';
    const failure = { code: 'ROUND_CANCELLED', phase: 'keys', text, culprits: [], retry: 'next-attempt' } as const;
    this.#desk.campaign({ type: 'failed', failure, now: this.#clock.now() });
  }

  #roundHandlers(round: number, attempt: number): RunnerHandlers {
    const { journal, connections, reporter, emitter, gate, judge, campaign } = this.#desk;
    const sets = new SetFacts();
    return {
      send: (to, message) => {
        journal.record(sets.of(message));
        journal.after(() => connections.of(to)?.send(message));
      },
      stalled: (client) => connections.of(client)?.tell({ type: 'end', code: 'UPLOAD_STALLED' }),
      refuse: (client, code, run, fatal) =>
        journal.after(() => {
          const connection = connections.of(client);
          connection?.send(faultOf(code, run));
          if (fatal) connection?.bye(closeCodeOf(code), code);
        }),
      strayed: (code) => gate.strayed(code),
      fact: (fact) => {
        reporter.fact(fact);
        emitter.emit('fact', { round, attempt, fact });
        if (fact.type !== 'excluded') return;
        this.#log.warn({ round, attempt, ...fact }, 'client excluded from the round');
        if (ERRORS[fact.code].blame === 'remote') gate.offended(fact.client, fact.code, `in phase ${fact.phase}`);
        campaign({ type: 'offended', client: fact.client, code: fact.code, now: this.#clock.now() });
      },
      select: (candidates, matrixKey) => judge.select(round, candidates, matrixKey),
      done: (result) => campaign({ type: 'done', result, now: this.#clock.now() }),
      failed: (failure) => {
        const { code, text, retry, culprits } = failure;
        this.#log.warn({ round, attempt, code, text }, 'attempt failed');
        journal.record([{ type: 'attempt-failed', body: { round, attempt, code, text, retry, culprits } }]);
        campaign({ type: 'failed', failure, now: this.#clock.now() });
      },
      broken: (error) =>
        this.#log.error({ round, attempt, error: stackOf(error) }, 'the round machine threw; please report it'),
    };
  }
}
