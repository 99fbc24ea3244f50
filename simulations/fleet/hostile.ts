// Carries an attack out with real client code: a trainer that lies about its update, and an engine that does not clip or uploads
// other bytes. Everything between the two (keys, shares, masks, signatures) is what honest clients run, so a coordinator cannot
// tell by the protocol. Not here: the attacks (../attacks), messages that are rewritten (hostile-machine.ts).

import type { ClientEngine } from '../../client/engine.js';
import type { Trainer, TrainingResult, TrainingRound } from '../../client/trainer.js';
import { bytesEqual } from '../../protocol/crypto/enc.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import type { RuleSpec } from '../../protocol/rule.js';
import type { ClientWork, ClientWorkResult, Encoding, MaskWork, SketchWork } from '../../protocol/secagg/jobs.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import { type AggregatorView, type Attack, needsOthers } from '../attacks/attack.js';
import type { SketchView } from '../attacks/place.js';
import { asSent, predictor, type Screening } from '../pipeline.js';
import type { Random } from '../random.js';
import type { Others } from './gathering.js';
import type { Insight } from './hostile-machine.js';

export interface HostileOptions {
  readonly attack: Attack;
  /** Place in the fleet. */
  readonly position: number;
  /** Public keys of the conspirators in the order of their ranks, its own among them. */
  readonly allies: readonly Uint8Array[];
  /** Position among the conspirators, and how many they are. */
  readonly rank: number;
  readonly attackers: number;
  readonly cohort: number;
  readonly encoding: Encoding;
  /** The rule of the task, for attackers that know it. */
  readonly rule: RuleSpec;
  /** Its selection over sketches; absent where there is none. */
  readonly screening?: Screening;
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
export function hostileTrainer(inner: Trainer, options: HostileOptions, insight?: Insight): Trainer {
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
      if (insight !== undefined) insight.clean = result.update.slice();
      if (corrupt === undefined) return result;
      const shown = needsOthers(attack) ? await others?.(result.update, round) : undefined;
      if (insight !== undefined) insight.others = shown;
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
  { attack, position, rank, attackers, cohort, encoding, rule, screening, draws }: HostileOptions,
  own: Pick<AggregatorView, 'round' | 'model' | 'previousModel' | 'clean'>,
  others: Others | undefined,
): AggregatorView {
  const honest = others?.honest ?? [];
  const conspirators = others?.conspirators ?? [];
  let predict: ((sent: Float32Array) => Float32Array) | undefined;
  return {
    ...own,
    colluders: others === undefined ? [own.clean] : conspirators.map(({ update }) => update),
    at: Math.max(
      0,
      conspirators.findIndex(({ client }) => client === position),
    ),
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
      predict ??= predictor(rule, encoding.dimension, honest, groups, () => coins.uniform(), screening);
      return predict(asSent(sent, encoding, attack.clips));
    },
  };
}

/** Neither clipped nor, under noise, held to the norm of what is rounded: an honest encoder would send zero instead. */
const withoutBound = ({ mechanism, ...encoding }: Encoding): Encoding => ({
  ...encoding,
  clipNorm: Number.POSITIVE_INFINITY,
  ...(mechanism && { mechanism: { ...mechanism, maxSquare: Number.POSITIVE_INFINITY } }),
});

/** Rounding that conspirators agree on: nothing secret is rounded with it. */
const AGREED_ROUNDING = new Uint8Array(32);

/**
 * The engine of an attacker. Not clipping is a norm bound of infinity: what is left is the grid, which clamps each coordinate to
 * ±range, and no ring element beyond it would decode to more than the group's head-room allows.
 * @param on whether the attack is on in the round that is being masked
 * @param insight what its machine and its trainer know, for attacks on the sketch
 */
export function hostileEngine(
  inner: ClientEngine,
  { attack, draws, allies }: Pick<HostileOptions, 'attack' | 'draws' | 'allies'>,
  primitives: Primitives,
  on: () => boolean = () => true,
  insight?: Insight,
): ClientEngine {
  const unclipped = (encoding: Encoding): Encoding => (attack.clips ? encoding : withoutBound(encoding));
  const dishonest = <W extends ClientWork>(work: W): W => {
    const bent = { ...work, encoding: unclipped(work.encoding) };
    return attack.noise === 'none' ? withoutNoise(bent) : bent;
  };
  let forged: readonly Uint8Array[] | undefined;
  let vectors = 0;
  return {
    async run(work: ClientWork, update: Float32Array<ArrayBuffer>): Promise<ClientWorkResult> {
      forged = undefined;
      if (!on()) return inner.run(work, update);
      const result = await inner.run(dishonest(work), update);
      if (attack.upload === undefined || !result.ok) return result;
      const random = draws(0).fork(vectors++);
      const vector = attack.upload(joined(inner, result.bytes), { random, encoding: work.encoding });
      forged = splitChunks(vector);
      return { ok: true, bytes: vector.length, chunks: chunkHashList(primitives, vector) };
    },
    async sketch(work, update) {
      if (!on()) return inner.sketch(work, update);
      // Of what was really sent, or the lie would be proven at once; an attack on the sketch itself goes from there.
      const section = await inner.sketch({ ...work, mask: dishonest(work.mask) }, update);
      if (attack.sketch === undefined || insight?.place === undefined) return section;
      const view = sketchViewOf(inner, work, section, insight, insight.place, allies, draws);
      return attack.sketch(view);
    },
    chunk: (index) => forged?.[index] ?? inner.chunk(index),
    forget() {
      forged = undefined;
      inner.forget();
    },
  };
}

function sketchViewOf(
  inner: ClientEngine,
  work: SketchWork,
  section: Uint8Array,
  { clean, others, roster }: Insight,
  place: SketchView['place'],
  allies: readonly Uint8Array[],
  draws: HostileOptions['draws'],
): SketchView {
  const own = clean ?? new Float32Array();
  const shown = others?.conspirators ?? [];
  // Whoever was shown has trained; whoever is in U3 has sent. Positions and keys of a conspiracy ascend alike (roster.ts).
  const clients = [...new Set(shown.map(({ client }) => client))];
  const colluders = clients.flatMap((client) => {
    const one = shown.find((candidate) => candidate.client === client);
    const id = others?.members.indexOf(client) ?? -1;
    const key = allies[id];
    const rank = key === undefined ? -1 : roster.findIndex((member) => bytesEqual(member, key));
    return one === undefined || !place.u3.includes(rank) ? [] : [{ rank, update: one.update }];
  });
  return {
    section: section.slice(),
    rows: work.rows,
    place,
    random: draws(place.run.round).fork('sketch'),
    clean: own,
    colluders: colluders.length > 0 ? colluders : [{ rank: place.rank, update: own }],
    async project(update, as) {
      const { encoding } = work.mask;
      const mask =
        as === 'honest'
          ? { ...work.mask, pairs: [] }
          : {
              ...work.mask,
              encoding: withoutBound(encoding),
              roundingKey: AGREED_ROUNDING,
              pairs: [],
            };
      const bytes = await inner.sketch({ ...work, mask }, Float32Array.from(update));
      return new Int32Array(bytes.slice().buffer);
    },
  };
}

/** Work of a task without noise has none to take out. The norm of what is left is held as ever. */
function withoutNoise<W extends ClientWork>(work: W): W {
  if (work.type === 'plain') return work;
  const { noise: _, ...rest }: MaskWork = work;
  return rest as W; // safe: `noise` is optional
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
