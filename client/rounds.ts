// Drives the participant machine: announcements and messages in, its effects out, strictly in order and one at a time, so that
// nothing is sent before the guard record that it depends on is durable. Training and masking run beside that queue and come
// back as events. Not here: the rules of a round (protocol/participant), the connection, the model chain.
import type { Clauses } from '../protocol/clauses/clauses.js';
import type { ClientPrimitives } from '../protocol/crypto/asking.js';
import type { Signer } from '../protocol/crypto/identity.js';
import type { Rng } from '../protocol/crypto/primitives.js';
import { isNobodysFault } from '../protocol/error-codes.js';
import { SottoError } from '../protocol/errors.js';
import type { ClientId } from '../protocol/ids.js';
import type { GuardRecord, ParticipantEffect, ParticipantEvent, Policy } from '../protocol/participant/types.js';
import type { LedgerEntry } from '../protocol/privacy/ledger-entry.js';
import type { ClientWork, SketchWork } from '../protocol/secagg/jobs.js';
import type { TaskConfig } from '../protocol/terms.js';
import type { Announce, CoordinatorRoundMessage, Credit, Fault } from '../protocol/wire/messages.js';
import type { ModelChain } from './chain/model-chain.js';
import { asSottoError, type Connection } from './connection.js';
import type { Emitter } from './emitter.js';
import type { ClientEngine } from './engine.js';
import type { GuardStore } from './guards.js';
import type { LedgerStore } from './ledger-store.js';
import type { MachineStep, ParticipantMachine } from './machine.js';
import type { ClientEvents, HowEnded } from './options.js';
import type { Trained } from './record-accounts.js';
import { Run } from './run.js';
import type { Training } from './training.js';
import { uploadChunks } from './uploads.js';

export interface RoundsSetup {
  readonly identity: Signer;
  readonly policy: Policy;
  readonly primitives: ClientPrimitives;
  readonly rng: Rng;
  readonly rounding: Rng;
  readonly machine: ParticipantMachine;
  /** Those that settings use. */
  readonly clauses: (settings: string) => Clauses | Promise<Clauses>;
  readonly guards: GuardStore;
  readonly ledgers: LedgerStore;
  readonly engine: ClientEngine;
  readonly training: Training;
  readonly chain: ModelChain;
  readonly events: Emitter<ClientEvents>;
  /** A fault after which this client must not go on. */
  readonly fatal: (error: SottoError) => void;
}

/** The client protects itself: from the coordinator, or its data from its own spending. */
const isGuard = ({ code }: SottoError): boolean => code.startsWith('GUARD_') || code.startsWith('PRIVACY_');

/** What the machine asks for, and uploads as the coordinator gives credit. */
type Effect = ParticipantEffect | { readonly type: 'credit'; readonly chunks: readonly number[] };
type Train = Extract<ParticipantEffect, { type: 'train' }>;

export class Rounds {
  readonly #setup: RoundsSetup;
  /** Its key of now. Changes between connections alone. */
  coordinator: Uint8Array | undefined;
  /** Under which this client keeps what belongs to it. */
  #name = '' as ClientId;
  /** The record that was last handed to the store: never weaker than the durable one. */
  #guard: GuardRecord | undefined;
  /** The same of what this client has spent. */
  #ledger: readonly LedgerEntry[] = [];
  /** Effects of one connection are not sent over another: the coordinator says what it has, and the machine sends the rest. */
  #link: Connection | undefined;
  #run: Run | undefined;
  #config: TaskConfig | undefined;
  #effects: Promise<void> = Promise.resolve();
  #computing: Promise<void> = Promise.resolve();
  /** What arrived while a step is being answered. Empty for ever where answers come at once. */
  readonly #waiting: (() => void)[] = [];
  #answering = false;
  #stopped = false;
  /** Runs in which the input of this client was taken. */
  contributed = 0;

  constructor(setup: RoundsSetup) {
    this.#setup = setup;
  }

