// The client: connects, authenticates, checks in, takes part in rounds, comes back after a loss, until the task is finished
// or it is stopped. Only the order of things is here; each thing has its file: connection.ts, rounds.ts, chain/, training.ts.
import { type Answerer, answerWith, type ClientPrimitives } from '../protocol/crypto/asking.js';
import { portableSymmetric } from '../protocol/crypto/portable-symmetric.js';
import { SottoError } from '../protocol/errors.js';
import { type ClientId, clientId, hashOf, type Millis } from '../protocol/ids.js';
import { MAX_RETRY_AFTER_MS } from '../protocol/limits.js';
import type { Fault, Message, Rejected, Welcome } from '../protocol/wire/messages.js';
import { Availability } from './availability.js';
import { ModelChain, type VerifiedModel } from './chain/model-chain.js';
import { ChainRequests } from './chain/requests.js';
import { checkOwnBudget, pinnedKey } from './check-options.js';
import { ClauseLoader, loaded } from './clauses.js';
import { asSottoError, Connection } from './connection.js';
import { Emitter } from './emitter.js';
import { type ClientEngine, inlineEngine, kernelsFor } from './engine.js';
import { emptyGuard, lineageName } from './guards.js';
import type { Trusted } from './hand-over.js';
import { type LedgerStore, memoryLedgers } from './ledger-store.js';
import { participantMachine } from './machine.js';
import type { ClientEvents, Ended, FederatedClientOptions } from './options.js';
import { Backoff, RECONNECT } from './reconnect.js';
import { Rounds } from './rounds.js';
import { pause, systemTimers, type Timers } from './timers.js';
import { Training } from './training.js';
import { CLOSE, type Transport } from './transport/transport.js';
import { globalWebSocket, webSocketTransport } from './transport/websocket.js';
import { webKeys } from './web-keys.js';
import { prepareWebKeystream, webKeystream, webRng } from './webcrypto.js';

/** Sent in `hello`, for the coordinator's statistics. */
const AGENT = 'sotto-client/0.1';
/**
 * Refusals after which trying again is no use: somebody has to change something first. Of AUTH_ all but one say `retry: never`. Anybody in
 * the path could forge one before `welcome` where there is no TLS; but then they could cut the line for ever as well.
 */
const REFUSED = /^AUTH_(?!TIMEOUT)|^SESSION_(UNKNOWN_TASK|EXCLUDED)$/;

export class FederatedClient {
  readonly #options: FederatedClientOptions;
  readonly #answerer: Answerer;
  readonly #timers: Timers;
  readonly #transport: Transport;
  readonly #events = new Emitter<ClientEvents>();
  readonly #requests: ChainRequests;
  readonly #chain: ModelChain;
  readonly #training: Training;
  readonly #engine: ClientEngine;
  readonly #ledgers: LedgerStore;
  readonly #rounds: Rounds;
  readonly #primitives: ClientPrimitives;
  readonly #backoff: Backoff;
  readonly #availability: Availability;
  readonly #stop = new AbortController();
  /** Ends the wait that is going on. */
  #wake = new AbortController();
  /** Messages that came while the host is being asked whether it wants the announced round. */
  #undecided: Message[] | undefined;
  #running: Promise<Ended> | undefined;
  #pinned: Uint8Array | undefined;
  /** Under which everything is kept that belongs to it: its first key, as far as this client has heard. */
  #name: ClientId | undefined;
  #connection: Connection | undefined;
  #connections = 0;
  /** No check-in before this time: the coordinator asked for it. */
  #notBefore: Millis = 0;
  /** This try was not let in, and told when to come back: that is no failed one. */
  #deferred = false;
  #cancelCheckIn = (): void => undefined;
  #finished: Extract<Message, { kind: 'finished' }> | undefined;
  #fatal: SottoError | undefined;

