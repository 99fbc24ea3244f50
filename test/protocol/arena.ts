// A whole round in memory: the real coordinator machine, real participants, real masks and shares, and a network that is a
// list. Message order, losses and tampering are data. Runtime-neutral: cryptography, key streams and randomness are handed in,
// so the frozen transcript runs in a browser too. Not a test; no sockets, no clock. Tests use world.ts, which adds Node's crypto.

import { allClauses } from '../../protocol/clauses/all.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import type { ClientId, GroupId, Hash } from '../../protocol/ids.js';
import { type ParticipantState, startParticipant, stepParticipant } from '../../protocol/participant/participant.js';
import type { ParticipantEffect, ParticipantEvent, Policy } from '../../protocol/participant/types.js';
import { type RoundState, type Step, startRound, stepRound } from '../../protocol/round/round.js';
import {
  type Candidate,
  type GroupPhase,
  type RoundEffect,
  type RoundEvent,
  type RoundFact,
  type RoundFailure,
  type RoundResult,
  type RoundSetup,
  TRANSITIONS,
} from '../../protocol/round/types.js';
import { decodeMean, type Words } from '../../protocol/secagg/encode.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { maskUpdate } from '../../protocol/secagg/mask.js';
import { encodeInput } from '../../protocol/secagg/noised.js';
import { openProjector } from '../../protocol/sketch/project.js';
import { sketchSection } from '../../protocol/sketch/work.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../../protocol/wire/messages.js';
import type { ArenaOptions, Delivery, Member, Outcome, Runtime } from './arena-types.js';
import { MemoryEngine } from './memory-engine.js';

export type { ArenaOptions, Delivery, Member, Outcome, Runtime, Tamper } from './arena-types.js';

export class Arena {
  readonly members: readonly Member[];
  readonly coordinator: Identity;
  readonly config: TaskConfig;
  readonly setup: RoundSetup;
  readonly engine: MemoryEngine;
  readonly facts: RoundFact[] = [];
  /** What the rule in sketch space was shown. */
  readonly candidates: Candidate[] = [];
  readonly refused: Extract<RoundEffect, { type: 'refuse' }>[] = [];
  readonly coordinatorSent: { to: number; message: CoordinatorRoundMessage }[] = [];
  /** Edges of the transition table that were taken, as `from → to`. */
  readonly edges = new Set<string>();
  readonly queue: Delivery[] = [];
  readonly #index = new Map<ClientId, number>();
  readonly #options: ArenaOptions;
  readonly #runtime: Runtime;
  readonly #phases = new Map<GroupId, GroupPhase>();
  /** Connection numbers as the client and as the coordinator know them: what is sent on an old one is lost. */
  readonly #epochs: { client: number; coordinator: number }[];
  state: RoundState | undefined;
  wakeAt = Number.POSITIVE_INFINITY;
  now = 0;
  result: RoundResult | undefined;
  failure: RoundFailure | undefined;

  constructor(options: ArenaOptions, runtime: Runtime) {
    const { primitives, open, kernels, rngOf } = runtime;
    const { config, members, round = 1, attempt = 1 } = options;
    this.#options = options;
    this.#runtime = runtime;
    this.config = config;
    this.members = members;
    this.engine = new MemoryEngine(primitives, open, kernels);
    this.coordinator = options.coordinator ?? generateIdentity(primitives, rngOf('coordinator'));
    this.#epochs = members.map(() => ({ client: 0, coordinator: 0 }));
    members.forEach((m, i) => {
      this.#index.set(m.identity.id, i);
    });
    const perGroup = members.length / config.group.count;
    const zero = '0'.repeat(64) as Hash;
    this.setup = {
      config,
      round,
      attempt,
      model: zero,
      head: zero,
      clip: options.clip ?? 0,
      groups: Array.from({ length: config.group.count }, (_, id) => ({
        id,
        members: members.slice(id * perGroup, (id + 1) * perGroup).map((m) => m.identity.id),
      })),
      coordinator: this.coordinator,
      primitives,
      nonce: rngOf('coordinator')(32),
    };
  }

  get sums(): Map<string, Words> {
    return this.engine.sums;
  }
  get ended(): boolean {
    return this.result !== undefined || this.failure !== undefined;
  }

  start(): this {
    this.#taken(undefined, startRound(this.setup, this.now));
    return this;
  }

