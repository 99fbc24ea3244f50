// Who gets which example: seeded cuts of a labelled data set among clients. Every example is given at most once.
// Not here: the data itself (datasets/), dropouts and attackers.

import { SottoError } from '../protocol/errors.js';
import type { Random } from './random.js';

/**
 * - `iid`: a random example for everybody in turn; sizes differ by at most one.
 * - `dirichlet`: each label's examples are divided by one draw of Dirichlet(alpha) over the clients (Yurochkin et al. 2019,
 *   §4). Small alpha: few clients hold most of a label; sizes differ, too. alpha → ∞ is iid.
 * - `labels`: everybody holds `perClient` different labels (the pathological split of McMahan et al. 2017, §3; theirs cuts a
 *   sorted list, so that a client may get a third label at a cut; here never). Each label is divided evenly among its holders.
 * - `quantity`: labels mixed, sizes by one draw of Dirichlet(beta) over the clients (Li et al. 2022, §4.3).
 */
export type PartitionSpec =
  | { readonly kind: 'iid' }
  | { readonly kind: 'dirichlet'; readonly alpha: number }
  | { readonly kind: 'labels'; readonly perClient: number }
  | { readonly kind: 'quantity'; readonly beta: number };

export interface PartitionOptions {
  readonly clients: number;
  /** Everybody gets at least so many examples. */
  readonly minimum: number;
  /** Nobody gets more; the surplus stays unused. Absent: no bound. */
  readonly maximum?: number;
}

/**
 * One list of indices into `labels` per client, each in random order, no index twice.
 * Where a draw leaves somebody below `minimum`, examples move to them at random from whoever has most at that moment: a
 * redraw until it fits (the usual way) need not end for small alpha. With `labels` nothing moves, since a moved example could
 * be of a label too many; there a shortage is an error.
 * @throws DATA_PARTITION where the request cannot be met
 */
export function partition(
  labels: Uint8Array,
  spec: PartitionSpec,
  options: PartitionOptions,
  random: Random,
): Uint32Array[] {
  const { clients, minimum, maximum = labels.length } = options;
  requireThat(Number.isInteger(clients) && clients >= 1, `clients is ${clients}; it must be a positive integer`);
  requireThat(Number.isInteger(minimum) && minimum >= 0, `minimum is ${minimum}; it must be an integer of at least 0`);
  requireThat(Number.isInteger(maximum) && maximum >= minimum, `maximum ${maximum} is below minimum ${minimum}`);
  requireThat(
    clients * minimum <= labels.length,
    `${clients} clients with at least ${minimum} examples need ${clients * minimum}, there are ${labels.length}; lower clients or minimum`,
  );
  const lists = draw(labels, spec, clients, random.fork('cut'));
  if (spec.kind === 'labels') {
    const short = lists.findIndex((list) => list.length < minimum);
    requireThat(
      short < 0,
      `client ${short} gets ${lists[short]?.length} examples of its ${spec.perClient} labels, minimum is ${minimum}; lower minimum or clients`,
    );
  } else {
    topUp(lists, minimum, random.fork('top up'));
  }
  const order = random.fork('order');
  return lists.map((list) => order.shuffle(Uint32Array.from(list)).slice(0, maximum));
}

function draw(labels: Uint8Array, spec: PartitionSpec, clients: number, random: Random): number[][] {
  const lists: number[][] = Array.from({ length: clients }, () => []);
  switch (spec.kind) {
    case 'iid': {
      random.sample(labels.length, labels.length).forEach((index, i) => {
        lists[i % clients]?.push(index);
      });
      return lists;
    }
    case 'quantity': {
      requirePositive('beta', spec.beta);
      deal([...random.sample(labels.length, labels.length)], random.dirichlet(spec.beta, clients), lists);
      return lists;
    }
    case 'dirichlet': {
      requirePositive('alpha', spec.alpha);
      for (const examples of byLabel(labels)) {
        deal(random.shuffle(examples), random.dirichlet(spec.alpha, clients), lists);
      }
      return lists;
    }
    case 'labels': {
      dealLabels(labels, spec.perClient, lists, random);
      return lists;
    }
    default:
      return spec satisfies never;
  }
}

/** Cuts `examples` where the running sum of `shares` says. The last cut is at the end, whatever the rounding of the sum. */
function deal(examples: readonly number[], shares: Float64Array, lists: number[][]): void {
  let sum = 0;
  let from = 0;
  lists.forEach((list, client) => {
    sum += shares[client] ?? 0;
    const to =
      client === lists.length - 1 ? examples.length : Math.min(examples.length, Math.round(sum * examples.length));
    for (let i = from; i < to; i++) list.push(examples[i] as number);
    from = Math.max(from, to);
  });
}

/** Each client in random order takes the labels that fewest hold, ties at random: holders of two labels differ by at most one. */
function dealLabels(labels: Uint8Array, perClient: number, lists: number[][], random: Random): void {
  const present = byLabel(labels).filter((examples) => examples.length > 0);
  requireThat(
    Number.isInteger(perClient) && perClient >= 1 && perClient <= present.length,
    `perClient is ${perClient}; it must be an integer from 1 to the ${present.length} labels there are`,
  );
  const holders = present.map((): number[] => []);
  for (const client of random.sample(lists.length, lists.length)) {
    const ranked = random.shuffle(holders.map((_, label) => label));
    ranked.sort((a, b) => (holders[a]?.length ?? 0) - (holders[b]?.length ?? 0));
    for (const label of ranked.slice(0, perClient)) holders[label]?.push(client);
  }
  present.forEach((examples, label) => {
    const held = holders[label] ?? [];
    if (held.length === 0) return;
    random.shuffle(examples).forEach((index, i) => {
      lists[held[i % held.length] as number]?.push(index);
    });
  });
}

function byLabel(labels: Uint8Array): number[][] {
  const lists: number[][] = Array.from({ length: 256 }, () => []);
  labels.forEach((label, index) => {
    lists[label]?.push(index);
  });
  return lists;
}

function topUp(lists: number[][], minimum: number, random: Random): void {
  for (const list of lists) {
    while (list.length < minimum) {
      // Exists with more than `minimum`, since clients × minimum ≤ examples.
      const richest = lists.reduce((best, other) => (other.length > best.length ? other : best));
      const [moved] = richest.splice(random.integer(richest.length), 1);
      list.push(moved as number);
    }
  }
}

function requirePositive(field: string, value: number): void {
  requireThat(Number.isFinite(value) && value > 0, `${field} is ${value}; it must be a positive number`);
}

function requireThat(holds: boolean, message: string): void {
  if (!holds) throw new SottoError('DATA_PARTITION', message);
}
