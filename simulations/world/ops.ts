// A run as data: what a seed expands to. Settings say what kind of world it is, operations what goes wrong in it and when. Both are
// plain values, so that a run can be printed, pasted, shrunk and played again. Not here: doing it (simulate.ts).

import type { Millis } from '../../protocol/ids.js';
import { Random } from '../random.js';
import type { DeadlyWrite, DiskFailure } from './disk.js';
import type { Range } from './life.js';
import type { Lane, Lose, Side } from './network.js';
import type { TaskKind } from './tasks.js';

/** When: before the step of that number of the world's scheduler. Beyond the end of the run it never happens. */
interface When {
  readonly at: number;
}
/** `client` is taken modulo the clients there are, so every number means something. */
export type Op = When &
  (
    | {
        /** A process dies at its `touches`-th touch of the outside from then on, and starts again later. */
        readonly op: 'crash';
        readonly who: 'coordinator' | number;
        readonly touches: number;
        readonly downMs: Millis;
        /** No reset reaches the others: power, not a process, was lost. */
        readonly silent: boolean;
      }
    /** The coordinator dies in a write: nothing of it is on the disk, and everything before it is. */
    | ({ readonly op: 'crash in a write'; readonly downMs: Millis; readonly silent: boolean } & DeadlyWrite)
    /** A graceful stop of the coordinator, and a new start. */
    | { readonly op: 'stop'; readonly downMs: Millis }
    /** A client leaves by itself, and comes back as a new process. */
    | { readonly op: 'leave'; readonly client: number; readonly awayMs: Millis }
    /** A connection ends; what is under way is lost in these directions (`down`: done, and the answer is lost). */
    | { readonly op: 'cut'; readonly client: number; readonly lose: Lose; readonly deaf: readonly Side[] }
    /** A connection ends behind the next chunk of an input that its client sends. */
    | { readonly op: 'cut at a chunk'; readonly client: number }
    | { readonly op: 'partition'; readonly clients: readonly number[]; readonly forMs: Millis }
    | { readonly op: 'slow'; readonly client: number; readonly byMs: Millis; readonly forMs: Millis }
    | { readonly op: 'duplicate'; readonly client: number; readonly way: Lane }
    | { readonly op: 'corrupt'; readonly client: number; readonly way: Lane; readonly byte: number }
    | { readonly op: 'slow disk'; readonly byMs: Millis; readonly forMs: Millis }
    | { readonly op: 'disk fails'; readonly how: DiskFailure; readonly downMs: Millis }
    | { readonly op: 'guards fail'; readonly client: number }
    | { readonly op: 'slow training'; readonly client: number; readonly byMs: Millis }
    | { readonly op: 'engine fails' }
    /** The operator goes back by so many records of the model chain. */
    | { readonly op: 'roll back'; readonly back: number }
    | { readonly op: 'pause'; readonly forMs: Millis }
    | { readonly op: 'quarantine'; readonly client: number; readonly rounds: number }
    /** Until an appeal is granted, or a revocation is taken back; 0: never. */
    | { readonly op: 'exclude'; readonly client: number; readonly forMs: Millis }
    | { readonly op: 'revoke'; readonly client: number; readonly forMs: Millis }
    /** A client leaves, and comes back under another key. */
    | { readonly op: 'new key'; readonly client: number; readonly awayMs: Millis }
  );

export interface Settings {
  readonly seed: number;
  readonly clients: number;
  readonly group: { readonly size: number; readonly count: number; readonly colluders: number };
  readonly rounds: number;
  readonly attemptsPerRound: number;
  /** A round starts with so many clients. */
  readonly minClients: number;
  readonly overSelection: number;
  readonly waitMs: Millis;
  readonly pauseMs: Millis;
  /** Longest time of a phase. */
  readonly windowMs: Millis;
  readonly latencyMs: Range;
  readonly diskMs: Range;
  readonly engineMs: Range;
  readonly trainMs: Range;
  readonly keptModels: number;
  /** Whether clients keep their model, too. */
  readonly clientModels: boolean;
  /** Whether each training is charged to a privacy ledger. */
  readonly privacy: boolean;
  /** Whether the campaign goes on after any number of void rounds; else it ends with the third in a row. */
  readonly patient?: boolean;
  readonly task: TaskKind;
  /** Inputs that a rule over groups is ready for, f. */
  readonly faulty: number;
  /** Members of a group whose noise may be missing, and what a client may spend of its privacy. */
  readonly losses: number;
  readonly epsilon: number;
  /** Clients whose update is far from all others, for sketches to find. */
  readonly loud: readonly number[];
  /** Clients whose policy takes no roll-back. */
  readonly refusesRollBack: readonly number[];
  /** Of inputs on their way to the coordinator; one is always let in. */
  readonly uploadBytes: number;
}
export interface Plan {
  readonly settings: Settings;
  readonly ops: readonly Op[];
}

