// A model of a heterogeneous fleet for the monitor: what its clients send, round by round, seen through sketches; and the rate at which
// the threshold of a robust z is passed. Not a test.

import type { ClientId } from '../../protocol/ids.js';
import type { Vector } from '../../server/aggregate/index.js';
import {
  type ClientObservation,
  cleanZ,
  MONITOR_DEFAULTS,
  type MonitorEvent,
  type MonitorSettings,
  type MonitorState,
  openMonitor,
  type RoundObservation,
  robustThreshold,
  screen,
  stepMonitor as step,
} from '../../server/monitor/index.js';
import { Random } from '../../simulations/random.js';

export const id = (i: number): ClientId => i.toString(16).padStart(64, '0') as ClientId;
/** Rows of a sketch. */
const K = 64;
/** Coordinates of an update. */
export const D = 128;

export type Corrupt = (honest: Float64Array, client: number, round: number) => Float64Array;
/** A round as the driver sees it: sketches first, the rest when it is over. Ample room and no budget where not said otherwise. */
export interface Seen extends Omit<RoundObservation, 'clients' | 'screening' | 'room'> {
  readonly clients: readonly (Omit<ClientObservation, 'group'> & {
    readonly sketch?: Vector;
    readonly group?: number;
  })[];
  readonly lastStep?: Vector;
  readonly room?: number;
  readonly budget?: number;
  readonly out?: readonly ClientId[];
}

export function stepMonitor(
  state: MonitorState,
  { clients, lastStep, room = 1_000, budget = 0, out = [], ...rest }: Seen,
) {
  const sketches = clients.flatMap(({ id, group = 0, sketch }) => (sketch ? [{ id, group, sketch }] : []));
  const budgets = new Map(sketches.map(({ group }) => [group, budget]));
  const observed = { round: rest.round, sketches, out: new Set(out), budgets, ...(lastStep && { lastStep }) };
  const screening = screen(state, observed);
  return step(state, {
    ...rest,
    clients: clients.map(({ id, group = 0, outcome }) => ({ id, group, outcome })),
    room,
    screening,
  });
}

interface Model {
  readonly clients: number;
  readonly seed: string;
  readonly corrupt?: Corrupt;
  readonly dropRate?: number;
}

/**
 * The model of an honest heterogeneous fleet: x = s·(common_t + own + noise) in 128 dimensions. ln s has a lasting part with deviation
 * 0.25 for each client and a fresh one of 0.15; `own` lasts (a client's data differ for ever) and is as long as the common part on
 * average, from 0.5 to 1.5 times; noise is 0.7 times as long. Seen through 64 rows of a fresh matrix with entries −1, 0, 1 at
 * ¼, ½, ¼. 5 % of the clients leave a round.
 */
export function fleet({ clients, seed, corrupt, dropRate = 0.05 }: Model) {
  const root = Random.fromSeed(seed);
  const unit = (random: Random): Float64Array => Float64Array.from({ length: D }, () => random.normal() / Math.sqrt(D));
  const size = Array.from({ length: clients }, () => 0.25 * root.normal());
  const own = Array.from({ length: clients }, () => {
    const direction = unit(root);
    const length = 0.5 + root.uniform();
    return direction.map((x) => length * x);
  });
  return (round: number): Seen => {
    const random = root.fork(round);
    const common = unit(random);
    const matrix = Int8Array.from({ length: K * D }, () => {
      const draw = random.integer(4);
      return draw === 0 ? -1 : draw === 1 ? 1 : 0;
    });
    const rows = Array.from({ length: clients }, (_, client) => {
      const noise = unit(random);
      const factor = Math.exp((size[client] ?? 0) + 0.15 * random.normal());
      const x = common.map((value, c) => factor * (value + (own[client]?.[c] ?? 0) + 0.7 * (noise[c] ?? 0)));
      return corrupt?.(x, client, round) ?? x;
    });
    return {
      round,
      groups: [],
      proofs: [],
      clients: rows.map((x, client) =>
        random.uniform() < dropRate
          ? { id: id(client), outcome: { type: 'dropped', phase: 'masked' } }
          : { id: id(client), outcome: { type: 'survived' }, sketch: project(matrix, x) },
      ),
    };
  };
}

function project(matrix: Int8Array, x: Float64Array): Float64Array {
  return Float64Array.from({ length: K }, (_, row) => {
    let sum = 0;
    for (let c = 0; c < D; c++) sum += (matrix[row * D + c] ?? 0) * (x[c] ?? 0);
    return sum;
  });
}

export function run(rounds: number, observe: (round: number) => Seen, settings: MonitorSettings = MONITOR_DEFAULTS) {
  let state: MonitorState = openMonitor(settings);
  const events: MonitorEvent[] = [];
  for (let round = 1; round <= rounds; round++) {
    const step = stepMonitor(state, observe(round));
    state = step.state;
    events.push(...step.events);
  }
  return { state, events, of: (type: MonitorEvent['type']) => events.filter((event) => event.type === type) };
}

/** Share of honest Gaussian values above the threshold of a group of `count`, in draws enough for 200 expected ones. */
export function rateAbove(count: number, alpha: number): number {
  const random = Random.fromSeed(`threshold ${count}`);
  const threshold = robustThreshold(alpha, count);
  const groups = Math.ceil(200 / (alpha * count));
  let hits = 0;
  for (let group = 0; group < groups; group++) {
    const values = Array.from({ length: count }, () => random.normal());
    hits += cleanZ(values, 0).filter((z) => z > threshold).length;
  }
  return hits / (groups * count);
}