  /** Delivers everything, then lets deadlines pass, until the round has ended; then delivers the rest. */
  run(): Outcome {
    this.runUntil(() => this.ended);
    return this.drain().outcome();
  }

  runUntil(reached: () => boolean): void {
    for (let guard = 0; !reached(); guard++) {
      if (guard > 100_000) throw new Error('the round does not end');
      if (this.queue.length > 0) this.deliverOne();
      else this.advance();
    }
  }

  /** Delivers everything that is under way; no time passes. */
  drain(): this {
    while (this.queue.length > 0) this.deliverOne();
    return this;
  }

  /** Time passes until the next wake-up that the coordinator's machine has asked for. */
  advance(): void {
    if (this.wakeAt === Number.POSITIVE_INFINITY) throw new Error('the round waits for nothing');
    this.now = Math.max(this.now, this.wakeAt);
    this.tick();
  }

  /** The coordinator's timer fires. A real one fires once, so the machine must ask again. */
  tick(): void {
    this.wakeAt = Number.POSITIVE_INFINITY;
    this.event({ type: 'tick', now: this.now });
  }

  outcome(): Outcome {
    const { encoding } = deriveTask(this.config);
    return {
      ...(this.result === undefined ? {} : { result: this.result }),
      ...(this.failure === undefined ? {} : { failure: this.failure }),
      facts: this.facts,
      refused: this.refused,
      members: this.members,
      sums: this.engine.sums,
      rows: this.engine.rows,
      inputs: this.engine.inputs,
      coordinatorSent: this.coordinatorSent,
      mean: (accumulator, survivors) => decodeMean(encoding, this.engine.sums.get(accumulator) as Words, survivors),
    };
  }

  /** The first delivery of every pair, in the order of sending. */
  heads(): Delivery[] {
    const heads = new Map<string, Delivery>();
    for (const one of this.queue) if (!heads.has(one.pair)) heads.set(one.pair, one);
    return [...heads.values()];
  }

  /** One delivery: the oldest of a pair, of a pair that `pick` chooses. */
  deliverOne(): void {
    const { pick } = this.#options;
    const heads = pick === undefined ? this.queue.slice(0, 1) : this.heads();
    const pairs = pick === undefined ? [] : heads.map(({ pair }) => pair);
    const next = heads[(pick?.(heads.length, pairs) ?? 0) % heads.length];
    if (next !== undefined) this.take(next).run();
  }

  /** Takes a delivery off the network without delivering it. */
  take(delivery: Delivery): Delivery {
    this.queue.splice(this.queue.indexOf(delivery), 1);
    return delivery;
  }

  event(event: RoundEvent): void {
    if (this.state === undefined) throw new Error('not started');
    this.#options.observe?.(event);
    const groups = this.state.phase === 'running' ? this.state.groups : undefined;
    this.#taken(event, stepRound(this.state, event), groups);
  }

  lose(i: number): void {
    const m = this.members[i] as Member;
    if (!m.connected) return;
    m.connected = false;
    this.#post(`c${i}`, () => this.event({ type: 'gone', client: m.identity.id, now: this.now }));
    this.tell(i, { type: 'gone' });
  }