  /** Before the first connection is open, or with it. */
  begin(name: ClientId, guard: GuardRecord, ledger: readonly LedgerEntry[]): void {
    this.#name = name;
    this.#guard = guard;
    this.#ledger = ledger;
  }

  online(link: Connection): void {
    this.#link = link;
  }

  /** Whether a run is going on. */
  get busy(): boolean {
    return this.#run !== undefined;
  }

  /** The run goes on: keys and shares survive, the coordinator may `resume` it (R1-R3). What the machine makes of it is its own. */
  offline(): void {
    this.#link = undefined;
    if (this.#run !== undefined) this.#step(this.#run, { type: 'gone' });
  }

  announced(announce: Announce): void {
    const link = this.#link;
    this.#inOrder(() => this.#announced(announce, link));
  }

  #announced(announce: Announce, link: Connection | undefined): void {
    const { machine, identity, policy, primitives, rng, rounding, events, clauses } = this.#setup;
    if (this.coordinator === undefined || this.#guard === undefined) return;
    // After a reconnect the coordinator may announce the run again in which we already are.
    if (this.#run?.is(announce.run)) return;
    const run = new Run(announce.run);
    const setup = {
      announce,
      identity,
      policy,
      primitives,
      rng,
      rounding,
      coordinator: this.coordinator,
      guard: this.#guard,
      ledger: this.#ledger,
    };
    const joined = ({ state, effects }: MachineStep<unknown>): void => {
      // A refused announcement must not end the run that is going on: it may be forged.
      if (!effects.some((effect) => effect.type === 'guard')) {
        if (this.#run !== undefined) this.#giveUp(this.#run, 'aborted');
        this.#run = run;
        events.emit('round', { stage: 'joined', run: run.ref, deadlineMs: announce.deadlineMs });
      }
      run.state = state;
      this.#enqueue(run, effects, link);
    };
    const start = (known: Clauses) => machine.start({ ...setup, clauses: known });
    const known = clauses(announce.config);
    this.#take(run, () => (known instanceof Promise ? known.then(start) : start(known)), joined);
  }

  message(body: Exclude<CoordinatorRoundMessage, Announce> | Credit): void {
    const link = this.#link;
    this.#inOrder(() => this.#message(body, link));
  }

  #message(body: Exclude<CoordinatorRoundMessage, Announce> | Credit, link: Connection | undefined): void {
    const run = this.#run;
    if (run?.is(body.run)) {
      if (body.kind === 'resume') this.#setup.events.emit('round', { stage: 'resumed', run: run.ref });
      if (body.kind === 'credit') this.#enqueue(run, [{ type: 'credit', chunks: body.chunks }], link);
      else this.#step(run, { type: 'message', body }, link);
    } else if (body.kind === 'resume') {
      // Of a life before a restart, or ended while the connection was lost: nobody is to wait for it.
      link?.complain({ code: 'ROUND_WRONG_ROUND' }, body.run);
    }
    if (body.kind === 'outcome' && this.#config !== undefined) {
      this.#setup.chain
        .hear(body.record, this.#config)
        .catch((error) => this.#tell(asSottoError(error, 'INTERNAL'), run));
    }
  }

  /** The coordinator refused something of ours: for this client the run is over. */
  refused(fault: Fault): void {
    if (fault.run !== undefined && this.#run?.is(fault.run))
      this.#step(this.#run, { type: 'refused', code: fault.code });
  }

  /** Leaves the run, ends training, erases. Does not wait for the store. */
  stop(): void {
    this.#link = undefined;
    this.#stopped = true;
    if (this.#run !== undefined) this.#giveUp(this.#run, 'left');
    this.#setup.engine.forget();
  }

  /** @param link the connection over which the event came: what the step sends goes out over this one, or not at all */
  #step(run: Run, event: ParticipantEvent, link: Connection | undefined = this.#link): void {
    this.#inOrder(() => {
      if (run.over) return;
      const stepped = ({ state, effects }: MachineStep<unknown>): void => {
        if (run.over) return;
        run.state = state;
        this.#enqueue(run, effects, link);
      };
      this.#take(run, () => this.#setup.machine.step(run.state, event), stepped);
    });
  }

  /** One step at a time: while one is being answered, everything else waits, in order. */
  #inOrder(work: () => void): void {
    if (this.#answering) this.#waiting.push(work);
    else work();
  }

  #take(
    run: Run,
    make: () => MachineStep<unknown> | Promise<MachineStep<unknown>>,
    then: (step: MachineStep<unknown>) => void,
  ): void {
    const failed = (error: unknown): void => this.#fail(run, asSottoError(error, 'INTERNAL'));
    try {
      const step = make();
      if (!(step instanceof Promise)) {
        then(step);
        return;
      }
      this.#answering = true;
      step
        .then((done) => {
          if (!this.#stopped) then(done);
        })
        .catch(failed)
        .finally(() => {
          this.#answering = false;
          while (!this.#answering && this.#waiting.length > 0) this.#waiting.shift()?.();
        });
    } catch (error) {
      failed(error);
    }
  }

  #enqueue(run: Run, effects: readonly Effect[], link: Connection | undefined): void {
    if (effects.length === 0) return;
    for (const effect of effects) {
      if (effect.type === 'persist') this.#guard = effect.guard;
      if (effect.type === 'ledger') this.#ledger = [...this.#ledger, effect.entry];
      if (effect.type === 'ended') this.#end(run);
    }
    this.#effects = this.#effects.then(async () => {
      try {
        for (const effect of effects) {
          if (run.dead) return;
          await this.#perform(run, effect, link);
        }
      } catch (error) {
        this.#fail(run, asSottoError(error, 'INTERNAL'));
      }
    });
  }

  async #perform(run: Run, effect: Effect, link: Connection | undefined): Promise<void> {
    const { events, engine } = this.#setup;
    switch (effect.type) {
      case 'persist':
        return this.#persist(effect.guard);
      case 'ledger':
        return this.#record(effect.task, effect.entry);
      case 'send':
        if (link === this.#link) link?.send(effect.message);
        return;
      case 'train':
        void this.#train(run, effect);
        return;
      case 'compute':
        this.#computing = this.#computing.then(() => this.#compute(run, effect.work));
        return;
      case 'sketch':
        this.#computing = this.#computing.then(() => this.#sketch(run, effect.work));
        return;
      case 'upload':
        run.unsent = new Set(effect.chunks);
        return;
      case 'credit':
        return this.#upload(run, effect.chunks, link);
      case 'guard': {
        const error = new SottoError(effect.code, effect.text);
        events.emit('guard', { code: effect.code, text: effect.text, run: run.ref });
        if (link === this.#link) link?.complain(error, run.ref);
        return;
      }
      case 'ended':
        return this.#tellEnded(run, effect.how, effect.code);
      case 'forget':
        run.wipe();
        engine.forget();
        return;
      default:
        return effect satisfies never;
    }
  }

  async #persist(guard: GuardRecord): Promise<void> {
    try {
      await this.#setup.guards.save(this.#name, guard);
    } catch (error) {
      throw asSottoError(error, 'STORE_WRITE');
    }
  }

  async #record(task: string, entry: LedgerEntry): Promise<void> {
    try {
      await this.#setup.ledgers.append(this.#name, task, entry);
    } catch (error) {
      throw asSottoError(error, 'STORE_WRITE');
    }
    this.#setup.events.emit('privacy', { task, entry });
  }

