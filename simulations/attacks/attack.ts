// What an attack is: a value that may act at six places of a client (its data, its update, its encoded vector, its sketch, its
// messages, its connection), and says what it has to know. A mirror of the aggregation rules: values of one shape that stack.
// Not here: the attacks (one file each), who carries them out over the wire (../fleet/hostile.ts, hostile-machine.ts).

import type { Dataset } from '../../client/dataset.js';
import type { RuleSpec } from '../../protocol/rule.js';
import type { Encoding } from '../../protocol/secagg/jobs.js';
import type { ClientPhase } from '../../protocol/task.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import type { Random } from '../random.js';
import type { MessageView, SketchView } from './place.js';

/**
 * What the adversary knows, each with all that stands above it:
 * `own` its data, its clean update, the models it was sent, and the clean updates of the others it conspires with;
 * `omniscient` also every honest update of the round; `aggregator` also the rule and its whole pipeline as a function;
 * `protocol` only marks attacks that are about the wire: they need no more than `own`.
 */
export type Knowledge = 'own' | 'protocol' | 'omniscient' | 'aggregator';

/** What any attacker knows in a round. Vectors belong to others: read, never write. */
export interface OwnView {
  /** Rounds start at 1. */
  readonly round: number;
  /** The global model this round started from. */
  readonly model: Float32Array;
  /** The global model of the last round this attacker saw; absent in its first. */
  readonly previousModel: Float32Array | undefined;
  /** Its update as honest training on its (maybe poisoned) data gave it. */
  readonly clean: Float32Array;
  /**
   * Clean updates of the conspirators of this round, this one included, in the order of the fleet. Only its own where the attack
   * does not say `conspires`: nobody waits for what nobody reads.
   */
  readonly colluders: readonly Float32Array[];
  /** Its own place in `colluders`. */
  readonly at: number;
  /** Position among the conspirators, and how many they are, f. */
  readonly rank: number;
  readonly attackers: number;
  /** Clients in the round as announced, n. */
  readonly cohort: number;
  /** How updates are encoded: public, part of the signed task. */
  readonly encoding: Encoding;
  /** A stream of its own, by seed, client and round. */
  readonly random: Random;
}
export interface OmniscientView extends OwnView {
  /** Clean updates of the honest clients of this round, in the order of the fleet. */
  readonly honest: readonly Float32Array[];
}
export interface AggregatorView extends OmniscientView {
  readonly rule: RuleSpec;
  /**
   * The coordinator's pipeline, grouping and clipping included: the aggregate of the round when every conspirator sends `sent` and
   * everybody honest what `honest` says. Pure, and as slow as the real one.
   */
  readonly aggregate: (sent: Float32Array) => Float32Array;
}
export interface Views {
  readonly own: OwnView;
  readonly protocol: OwnView;
  readonly omniscient: OmniscientView;
  readonly aggregator: AggregatorView;
}

export interface DataView {
  /** Position among the conspirators. */
  readonly rank: number;
  readonly attackers: number;
  readonly random: Random;
}
export interface WireView {
  readonly random: Random;
  readonly encoding: Encoding;
}

/** An attack with knowledge K. Every stage may be missing; none may change its arguments. */
export interface AttackOf<K extends Knowledge> {
  readonly name: string;
  readonly knows: K;
  /**
   * Whether the sender keeps to the clipping norm. Masked, nobody can tell: then all that bounds a coordinate is the grid, and a
   * client that does not clip shifts each of them by up to `range`.
   */
  readonly clips: boolean;
  /** It reads `colluders`: its clients wait for each other before they send. Attacks that see everybody see them anyway. */
  readonly conspires?: true;
  /** `none`: it leaves its part of the distributed noise out. */
  readonly noise?: 'none';
  /** Whether this conspirator attacks in a round; absent: always. Where not, it trains on clean data and is honest. */
  readonly active?: (round: number, rank: number) => boolean;
  /**
   * What it is after, as examples made from the test part, with the labels it wants: accuracy on them is the attack success rate.
   * Examples that have the wanted label already are left out (trap 14). Absent: it only wants the model to be bad.
   */
  readonly goal?: (test: Dataset) => Dataset;
  /** Before training: the shard it trains on. */
  readonly poison?: (data: Dataset, view: DataView) => Dataset;
  /** After training: the update it hands to the encoder. */
  readonly corrupt?: (update: Float32Array, view: Views[K]) => Float32Array;
  /** After encoding and masking: the bytes it uploads. Hashes and signature are made over the result, as a real client's are. */
  readonly upload?: (vector: Uint8Array, view: WireView) => Uint8Array;
  /** R4: the section that its machine signs and sends. What `view.section` holds is true. */
  readonly sketch?: (view: SketchView) => Promise<Uint8Array>;
  /** Where its machine sends a message: what leaves in its place, in order; [] withholds it. `resigned` of place.ts signs anew. */
  readonly tamper?: (message: ClientRoundMessage, view: MessageView) => readonly ClientRoundMessage[];
  /** The phase in place of whose answer it cuts its connection, in every attempt of the round; it is back for the next one. */
  readonly leaves?: (round: number, rank: number) => ClientPhase | undefined;
  /** Its line holds back everything from its input on for so long, ms. */
  readonly inputDelayMs?: number;
}
export type Attack = { readonly [K in Knowledge]: AttackOf<K> }[Knowledge];

