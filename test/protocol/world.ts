// A whole round in memory: the real coordinator machine, real participants, real masks and shares, an engine in this process,
// and a network that is a list. Message order, losses and tampering are data. Not a test; no sockets, no clock.

import { randomBytes } from 'node:crypto';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { type ClientId, fromHex, type Hash } from '../../protocol/ids.js';
import { nativeKernels, nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { type ParticipantState, startParticipant, stepParticipant } from '../../protocol/participant/participant.js';
import type { GuardRecord, ParticipantEffect, ParticipantEvent, Policy } from '../../protocol/participant/types.js';
import { type RoundState, startRound, stepRound } from '../../protocol/round/round.js';
import type { RoundEffect, RoundEvent, RoundFact, RoundFailure, RoundResult } from '../../protocol/round/types.js';
import { decodeMean, type Words } from '../../protocol/secagg/encode.js';
import type { EngineResult, EngineWork } from '../../protocol/secagg/jobs.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { foldInput, maskUpdate, newAccumulator } from '../../protocol/secagg/mask.js';
import { unmaskSum } from '../../protocol/secagg/unmask.js';
import { deriveTask, type TaskConfig, WAITING_PHASES, type WaitingPhase, type Window } from '../../protocol/task.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../../protocol/wire/messages.js';

export const primitives = nativePrimitives;
const kernels = nativeKernels();

export function taskOf(
  patch: Partial<TaskConfig> & { size: number; count?: number; colluders?: number; dimension?: number },
): TaskConfig {
  const { size, count = 1, colluders = 0, dimension = 5, ...rest } = patch;
  const threshold = Math.max(Math.floor((2 * size) / 3) + 1, Math.floor((size + colluders) / 2) + 1);
  const window: Window = {
    count: { min: rest.profile === 'open' ? 1 : threshold, max: size },
    time: { min: 0, max: 1000 },
  };
  return {
    protocol: 'sotto/1',
    task: 'test',
    profile: count > 1 ? 'grouped' : 'cohort',
    trust: 'trusted',
    dimension,
    group: { size, count, colluders },
    // The grid step is 2^-7 exactly, so a test can give updates that need no rounding.
    encoding: { clipNorm: 1e6, range: 127 / 128, bits: 8, weighting: { by: 'uniform' } },
    prg: 'aes256ctr',
    integrity: 'none',
    rule: { name: 'mean' },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: {},
    windows: Object.fromEntries(WAITING_PHASES.map((phase) => [phase, window])) as TaskConfig['windows'],
    ...rest,
  };
}

export const WEAK_POLICY: Policy = {
  profiles: ['open', 'cohort', 'grouped'],
  minGroup: 2,
  minThreshold: 1,
  minColluders: 0,
  maxClipNorm: 1e9,
  maxRounds: 1000,
  catchUp: 'chain',
};

export interface Member {
  readonly identity: Identity;
  readonly update: Float32Array<ArrayBuffer>;
  readonly examples: number;
  state: ParticipantState | undefined;
  guard: GuardRecord;
  input: Uint8Array | undefined;
  connected: boolean;
  readonly effects: ParticipantEffect[];
  policy: Policy;
}

/** What the network does with a message: `undefined` drops it; `lose` cuts the client's connection instead of sending. */
export type Tamper = {
  readonly toClient?: (to: number, message: CoordinatorRoundMessage) => readonly CoordinatorRoundMessage[];
  readonly toCoordinator?: (from: number, message: ClientRoundMessage) => readonly ClientRoundMessage[] | 'lose';
};

export interface WorldOptions {
  readonly config: TaskConfig;
  readonly round?: number;
  readonly attempt?: number;
  readonly tamper?: Tamper;
  /** Picks which of `n` waiting deliveries is next; 0 keeps the order of sending. Deliveries of one pair never overtake. */
  readonly pick?: (n: number) => number;
  readonly members?: readonly Member[];
  readonly coordinator?: Identity;
  /** Send every message through the real codec. */
  readonly wire?: boolean;
  /** Called with each event before the coordinator's machine sees it. */
  readonly observe?: (event: RoundEvent) => void;
}

export interface Outcome {
  readonly result?: RoundResult;
  readonly failure?: RoundFailure;
  readonly facts: readonly RoundFact[];
  readonly refused: readonly Extract<RoundEffect, { type: 'refuse' }>[];
  readonly members: readonly Member[];
  readonly sums: ReadonlyMap<string, Words>;
  readonly rows: ReadonlyMap<string, Float32Array>;
  readonly inputs: ReadonlyMap<string, Uint8Array>;
  readonly coordinatorSent: readonly { readonly to: number; readonly message: CoordinatorRoundMessage }[];
  readonly mean: (accumulator: string, survivors: number) => Float32Array;
}

export const member = (update: readonly number[], examples = 1): Member => ({
  identity: generateIdentity(primitives, nativeRng),
  update: Float32Array.from(update),
  examples,
  state: undefined,
  guard: { task: 'test', round: 0, attempt: 0, answered: 0, contributed: 0 },
  input: undefined,
  connected: true,
  effects: [],
  policy: WEAK_POLICY,
});

/** Levels −127…127 on the grid of taskOf. */
export const gridUpdate = (dimension: number, seed: number): number[] =>
  Array.from({ length: dimension }, (_, i) => ((((seed + 1) * 7919 + i * 104_729) % 255) - 127) / 128);

export const makeMembers = (config: TaskConfig, count = config.group.size * config.group.count): Member[] =>
  Array.from({ length: count }, (_, i) => member(gridUpdate(config.dimension, i), i + 1));

export class World {
  readonly members: readonly Member[];
  readonly coordinator: Identity;
  readonly config: TaskConfig;
  readonly facts: RoundFact[] = [];
  readonly refused: Extract<RoundEffect, { type: 'refuse' }>[] = [];
  readonly sums = new Map<string, Words>();
  readonly rows = new Map<string, Float32Array>();
  readonly inputs = new Map<string, Uint8Array>();
  readonly coordinatorSent: { to: number; message: CoordinatorRoundMessage }[] = [];
  readonly #slots = new Map<string, Map<number, Uint8Array>>();
  readonly #index = new Map<ClientId, number>();
  readonly #queue: { key: string; run: () => void }[] = [];
  readonly #options: WorldOptions;
  #state: RoundState | undefined;
  #wakeAt = Number.POSITIVE_INFINITY;
  now = 0;
  result: RoundResult | undefined;
  failure: RoundFailure | undefined;

  constructor(options: WorldOptions) {
    this.#options = options;
    this.config = options.config;
    this.members = options.members ?? makeMembers(options.config);
    this.coordinator = options.coordinator ?? generateIdentity(primitives, nativeRng);
    this.members.forEach((m, i) => {
      this.#index.set(m.identity.id, i);
    });
  }

  start(): this {
    const { config, members } = this;
    const perGroup = members.length / config.group.count;
    const groups = Array.from({ length: config.group.count }, (_, id) => ({
      id,
      members: members.slice(id * perGroup, (id + 1) * perGroup).map((m) => m.identity.id),
    }));
    const zero = '0'.repeat(64) as Hash;
    const step = startRound(
      {
        config,
        round: this.#options.round ?? 1,
        attempt: this.#options.attempt ?? 1,
        model: zero,
        head: zero,
        groups,
        coordinator: this.coordinator,
        primitives,
      },
      this.now,
    );
    this.#state = step.state;
    this.#coordinatorEffects(step.effects);
    return this;
  }

  /** Delivers everything, then lets deadlines pass, until the round has ended. */
  run(): Outcome {
    for (let guard = 0; this.result === undefined && this.failure === undefined; guard++) {
      if (guard > 100_000) throw new Error('the round does not end');
      if (this.#queue.length > 0) this.deliverOne();
      else {
        if (this.#wakeAt === Number.POSITIVE_INFINITY) throw new Error('the round waits for nothing');
        this.now = Math.max(this.now, this.#wakeAt);
        this.#wakeAt = Number.POSITIVE_INFINITY;
        this.event({ type: 'tick', now: this.now });
      }
    }
    while (this.#queue.length > 0) this.deliverOne();
    return this.outcome();
  }

  outcome(): Outcome {
    const { encoding } = deriveTask(this.config);
    return {
      ...(this.result === undefined ? {} : { result: this.result }),
      ...(this.failure === undefined ? {} : { failure: this.failure }),
      facts: this.facts,
      refused: this.refused,
      members: this.members,
      sums: this.sums,
      rows: this.rows,
      inputs: this.inputs,
      coordinatorSent: this.coordinatorSent,
      mean: (accumulator, survivors) => decodeMean(encoding, this.sums.get(accumulator) as Words, survivors),
    };
  }

  /** One delivery: the oldest of a pair, of a pair that `pick` chooses. */
  deliverOne(): void {
    const heads = new Map<string, number>();
    this.#queue.forEach(({ key }, at) => {
      if (!heads.has(key)) heads.set(key, at);
    });
    const choices = [...heads.values()];
    const at = choices[(this.#options.pick?.(choices.length) ?? 0) % choices.length] as number;
    const [next] = this.#queue.splice(at, 1);
    next?.run();
  }

  event(event: RoundEvent): void {
    if (this.#state === undefined) throw new Error('not started');
    this.#options.observe?.(event);
    const step = stepRound(this.#state, event);
    this.#state = step.state;
    this.#coordinatorEffects(step.effects);
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
    m.connected = true;
    this.#post(`c${i}`, () => this.event({ type: 'back', client: m.identity.id, now: this.now }));
  }

  tell(i: number, event: ParticipantEvent): void {
    const m = this.members[i] as Member;
    if (m.state === undefined) return;
    const step = stepParticipant(m.state, event);
    m.state = step.state;
    this.#clientEffects(i, step.effects);
  }

  /** Hands a message to the coordinator as if client `i` had sent it. */
  inject(i: number, body: ClientRoundMessage): void {
    const { id } = (this.members[i] as Member).identity;
    this.#post(`c${i}`, () => this.event({ type: 'message', from: id, body, now: this.now }));
  }

  #post(key: string, run: () => void): void {
    this.#queue.push({ key, run });
  }

  #coordinatorEffects(effects: readonly RoundEffect[]): void {
    for (const effect of effects) {
      switch (effect.type) {
        case 'send': {
          const i = this.#index.get(effect.to) as number;
          this.coordinatorSent.push({ to: i, message: effect.message });
          const messages = this.#options.tamper?.toClient?.(i, effect.message) ?? [effect.message];
          for (const message of messages) this.#post(`s${i}`, () => this.receive(i, this.#throughWire(message)));
          break;
        }
        case 'refuse': {
          this.refused.push(effect);
          const i = this.#index.get(effect.client);
          // A refusal of a stray message of another run is not about the run the client is in.
          const { run } = effect;
          const own =
            run.round === (this.#options.round ?? 1) &&
            run.attempt === (this.#options.attempt ?? 1) &&
            run.group < this.config.group.count;
          if (i !== undefined && own) this.#post(`s${i}`, () => this.tell(i, { type: 'refused', code: effect.code }));
          break;
        }
        case 'wakeAt':
          this.#wakeAt = effect.at;
          break;
        case 'compute': {
          const { job, work } = effect;
          this.#post(`e${'accumulator' in work ? work.accumulator : work.slot}`, () =>
            this.event({ type: 'computed', job, result: this.#engine(work), now: this.now }),
          );
          break;
        }
        case 'measure':
          this.facts.push(effect.fact);
          break;
        case 'done':
          this.result = effect.result;
          break;
        case 'failed':
          this.failure = effect.failure;
          break;
        case 'forget':
          if (!effect.keepAccumulators) this.sums.clear();
          this.#slots.clear();
          break;
        default:
          effect satisfies never;
      }
    }
  }

  receive(i: number, message: CoordinatorRoundMessage): void {
    const m = this.members[i] as Member;
    if (!m.connected) return;
    if (message.kind === 'announce') {
      const step = startParticipant({
        announce: message,
        identity: m.identity,
        coordinator: this.coordinator.publicKey,
        policy: m.policy,
        guard: m.guard,
        primitives,
        rng: nativeRng,
        rounding: nativeRng,
      });
      m.state = step.state;
      this.#clientEffects(i, step.effects);
    } else this.tell(i, { type: 'message', body: message });
  }

  #clientEffects(i: number, effects: readonly ParticipantEffect[]): void {
    const m = this.members[i] as Member;
    for (const effect of effects) {
      m.effects.push(effect);
      switch (effect.type) {
        case 'persist':
          m.guard = effect.guard;
          break;
        case 'send':
          this.#fromClient(i, effect.message);
          break;
        case 'train':
          this.#post(`t${i}`, () => this.tell(i, { type: 'trained', examples: m.examples }));
          break;
        case 'compute': {
          if (effect.work.type === 'plain') m.input = new Uint8Array(m.update.slice().buffer);
          else {
            const { work } = effect;
            m.input = runStreaming(maskUpdate(work, m.update, kernels), work.prg, nativeKeystream);
          }
          const { input } = m;
          this.#post(`t${i}`, () =>
            this.tell(i, {
              type: 'computed',
              result: { ok: true, bytes: input.length, chunks: chunkHashList(primitives, input) },
            }),
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

  #fromClient(i: number, message: ClientRoundMessage): void {
    const m = this.members[i] as Member;
    if (!m.connected) return;
    const messages = this.#options.tamper?.toCoordinator?.(i, message) ?? [message];
    if (messages === 'lose') {
      this.lose(i);
      return;
    }
    for (const one of messages) {
      const body = this.#throughWire(one);
      this.#post(`c${i}`, () => this.event({ type: 'message', from: m.identity.id, body, now: this.now }));
    }
  }

  #throughWire<M extends ClientRoundMessage | CoordinatorRoundMessage>(message: M): M {
    if (this.#options.wire !== true) return message;
    const decoded = decodeFrame(encodeFrame(message));
    if (!decoded.ok) throw new Error(`${message.kind}: ${decoded.code} at ${decoded.field ?? decoded.offset}`);
    return decoded.message as M;
  }

  #engine(work: EngineWork): EngineResult {
    switch (work.type) {
      case 'chunk': {
        const fits = primitives.sha256(work.section).every((byte, i) => byte === work.hash[i]);
        if (!fits) return { ok: false, code: 'ROUND_BAD_VECTOR' };
        const slot = this.#slots.get(work.slot) ?? new Map();
        this.#slots.set(work.slot, slot.set(work.index, work.section.slice()));
        return { ok: true };
      }
      case 'fold': {
        const bytes = this.#whole(work.slot);
        this.inputs.set(work.slot, bytes);
        const sum = this.sums.get(work.accumulator) ?? newAccumulator(work.encoding);
        foldInput(sum, bytes, work.encoding, kernels);
        this.sums.set(work.accumulator, sum);
        return { ok: true };
      }
      case 'keep': {
        const row = new Float32Array(this.#whole(work.slot).buffer);
        if (!row.every(Number.isFinite)) return { ok: false, code: 'ROUND_BAD_VECTOR' };
        this.rows.set(work.slot, row);
        return { ok: true };
      }
      case 'drop':
        this.#slots.delete(work.slot);
        this.sums.delete(work.slot);
        return { ok: true };
      case 'unmask':
        runStreaming(
          unmaskSum(work, this.sums.get(work.accumulator) as Words, primitives, kernels),
          work.prg,
          nativeKeystream,
        );
        return { ok: true };
      default:
        return work satisfies never;
    }
  }

  #whole(slot: string): Uint8Array<ArrayBuffer> {
    const pieces = [...(this.#slots.get(slot) ?? [])].sort(([a], [b]) => a - b).map(([, bytes]) => bytes);
    this.#slots.delete(slot);
    const out = new Uint8Array(pieces.reduce((sum, p) => sum + p.length, 0));
    let at = 0;
    for (const piece of pieces) {
      out.set(piece, at);
      at += piece.length;
    }
    return out;
  }
}

/** The plain sum of the survivors' grid levels, as integers: what the opened sum must be, whatever the masks did. */
export function plainLevels(members: readonly Member[], survivors: readonly ClientId[]): number[] {
  const ids = new Set(survivors);
  const alive = members.filter((m) => ids.has(m.identity.id));
  const d = members[0]?.update.length ?? 0;
  return Array.from({ length: d }, (_, i) =>
    alive.reduce((sum, m) => sum + Math.round((m.update[i] as number) * 128), 0),
  );
}

/** Every opened group sum as signed integers. */
export const openedLevels = (sum: Words, ring: 16 | 24 | 32): number[] =>
  [...sum].map((word) => (word << (32 - ring)) >> (32 - ring));

const KIND: Record<WaitingPhase, ClientRoundMessage['kind']> = {
  keys: 'keys',
  shares: 'shares',
  masked: 'masked',
  consistency: 'consistent',
  unmask: 'unmask',
};
/** A client of this plan vanishes at the moment it would send that phase's message. */
export const dropAt = (plan: ReadonlyMap<number, WaitingPhase>): Tamper => ({
  toCoordinator: (from, message) => {
    const phase = plan.get(from);
    return phase !== undefined && KIND[phase] === message.kind ? 'lose' : [message];
  },
});

/** Deterministic small generator for message orders and plans (mulberry32). Not for secrets. */
export function seeded(seed: number): (n: number) => number {
  let a = seed >>> 0;
  return (n) => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = a;
    t = Math.imul(t ^ (t >>> 15), t | 1);
    t ^= t + Math.imul(t ^ (t >>> 7), t | 61);
    return ((t ^ (t >>> 14)) >>> 0) % n;
  };
}
export const randomHash = (): Hash => randomBytes(32).toString('hex') as Hash;
export const bytesOfHash = fromHex;