  reconnect(i: number): void {
    const m = this.members[i] as Member;
    const epoch = this.#epochs[i] as { client: number; coordinator: number };
    if (m.connected) return;
    m.connected = true;
    const number = ++epoch.client;
    this.#post(`c${i}`, () => {
      epoch.coordinator = number;
      this.event({ type: 'back', client: m.identity.id, now: this.now });
    });
  }

  tell(i: number, event: ParticipantEvent): void {
    const m = this.members[i] as Member;
    if (m.state === undefined) return;
    this.#become(i, stepParticipant(m.state, event));
  }

  /** Hands a message to the coordinator as if client `i` had sent it. */
  inject(i: number, body: ClientRoundMessage): void {
    const { id } = (this.members[i] as Member).identity;
    this.#post(`c${i}`, () => this.event({ type: 'message', from: id, body, now: this.now }));
  }

  #post(pair: string, run: () => void): void {
    this.queue.push({ pair, run });
  }

  /** After every step: phases move along the table only, whoever the test is about. */
  #taken(
    event: RoundEvent | undefined,
    step: Step,
    before?: ReadonlyMap<GroupId, { readonly phase: GroupPhase }>,
  ): void {
    this.state = step.state;
    for (const effect of step.effects)
      if (effect.type === 'measure' && effect.fact.type === 'phase') this.#moved(effect.fact.group, effect.fact.phase);
    const groups = before ?? (step.state.phase === 'running' ? step.state.groups : new Map());
    for (const [id, { phase }] of groups) {
      if (phase === 'failed' && this.#phases.get(id) !== 'failed') this.#moved(id, 'failed');
      if (phase !== this.#phases.get(id)) throw new Error(`group ${id} is in ${phase} without having said so`);
    }
    this.#options.stepped?.(event, step);
    this.#coordinatorEffects(step.effects);
  }

  #moved(group: GroupId, to: GroupPhase): void {
    const from = this.#phases.get(group);
    this.#phases.set(group, to);
    if (from === undefined) return;
    const open = this.config.profile === 'open' && from === 'masked' && to === 'done';
    if (!open && !(TRANSITIONS[from] as readonly GroupPhase[]).includes(to))
      throw new Error(`${from} → ${to} is not in the table`);
    this.edges.add(`${from} → ${to}`);
  }

  #coordinatorEffects(effects: readonly RoundEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send':
          this.#fromCoordinator(this.#index.get(effect.to) as number, effect.message);
          break;
        case 'refuse': {
          this.refused.push(effect);
          const i = this.#index.get(effect.client);
          // A refusal of a stray message of another run is not about the run the client is in.
          const { run } = effect;
          const { round, attempt } = this.setup;
          const own = run.round === round && run.attempt === attempt && run.group < this.config.group.count;
          if (i !== undefined && own) this.#post(`s${i}`, () => this.tell(i, { type: 'refused', code: effect.code }));
          break;
        }
        case 'upload': // everybody has credit here
        case 'uploaded':
          break;
        case 'wakeAt':
          this.wakeAt = effect.at;
          break;
        case 'compute': {
          const { job, work } = effect;
          const run = () => {
            const result = this.#options.engine?.(work) ?? this.engine.run(work);
            this.event({ type: 'computed', job, result, now: this.now });
          };
          const place =
            work.type === 'audit' ? work.unmask.accumulator : 'accumulator' in work ? work.accumulator : work.slot;
          // Sketches project and fold one slot: work of one group stays in order, as the engine promises.
          const pair = `e${this.config.integrity === 'none' ? place : place.split('/').slice(0, 3).join('/')}`;
          this.queue.push({ pair, run, ...(work.type === 'drop' ? { drops: work.slot } : {}) });
          break;
        }
        case 'measure':
          this.facts.push(effect.fact);
          break;
        case 'select': {
          this.candidates.push(...effect.candidates);
          const excluded = this.#options.select?.(effect.candidates) ?? [];
          this.#post('select', () => this.event({ type: 'selected', excluded, now: this.now }));
          break;
        }
        case 'done':
          this.result = effect.result;
          break;
        case 'failed':
          this.failure = effect.failure;
          break;
        case 'forget':
          this.#callOff();
          this.engine.forget(effect.keepAccumulators);
          break;
        default:
          effect satisfies never;
      }
    }
  }

  /** Work of this run that has not begun is called off, but what was to be dropped is dropped. */
  #callOff(): void {
    for (const one of this.queue.filter(({ pair }) => pair.startsWith('e'))) {
      this.take(one);
      if (one.drops !== undefined) this.engine.run({ type: 'drop', slot: one.drops });
    }
  }

  #fromCoordinator(i: number, sent: CoordinatorRoundMessage): void {
    this.coordinatorSent.push({ to: i, message: sent });
    const epochs = this.#epochs[i] as { client: number; coordinator: number };
    const epoch = epochs.coordinator;
    for (const one of this.#options.tamper?.toClient?.(i, sent) ?? [sent]) {
      const message = this.#throughWire('down', i, one);
      const run = (instead?: ClientRoundMessage | CoordinatorRoundMessage) => {
        if (epochs.client === epoch) this.receive(i, (instead ?? message) as CoordinatorRoundMessage);
      };
      this.queue.push({ pair: `s${i}`, message, run });
    }
  }

  receive(i: number, message: CoordinatorRoundMessage): void {
    const m = this.members[i] as Member;
    if (!m.connected) return;
    // A client joins a run once: the driver gives a second announcement of the same run to the running machine.
    if (message.kind === 'announce' && m.guard.round === message.run.round && m.guard.attempt === message.run.attempt)
      this.tell(i, { type: 'message', body: message });
    else if (message.kind === 'announce') {
      const rng = this.#runtime.rngOf(i);
      const step = startParticipant({
        announce: message,
        identity: m.identity,
        coordinator: this.coordinator.publicKey,
        policy: m.policy,
        guard: m.guard,
        ledger: m.ledger,
        clauses: allClauses,
        primitives: this.#runtime.primitives,
        rng,
        rounding: rng,
      });
      this.#become(i, step);
    } else this.tell(i, { type: 'message', body: message });
  }

  #become(i: number, step: { readonly state: ParticipantState; readonly effects: readonly ParticipantEffect[] }): void {
    const m = this.members[i] as Member;
    m.state = step.state;
    this.#options.clientState?.(i, step.state);
    for (const effect of step.effects) {
      m.effects.push(effect);
      switch (effect.type) {
        case 'persist':
          m.guard = effect.guard;
          break;
        case 'ledger':
          m.ledger = [...m.ledger, effect.entry];
          break;
        case 'send':
          this.#fromClient(i, effect.message);
          break;
        case 'train':
          this.#post(`t${i}`, () => this.tell(i, { type: 'trained', examples: m.examples }));
          break;
        case 'compute':
          this.#clientWork(i, effect);
          break;
        case 'sketch': {
          const mask = this.#options.rewrite?.(i, effect.work.mask) ?? effect.work.mask;
          const work = { ...effect.work, mask };
          const job = sketchSection(work, m.update, (matrix) => openProjector(WebAssembly, matrix));
          this.#post(`t${i}`, () =>
            this.tell(i, { type: 'sketched', section: runStreaming(job, work.mask.prg, this.#runtime.open) }),
          );
          break;
        }
        case 'upload': {
          const pieces = splitChunks(m.input as Uint8Array);
          for (const index of effect.chunks)
            this.#fromClient(i, { kind: 'inputChunk', run: effect.run, index, section: pieces[index] as Uint8Array });
          break;
        }
        case 'guard':
        case 'ended':
        case 'forget':
          break;
        default:
          effect satisfies never;
      }
    }
  }

  #clientWork(i: number, { work }: Extract<ParticipantEffect, { type: 'compute' }>): void {
    const m = this.members[i] as Member;
    const { primitives, open, kernels } = this.#runtime;
    const input =
      work.type === 'plain'
        ? new Uint8Array(m.update.slice().buffer)
        : runStreaming(
            maskUpdate(this.#options.rewrite?.(i, work) ?? work, m.update, kernels, encodeInput),
            work.prg,
            open,
          );
    this.#options.damage?.(i, input);
    m.input = input;
    const result = this.#options.clientWork?.(i) ?? {
      ok: true,
      bytes: input.length,
      chunks: chunkHashList(primitives, input),
    };
    this.#post(`t${i}`, () => this.tell(i, { type: 'computed', result }));
  }

  #fromClient(i: number, message: ClientRoundMessage): void {
    const m = this.members[i] as Member;
    if (!m.connected) return;
    const messages = this.#options.tamper?.toCoordinator?.(i, message) ?? [message];
    if (messages === 'lose') {
      this.lose(i);
      return;
    }
    for (const one of messages) {
      const body = this.#throughWire('up', i, one);
      const run = (instead?: ClientRoundMessage | CoordinatorRoundMessage) =>
        this.event({
          type: 'message',
          from: m.identity.id,
          body: (instead ?? body) as ClientRoundMessage,
          now: this.now,
        });
      this.queue.push({ pair: `c${i}`, message: body, run });
    }
  }

  #throughWire<M extends ClientRoundMessage | CoordinatorRoundMessage>(
    direction: 'up' | 'down',
    client: number,
    message: M,
  ): M {
    if (this.#options.wire !== true) return message;
    const frame = encodeFrame(message);
    this.#options.frame?.(direction, client, frame);
    const decoded = decodeFrame(frame);
    if (!decoded.ok) throw new Error(`${message.kind}: ${decoded.code} at ${decoded.field ?? decoded.offset}`);
    return decoded.message as M;
  }
}

export const newMember = (identity: Identity, update: readonly number[], examples: number, policy: Policy): Member => ({
  identity,
  update: Float32Array.from(update),
  examples,
  state: undefined,
  guard: { task: 'test', round: 0, attempt: 0, answered: 0, contributed: 0 },
  ledger: [],
  input: undefined,
  connected: true,
  effects: [],
  policy,
});
