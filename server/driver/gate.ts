// The coordinator's gate: who comes in, by which door, who is kept out by an operator, and what of all this is written down.
// Not here: the decisions (access/), what is said once somebody is in (clients.ts), the socket (connection.ts).

import { performance } from 'node:perf_hooks';
import type { WebSocket } from 'ws';
import { type ErrorCode, SottoError } from '../../protocol/errors.js';
import type { ClientId, Hash, Millis } from '../../protocol/ids.js';
import { MAX_COUNTER, MAX_UNAUTHENTICATED } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import { Access, type Admission } from '../access/access.js';
import { type Rotation, readRotation } from '../access/rotation.js';
import { makeToken, readToken } from '../access/token.js';
import { handOversOf, knownKeys } from '../audit/coordinator-keys.js';
import type { Durable } from '../audit/durable.js';
import type { Fact } from '../audit/events.js';
import type { Journal } from '../audit/journal.js';
import type { CampaignEvent } from '../campaign/types.js';
import type { Engine } from '../engine/types.js';
import { CLOSE } from '../session/close-codes.js';
import { Alarm, type Clock } from './clock.js';
import { Connection, type ConnectionHandlers, type Traffic } from './connection.js';
import type { Connections } from './connections.js';
import { Guard } from './guard.js';
import { type Listener, openListener } from './listener.js';
import { MemoryWatch } from './memory.js';
import { readMemory } from './memory-reading.js';
import { Offences } from './offences.js';
import type { AccessControl, ClientNotice, CoordinatorOptions, Logger, NewToken } from './options.js';
import { sessionSetup } from './parts.js';
import { Turnstile } from './turnstile.js';

export interface GateDesk {
  readonly options: CoordinatorOptions;
  readonly connections: Connections;
  readonly journal: Journal;
  readonly durable: Durable | undefined;
  readonly engine: Pick<Engine, 'rest' | 'sharedBytes'>;
  readonly log: Logger;
  readonly clock: Clock;
  readonly traffic: Traffic;
  /** The newest. */
  readonly round: () => number;
  readonly campaign: (event: CampaignEvent) => void;
  /** The last round that a client sits out by the monitor, or by who has left it out through the monitor; 0: none. */
  readonly barredUntil: (client: ClientId) => number;
  /** A round is under way. */
  readonly inRound: () => boolean;
  /** A client goes on under another key. */
  readonly rotated: (from: ClientId, to: ClientId) => void;
  /** Settles when nothing is written any more. */
  readonly done: Promise<unknown>;
}

const handOversIn = (durable: Durable | undefined) => (durable === undefined ? [] : handOversOf(durable.log.rows));

/** Memory is read at least so often: what has come and gone between two readings looks like growth of something unknown. */
const MEMORY_MS: Millis = 500;

/** Milliseconds since the start of the process in which the event loop was not waiting. */
const loopBusyMs = (): Millis => performance.eventLoopUtilization().active;

export class Gate implements AccessControl {
  readonly #desk: GateDesk;
  readonly #access: Access;
  readonly #offences = new Offences();
  /** Signed, and waiting for the end of the round, by the old key. */
  readonly #rotations = new Map<ClientId, Rotation>();
  #guard: Guard | undefined;
  /** Sent away, and not gone yet. */
  #leaving = 0;
  readonly #memory: MemoryWatch;
  readonly #look: Alarm;
  #listener: Listener | undefined;