  async #train(run: Run, { config, model, head, clip }: Train): Promise<void> {
    const { chain, training, events } = this.#setup;
    this.#config = config;
    try {
      const weights = await chain.bring({ config, round: run.ref.round, model, head, clip });
      if (run.over) return;
      events.emit('round', { stage: 'training', run: run.ref });
      const { update, examples, metrics, spent } = await training
        .train(weights, config, run.ref, run.signal, this.#name)
        .catch(zeroUnderNoise(config));
      if (run.over) return void update.fill(0);
      run.update = update;
      events.emit('round', { stage: 'trained', run: run.ref, examples, metrics, ...(spent && { spent }) });
      this.#step(run, { type: 'trained', examples });
    } catch (cause) {
      const error = asSottoError(cause, 'INTERNAL');
      // What a guard found is told in any case; that a run which is over was not finished, is not.
      if (run.over && !isGuard(error)) return;
      // Nobody's fault (the round is over already, an abort): the end of the run says it all.
      if (!isNobodysFault(error.code) || isGuard(error)) this.#tell(error, run);
      this.#step(run, { type: 'untrained', code: error.code });
    }
  }

  async #compute(run: Run, work: ClientWork): Promise<void> {
    if (run.over) return;
    const { engine } = this.#setup;
    try {
      const update = run.takeUpdate();
      if (update === undefined)
        throw new SottoError('GUARD_MASKED_ONCE', 'there is no update that has not been encoded yet');
      const result = await engine.run(work, update);
      if (this.#config?.integrity === 'none' || run.over) {
        update.fill(0);
        if (work.type === 'mask') work.noise?.key.fill(0);
      } else run.encoded = update;
      if (run.over) engine.forget();
      else this.#step(run, { type: 'computed', result });
    } catch (error) {
      this.#fail(run, asSottoError(error, 'ENGINE_FAILED'));
    }
  }

  async #sketch(run: Run, work: SketchWork): Promise<void> {
    if (run.over) return;
    try {
      if (run.encoded === undefined) throw new SottoError('ENGINE_FAILED', 'the update to be sketched is gone');
      const section = await this.#setup.engine.sketch(work, run.encoded);
      if (!run.over) this.#step(run, { type: 'sketched', section });
    } catch (error) {
      this.#fail(run, asSottoError(error, 'ENGINE_FAILED'));
    }
  }

  async #upload(run: Run, chunks: readonly number[], link: Connection | undefined): Promise<void> {
    if (link === undefined) return;
    const wanted = (): boolean => !run.over && link === this.#link && link.alive;
    const bytes = await uploadChunks(this.#setup.engine, run, chunks, link, wanted);
    if (!bytes) return;
    run.sent += bytes;
    if (run.unsent.size === 0) this.#setup.events.emit('round', { stage: 'uploaded', run: run.ref, bytes: run.sent });
  }

  /** A guard or another fault, to the user and (its code alone) to the coordinator. */
  #tell(error: SottoError, run: Run | undefined): void {
    const { events } = this.#setup;
    if (isGuard(error)) {
      events.emit('guard', { code: error.code, text: error.message, ...(run === undefined ? {} : { run: run.ref }) });
    } else events.emit('error', error);
    this.#link?.complain(error, run?.ref);
  }

  #fail(run: Run, error: SottoError): void {
    this.#tell(error, run);
    this.#giveUp(run, 'left', error.code);
    if (error.code === 'STORE_CORRUPT') this.#setup.fatal(error);
  }

  #giveUp(run: Run, how: HowEnded, code?: SottoError['code']): void {
    run.dead = true;
    this.#end(run);
    run.wipe();
    this.#setup.engine.forget();
    this.#tellEnded(run, how, code);
  }

  #end(run: Run): void {
    run.end();
    if (this.#run === run) this.#run = undefined;
  }

  #tellEnded(run: Run, how: HowEnded, code?: SottoError['code']): void {
    if (run.told) return;
    run.told = true;
    if (how === 'answered' || how === 'contributed') this.contributed++;
    this.#setup.events.emit('round', { stage: 'ended', run: run.ref, how, ...(code === undefined ? {} : { code }) });
  }
}

/**
 * Training that ran into values that are not finite: under noise of its own the client stays and adds zero with its share, since to
 * drop out because of one's data would tell something about them (privacy.md 2).
 */
function zeroUnderNoise({ privacy, dimension }: TaskConfig): (error: unknown) => Trained {
  return (error) => {
    const zero = privacy !== 'none' && error instanceof SottoError && error.code === 'TRAIN_NON_FINITE';
    if (!zero) throw error;
    return { update: new Float32Array(dimension), examples: 1, metrics: {} };
  };
}
