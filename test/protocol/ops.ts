// Message order as data: a world and a list of operations on its network, played to the end under every invariant that a round
// promises. A list that fails shrinks (order.test.ts), and lives on in reproductions.ts. Not a test.

import { isDeepStrictEqual } from 'node:util';
import { startRound, stepRound } from '../../protocol/round/round.js';
import type { RoundEffect, RoundEvent } from '../../protocol/round/types.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { ClientRoundMessage, CoordinatorRoundMessage } from '../../protocol/wire/messages.js';
import { exactSurvivors, holding, numbersOf, seeded, sentBy, taskOf, World } from './world.js';

/** `pair` and `client` are taken modulo what there is, so every number means something. */
export type Op =
  /** Delivers that many messages, each of a pair that the seed picks. */
  | { readonly op: 'deliver'; readonly count: number; readonly seed: number }
  /** Delivers the oldest message of a pair and leaves a copy of it. */
  | { readonly op: 'duplicate'; readonly pair: number }
  | { readonly op: 'drop'; readonly pair: number }
  | { readonly op: 'lose'; readonly client: number }
  | { readonly op: 'reconnect'; readonly client: number }
  /** Time passes to the next wake-up. */
  | { readonly op: 'deadline' }
  /** The coordinator's timer fires before its time. */
  | { readonly op: 'early tick' }
  /** One byte of one field of the oldest message of a pair is changed. */
  | { readonly op: 'garble'; readonly pair: number; readonly at: number };

export interface Play {
  /** Clients in all. Two groups take half each. */
  readonly clients: number;
  readonly groups: 1 | 2;
  /** Phases that are kept open for 10 ms, so that reconnecting has a chance. */
  readonly hold: boolean;
  readonly ops: readonly Op[];
}

export function taskOfPlay({ clients, groups, hold }: Play): TaskConfig {
  const task = taskOf({ size: Math.floor(clients / groups), count: groups, colluders: 1, dimension: 3 });
  return hold ? holding(task, ['keys', 'shares', 'masked', 'consistency', 'unmask']) : task;
}

/** What `play` throws for a broken promise; anything else that it throws is a throw out of a machine. */
export class Broken extends Error {}
const promise = (holds: boolean, text: string): void => {
  if (!holds) throw new Broken(text);
};

export interface Played {
  readonly outcome: 'done' | 'failed';
  readonly survivors: number;
  readonly refused: number;
}

/** Plays the list, lets the round end, and checks every promise. @throws Broken, or whatever a machine threw */
export function play(p: Play): Played {
  const config = taskOfPlay(p);
  const events: RoundEvent[] = [];
  const effects: (readonly RoundEffect[])[] = [];
  const fatal = new Map<string, number>();
  const folded = new Map<string, number>();
  let step = 0;
  const world = new World({
    config,
    stepped: (event, { effects: made }) => {
      step++;
      if (event !== undefined) events.push(event);
      effects.push(made);
      for (const effect of made) {
        if (effect.type === 'refuse' && effect.fatal) {
          promise(!fatal.has(effect.client), 'a client was refused twice');
          fatal.set(effect.client, step);
        }
        if (effect.type === 'compute' && effect.work.type === 'fold') {
          const [accumulator, rank] = [effect.work.accumulator, Number(effect.work.slot.split('/').at(-1))];
          const group = Number(accumulator.split('/').at(-1));
          const client = world.setup.groups[group]?.members[rank] ?? '';
          promise(!folded.has(client), 'an input was added twice');
          promise(!fatal.has(client), 'an input of a refused client was added');
          folded.set(client, step);
        }
      }
    },
  });
  world.start();
  for (const op of p.ops) {
    if (world.ended) break;
    apply(world, op);
  }
  world.run(); // throws if the round does not end although ticks come

  promise((world.result === undefined) !== (world.failure === undefined), 'not exactly one ending');
  const outcome = world.outcome();
  const survivors = world.result === undefined ? [] : exactSurvivors(world);
  const { threshold } = deriveTask(config);
  world.result?.groups.forEach(({ survivors: ids, group }, at) => {
    const added = [...folded.keys()].filter((id) => world.setup.groups[group]?.members.some((member) => member === id));
    promise(
      isDeepStrictEqual([...added].sort(), [...ids].sort()),
      'the survivors are not those whose inputs were added',
    );
    promise((survivors[at]?.length ?? 0) >= threshold, 'a sum of fewer than t was opened');
  });
  if (world.result === undefined) promise(world.sums.size === 0, 'a failed round kept a sum');
  else promise(world.sums.size === world.result.groups.length, 'the sum of a void group was kept');
  promise(world.engine.slots.size === 0, 'pieces of an input were kept');
  neverBoth(world);
  honestAreNotBlamed(world, p, [...fatal.keys()]);
  replay(world, events, effects);
  return {
    outcome: world.result === undefined ? 'failed' : 'done',
    survivors: survivors.flat().length,
    refused: outcome.refused.length,
  };
}

