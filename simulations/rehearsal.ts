// A simulation without the protocol: plain updates in one process, the same data, seed, attackers and dropouts, the same rule and
// optimiser. To look for training settings in a tenth of the time, and to check what the protocol adds to the model: rounding.
// Not a profile: nothing is masked, nobody is a client.

import { createTrainingPool } from '../client/tfjs/index.js';
import { initialWeights } from '../client/tfjs/spec.js';
import type { Evaluation, Trainer, TrainingSpec } from '../client/trainer.js';
import { nativePrimitives, nativeRng } from '../protocol/native/index.js';
import { applyAggregate, initOptimizer } from '../protocol/optimizer/optimizer.js';
import { checkedNorm, clipFactor } from '../protocol/secagg/encode.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { createRule, groupMean } from '../server/aggregate/index.js';
import { createFleetAttack } from './attacks/spec.js';
import { type Cast, castOf, dropoutsFor, groupsFor } from './cast.js';
import type { SimulationConfig } from './config.js';
import { firstExamples, loadExamples } from './data.js';
import { type Draws, drawsOf } from './draws.js';
import { type HostileOptions, hostileTrainer } from './fleet/hostile.js';

export interface RehearsedRound extends Evaluation {
  readonly round: number;
  readonly seconds: number;
}
export interface RehearsalOptions {
  /** Training threads. */
  readonly workers: number;
  readonly onRound?: (round: RehearsedRound) => void;
}

/** @throws DATA_MISSING, DATA_PARTITION, CONFIG_INVALID */
export async function rehearse(
  config: SimulationConfig,
  options: RehearsalOptions,
): Promise<readonly RehearsedRound[]> {
  const { workers, onRound } = options;
  const { task } = config;
  const draws = drawsOf(config.seed);
  const examples = loadExamples(config.data.source, config.seed);
  const cast = castOf(config, Uint8Array.from(examples.train.labels), draws, nativePrimitives, nativeRng);
  const groups = groupsFor(config, task, cast.clients, draws);
  const lost = dropoutsFor(config, cast, draws).filter(({ phase }) => !LATE.includes(phase));
  const pool = createTrainingPool({ workers });
  try {
    const trainers = cast.members.map(({ name, position, rows }) =>
      pool.trainer(name, { model: config.model, data: { ...examples.train, rows }, seed: draws.order(position) }),
    );
    const actors = trainers.map((trainer, position) => act(trainer, position, task, cast, draws));
    const test = firstExamples(examples.test, config.data.testExamples);
    const evaluator = pool.trainer('evaluation', { model: config.model, data: test });
    const buckets = draws.sampling().fork('buckets');
    const rule = createRule(task.rule, () => buckets.uniform());
    const spec = task.training as unknown as TrainingSpec; // safe: the configuration schema has checked the fields
    let { weights } = initialWeights(config.model, draws.weights);
    let state = initOptimizer(task.optimizer, weights.length);
    let ruleState = rule.init(weights.length);
    const rounds: RehearsedRound[] = [];
    for (let round = 1; round <= config.campaign.rounds; round++) {
      const from = Date.now();
      const present = cast.clients.filter(
        ({ position }) => !lost.some((one) => one.round === round && one.client === position),
      );
      const updates = await Promise.all(
        present.map(async ({ position }) => {
          const actor = actors[position];
          if (actor === undefined) throw new RangeError(`no actor ${position}`);
          return {
            group: groups(position),
            update: await actor(weights, { task: task.task, round, attempt: 1, spec }),
          };
        }),
      );
      const inputs = Array.from({ length: task.group.count }, (_, group) => {
        const rows = updates.filter((one) => one.group === group).map(({ update }) => update);
        return groupMean(group, meanOf(rows, weights.length), rows.length);
      });
      const { vector, state: afterRule } = rule.aggregate(inputs, ruleState);
      ruleState = afterRule;
      ({ weights, state } = applyAggregate(task.optimizer, weights, state, Float32Array.from(vector)));
      const seconds = (Date.now() - from) / 1_000;
      const row = { round, seconds, ...(await evaluator.evaluate(weights)) };
      rounds.push(row);
      onRound?.(row);
    }
    return rounds;
  } finally {
    await pool.close();
  }
}

/** Phases in which a lost client's update is already in the sum. */
const LATE: readonly string[] = ['consistency', 'unmask'];

type Actor = (weights: Float32Array<ArrayBuffer>, round: Parameters<Trainer['train']>[1]) => Promise<Float32Array>;

/** Trains, corrupts, clips unless it is an attack that does not, clamps to the grid's range. */
function act(inner: Trainer, position: number, task: TaskConfig, cast: Cast, draws: Draws): Actor {
  const { encoding } = deriveTask(task);
  const ordered = cast.members[position]?.attack;
  const attack = ordered && createFleetAttack(ordered.spec);
  let trainer = inner;
  if (ordered !== undefined && attack !== undefined) {
    const { rank, attackers } = ordered;
    const cohort = cast.clients.length;
    const options: HostileOptions = {
      attack,
      rank,
      attackers,
      cohort,
      encoding,
      draws: (at) => draws.attack(position, at),
    };
    trainer = hostileTrainer(inner, options);
  }
  return async (weights, round) => {
    const { update } = await trainer.train(weights, round);
    const factor = attack?.clips === false ? 1 : clipFactor(checkedNorm(update, update.length), encoding.clipNorm);
    return update.map((x) => Math.max(-encoding.range, Math.min(encoding.range, x * factor)));
  };
}

function meanOf(rows: readonly Float32Array[], dimension: number): Float64Array<ArrayBuffer> {
  const sum = new Float64Array(dimension);
  for (const row of rows) for (let i = 0; i < dimension; i++) sum[i] = (sum[i] ?? 0) + (row[i] ?? 0);
  return sum.map((total) => total / rows.length);
}
