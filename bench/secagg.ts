// What one round costs one client of a clique of 64 with a model of a million coordinates: CPU by part, bytes by message, through the
// real machines and the real codec; and what a dropout and an input cost the coordinator's engine. One thread.
// Not here: key streams and kernels by themselves (crypto.ts, kernels.ts), sockets.

import { once } from 'node:events';
import { Worker } from 'node:worker_threads';
import { allClauses } from '../protocol/clauses/all.js';
import { setsStatement } from '../protocol/context.js';
import { generateIdentity, type Identity } from '../protocol/crypto/identity.js';
import type { Hash } from '../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../protocol/native/index.js';
import {
  type ParticipantState,
  type ParticipantStep,
  startParticipant,
  stepParticipant,
} from '../protocol/participant/participant.js';
import type { ParticipantEffect, ParticipantEvent } from '../protocol/participant/types.js';
import { type RoundState, startRound, stepRound } from '../protocol/round/round.js';
import type { RoundEffect } from '../protocol/round/types.js';
import type { UnmaskWork } from '../protocol/secagg/jobs.js';
import { deriveTask, type TaskConfig, thresholdOf, WAITING_PHASES } from '../protocol/task.js';
import { splitChunks } from '../protocol/wire/chunks.js';
import { encodeFrame } from '../protocol/wire/frame.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../protocol/wire/messages.js';
import { atMost, type Bench, type Row, row } from './harness.js';
import type { Done, Job } from './secagg-worker.js';

const N = 64;
const D = 1_000_000;
const MEASURED = 3;
/** RFC 6455 §5.2, client to server: 2 bytes, a longer length, the masking key. */
const websocketBytes = (payload: number): number => 6 + (payload > 65_535 ? 8 : payload > 125 ? 2 : 0);
const primitives = nativePrimitives;

function taskOf(bits: number): TaskConfig {
  const count = { min: thresholdOf(N, 0), max: N };
  const window = { count, time: { min: 0, max: 60_000 } };
  return {
    protocol: 'sotto/1',
    task: 'bench',
    profile: 'cohort',
    trust: 'standard',
    dimension: D,
    group: { size: N, count: 1, colluders: 0 },
    encoding: { clipNorm: 10, range: 1, bits, weighting: { by: 'uniform' } },
    prg: 'aes256ctr',
    integrity: 'none',
    privacy: 'none',
    rule: { name: 'mean' },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: {},
    windows: Object.fromEntries(WAITING_PHASES.map((phase) => [phase, window])) as TaskConfig['windows'],
  };
}