  constructor(desk: GateDesk) {
    this.#desk = desk;
    const { options, durable, engine } = desk;
    const budget = options.memoryBytes ?? Number.POSITIVE_INFINITY;
    this.#memory = new MemoryWatch(budget, () => readMemory(engine.sharedBytes()));
    this.#look = new Alarm(desk.clock, (now) => this.#lookAtMemory(now));
    const keys = knownKeys(handOversIn(durable), options.identity.publicKey);
    this.#access = new Access({
      policy: options.roster,
      readToken: (text) => readToken(nativePrimitives, keys.ofTokens, options.task.task, text),
      readRotation: (client, text) => readRotation(nativePrimitives, keys.all, client, text),
      wallClock: options.wallClock ?? Date.now,
      ...(durable && { rows: durable.log.rows }),
    });
  }

  get url(): string {
    return this.#listener?.url ?? '';
  }

  /** @throws what listening throws, such as EADDRINUSE */
  async open(handlers: ConnectionHandlers): Promise<void> {
    const { options, connections, clock, traffic, log } = this.#desk;
    const admit = (client: ClientId, token: string | undefined) => this.#admit(client, token);
    const session = sessionSetup(options, admit, handOversIn(this.#desk.durable));
    const open = options.openListener ?? openListener;
    // A clock of somebody else's says nothing of this process.
    const busy = options.busyMs ?? (options.clock === undefined ? loopBusyMs : () => 0);
    const guard = new Guard(clock, options.memoryBytes, busy);
    this.#guard = guard;
    const turnstile = new Turnstile(clock.now());
    const opened = open({
      ...options.listen,
      ...(options.fetch && { fetch: options.fetch }),
      room: (address) => this.#room(address),
      warn: (error) => log.error({ error: String(error) }, 'the new certificate cannot be used; the old one stays'),
      accept: (socket, address, stream, bulk) => {
        const wait = turnstile.enter(clock.now(), connections.strangers);
        if (wait > 0) {
          this.#sendAway(socket, wait);
          if (stream !== undefined)
            guard.watch(
              socket,
              stream,
              () => false,
              () => socket.terminate(),
            );
          return;
        }
        const connection = new Connection(socket, session, handlers, clock, traffic, busy);
        connections.add(connection, address);
        bulk?.lend(socket, () => connection.expectsChunk);
        if (stream === undefined) return;
        guard.watch(
          socket,
          stream,
          () => connection.client !== undefined,
          () => connection.stalled(),
        );
      },
    });
    this.#listener = await opened.catch((error: unknown) => {
      guard.stop();
      throw error;
    });
    if (options.memoryBytes !== undefined) this.#lookAtMemory(clock.now());
  }

  #room(address: string | undefined): boolean {
    const { connections, clock } = this.#desk;
    const pressure = this.#memory.pressure(clock.now());
    if (pressure === 'critical') connections.cutStrangers();
    return pressure === 'none' && this.#leaving < MAX_UNAUTHENTICATED && connections.room(address);
  }

  /** Memory for the next round's uploads is given up where there is none coming. */
  #lookAtMemory(now: Millis): void {
    this.#look.set(now + MEMORY_MS);
    if (this.memoryTight && !this.#desk.inRound()) void this.#desk.engine.rest();
  }

  /** Too many come at once: it is told when to come back, which a browser could not read from an HTTP answer. Nothing of it is read. */
  #sendAway(socket: WebSocket, retryAfterMs: Millis): void {
    this.#leaving++;
    socket.once('close', () => this.#leaving--);
    socket.on('error', () => {}); // it closes by itself
    socket.send(encodeFrame({ kind: 'rejected', code: 'SESSION_BUSY', retryAfterMs }), { binary: true });
    socket.close(CLOSE.busy, 'SESSION_BUSY');
  }

  /** Nobody new comes in, and no upload is begun beside another. */
  get memoryTight(): boolean {
    return this.#memory.pressure(this.#desk.clock.now()) !== 'none';
  }

  refuseNew(): void {
    this.#listener?.refuseNew();
  }

  async close(): Promise<void> {
    this.#look.off();
    this.#guard?.stop();
    await this.#listener?.close();
  }

  /** Asked once the key is proven. A rotation that comes in the middle of a round waits for its end; its client comes back. */
  #admit(client: ClientId, token: string | undefined): Admission {
    const admission = this.#access.admit(client, token);
    if (!admission.ok || admission.rotation === undefined) return admission;
    const { rotation } = admission;
    if (!this.#desk.inRound()) {
      this.#rotate(rotation);
      return { ok: true };
    }
    if (!this.#rotations.has(rotation.from)) this.#rotations.set(rotation.from, rotation);
    return { ok: false, code: 'SESSION_BUSY' };
  }

  /** The round is over, and the next has not begun. */
  rotate(): void {
    for (const rotation of this.#rotations.values()) this.#rotate(rotation);
    this.#rotations.clear();
  }

  #rotate(rotation: Rotation): void {
    const { journal, connections, log, rotated } = this.#desk;
    const { from, to } = rotation;
    const facts = this.#access.rotate(rotation);
    if (facts.length === 0) return;
    log.info({ from, to }, 'a client goes on under another key');
    journal.record(facts);
    connections.of(from)?.tell({ type: 'end', code: 'AUTH_REVOKED' });
    rotated(from, to);
  }

  // ---- what happens at it ----------------------------------------------------------------------------------------------

  enrol(client: ClientId, token: Hash | undefined): void {
    this.#desk.journal.record(this.#access.enrol(client, token));
  }

  noticed(notice: ClientNotice): void {
    const { durable, journal } = this.#desk;
    if (durable === undefined) return;
    if (notice.type === 'connected' && !durable.log.rows.has(`client/${notice.client}`))
      journal.record([{ type: 'client-enrolled', body: { client: notice.client } }]);
    if (notice.type === 'offence') this.offended(notice.client, notice.code, notice.text);
  }

  offended(client: ClientId | undefined, code: ErrorCode, text: string): void {
    this.#desk.journal.record(this.#offences.note(client, code, text, this.#desk.round()));
  }

  strayed(code: ErrorCode): void {
    this.#offences.stray(code);
  }

  /** What was only counted in the round that is over. */
  roundOver(): readonly Fact[] {
    if (this.memoryTight) void this.#desk.engine.rest();
    return this.#offences.flush(this.#desk.round());
  }

  // ---- what operators do -----------------------------------------------------------------------------------------------

  revoke(named: ClientId, by: string, reason: string): Promise<void> {
    const { log, journal, connections } = this.#desk;
    // By an old key the client is meant that had it.
    const client = this.#access.current(named);
    log.warn({ client, by, reason }, 'client revoked');
    journal.record(this.#access.revoke(client, by, reason));
    // At once, not after the disk: whoever is kept out by a crash in between comes back as before.
    connections.of(client)?.tell({ type: 'end', code: 'AUTH_REVOKED' });
    // The campaign waits for its members only as long as they may come.
    this.#tell((now) => ({ type: 'quarantined', client, until: MAX_COUNTER, now }));
    return this.durable();
  }

  /** Takes the revocation back and nothing else: a quarantine that it has goes on; an appeal ends it. */
  readmit(named: ClientId, by: string, reason: string): Promise<void> {
    const { log, journal } = this.#desk;
    const client = this.#access.current(named);
    log.info({ client, by, reason }, 'client readmitted');
    journal.record(this.#access.readmit(client, by, reason));
    const until = this.#desk.barredUntil(client);
    const barred = until > this.#desk.round();
    this.#tell((now) => (barred ? { type: 'quarantined', client, until, now } : { type: 'released', client, now }));
    return this.durable();
  }

  get revoked(): ReadonlySet<ClientId> {
    return this.#access.revoked;
  }

  revokeToken(token: Hash, by: string, reason: string): Promise<void> {
    const { log, journal } = this.#desk;
    log.warn({ token, by, reason }, 'enrolment token revoked');
    journal.record(this.#access.revokeToken(token, by, reason));
    return this.durable();
  }

  newToken({ uses, days }: { readonly uses: number; readonly days: number }, by: string, reason: string): NewToken {
    const { options, log, journal } = this.#desk;
    const { identity, task, roster, wallClock = Date.now, rng = nativeRng } = options;
    if (roster.kind !== 'token') {
      const text = `the roster is \`${roster.kind}\`, so a token would let nobody in; set roster.kind to token`;
      throw new SottoError('ADMIN_CONFLICT', text, { roster: roster.kind });
    }
    const made = makeToken(nativePrimitives, identity, rng, { task: task.task, uses, days, now: wallClock() });
    const { hash, expires } = made.token;
    log.info({ token: hash, uses, days, by, reason }, 'enrolment token made');
    journal.record([
      { type: 'admin', body: { by, action: 'new-token', detail: { reason, token: hash, uses, expires } } },
    ]);
    return { text: made.text, hash, expires };
  }

  reloadCertificate(): void {
    this.#listener?.reloadCertificate?.();
  }

  #tell(event: (now: Millis) => CampaignEvent): void {
    this.#desk.campaign(event(this.#desk.clock.now()));
  }

  /** Once what is noted so far is on disk; where the disk fails the coordinator ends, and says so by `done`. */
  durable(): Promise<void> {
    const written = new Promise<void>((resolve) => this.#desk.journal.after(resolve));
    return Promise.race([written, this.#desk.done.then(() => written)]);
  }
}
