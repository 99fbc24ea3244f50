// A simulation without the protocol: plain updates in one process, the same data, seed, attackers and dropouts, the same rule and
// optimiser. To look for training settings in a tenth of the time, and to check what the protocol adds to the model: rounding.
// Not a profile: nothing is masked, nobody is a client.

import type { Dataset } from '../client/dataset.js';
import { createTrainingPool } from '../client/tfjs/index.js';
import type { Evaluation, Trainer, TrainingRound, TrainingSpec } from '../client/trainer.js';
import { nativePrimitives } from '../protocol/native/index.js';
import { applyAggregate, initOptimizer } from '../protocol/optimizer/optimizer.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { createRule } from '../server/aggregate/index.js';
import { needsOthers } from './attacks/attack.js';
import { createAttack } from './attacks/spec.js';
import { type Cast, castOf, dropoutsFor, groupsFor, isOutOfSum } from './cast.js';
import type { SimulationConfig } from './config.js';
import { examplesFor, firstExamples } from './data.js';
import { type Draws, drawsOf } from './draws.js';
import { Gathering, Mail } from './fleet/gathering.js';
import { type HostileOptions, hostileTrainer, isOn } from './fleet/hostile.js';
import type { MemberOrder } from './fleet/messages.js';
import { goalsOf, type SuccessRates } from './goals.js';
import { startWeights } from './model-source.js';
import { asSent, groupMeansOf } from './pipeline.js';
import { namer } from './roster.js';
import { RehearsedScreen, type Screened } from './screened.js';

export interface RehearsedRound extends Evaluation {
  readonly round: number;
  readonly seconds: number;
  readonly attackSuccessRate?: SuccessRates;
  /** Names of those whose update was left out, with the reason; without sketches nobody's is. */
  readonly excluded: readonly { readonly client: string; readonly why: string }[];
  /** Names of those who sat the round out in quarantine. */
  readonly quarantined: readonly string[];
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
  const examples = await examplesFor(config);
  const cast = castOf(config, Uint8Array.from(examples.train.labels), draws, nativePrimitives);
  // In profile `open` every client is an input of its own.
  const groups =
    task.profile === 'open' ? (position: number) => position : groupsFor(config, task, cast.clients, draws);
  const plan = dropoutsFor(config, cast, draws);
  const nameOf = namer(cast.clients);
  const pool = createTrainingPool({ workers });
  try {
    const mail = new Mail();
    const gathering = new Gathering({
      conspiracies: cast.conspiracies,
      absent: (round, client) => isOutOfSum(plan, round, client),
      share: (others) => mail.deliver(others),
    });
    const actors = cast.members.map((member) => {
      const make = (id: string, data: Dataset): Trainer =>
        pool.trainer(id, { model: config.model, data, seed: draws.order(member.position) });
      return act(member, { ...examples.train, rows: member.rows }, make, { task, cast, draws, gathering, mail });
    });
    const test = firstExamples(examples.test, config.data.testExamples);
    const goals = goalsOf(cast.conspiracies, test, pool, config.model);
    const evaluator = pool.trainer('evaluation', { model: config.model, data: test });
    const buckets = draws.sampling().fork('buckets');
    const rule = createRule(task.rule, () => buckets.uniform());
    const spec = task.training as unknown as TrainingSpec; // safe: the configuration schema has checked the fields
    let weights = startWeights(config, draws.weights);
    let state = initOptimizer(task.optimizer, weights.length);
    let ruleState = rule.init(weights.length);
    const screen =
      task.integrity === 'none'
        ? undefined
        : new RehearsedScreen(task, config.monitor, draws.sampling().fork('sketches'));
    const rounds: RehearsedRound[] = [];
    for (let round = 1; round <= config.campaign.rounds; round++) {
      const from = Date.now();
      const barred = cast.clients.filter(({ identity }) => screen?.bars(identity.id, round));
      const present = cast.clients.filter((one) => !barred.includes(one) && !isOutOfSum(plan, round, one.position));
      gathering.begin(round, 1, new Map(present.map(({ position }) => [position, groups(position)])));
      const updates = await Promise.all(
        present.map(async ({ position, name, identity }) => {
          const actor = actors[position];
          if (actor === undefined) throw new RangeError(`no actor ${position}`);
          return {
            client: identity.id,
            name,
            group: groups(position),
            update: await actor(weights, { task: task.task, round, attempt: 1, spec }),
          };
        }),
      );
      const judged: Screened<(typeof updates)[number]> = screen?.judge(round, updates) ?? {
        accepted: updates,
        excluded: [],
        monitor: [],
      };
      const before = weights;
      const { vector, state: afterRule } = rule.aggregate(groupMeansOf(weights.length, judged.accepted), ruleState);
      ruleState = afterRule;
      mail.over(round);
      ({ weights, state } = applyAggregate(task.optimizer, weights, state, Float32Array.from(vector)));
      screen?.stepped(weights.map((after, i) => after - (before[i] ?? 0)));
      const seconds = (Date.now() - from) / 1_000;
      const attackSuccessRate = await goals?.(weights);
      const row = {
        round,
        seconds,
        excluded: judged.excluded.map(({ client, why }) => ({ client: nameOf(client), why })),
        quarantined: barred.map(({ name }) => name),
        ...(await evaluator.evaluate(weights)),
        ...(attackSuccessRate && { attackSuccessRate }),
      };
      rounds.push(row);
      onRound?.(row);
    }
    return rounds;
  } finally {
    await pool.close();
  }
}

type Actor = (weights: Float32Array<ArrayBuffer>, round: TrainingRound) => Promise<Float32Array>;

interface Stage {
  readonly task: TaskConfig;
  readonly cast: Cast;
  readonly draws: Draws;
  readonly gathering: Gathering;
  readonly mail: Mail;
}

/** Trains, corrupts, clips unless it is an attack that does not, clamps to the grid's range: what fleet/member.ts does for real. */
function act(
  { position, name, attack: ordered }: MemberOrder,
  data: Dataset,
  make: (id: string, data: Dataset) => Trainer,
  { task, cast, draws, gathering, mail }: Stage,
): Actor {
  const { encoding } = deriveTask(task);
  const told = (update: Float32Array, { round, attempt }: TrainingRound): void =>
    gathering.trained(position, round, attempt, asSent(update, encoding));
  if (ordered === undefined) {
    const trainer = make(name, data);
    return async (weights, round) => {
      const { update } = await trainer.train(weights, round);
      told(update, round);
      return asSent(update, encoding);
    };
  }
  const { spec, rank, attackers, conspiracy, allies } = ordered;
  const attack = createAttack(spec);
  const random = draws.attack(position, 0).fork('data');
  const options: HostileOptions = {
    attack,
    position,
    allies,
    rank,
    attackers,
    cohort: cast.clients.length,
    encoding,
    rule: task.rule,
    draws: (at) => draws.attack(position, at),
    ...(attack.active && { clean: make(`${name} clean`, data) }),
    ...(needsOthers(attack) && {
      others: (update: Float32Array, round: TrainingRound) => {
        told(update, round);
        return mail.wait(conspiracy, round.round, round.attempt);
      },
    }),
  };
  const trainer = hostileTrainer(make(name, attack.poison?.(data, { rank, attackers, random }) ?? data), options);
  return async (weights, round) => {
    const { update } = await trainer.train(weights, round);
    return asSent(update, encoding, attack.clips || !isOn(options, round.round));
  };
}