class Engine {
  readonly #worker = new Worker(new URL('./secagg-worker.js', import.meta.url));
  async run(job: Job): Promise<Done> {
    this.#worker.postMessage(job);
    const [done] = (await once(this.#worker, 'message')) as [Done];
    return done;
  }
  /** The least CPU of several runs, ms. */
  async best(times: number, job: Job): Promise<number> {
    let best = Number.POSITIVE_INFINITY;
    for (let i = 0; i < times; i++) best = Math.min(best, (await this.run(job)).ms);
    return best;
  }
  async close(): Promise<void> {
    await this.#worker.terminate();
  }
}

type Part = 'keys' | 'books' | 'dealing' | 'masking' | 'hashing' | 'opening';

/** All clients of one round up to the share books; then the measured ones go to the end. */
class Clique {
  readonly config: TaskConfig;
  readonly identities: readonly Identity[];
  readonly states: (ParticipantState | undefined)[] = [];
  readonly cpu: Record<Part, number>[] = [];
  readonly bytes: number[] = [];
  /** One masked input, for the engine. */
  input: Uint8Array<ArrayBuffer> = new Uint8Array(0);
  readonly #engine: Engine;
  readonly #books: { readonly to: number; readonly message: CoordinatorRoundMessage }[];
  readonly #update = Float32Array.from({ length: D }, (_, i) => Math.sin(i) / 200);
  #round: RoundState;
  #inbox: { readonly to: number; readonly message: CoordinatorRoundMessage }[] = [];

  constructor(bits: number, identities: readonly Identity[], engine: Engine) {
    this.#engine = engine;
    this.config = taskOf(bits);
    this.identities = identities;
    const coordinator = generateIdentity(primitives, nativeRng);
    const zero = '0'.repeat(64) as Hash;
    const members = identities.map(({ id }) => id);
    const { state, effects } = startRound(
      {
        config: this.config,
        round: 1,
        attempt: 1,
        model: zero,
        head: zero,
        clip: 0,
        groups: [{ id: 0, members }],
        coordinator,
        primitives,
        nonce: nativeRng(32),
      },
      0,
    );
    this.#round = state;
    this.#collect(effects);
    for (let i = 0; i < N; i++) {
      this.cpu.push({ keys: 0, books: 0, dealing: 0, masking: 0, hashing: 0, opening: 0 });
      this.bytes.push(0);
    }
    const announced = this.#take();
    for (let i = N - 1; i >= 0; i--) {
      const { message } = announced[i] as (typeof announced)[0];
      if (message.kind !== 'announce') throw new Error(`${message.kind} came first`);
      this.#run(i, 'keys', () =>
        startParticipant({
          announce: message,
          identity: identities[i] as Identity,
          coordinator: coordinator.publicKey,
          policy: {
            profiles: ['cohort'],
            minGroup: 8,
            minThreshold: 6,
            minColluders: 0,
            maxClipNorm: 100,
            maxRounds: 10,
            privacy: 'any',
            catchUp: 'chain',
          },
          guard: { task: 'bench', round: 0, attempt: 0, answered: 0, contributed: 0 },
          ledger: [],
          clauses: allClauses,
          primitives,
          rng: nativeRng,
          rounding: nativeRng,
        }),
      );
    }
    for (const { to, message } of this.#take().reverse()) this.#step(to, 'dealing', { type: 'message', body: message });
    this.#books = this.#take();
  }

  async finish(): Promise<void> {
    for (const { to, message } of this.#books) this.#step(to, 'books', { type: 'message', body: message });
    for (let i = 0; i < MEASURED; i++) await this.#finish(i);
  }

  /** R3 with the real vector, R5 and R6 against sets that everybody has signed. */
  async #finish(i: number): Promise<void> {
    const effects = this.#step(i, 'masking', { type: 'trained', examples: 1 });
    const work = effects.flatMap((e) => (e.type === 'compute' && e.work.type === 'mask' ? [e.work] : []))[0];
    if (work === undefined) throw new Error('nothing to mask');
    const cpu = this.cpu[i] as Record<Part, number>;
    const masked = await this.#engine.run({ type: 'mask', work, update: this.#update });
    cpu.masking += masked.ms;
    const input = masked.bytes;
    const hashed = await this.#engine.run({ type: 'hash', input });
    cpu.hashing += hashed.ms;
    const chunks = hashed.bytes;
    const sent = this.#step(i, 'hashing', { type: 'computed', result: { ok: true, bytes: input.length, chunks } });
    const run = { round: 1, attempt: 1, group: 0 };
    const pieces = splitChunks(input);
    for (const effect of sent)
      if (effect.type === 'upload')
        for (const index of effect.chunks)
          this.#count(i, { kind: 'inputChunk', run, index, section: pieces[index] as Uint8Array });
    const u3 = this.identities.map((_, rank) => rank);
    this.#step(i, 'opening', { type: 'message', body: { kind: 'survivors', run, u3, u4: u3, excluded: [] } });
    const state = this.states[i];
    if (state === undefined || !('joined' in state)) throw new Error('the client did not agree');
    const statement = setsStatement(state.joined.gctx, u3, u3);
    const signatures = this.identities.map(({ secret }, rank) => ({
      rank,
      signature: primitives.sign(secret.exposeSecret(), statement),
    }));
    const answered = this.#step(i, 'opening', { type: 'message', body: { kind: 'unmaskRequest', run, signatures } });
    if (!answered.some((e) => e.type === 'ended' && e.how === 'answered')) throw new Error('the client did not answer');
    this.input = input;
  }

  #step(i: number, part: Part, event: ParticipantEvent): readonly ParticipantEffect[] {
    return this.#run(i, part, () => stepParticipant(this.states[i] as ParticipantState, event));
  }
  #run(i: number, part: Part, work: () => ParticipantStep): readonly ParticipantEffect[] {
    const before = process.cpuUsage();
    const step = work();
    const { user, system } = process.cpuUsage(before);
    (this.cpu[i] as Record<Part, number>)[part] += (user + system) / 1000;
    this.states[i] = step.state;
    for (const effect of step.effects) if (effect.type === 'send') this.#send(i, effect.message);
    return step.effects;
  }
  #count(i: number, message: ClientRoundMessage): void {
    const { length } = encodeFrame(message);
    this.bytes[i] = (this.bytes[i] ?? 0) + length + websocketBytes(length);
  }
  #send(i: number, message: ClientRoundMessage): void {
    this.#count(i, message);
    if (message.kind !== 'keys' && message.kind !== 'shares') return; // the coordinator is measured elsewhere
    const { id } = this.identities[i] as Identity;
    const step = stepRound(this.#round, { type: 'message', from: id, body: message, now: 0 });
    this.#round = step.state;
    this.#collect(step.effects);
  }
  #collect(effects: readonly RoundEffect[]): void {
    for (const effect of effects) {
      if (effect.type === 'refuse') throw new Error(`refused: ${effect.code}`);
      if (effect.type === 'send')
        this.#inbox.push({ to: this.identities.findIndex(({ id }) => id === effect.to), message: effect.message });
    }
  }
  #take(): { readonly to: number; readonly message: CoordinatorRoundMessage }[] {
    const all = this.#inbox;
    this.#inbox = [];
    return all;
  }
}