/** About how many steps the rounds of a world take; faults fall into the first three quarters. */
const STEPS_PER_CLIENT_ROUND = 75;

/** Shares of the seeds, added up; the rest learns `plain`. Worlds of three groups or of long vectors take two or three times as long. */
const TASKS: readonly (readonly [upTo: number, task: TaskKind])[] = [
  [0.06, 'sketches'],
  [0.12, 'noise'],
  [0.15, 'median'],
  [0.18, 'trimmed mean'],
  [0.195, 'chunks'],
];
/** More than any world spends. */
export const AMPLE_EPSILON = 1_000;
const OPERATED = 0.25;
/** In a world whose inputs have more than one chunk: a cut at any moment seldom falls into an upload. */
const CHUNK_CUTS = 3;
/** More than any world sends. */
const AMPLE_BYTES = 1 << 20;

export function planOf(seed: number): Plan {
  const random = Random.fromSeed(`world ${seed}`);
  const settings = drawTask(drawSettings(seed, random.fork('settings')), random.fork('task'));
  const draw = random.fork('ops');
  const steps = settings.clients * settings.rounds * STEPS_PER_CLIENT_ROUND;
  const at = (from: Random): number => from.integer(Math.ceil(0.75 * steps));
  const count = draw.integer(14);
  const ops = Array.from({ length: count }, () => drawOp(draw, settings, at(draw)));
  ops.push(...deadlyWrites(random.fork('writes'), steps));
  const uploads = random.fork('uploads');
  for (let i = 0; i < CHUNK_CUTS && settings.task === 'chunks'; i++)
    ops.push({ at: at(uploads), op: 'cut at a chunk', client: uploads.integer(settings.clients) });
  const operator = random.fork('operator');
  const decisions = operator.uniform() < OPERATED ? 1 + operator.integer(4) : 0;
  for (let i = 0; i < decisions; i++) ops.push(drawDecision(operator, settings, at(operator)));
  return {
    settings: decisions > 0 ? drawRefusals(settings, operator) : settings,
    ops: ops.sort((a, b) => a.at - b.at),
  };
}

/** Every second world has one: a crash at any moment seldom falls between two writes. */
function deadlyWrites(random: Random, steps: number): readonly Op[] {
  if (random.uniform() < 0.5) return [];
  const at = random.integer(Math.ceil(0.75 * steps));
  const downMs = 10 + random.integer(4_000);
  const silent = random.uniform() < 0.3;
  const which: DeadlyWrite =
    random.uniform() < 0.5 ? { what: 'model', writes: 1 } : { what: 'any', writes: 1 + random.integer(12) };
  return [{ at, op: 'crash in a write', downMs, silent, ...which }];
}

function drawSettings(seed: number, random: Random): Settings {
  const pick = <T>(...values: readonly [T, ...T[]]): T => values[random.integer(values.length)] ?? values[0];
  const count = pick(1, 1, 1, 2);
  const size = count === 1 ? pick(4, 4, 4, 5, 6, 8) : pick(4, 4, 5);
  const seats = size * count;
  const spares = pick(0, 0, 1, 2);
  return {
    seed,
    clients: seats + spares,
    group: { size, count, colluders: pick(0, 1) },
    rounds: pick(2, 3, 4),
    attemptsPerRound: pick(1, 2, 3),
    minClients: pick(seats, seats, seats - 1),
    overSelection: count === 1 && spares > 0 ? pick(1, 1.25) : 1,
    waitMs: pick(20_000, 40_000),
    pauseMs: pick(0, 0, 500),
    windowMs: pick(4_000, 10_000, 20_000),
    latencyMs: pick([1, 5], [5, 60], [0, 400]),
    diskMs: pick([0, 1], [1, 20], [0, 150]),
    engineMs: pick([0, 2], [1, 50]),
    trainMs: pick([1, 50], [50, 1_500]),
    keptModels: pick(1, 2, 5),
    clientModels: random.uniform() < 0.5,
    privacy: random.uniform() < 0.15,
    task: 'plain',
    faulty: 0,
    losses: 0,
    epsilon: AMPLE_EPSILON,
    loud: [],
    refusesRollBack: [],
    uploadBytes: AMPLE_BYTES,
  };
}

