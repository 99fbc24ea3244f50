// Runs one attempt of one round: feeds the round machine, carries out its effects. No decisions: those are protocol/round's.
// Not here: choosing clients and retrying (campaign/), what a result becomes (publisher.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { type RoundState, startRound, stepRound } from '../../protocol/round/round.js';
import type {
  Candidate,
  RoundEffect,
  RoundEvent,
  RoundFact,
  RoundFailure,
  RoundResult,
  RoundSetup,
} from '../../protocol/round/types.js';
import type { EngineWork } from '../../protocol/secagg/jobs.js';
import type { ClientRoundMessage, CoordinatorRoundMessage, Credit, RunRef } from '../../protocol/wire/messages.js';
import type { Engine } from '../engine/types.js';
import { Alarm, type Clock } from './clock.js';
import { Mailbox } from './mailbox.js';
import { Uploads } from './uploads.js';

export interface RunnerHandlers {
  send(to: ClientId, message: CoordinatorRoundMessage | Credit): void;
  /** It has had credit for long and sent nothing: its connection is to end, and it may come back. */
  stalled(client: ClientId): void;
  refuse(client: ClientId, code: ErrorCode, run: RunRef, fatal: boolean): void;
  /** A message came that this was no time for; its sender is told by `refuse`. */
  strayed(code: ErrorCode): void;
  fact(fact: RoundFact): void;
  /** Whom to leave out, worst first; asked once, when every group's sketches are checked, before anything is opened. */
  select(candidates: readonly Candidate[], matrixKey: Uint8Array): Promise<readonly ClientId[]>;
  done(result: RoundResult): void;
  failed(failure: RoundFailure): void;
  /** A bug of ours: the machine or an effect threw. `failed` follows. */
  broken(error: unknown): void;
}

export class RoundRunner {
  readonly #setup: RoundSetup;
  readonly #engine: Engine;
  readonly #clock: Clock;
  readonly #handlers: RunnerHandlers;
  readonly #alarm: Alarm;
  readonly #uploads: Uploads;
  readonly #machine: Mailbox<RoundState, RoundEvent, RoundEffect>;
  /** Broke the protocol outside the round (frames nobody can read): for this attempt they are gone for good. */
  readonly #banned = new Set<ClientId>();
  #kept: readonly string[] = [];
  #over = false;

