// What runs without an attacker have in common, over the wire (attack-free.ts) or rehearsed (attack-free-rehearsed.ts): a task that
// verified sketches fit, data that differ between clients as much as is asked, who leaves when, and what is counted.

import type { Trainer } from '../client/trainer.js';
import { nativePrimitives, nativeRng } from '../protocol/native/index.js';
import type { TaskConfig } from '../protocol/task.js';
import { defineTask, type MonitorEvent } from '../server/index.js';
import { gaussianBlobs } from './datasets/synthetic.js';
import { type Draws, drawsOf } from './draws.js';
import { type Dropout, PHASES, planDropouts } from './fleet/plan.js';
import { partition } from './partition.js';
import { createRoster, type SimulatedClient } from './roster.js';
import { softmaxDimension, softmaxTrainer } from './softmax.js';

export interface AttackFreeOptions {
  readonly rounds: number;
  readonly clients: number;
  /** Dirichlet concentration of the classes over clients. */
  readonly alpha: number;
  readonly seed: number;
  /** Honest clients that leave in each round. */
  readonly dropouts: number;
  readonly onRound?: (round: number) => void;
}

export interface AttackFreeResult {
  readonly options: Omit<AttackFreeOptions, 'onRound'>;
  readonly dimension: number;
  readonly rows: number;
  readonly committed: number;
  /** Sketches that were judged: what rates are relative to. */
  readonly judged: number;
  /** By signal: sketches of honest clients that failed a test. */
  readonly findings: Readonly<Record<string, number>>;
  /** Sketches with any finding ÷ sketches; the monitor states 10⁻³. */
  readonly findingRate: number;
  /** Left out by the filter of the task, and by the monitor. */
  readonly filtered: number;
  readonly excluded: number;
  readonly quarantines: readonly { readonly client: number; readonly round: number; readonly says: string }[];
  readonly bans: number;
  readonly seconds: number;
}

const CLASSES = 10;
/** With a bias, classes × (inputs + 1) coordinates: enough for about 48 rows of sketches (d ≥ 10·k·n). */
const inputsFor = (clients: number): number => 48 * clients + 52;
/** So close that no linear model tells them apart: updates of the 500th round are as large as those of the tenth. */
const CLOUDS = { separation: 0.06, spread: 1 };
const EXAMPLES_EACH = 100;

function taskFor(clients: number): TaskConfig {
  return defineTask({
    task: 'attack-free',
    profile: 'sketch',
    dimension: softmaxDimension(inputsFor(clients), CLASSES),
    group: { size: clients },
    sketch: { malicious: 1 },
    encoding: { clipNorm: 4, bits: 12 },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: { algorithm: 'fedavg', epochs: 1, batchSize: 10, learningRate: 0.02, optimizer: 'sgd', maxExamples: 40 },
  });
}

export interface AttackFreeSetting {
  readonly task: TaskConfig;
  readonly draws: Draws;
  /** Keys are fresh in every run. */
  readonly roster: readonly SimulatedClient[];
  readonly plan: readonly Dropout[];
  /** @param onRound told the round of each training */
  trainerOf(position: number, onRound?: (round: number) => void): Trainer;
}

/** The same seed gives the same data, batches and dropouts. */
export function settingOf({ rounds, clients: count, alpha, seed, dropouts }: AttackFreeOptions): AttackFreeSetting {
  const task = taskFor(count);
  const draws = drawsOf(seed);
  const size = count * EXAMPLES_EACH;
  const shape = [inputsFor(count)];
  const data = gaussianBlobs({ size, classes: CLASSES, shape, ...CLOUDS }, draws.data.fork('examples'));
  const spec = { kind: 'dirichlet', alpha } as const;
  const shards = partition(Uint8Array.from(data.labels), spec, { clients: count, minimum: 20 }, draws.partition);
  const roster = createRoster(count, nativePrimitives, nativeRng);
  const plan = planDropouts(
    {
      rounds,
      firstRound: 1,
      perRound: dropouts,
      maxPerGroup: dropouts,
      phases: dropouts * rounds < PHASES.length ? PHASES.slice(0, Math.max(1, dropouts * rounds)) : PHASES,
      candidates: roster.map(({ position }) => position),
      groupOf: () => 0,
    },
    draws.dropouts,
  );
  const trainerOf = (position: number, onRound?: (round: number) => void): Trainer => {
    const order = draws.attack(position, 0).fork('order');
    return softmaxTrainer({ ...data, rows: shards[position] ?? new Uint32Array(0) }, (round) => {
      onRound?.(round);
      return order.fork(round);
    });
  };
  return { task, draws, roster, plan, trainerOf };
}

/** What the monitor said. @param judged sketches in all @param positionOf of a client */
export function countEvents(
  events: readonly MonitorEvent[],
  judged: number,
  positionOf: (client: string) => number,
): Pick<AttackFreeResult, 'judged' | 'findings' | 'findingRate' | 'excluded' | 'quarantines' | 'bans'> {
  const findings: Record<string, number> = {};
  const failed = new Set<string>();
  for (const event of events) {
    // Who leaves, and what offends the protocol, is not in a sketch.
    if (event.type !== 'observe' || ['participation', 'offence'].includes(event.finding.signal)) continue;
    const { signal } = event.finding;
    findings[signal] = (findings[signal] ?? 0) + 1;
    failed.add(`${event.round} ${event.client}`);
  }
  return {
    judged,
    findings,
    findingRate: judged === 0 ? 0 : failed.size / judged,
    excluded: events.filter(({ type }) => type === 'exclude').length,
    quarantines: events.flatMap((event) =>
      event.type === 'quarantine' ? [{ client: positionOf(event.client), round: event.round, says: event.says }] : [],
    ),
    bans: events.filter(({ type }) => type === 'ban').length,
  };
}