function apply(world: World, op: Op): void {
  const heads = world.heads();
  const head = 'pair' in op ? heads.filter(({ message }) => message !== undefined)[op.pair % 8] : undefined;
  switch (op.op) {
    case 'deliver': {
      const random = seeded(op.seed);
      for (let i = 0; i < op.count && world.queue.length > 0 && !world.ended; i++) {
        const pairs = world.heads();
        const next = pairs[random(pairs.length)];
        if (next !== undefined) world.take(next).run();
      }
      break;
    }
    case 'duplicate':
      head?.run();
      break;
    case 'drop':
      if (head !== undefined) world.take(head);
      break;
    case 'lose':
      world.lose(op.client % world.members.length);
      break;
    case 'reconnect':
      world.reconnect(op.client % world.members.length);
      break;
    case 'deadline':
      if (world.wakeAt !== Number.POSITIVE_INFINITY) world.advance();
      break;
    case 'early tick':
      world.tick();
      break;
    case 'garble':
      if (head?.message !== undefined) world.take(head).run(garbled(head.message, op.at));
      break;
    default:
      op satisfies never;
  }
}

/** A copy with one byte or number of one field (never the kind or the run) changed; what the codec would still let through. */
function garbled<M extends ClientRoundMessage | CoordinatorRoundMessage>(message: M, at: number): M {
  const copy = structuredClone(message);
  const spots: (() => void)[] = [];
  const visit = (value: unknown, set: (changed: number) => void): void => {
    if (value instanceof Uint8Array) {
      if (value.length > 0)
        spots.push(() =>
          value.fill((value[at % value.length] as number) ^ 1, at % value.length, (at % value.length) + 1),
        );
    } else if (typeof value === 'number') spots.push(() => set(value ^ 1));
    else if (typeof value === 'object' && value !== null)
      for (const [key, inner] of Object.entries(value))
        if (key !== 'run') visit(inner, (changed) => Object.assign(value, { [key]: changed }));
  };
  visit(copy, () => undefined);
  spots[at % Math.max(1, spots.length)]?.();
  return copy;
}

/** No client ever opens both shares of one peer, nor answers twice; nobody's two secrets can both be rebuilt. */
function neverBoth(world: World): void {
  const { threshold } = deriveTask(world.config);
  const opened = new Map<string, Set<number>>();
  world.members.forEach((m, i) => {
    const answers = sentBy(m, 'unmask');
    promise(answers.length <= 1, `client ${i} answered twice`);
    for (const { run, opened: shares } of answers)
      for (const { of, type } of shares) {
        const key = `${run.group}/${of}/${type}`;
        opened.set(key, (opened.get(key) ?? new Set()).add(i));
      }
  });
  for (const [key, holders] of opened) {
    const other = opened.get(key.endsWith('b') ? `${key.slice(0, -1)}s` : `${key.slice(0, -1)}b`);
    promise(![...holders].some((i) => other?.has(i)), `both shares of ${key} were opened by one client`);
    promise(holders.size < threshold || (other?.size ?? 0) < threshold, `both secrets of ${key} can be rebuilt`);
  }
}

/** Whoever sent only what its machine made, undamaged and in order, is never told that it broke the protocol. */
function honestAreNotBlamed(world: World, p: Play, refused: readonly string[]): void {
  const meddled = p.ops.some(({ op }) => op === 'garble' || op === 'drop' || op === 'duplicate');
  if (!meddled)
    promise(
      refused.length === 0,
      `honest clients were blamed: ${numbersOf(world.outcome(), refused as never[]).join()}`,
    );
}

/** The coordinator's machine is a function: the same events give the same effects, whenever they are played. */
function replay(world: World, events: readonly RoundEvent[], effects: readonly (readonly RoundEffect[])[]): void {
  let { state, effects: first } = startRound(world.setup, 0);
  promise(isDeepStrictEqual(first, effects[0]), 'another start');
  events.forEach((event, i) => {
    const next = stepRound(state, event);
    ({ state, effects: first } = next);
    if (!isDeepStrictEqual(first, effects[i + 1]))
      throw new Broken(`event ${i} (${event.type}) gave other effects when it was played again`);
  });
}
