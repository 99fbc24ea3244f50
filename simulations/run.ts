// Runs a simulation: data, cast, fleet, coordinator, and the report of it. Starts child processes and ends them, whatever happens.
// Not here: what the settings may be (config.ts), the campaign (campaign.ts), the clients (fleet/), printing and files (server/cli).

import { createTrainingPool } from '../client/tfjs/index.js';
import type { Evaluation } from '../client/trainer.js';
import { nativePrimitives } from '../protocol/native/index.js';
import type { LedgerEntry } from '../protocol/privacy/ledger-entry.js';
import { runCampaign } from './campaign.js';
import { castOf, dropoutsFor, groupsFor, isOutOfSum } from './cast.js';
import { examplesFor, firstExamples } from './data.js';
import { drawsOf } from './draws.js';
import { startFleet } from './fleet/fleet.js';
import { Gathering, type Others } from './fleet/gathering.js';
import { goalsOf } from './goals.js';
import { startWeights } from './model-source.js';
import { type RunSimulation, type SimulationReport, STAMP } from './report.js';
import { versions } from './versions.js';

/**
 * The same settings give the same final model on one machine: the keys and masks of a round are fresh
 * in every run, and cancel; everything else is drawn from the seed. The clients are real, over sockets of the loopback interface, in `fleet.processes` child processes.
 * @throws DATA_MISSING, DATA_PARTITION, CONFIG_INVALID, TRAIN_BACKEND, INTERNAL (a process of the fleet died)
 */
export const runSimulation: RunSimulation = async (config, hooks = {}) => {
  const from = performance.now();
  const { task, fleet: settings } = config;
  const draws = drawsOf(config.seed);
  const examples = await examplesFor(config);
  const cast = castOf(config, Uint8Array.from(examples.train.labels), draws, nativePrimitives);
  const nameOf = (position: number): string => cast.clients[position]?.name ?? `client ${position}`;
  const pool = createTrainingPool({ workers: 1 });
  const plan = dropoutsFor(config, cast, draws);
  let share: (others: Others) => void = () => undefined;
  const gathering = new Gathering({
    conspiracies: cast.conspiracies,
    absent: (round, client) => isOutOfSum(plan, round, client),
    share: (others) => share(others),
  });
  const ledgers: Record<string, LedgerEntry[]> = {};
  const spent = new Map<number, number>();
  const starting = startFleet({
    source: config.data.source,
    model: config.model,
    seed: config.seed,
    members: cast.members,
    processes: settings.processes,
    // What a script made happen is in the report as a dropout, as any other loss is.
    onCut: () => undefined,
    listens: gathering.listens,
    onTrained: ({ client, round, attempt, update }) => gathering.trained(client, round, attempt, update),
    onLedger: ({ client, entry }) => {
      ledgers[nameOf(client)] = [...(ledgers[nameOf(client)] ?? []), entry];
    },
    onSpent: ({ client, epsilon }) => void spent.set(client, epsilon),
    onTrouble: ({ client, code, text }) => hooks.warn?.(`${nameOf(client)}: ${code}: ${text}`),
  });
  try {
    const test = firstExamples(examples.test, config.data.testExamples);
    const evaluator = pool.trainer('evaluation', { model: config.model, data: test });
    const goals = goalsOf(cast.conspiracies, test, pool, config.model);
    const weights = startWeights(config, draws.weights);
    // While the fleet loads: the backend is warm for the first round, and a void first round has its accuracy.
    const [fleet, untrained] = await Promise.all([starting, evaluator.evaluate(weights)]);
    share = (others) => fleet.share(others);
    const startSeconds = (performance.now() - from) / 1_000;
    let measured: Evaluation = untrained;
    const result = await runCampaign({
      config,
      cast,
      draws,
      fleet,
      gathering,
      dropouts: plan,
      initialWeights: weights,
      untrained,
      evaluate: async (model) => {
        measured = await evaluator.evaluate(model);
        return measured;
      },
      ...(goals && { goals }),
      hooks,
    });
    const groupOf = groupsFor(config, task, cast.clients, draws);
    const report: SimulationReport = {
      stamp: STAMP,
      task: task.task,
      seed: config.seed,
      profile: task.profile,
      rule: task.rule,
      dimension: task.dimension,
      clients: settings.clients,
      malicious: cast.conspiracies
        .flatMap(({ clients, spec }) => clients.map((client) => ({ client: nameOf(client), attack: spec })))
        .sort((a, b) => (a.client < b.client ? -1 : 1)),
      ...result,
      ...(measured.recalls && {
        recalls: measured.recalls.map((recall) => (Number.isFinite(recall) ? recall : null)),
      }),
      startSeconds,
      wallSeconds: (performance.now() - from) / 1_000,
      roster: cast.clients.map(({ name, identity, position }) => ({
        name,
        id: identity.id,
        ...(task.group.count > 1 && { group: groupOf(position) }),
        examples: cast.members[position]?.rows.length ?? 0,
        ...(spent.has(position) && { epsilon: spent.get(position) ?? 0 }),
      })),
      ...(settings.recordBudget && {
        privacy: {
          budgets: { ...result.privacy?.budgets, record: settings.recordBudget },
          cohort: result.privacy?.cohort ?? [],
          clients: ledgers,
        },
      }),
      versions: versions(),
      config,
    };
    return report;
  } finally {
    // Also where the evaluator failed first: a fleet that still starts must not outlive this call.
    const fleet = await starting.catch(() => undefined);
    await fleet?.end();
    await pool.close();
  }
};