  /** @param uploadBytes, memoryTight: see Uploads */
  constructor(
    setup: RoundSetup,
    engine: Engine,
    clock: Clock,
    handlers: RunnerHandlers,
    uploadBytes?: number,
    memoryTight?: () => boolean,
  ) {
    this.#setup = setup;
    this.#engine = engine;
    this.#clock = clock;
    this.#handlers = handlers;
    this.#alarm = new Alarm(clock, (now) => this.#machine.post({ type: 'tick', now }));
    const uploads = {
      credit: (to: ClientId, message: Credit) => handlers.send(to, message),
      stalled: (client: ClientId) => handlers.stalled(client),
      evict: (client: ClientId) => this.#machine.post({ type: 'evict', client, now: this.#clock.now() }),
      broken: (error: unknown) => this.#break(error),
    };
    this.#uploads = new Uploads(clock, uploads, uploadBytes, memoryTight);
    this.#machine = new Mailbox({
      first: startRound(setup, clock.now()),
      step: stepRound,
      run: (effect) => this.#run(effect),
      broken: (error) => this.#break(error),
    });
  }

  /** Announces. Apart from the constructor, so that whoever is told already knows this runner. */
  start(): void {
    this.#engine.warm();
    this.#machine.open();
  }

  get over(): boolean {
    return this.#over;
  }

  message(from: ClientId, body: ClientRoundMessage): void {
    if (this.#banned.has(from)) return;
    if (body.kind === 'inputChunk') this.#uploads.arrived(from, body.index);
    this.#machine.post({ type: 'message', from, body, now: this.#clock.now() });
  }

  gone(client: ClientId): void {
    this.#uploads.gone(client);
    this.#machine.post({ type: 'gone', client, now: this.#clock.now() });
  }

  /** The client says that it takes no further part in a run; of another run than this it says nothing. */
  withdraw(client: ClientId, { round, attempt }: RunRef): void {
    if (round === this.#setup.round && attempt === this.#setup.attempt) this.left(client);
  }

  /** It takes no further part, by its own words: unlike one whose connection is lost, it is not waited for. */
  left(client: ClientId): void {
    this.#uploads.gone(client);
    this.#machine.post({ type: 'left', client, now: this.#clock.now() });
  }

  back(client: ClientId): void {
    if (!this.#banned.has(client)) this.#machine.post({ type: 'back', client, now: this.#clock.now() });
  }

  /** Call before the connection is reported gone. */
  ban(client: ClientId): void {
    this.#banned.add(client);
  }

  cancel(): void {
    this.#machine.post({ type: 'cancel', now: this.#clock.now() });
  }

  #run(effect: RoundEffect): void {
    switch (effect.type) {
      case 'send':
        this.#handlers.send(effect.to, effect.message);
        return;
      case 'refuse':
        if (effect.stray) this.#handlers.strayed(effect.code);
        this.#handlers.refuse(effect.client, effect.code, effect.run, effect.fatal);
        return;
      case 'upload':
        this.#uploads.offered(effect);
        return;
      case 'uploaded':
        this.#uploads.uploaded(effect.client, effect.missing);
        return;
      case 'wakeAt':
        this.#alarm.set(effect.at);
        return;
      case 'compute':
        this.#compute(effect.job, effect.work);
        return;
      case 'select':
        void this.#select(effect.candidates, effect.matrixKey);
        return;
      case 'measure':
        this.#handlers.fact(effect.fact);
        return;
      case 'done':
        this.#end();
        this.#kept = effect.result.groups.flatMap(({ source }) =>
          source.type === 'sum' ? [source.accumulator] : source.slots.map(({ slot }) => slot),
        );
        this.#handlers.done(effect.result);
        return;
      case 'failed':
        this.#end();
        this.#handlers.failed(effect.failure);
        return;
      case 'forget':
        void this.#engine.forget(effect.keepAccumulators ? this.#kept : []);
        return;
      default:
        effect satisfies never;
    }
  }

  /** The machine holds the answer to each group's own budget. */
  async #select(candidates: readonly Candidate[], matrixKey: Uint8Array): Promise<void> {
    try {
      const excluded = await this.#handlers.select(candidates, matrixKey);
      if (!this.#over) this.#machine.post({ type: 'selected', excluded, now: this.#clock.now() });
    } catch (error) {
      this.#break(error);
    }
  }

  #compute(job: number, work: EngineWork): void {
    void this.#engine.run(work).then((result) => {
      if (!this.#over) this.#machine.post({ type: 'computed', job, result, now: this.#clock.now() });
    });
  }

  #end(): void {
    this.#over = true;
    this.#alarm.off();
    this.#uploads.stop();
  }

  /** Nobody knows whether a sum was open already, so there is no other attempt of this round. */
  #break(error: unknown): void {
    if (this.#over) {
      this.#handlers.broken(error);
      return;
    }
    this.#end();
    this.#handlers.broken(error);
    const { round, attempt, groups } = this.#setup;
    for (const { id, members } of groups) {
      const run: RunRef = { round, attempt, group: id };
      const abort = { kind: 'abort', run, code: 'INTERNAL', culprits: [], retryAfterMs: 0 } as const;
      for (const member of members) this.#handlers.send(member, abort);
    }
    void this.#engine.forget([]);
    const text = 'the coordinator broke; see its log';
    this.#handlers.failed({ code: 'INTERNAL', phase: 'keys', text, culprits: [], retry: 'next-round' });
  }
}
