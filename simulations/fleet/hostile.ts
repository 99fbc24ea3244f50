// Carries an attack out with real client code: a trainer that lies about its update, and an engine that does not clip or uploads
// other bytes. Everything between the two (keys, shares, masks, signatures) is what honest clients run, so a coordinator cannot
// tell by the protocol. Not here: the attacks (../attacks), tampering at the socket (../attacks `tamper`; issue 3 wires it).

import type { ClientEngine } from '../../client/engine.js';
import type { Trainer, TrainingResult, TrainingRound } from '../../client/trainer.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { RuleSpec } from '../../protocol/rule.js';
import type { ClientWork, ClientWorkResult, Encoding } from '../../protocol/secagg/jobs.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { type AggregatorView, type Attack, needsOthers } from '../attacks/attack.js';
import { asSent, predictor } from '../pipeline.js';
import type { Random } from '../random.js';
import type { Others } from './gathering.js';

export interface HostileOptions {
  readonly attack: Attack;
  /** Position among the conspirators, and how many they are. */
  readonly rank: number;
  readonly attackers: number;
  readonly cohort: number;
  readonly encoding: Encoding;
  /** The rule of the task, for attackers that know it. */
  readonly rule: RuleSpec;
  /** A stream for each round. */
  readonly draws: (round: number) => Random;
  /** Trains on the data as they were before poisoning: for attacks that are not always on. */
  readonly clean?: Trainer;
  /** Tells the conspirators `clean` and waits for what they are shown of the round; absent where nobody shows anything. */
  readonly others?: (clean: Float32Array, round: TrainingRound) => Promise<Others>;
}

/** Whether the client attacks in this round. */
export const isOn = ({ attack, rank }: Pick<HostileOptions, 'attack' | 'rank'>, round: number): boolean =>
  attack.active?.(round, rank) ?? true;

/**
 * The trainer of an attacker. The inner one has the poisoned data already.
 * @throws TypeError for attacks that must see others where nobody shows them, or that are not always on without `clean`
 */
export function hostileTrainer(inner: Trainer, options: HostileOptions): Trainer {
  const { attack, others, clean } = options;
  if (needsOthers(attack) && others === undefined)
    throw new TypeError(`nobody here can show ${attack.name} the others`);
  if (attack.active !== undefined && clean === undefined) throw new TypeError(`${attack.name} needs clean data, too`);
  // Whatever it knows, its view extends what it asks for (attack.ts).
  const corrupt = attack.corrupt as ((update: Float32Array, view: AggregatorView) => Float32Array) | undefined;
  let last: { readonly round: number; readonly model: Float32Array } | undefined;
  return {
    ...inner,
    init: async (task) => {
      await clean?.init(task);
      return inner.init(task);
    },
    async train(weights: Float32Array<ArrayBuffer>, round: TrainingRound): Promise<TrainingResult> {
      const model = weights.slice();
      const previousModel = last !== undefined && last.round < round.round ? last.model : undefined;
      last = { round: round.round, model };
      if (!isOn(options, round.round)) return (clean ?? inner).train(weights, round);
      const result = await inner.train(weights, round);
      if (corrupt === undefined) return result;
      const shown = needsOthers(attack) ? await others?.(result.update, round) : undefined;
      const view = viewOf(options, { round: round.round, model, previousModel, clean: result.update }, shown);
      return { ...result, update: Float32Array.from(corrupt(result.update, view)) };
    },
  };
}

/** One list for all conspirators of a process: attacks may remember by it what they have found. */
const shownRows = new WeakMap<Others, readonly Float32Array[]>();
function rowsOf(others: Others): readonly Float32Array[] {
  const rows = shownRows.get(others) ?? others.honest.map(({ update }) => update);
  shownRows.set(others, rows);
  return rows;
}

/** Everything there is to know; an attack reads what its type lets it. */
function viewOf(
  { attack, rank, attackers, cohort, encoding, rule, draws }: HostileOptions,
  own: Pick<AggregatorView, 'round' | 'model' | 'previousModel' | 'clean'>,
  others: Others | undefined,
): AggregatorView {
  const honest = others?.honest ?? [];
  const conspirators = others?.conspirators ?? [];
  let predict: ((sent: Float32Array) => Float32Array) | undefined;
  return {
    ...own,
    colluders: others === undefined ? [own.clean] : conspirators.map(({ update }) => update),
    rank,
    attackers,
    cohort,
    encoding,
    random: draws(own.round).fork('update'),
    honest: others === undefined ? [] : rowsOf(others),
    rule,
    aggregate: (sent) => {
      const groups = conspirators.map(({ group }) => group);
      const coins = draws(own.round).fork('prediction');
      predict ??= predictor(rule, encoding.dimension, honest, groups, () => coins.uniform());
      return predict(asSent(sent, encoding, attack.clips));
    },
  };
}

/**
 * The engine of an attacker. Not clipping is a norm bound of infinity: what is left is the grid, which clamps each coordinate to
 * ±range, and no ring element beyond it would decode to more than the group's head-room allows.
 * @param on whether the attack is on in the round that is being masked
 */
export function hostileEngine(
  inner: ClientEngine,
  { attack, draws }: Pick<HostileOptions, 'attack' | 'draws'>,
  primitives: Primitives,
  on: () => boolean = () => true,
): ClientEngine {
  const unclipped = (encoding: Encoding): Encoding =>
    attack.clips ? encoding : { ...encoding, clipNorm: Number.POSITIVE_INFINITY };
  let forged: readonly Uint8Array[] | undefined;
  let vectors = 0;
  return {
    async run(work: ClientWork, update: Float32Array<ArrayBuffer>): Promise<ClientWorkResult> {
      forged = undefined;
      if (!on()) return inner.run(work, update);
      const encoding = unclipped(work.encoding);
      const dishonest = attack.noise === 'none' ? withoutNoise({ ...work, encoding }) : { ...work, encoding };
      const result = await inner.run(dishonest, update);
      if (attack.upload === undefined || !result.ok) return result;
      const vector = attack.upload(joined(inner, result.bytes), { random: draws(0).fork(vectors++) });
      forged = splitChunks(vector);
      return { ok: true, bytes: vector.length, chunks: chunkHashList(primitives, vector) };
    },
    // The sketch of what was really sent, or the lie would be proven at once; attacks on the sketch itself come with their own engine.
    sketch: (work, update) =>
      inner.sketch({ ...work, mask: { ...work.mask, encoding: unclipped(work.mask.encoding) } }, update),
    chunk: (index) => forged?.[index] ?? inner.chunk(index),
    forget() {
      forged = undefined;
      inner.forget();
    },
  };
}

/** Work of a task without noise has none to take out. */
function withoutNoise(work: ClientWork): ClientWork {
  const { noise: _, ...rest } = work as ClientWork & { readonly noise?: unknown };
  return rest as ClientWork;
}

function joined(engine: ClientEngine, bytes: number): Uint8Array {
  const parts: Uint8Array[] = [];
  for (let have = 0; have < bytes; ) {
    const chunk = engine.chunk(parts.length);
    parts.push(chunk);
    have += chunk.length;
  }
  const all = new Uint8Array(bytes);
  let at = 0;
  for (const part of parts) {
    all.set(part, at);
    at += part.length;
  }
  return all;
}