/** Whether the attack must be shown the honest updates of the round before it can answer. */
export const seesOthers = (attack: Attack): attack is AttackOf<'omniscient'> | AttackOf<'aggregator'> =>
  attack.knows === 'omniscient' || attack.knows === 'aggregator';

/** Whether its clients need to be told what others of the round have learnt. */
export const needsOthers = (attack: Attack): boolean => seesOthers(attack) || attack.conspires === true;

/**
 * The partial-knowledge version: the conspirators' own clean updates stand in for the honest ones (Baruch et al. 2019; robustness.md
 * §2). Honest-looking estimates need two of them at least: with one, every deviation is 0.
 */
export function partial(attack: AttackOf<'omniscient'>): AttackOf<'own'> {
  const { corrupt } = attack;
  return {
    ...attack,
    name: `${attack.name} (partial knowledge)`,
    knows: 'own',
    conspires: true,
    ...(corrupt !== undefined && {
      corrupt: (update: Float32Array, view: OwnView) => corrupt(update, { ...view, honest: view.colluders }),
    }),
  } as AttackOf<'own'>;
}

const REACH: Readonly<Record<Knowledge, number>> = { own: 0, protocol: 1, omniscient: 2, aggregator: 3 };

/**
 * One attack after the other, stage by stage: stack('x', labelFlip, boosted(20)) trains on flipped labels and boosts the result.
 * It knows what the best-informed of them knows, clips only if all of them do, is on while all of them are, and wants what the
 * first that wants something wants.
 */
export function stack(name: string, ...attacks: readonly [Attack, ...Attack[]]): Attack {
  const knows = attacks.reduce<Knowledge>(
    (most, { knows: k }) => (REACH[k] > REACH[most] ? k : most),
    attacks[0].knows,
  );
  const poisons = attacks.flatMap(({ poison }) => poison ?? []);
  const uploads = attacks.flatMap(({ upload }) => upload ?? []);
  const tampers = attacks.flatMap(({ tamper }) => tamper ?? []);
  const sketches = attacks.flatMap(({ sketch }) => sketch ?? []);
  const leaving = attacks.flatMap(({ leaves }) => leaves ?? []);
  const delays = attacks.flatMap(({ inputDelayMs }) => inputDelayMs ?? []);
  const actives = attacks.flatMap(({ active }) => active ?? []);
  const goal = attacks.flatMap((attack) => attack.goal ?? [])[0];
  // The view of `knows` extends the view that each part asks for (REACH orders them so), hence the one wide parameter type.
  const corrupts = attacks.flatMap(({ corrupt }) => (corrupt as Corrupt | undefined) ?? []);
  return {
    name,
    knows,
    clips: attacks.every(({ clips }) => clips),
    ...(attacks.some(({ conspires }) => conspires) && { conspires: true }),
    ...(attacks.some(({ noise }) => noise === 'none') && { noise: 'none' }),
    ...(actives.length > 0 && { active: (round: number, rank: number) => actives.every((f) => f(round, rank)) }),
    ...(goal !== undefined && { goal }),
    ...(poisons.length > 0 && {
      poison: (data: Dataset, view: DataView) => poisons.reduce((d, f) => f(d, view), data),
    }),
    ...(corrupts.length > 0 && {
      corrupt: (update: Float32Array, view: AggregatorView) => corrupts.reduce((u, f) => f(u, view), update),
    }),
    ...(uploads.length > 0 && {
      upload: (vector: Uint8Array, view: WireView) => uploads.reduce((v, f) => f(v, view), vector),
    }),
    ...(tampers.length > 0 && {
      tamper: (message: ClientRoundMessage, view: MessageView) =>
        tampers.reduce<readonly ClientRoundMessage[]>((all, f) => all.flatMap((one) => f(one, view)), [message]),
    }),
    ...(sketches.length > 0 && {
      sketch: async (view: SketchView) => {
        let { section } = view;
        for (const f of sketches) section = await f({ ...view, section });
        return section;
      },
    }),
    ...(leaving.length > 0 && {
      leaves: (round: number, rank: number) => leaving.map((f) => f(round, rank)).find((phase) => phase !== undefined),
    }),
    ...(delays.length > 0 && { inputDelayMs: Math.max(...delays) }),
  } as Attack;
}
type Corrupt = (update: Float32Array, view: AggregatorView) => Float32Array;