/** From a stream of its own: the other settings of a seed do not depend on it. */
function drawTask(settings: Settings, random: Random): Settings {
  const pick = <T>(...values: readonly [T, ...T[]]): T => values[random.integer(values.length)] ?? values[0];
  // One byte: inputs come in one at a time.
  const uploadBytes = pick(AMPLE_BYTES, AMPLE_BYTES, AMPLE_BYTES, 1);
  const drawn = random.uniform();
  const [, task] = TASKS.find(([upTo]) => drawn < upTo) ?? [1, 'plain' as const];
  const common = { ...settings, task, uploadBytes };
  switch (task) {
    case 'plain':
      return common;
    case 'chunks':
      // One input, and none besides: who is cut off makes way for others, or comes back for the rest.
      return { ...common, rounds: 2, uploadBytes: pick(AMPLE_BYTES, 1), privacy: false };
    case 'sketches': {
      // Long vectors, and one member may be left out.
      const { group } = settings;
      const size = Math.min(group.size, 5);
      const seats = size * group.count;
      const clients = seats + Math.min(1, settings.clients - group.size * group.count);
      const loud = random.uniform() < 0.7 ? [random.integer(clients)] : [];
      return {
        ...common,
        clients,
        group: { ...group, size },
        minClients: seats,
        overSelection: 1,
        privacy: false,
        loud,
      };
    }
    case 'noise':
      return {
        ...common,
        losses: pick(1, 1, 0),
        epsilon: pick(AMPLE_EPSILON, AMPLE_EPSILON, 8),
        privacy: false,
        overSelection: 1,
      };
    case 'median':
    case 'trimmed mean': {
      const group = { size: 4, count: 3, colluders: settings.group.colluders };
      return { ...common, group, clients: 12, minClients: 12, overSelection: 1, rounds: 2, faulty: pick(0, 1) };
    }
    default:
      return task satisfies never;
  }
}

function drawRefusals(settings: Settings, random: Random): Settings {
  const refuses = random.uniform() < 0.5 ? [random.integer(settings.clients)] : [];
  return { ...settings, refusesRollBack: refuses };
}

function drawDecision(random: Random, { clients }: Settings, at: number): Op {
  const ms = (least: Millis, most: Millis): Millis => least + random.integer(most - least + 1);
  const client = random.integer(clients);
  const kind = random.integer(100);
  if (kind < 25) return { at, op: 'roll back', back: 1 + random.integer(3) };
  if (kind < 40) return { at, op: 'pause', forMs: ms(10, 60_000) };
  if (kind < 50) return { at, op: 'quarantine', client, rounds: 1 + random.integer(3) };
  if (kind < 60) return { at, op: 'exclude', client, forMs: random.uniform() < 0.5 ? 0 : ms(10, 60_000) };
  if (kind < 80) return { at, op: 'revoke', client, forMs: random.uniform() < 0.3 ? 0 : ms(10, 60_000) };
  return { at, op: 'new key', client, awayMs: ms(10, 8_000) };
}

function drawOp(random: Random, { clients }: Settings, at: number): Op {
  const ms = (least: Millis, most: Millis): Millis => least + random.integer(most - least + 1);
  const client = (): number => random.integer(clients);
  const pick = <T>(...values: readonly [T, ...T[]]): T => values[random.integer(values.length)] ?? values[0];
  const kind = random.integer(100);
  if (kind < 18)
    return {
      at,
      op: 'crash',
      who: 'coordinator',
      touches: random.integer(40),
      downMs: ms(10, 4_000),
      silent: random.uniform() < 0.3,
    };
  if (kind < 34)
    return {
      at,
      op: 'crash',
      who: client(),
      touches: random.integer(20),
      downMs: ms(10, 8_000),
      silent: random.uniform() < 0.3,
    };
  if (kind < 38) return { at, op: 'stop', downMs: ms(10, 3_000) };
  if (kind < 42) return { at, op: 'leave', client: client(), awayMs: ms(10, 8_000) };
  if (kind < 62)
    return {
      at,
      op: 'cut',
      client: client(),
      lose: pick('none', 'up', 'down', 'both'),
      deaf: pick<readonly Side[]>([], [], [], ['client'], ['coordinator'], ['client', 'coordinator']),
    };
  if (kind < 68) {
    const cut = Array.from({ length: 1 + random.integer(clients) }, client);
    return { at, op: 'partition', clients: [...new Set(cut)].sort((a, b) => a - b), forMs: ms(100, 25_000) };
  }
  if (kind < 74) return { at, op: 'slow', client: client(), byMs: ms(100, 5_000), forMs: ms(1_000, 20_000) };
  if (kind < 77) return { at, op: 'duplicate', client: client(), way: pick('up', 'down') };
  if (kind < 80) return { at, op: 'corrupt', client: client(), way: pick('up', 'down'), byte: random.integer(4_096) };
  if (kind < 86) return { at, op: 'slow disk', byMs: ms(100, 3_000), forMs: ms(1_000, 20_000) };
  if (kind < 91)
    return { at, op: 'disk fails', how: pick('full', 'broken before', 'broken after'), downMs: ms(10, 3_000) };
  if (kind < 94) return { at, op: 'guards fail', client: client() };
  if (kind < 98) return { at, op: 'slow training', client: client(), byMs: ms(1_000, 30_000) };
  return { at, op: 'engine fails' };
}