  /** Nothing happens before `run`. @throws SottoError CONFIG_INVALID where the pinned key is none */
  constructor(options: FederatedClientOptions) {
    const { rng = webRng, timers = systemTimers } = options;
    const primitives: ClientPrimitives = options.primitives ?? portableSymmetric;
    this.#options = options;
    this.#primitives = primitives;
    this.#answerer = answererOf(options);
    this.#timers = timers;
    checkOwnBudget(options.policy);
    this.#pinned = pinnedKey(options.coordinator);
    this.#transport = options.transport ?? webSocketTransport({ open: globalWebSocket, timers });
    this.#engine =
      options.engine ??
      inlineEngine({
        primitives,
        kernels: kernelsFor,
        openKeystream: webKeystream,
        prepareKeystream: prepareWebKeystream,
      });
    this.#requests = new ChainRequests(primitives, timers);
    const events = this.#events;
    this.#chain = new ModelChain({
      task: options.task,
      primitives,
      answerer: this.#answerer,
      requests: this.#requests,
      catchUp: options.policy.catchUp,
      onRollBack:
        options.policy.rollBack === 'signed'
          ? (record, reason) =>
              events.emit('rolledBack', { round: record.round, model: hashOf(record.modelAfter), reason })
          : undefined,
      ...(options.models === undefined ? {} : { store: options.models }),
      onModel: ({ record }) => events.emit('model', { round: record.round, model: hashOf(record.modelAfter) }),
      onError: (error) => events.emit('error', asSottoError(error, 'STORE_WRITE')),
    });
    this.#ledgers = options.ledgers ?? memoryLedgers();
    this.#training = new Training(options.trainer, {
      budgets: options.policy.privacy === 'any' ? {} : options.policy.privacy,
      ledger: this.#ledgers,
    });
    this.#rounds = new Rounds({
      identity: options.identity,
      policy: options.policy,
      primitives,
      rng,
      rounding: options.rounding ?? rng,
      machine: options.machine ?? participantMachine(this.#answerer),
      clauses: clausesOf(options, this.#engine),
      guards: options.guards,
      ledgers: this.#ledgers,
      engine: this.#engine,
      training: this.#training,
      chain: this.#chain,
      events,
      fatal: (error) => this.#give(error),
    });
    this.#backoff = new Backoff({ ...RECONNECT, ...options.reconnect }, rng);
    this.#availability = new Availability(options, timers);
  }

  /** Returns the function that ends the subscription. */
  on<Name extends keyof ClientEvents>(name: Name, listener: (event: ClientEvents[Name]) => void): () => void {
    return this.#events.on(name, listener);
  }

  /** The last model that was verified along the chain. Its arrays are not to be changed. */
  get model(): VerifiedModel | undefined {
    return this.#chain.verified;
  }

  /**
   * Takes part until the task is finished or `stop` is called. Once per client.
   * Rejects with the SottoError that ended it: wrong coordinator, not enrolled, replaced by another connection of this
   * identity, damaged guard store, no more tries. Losses of the connection do not end it.
   */
  async run(): Promise<Ended> {
    if (this.#running !== undefined) throw new SottoError('CLIENT_RUNNING', 'make a new client for a new run');
    const { signal } = this.#options;
    const stop = (): void => void this.stop();
    if (signal?.aborted) stop();
    signal?.addEventListener('abort', stop, { once: true });
    this.#running = this.#loop().finally(() => {
      signal?.removeEventListener('abort', stop);
      this.#requests.stop();
      this.#rounds.stop();
      if (this.#options.engine === undefined) void this.#engine.close?.();
    });
    return this.#running;
  }

  /** Leaves the pool and the round, ends training at the next batch, closes. Resolves when training has really ended. */
  async stop(reason = 'stopped'): Promise<void> {
    if (!this.#stop.signal.aborted) {
      this.#stop.abort();
      this.#wake.abort();
      this.#rounds.stop();
      if (this.#connection?.alive) this.#connection.send({ kind: 'leave', reason });
      this.#connection?.close(CLOSE.done, reason);
    }
    await this.#training.idle();
    await this.#running?.catch(() => undefined);
  }

  /** Tries to connect now instead of later, and asks `available` again. Does nothing on a client that is connected. */
  wake(): void {
    this.#backoff.reset();
    this.#wake.abort();
  }

  async #loop(): Promise<Ended> {
    await this.#unlessStopped(this.#prepare());
    while (!this.#stop.signal.aborted) {
      if (this.#options.available !== undefined && !(await this.#untilAvailable())) break;
      const { closed, error } = await this.#connect();
      this.#cancelCheckIn();
      this.#availability.end();
      this.#undecided = undefined;
      this.#requests.offline();
      this.#rounds.offline();
      if (error !== undefined) {
        this.#events.emit('error', error);
        // A store of this side that cannot keep a pin is no passing fault either.
        if (REFUSED.test(error.code) || error.code.startsWith('STORE_')) this.#fatal ??= error;
      }
      if (this.#fatal !== undefined || this.#finished !== undefined || this.#stop.signal.aborted) {
        this.#events.emit('disconnected', closed);
        break;
      }
      const wait = this.#backoff.next(this.#deferred);
      this.#deferred = false;
      if (wait === undefined) {
        this.#events.emit('disconnected', closed);
        throw new SottoError('TRANSPORT_CLOSED', `${this.#options.url} not reached: ${closed.code} ${closed.reason}`);
      }
      const retryInMs = Math.max(wait, this.#notBefore - this.#timers.now());
      this.#events.emit('disconnected', { ...closed, retryInMs });
      await this.#sleep(retryInMs);
    }
    if (this.#fatal !== undefined) throw this.#fatal;
    const { contributed } = this.#rounds;
    if (this.#finished === undefined) return { how: 'stopped', contributed };
    return { how: 'finished', contributed, model: hashOf(this.#finished.model) };
  }

  async #sleep(ms: Millis): Promise<void> {
    if (this.#stop.signal.aborted) return;
    this.#wake = new AbortController();
    await pause(this.#timers, ms, this.#wake.signal);
  }

  /** `false`: stopped before it was. */
  async #untilAvailable(): Promise<boolean> {
    for (let told = false; !this.#stop.signal.aborted; told = true) {
      if (await this.#availability.now()) return !this.#stop.signal.aborted;
      if (!told) this.#events.emit('unavailable', { recheckMs: this.#availability.recheckMs });
      await this.#sleep(this.#availability.recheckMs);
    }
    return false;
  }

  /** In the pool a no is heeded at once, in a round when it is over: the others count on this client. */
  #watchAvailability(connection: Connection): void {
    this.#availability.watch(() => {
      if (this.#rounds.busy) this.#watchAvailability(connection);
      else this.#retire(connection);
    });
  }

  #retire(connection: Connection): void {
    const reason = 'not available now';
    connection.send({ kind: 'leave', reason });
    connection.close(CLOSE.done, reason);
  }

  #announced(connection: Connection, message: Extract<Message, { kind: 'announce' }>): void {
    const decide = (yes: boolean): void => {
      if (!connection.alive) return;
      if (yes) this.#rounds.announced(message);
      else this.#retire(connection);
    };
    const answer = this.#availability.now();
    if (typeof answer === 'boolean') {
      decide(answer);
      return;
    }
    const later: Message[] = [];
    this.#undecided = later;
    void answer.then((yes) => {
      if (this.#undecided !== later) return; // the connection is another one
      this.#undecided = undefined;
      decide(yes);
      for (const one of later) this.#message(connection, one);
    });
  }

  /** The guards are read before anybody is talked to. */
  async #prepare(): Promise<void> {
    const { guards, url } = this.#options;
    this.#pinned ??= await guards.pinned(url);
    if (this.#pinned !== undefined) await this.#trust(this.#pinned);
  }

  /** @param handOvers as the challenge shows them; absent before anybody is talked to, or where there are none */
  async #trust(coordinator: Uint8Array, handOvers?: Uint8Array): Promise<void> {
    const { guards, task, url } = this.#options;
    const id = clientId(coordinator);
    let trusted: Trusted = { key: coordinator, name: id, signerOf: () => coordinator };
    if (handOvers !== undefined || (await guards.pinned(lineageName(task, id))) !== undefined) {
      const { follow } = await loaded(import('./hand-over.js'));
      const setup = { ...this.#options, primitives: this.#primitives, answerer: this.#answerer, events: this.#events };
      trusted = await follow(setup, coordinator, handOvers, this.#pinned);
    }
    const { key, name, signerOf } = trusted;
    if (this.#pinned === undefined) await guards.pin(url, key);
    if (name !== this.#name) {
      const guard = (await guards.load(name, task)) ?? emptyGuard(task);
      this.#rounds.begin(name, guard, await this.#ledgers.load(name, task));
      this.#name = name;
    }
    this.#rounds.coordinator = key;
    await this.#chain.trust(name, signerOf);
    this.#pinned = key;
  }

  #connect(): Promise<Parameters<ConstructorParameters<typeof Connection>[0]['handlers']['ended']>[0]> {
    const { url, identity, token, rng = webRng } = this.#options;
    return new Promise((resolve, reject) => {
      const handshake = {
        identity,
        coordinator: this.#pinned,
        agent: AGENT,
        rng,
        ...(token === undefined ? {} : { token }),
      };
      const handlers = {
        pin: (coordinator: Uint8Array, handOvers?: Uint8Array) => this.#trust(coordinator, handOvers),
        opened: (welcome: Welcome, coordinator: Uint8Array) => this.#opened(connection, welcome, coordinator),
        message: (message: Message) => this.#message(connection, message),
        ended: resolve,
      };
      let connection: Connection;
      try {
        connection = new Connection({
          transport: this.#transport,
          url,
          timers: this.#timers,
          answerer: this.#answerer,
          handshake,
          handlers,
        });
        this.#connection = connection;
      } catch (error) {
        reject(
          error instanceof SottoError ? error : new SottoError('TRANSPORT_UNAVAILABLE', `${url}: ${String(error)}`),
        );
      }
    });
  }

  #opened(connection: Connection, { tasks }: Welcome, coordinator: Uint8Array): void {
    const { task } = this.#options;
    if (!tasks.includes(task)) {
      connection.fail(
        new SottoError('SESSION_UNKNOWN_TASK', `the coordinator offers ${tasks.join(', ') || 'no task'}, not ${task}`),
      );
      return;
    }
    this.#backoff.reset();
    this.#rounds.online(connection);
    this.#events.emit('connected', { coordinator: clientId(coordinator), again: this.#connections++ > 0 });
    this.#checkIn(connection);
    this.#requests.online((message) => connection.send(message));
  }

  #checkIn(connection: Connection): void {
    const wait = this.#notBefore - this.#timers.now();
    this.#cancelCheckIn();
    if (wait > 0) this.#cancelCheckIn = this.#timers.after(wait, () => this.#checkIn(connection));
    else connection.send({ kind: 'checkIn', task: this.#options.task, head: this.#chain.head });
  }

  #message(connection: Connection, message: Message): void {
    if (this.#undecided !== undefined) {
      this.#undecided.push(message);
      return;
    }
    switch (message.kind) {
      case 'accepted':
        this.#watchAvailability(connection);
        this.#events.emit('accepted', { task: message.task, round: message.round });
        return;
      case 'rejected':
        this.#rejected(connection, message);
        return;
      case 'fault':
        this.#faulted(connection, message);
        return;
      case 'finished':
        this.#finish(connection, message);
        return;
      case 'blobHead':
      case 'blobChunk':
      case 'chain':
        this.#requests.offer(message);
        return;
      case 'announce':
        if (message.task === this.#options.task) {
          this.#announced(connection, message);
          return;
        }
        connection.fail(
          new SottoError(
            'SESSION_UNEXPECTED',
            `a round of ${message.task} was announced, not of ${this.#options.task}`,
          ),
        );
        return;
      case 'keyBook':
      case 'shareBook':
      case 'inputTaken':
      case 'sketchRequest':
      case 'survivors':
      case 'unmaskRequest':
      case 'outcome':
      case 'abort':
      case 'resume':
      case 'credit':
        this.#rounds.message(message);
        return;
      default:
        connection.fail(new SottoError('SESSION_UNEXPECTED', `the coordinator sent ${message.kind} now`));
        return;
    }
  }

  #rejected(connection: Connection, { code, retryAfterMs: asked }: Rejected): void {
    // Before `welcome` anybody in the path may say this: no longer than any coordinator would.
    const retryAfterMs = connection.alive ? asked : Math.min(asked, MAX_RETRY_AFTER_MS);
    this.#events.emit('rejected', { code, retryAfterMs });
    if (REFUSED.test(code)) {
      connection.close(CLOSE.auth, code, new SottoError(code, 'the coordinator rejected this client'));
      return;
    }
    // Never earlier than asked, and not all clients at the same moment.
    this.#notBefore = this.#timers.now() + retryAfterMs + Math.abs(this.#backoff.spread(retryAfterMs) - retryAfterMs);
    if (connection.alive) this.#checkIn(connection);
    else this.#deferred = true;
  }

  #faulted(connection: Connection, fault: Fault): void {
    const error = new SottoError(fault.code, `the coordinator says: ${fault.text}`);
    if (REFUSED.test(fault.code)) {
      connection.close(CLOSE.auth, fault.code, error);
      return;
    }
    // What concerns a run is told as its end; a run that is over for us anyway has nothing to tell.
    if (fault.run !== undefined) this.#rounds.refused(fault);
    else if (!this.#requests.offer(fault)) this.#events.emit('error', error);
  }

  /** The last outcome may still be on its way through the chain: the final model is worth waiting for. */
  #finish(connection: Connection, finished: Extract<Message, { kind: 'finished' }>): void {
    if (finished.task !== this.#options.task) return;
    this.#finished = finished;
    void this.#chain.idle().then(() => connection.close(CLOSE.done, 'finished'));
  }

  /** Ends `run` with this error. */
  #give(error: SottoError): void {
    this.#fatal ??= error;
    this.#connection?.close(CLOSE.auth, error.code, error);
  }

  async #unlessStopped(work: Promise<void>): Promise<void> {
    const { signal } = this.#stop;
    const stopped = new Promise<void>((resolve) => {
      if (signal.aborted) resolve();
      signal.addEventListener('abort', () => resolve(), { once: true });
    });
    await Promise.race([work, stopped]);
  }
}

function clausesOf(
  { clauses, policy, trainer }: FederatedClientOptions,
  engine: ClientEngine,
): (settings: string) => ClausesSoon {
  if (clauses !== undefined) return () => clauses;
  const loader = new ClauseLoader({
    engine,
    releases: trainer.releases !== undefined,
    rollBack: policy.rollBack === 'signed',
  });
  return (settings) => loader.of(settings);
}
type ClausesSoon = ReturnType<ClauseLoader['of']>;

/** Synchronous primitives answer at once; without them the runtime does. */
function answererOf({ primitives, identity }: FederatedClientOptions): Answerer {
  if (primitives === undefined || 'privateKey' in identity) return webKeys;
  return (question) => answerWith(primitives, question);
}
