// Rounds without an attacker, rehearsed: the same updates, dropouts, sketches, filters and monitor as attack-free.ts has over masks, in
// a tenth of the time. Masks change nothing but rounding; what can only go wrong on the wire (a ban is made of signed messages) is not
// tried here.

import type { TrainingSpec } from '../client/trainer.js';
import { applyAggregate, initOptimizer } from '../protocol/optimizer/optimizer.js';
import { deriveTask } from '../protocol/task.js';
import { createRule } from '../server/aggregate/index.js';
import { MONITOR_DEFAULTS, type MonitorEvent } from '../server/index.js';
import { type AttackFreeOptions, type AttackFreeResult, countEvents, settingOf } from './attack-free-setting.js';
import { isOutOfSum } from './cast.js';
import { asSent, groupMeansOf } from './pipeline.js';
import { RehearsedScreen } from './screened.js';

export async function rehearseAttackFree({ onRound, ...options }: AttackFreeOptions): Promise<AttackFreeResult> {
  const from = performance.now();
  const { task, draws, roster, plan, trainerOf } = settingOf(options);
  const { encoding } = deriveTask(task);
  const spec = task.training as unknown as TrainingSpec; // safe: the configuration schema has checked the fields
  const screen = new RehearsedScreen(task, MONITOR_DEFAULTS, draws.sampling().fork('sketches'));
  const rule = createRule(task.rule, () => 0.5); // the mean draws nothing
  const members = roster.map(({ position, identity: { id } }) => ({ id, position, trainer: trainerOf(position) }));
  const events: MonitorEvent[] = [];
  let weights = new Float32Array(task.dimension);
  let state = initOptimizer(task.optimizer, weights.length);
  let [judged, filtered] = [0, 0];
  for (let round = 1; round <= options.rounds; round++) {
    const present = members.filter(({ id, position }) => !screen.bars(id, round) && !isOutOfSum(plan, round, position));
    const sent = await Promise.all(
      present.map(async ({ id, trainer }) => {
        const { update } = await trainer.train(weights, { task: task.task, round, attempt: 1, spec });
        return { client: id, group: 0, update: asSent(update, encoding) };
      }),
    );
    const { accepted, excluded, monitor } = screen.judge(round, sent);
    const before = weights;
    const { vector } = rule.aggregate(groupMeansOf(weights.length, accepted), []);
    ({ weights, state } = applyAggregate(task.optimizer, weights, state, Float32Array.from(vector)));
    screen.stepped(weights.map((after, i) => after - (before[i] ?? 0)));
    judged += sent.length;
    filtered += excluded.length;
    events.push(...monitor);
    onRound?.(round);
  }
  const positions = new Map<string, number>(members.map(({ id, position }) => [id, position]));
  const counts = countEvents(events, judged, (client) => positions.get(client) ?? -1);
  return {
    options,
    dimension: task.dimension,
    rows: task.integrity === 'none' ? 0 : task.integrity.rows,
    committed: options.rounds,
    ...counts,
    filtered: filtered - counts.excluded,
    seconds: Math.round((performance.now() - from) / 1_000),
  };
}