const total = (cpu: Record<Part, number>): number => cpu.keys + cpu.dealing + cpu.books + cpu.masking + cpu.hashing;

/** One dropout: agreements with all survivors, then its pair masks off the sum. */
function dropoutWork(config: TaskConfig): UnmaskWork {
  const pair = () => {
    const secret = nativeRng(32);
    return { secret, publicKey: primitives.agreementPublic(secret) };
  };
  return {
    type: 'unmask',
    accumulator: 'bench',
    encoding: deriveTask(config).encoding,
    prg: config.prg,
    gctx: nativeRng(32),
    selfSecrets: [],
    dropped: [{ rank: 0, ...pair(), survivors: Array.from({ length: N - 1 }, (_, i) => ({ rank: i + 1, ...pair() })) }],
  };
}

export const secaggBench: Bench = {
  name: 'secagg',
  title: `One client's round in a clique of ${N}, d = ${D.toLocaleString('en-US')}; the engine's part; CPU of one thread, best of ${MEASURED}`,
  async run() {
    const rows: Row[] = [];
    const engine = new Engine();
    const identities = Array.from({ length: N }, () => generateIdentity(primitives, nativeRng));
    for (const [ring, bits, ratio] of [
      [16, 8, 0.52],
      [24, 16, 0.77],
      [32, 25, 1.02],
    ] as const) {
      const clique = new Clique(bits, identities, engine);
      await clique.finish();
      const { encoding } = deriveTask(clique.config);
      if (encoding.ring !== ring) throw new Error(`b = ${bits} gives ρ = ${encoding.ring}`);
      const measured = clique.cpu.slice(0, MEASURED);
      const best = measured.reduce((a, b) => (total(a) <= total(b) ? a : b));
      rows.push(atMost(200, row(`ρ = ${ring}: client, R1 to R3`, total(best), 'ms CPU')));
      rows.push(row('  keys, announcement checked', best.keys, 'ms CPU'));
      rows.push(row('  key book checked, shares dealt', best.dealing, 'ms CPU'));
      rows.push(row('  share book checked', best.books, 'ms CPU'));
      rows.push(row('  masks agreed, update encoded and masked', best.masking, 'ms CPU'));
      rows.push(row('  chunks hashed, input signed', best.hashing, 'ms CPU'));
      rows.push(row('  afterwards, R5 and R6: 64 signatures checked', best.opening, 'ms CPU'));
      rows.push(
        atMost(
          ratio,
          row('  bytes up, all messages, over float32', Math.max(...clique.bytes.slice(0, MEASURED)) / (4 * D), 'x'),
        ),
      );
      const work = dropoutWork(clique.config);
      const folding = await engine.best(MEASURED, { type: 'fold', work, input: clique.input, times: 20 });
      rows.push(row('  engine: one input folded', folding / 20, 'ms CPU'));
      rows.push(
        atMost(60, row('  engine: one dropout unmasked', await engine.best(5, { type: 'unmask', work }), 'ms CPU')),
      );
    }
    await engine.close();
    return rows;
  },
};
