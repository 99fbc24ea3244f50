// The settings of one simulated federation, read, checked and filled in: task, model, data, fleet, campaign, seed.
// Not here: running it (run.ts, fleet/), the fields that simulations share with coordinators (server/config/fields.ts).

import { dirname, resolve } from 'node:path';
import * as v from 'valibot';
import { inputShape, type ModelSpec, modelManifest } from '../client/tfjs/spec.js';
import { SIMULATION_GIVES_UP_AFTER } from '../protocol/limits.js';
import type { PrivacyBudget } from '../protocol/privacy/events.js';
import type { ClientPhase, TaskConfig } from '../protocol/task.js';
import { campaignSchema, monitorEntry, taskEntries } from '../server/config/fields.js';
import { parseSettings, readSettings } from '../server/config/load.js';
import { fillMonitor } from '../server/config/monitor.js';
import { settingError } from '../server/config/problem.js';
import { checkTask, fillCampaign, fillTask } from '../server/config/profiles.js';
import type { CampaignSettings } from '../server/config/types.js';
import {
  between,
  choice,
  listOf,
  maybe,
  oneOf,
  positive,
  says,
  settings,
  text,
  whole,
} from '../server/config/values.js';
import type { MonitorSettings } from '../server/monitor/index.js';
import { fillMalicious, type MaliciousSettings, maliciousSchema } from './attack-settings.js';
import { PHASES } from './fleet/plan.js';
import { modelSource } from './model-source.js';

/** Which examples there are, and how they are cut among the clients (partition.ts). */
export interface DataSettings {
  readonly source:
    | { readonly set: 'mnist' }
    /** Hashed word n-grams of `width` buckets. */
    | { readonly set: 'spam'; readonly width: number }
    /** One Gaussian cloud per class; `examples` of them, a fifth kept for the test. */
    /** A module that exports `data`; `file` is absolute (datasets/module.ts). */
    | { readonly set: 'module'; readonly file: string }
    | { readonly set: 'synthetic'; readonly examples: number; readonly inputs: number; readonly classes: number };
  readonly partition:
    | { readonly kind: 'iid' }
    | { readonly kind: 'dirichlet'; readonly alpha: number }
    | { readonly kind: 'labels'; readonly perClient: number }
    | { readonly kind: 'quantity'; readonly beta: number };
  /** Every client gets at least so many. */
  readonly minimumExamples: number;
  /** Examples of the test part that the coordinator measures accuracy on; absent: all. */
  readonly testExamples?: number;
}

/**
 * Honest clients that leave. In each round from `firstRound` on, `perRound` honest clients, drawn from the seed, at most
 * `maxPerGroup` of one group, cut their connection instead of answering in a phase. The phases are dealt in turn over the whole
 * run, so that all of them occur once perRound × rounds reaches their number. They come back for the next round.
 */
export interface DropoutSettings {
  readonly perRound: number;
  readonly maxPerGroup: number;
  readonly firstRound: number;
  readonly phases: readonly ClientPhase[];
}

export interface FleetSettings {
  readonly clients: number;
  /** Worker processes that the clients are spread over. */
  readonly processes: number;
  readonly dropouts: DropoutSettings;
  /** What each client allows itself for its single records; needed where training is private. */
  readonly recordBudget?: PrivacyBudget;
  /** Entries of different attackers; none: everybody is honest. */
  readonly malicious: readonly MaliciousSettings[];
}

export interface SimulationConfig {
  /** Everything that the clients sign for; `task.task` is the name of the task, `task.profile` the profile. */
  readonly task: TaskConfig;
  readonly model: ModelSpec;
  /** Folder of an imported model, whose weights the task starts from; absent: drawn from the seed. */
  readonly start?: string;
  readonly data: DataSettings;
  readonly fleet: FleetSettings;
  readonly campaign: CampaignSettings;
  readonly monitor: MonitorSettings;
  /** Of data, model, sampling, dropouts, batches and rounding. Keys and masks stay CSPRNG: they cancel exactly. */
  readonly seed: number;
}

const MAX_FLEET = 100_000;
const literal = <const T extends string>(name: T) => v.literal(name, name);

export const dataSchema = settings({
  source: says(
    'The examples.',
    choice('set', [
      settings({ set: says('70,000 handwritten digits; the test part is its own.', literal('mnist')) }),
      settings({
        set: says('About 5,750 e-mails as hashed words, spam or not; a fifth is the test part.', literal('spam')),
        width: says('Buckets of the hash: numbers in one example.', whole(16, 65_536)),
      }),
      settings({
        set: says(
          'Data of your own: a module that exports `data`, as `{inputs, shape, labels, classes}`, as `{train, test}` of such, or as a function that gives one. Without a test part a fifth is kept for it.',
          literal('module'),
        ),
        file: says('The module. Relative to this file.', text(/^[^\0]{1,4096}$/, 'a path')),
      }),
      settings({
        set: says(
          'One cloud of points for each class, made from the seed; a fifth is the test part.',
          literal('synthetic'),
        ),
        examples: says('Points in all.', whole(10, 10_000_000)),
        inputs: says('Numbers in one point.', whole(1, 65_536)),
        classes: says('Clouds.', whole(2, 256)),
      }),
    ]),
  ),
  partition: says(
    'Who gets which of them.',
    choice('kind', [
      settings({ kind: says('At random, in equal parts.', literal('iid')) }),
      settings({
        kind: says('Each class is divided by a draw from a Dirichlet distribution.', literal('dirichlet')),
        alpha: says('Concentration: 100 is nearly equal, 0.1 gives most of a class to few.', positive()),
      }),
      settings({
        kind: says('Few classes for each client.', literal('labels')),
        perClient: says('Classes of one client.', whole(1, 256)),
      }),
      settings({
        kind: says('Classes mixed, sizes by a draw from a Dirichlet distribution.', literal('quantity')),
        beta: says('Concentration of the sizes.', positive()),
      }),
    ]),
  ),
  minimumExamples: maybe('1', says('Examples that every client gets at least.', whole(1, 1_000_000))),
  testExamples: maybe(
    'all of the test part',
    says('Examples of the test part that the model is measured on after each round.', whole(1, 10_000_000)),
  ),
});

/** Settings of a fleet whoever is malicious in it. */
export const fleetEntries = {
  clients: says('Clients, malicious ones among them.', whole(1, MAX_FLEET)),
  processes: says(
    'Worker processes that the clients are spread over. As many as there are cores is a good number.',
    whole(1, 256),
  ),
  dropouts: maybe(
    'nobody leaves',
    says(
      'Honest clients that leave in the middle of a round and come back for the next one. Phases are dealt in turn over the run, so that each occurs.',
      settings({
        perRound: says('How many leave in a round.', whole(0, MAX_FLEET)),
        maxPerGroup: maybe(
          'what the threshold leaves: group.size − t',
          says('Of one group in one round at most.', whole(0, MAX_FLEET)),
        ),
        firstRound: maybe('1', says('The first round in which somebody leaves.', whole(1, 1_000_000))),
        phases: maybe(
          'all that the task has',
          says('Phases in which they leave.', listOf(oneOf(PHASES), 1, PHASES.length)),
        ),
      }),
    ),
  ),
};

const fleetSchema = settings({
  ...fleetEntries,
  recordBudget: maybe(
    'none; needed with `training.dpSgd`',
    says(
      'What every client allows itself for its single records, on its own ledger: it leaves a round alone that would cost more.',
      settings({
        epsilon: says('ε of the whole task.', positive()),
        delta: says('δ, below one in the number of records of a client.', between(1e-15, 0.5)),
      }),
    ),
  ),
  malicious: maybe(
    'nobody is',
    says(
      'Clients that do harm. Most follow the protocol, so that nothing leaves them out, and send a harmful update; some break it.',
      maliciousSchema,
    ),
  ),
});

/** A file of `sotto simulate`. */
export const simulationSchema = settings({
  ...taskEntries,
  data: says('Examples and how they are divided.', dataSchema),
  fleet: says('Clients that are simulated: real client code over real sockets.', fleetSchema),
  campaign: says('The sequence of rounds.', campaignSchema),
  monitor: monitorEntry,
  seed: says(
    'Of data, first weights, sampling, dropouts, batches and rounding; the same seed gives the same model. Keys and masks are never seeded.',
    whole(0, Number.MAX_SAFE_INTEGER),
  ),
});
export type SimulationFile = v.InferOutput<typeof simulationSchema>;

/** What the command line may change of a file. */
export interface SimulationOverrides {
  readonly seed?: number;
  readonly rounds?: number;
}

/** @throws CONFIG_UNREADABLE, CONFIG_INVALID, and every CONFIG_* of deriveTask */
export function loadSimulationConfig(path: string, overrides: SimulationOverrides = {}): SimulationConfig {
  return parseSimulationConfig(readSettings(path), path, overrides);
}

/** The same from a text; `name` stands for the file in messages. */
export function parseSimulationConfig(
  text: string,
  name: string,
  { seed, rounds }: SimulationOverrides = {},
): SimulationConfig {
  return parseSettings(text, name, simulationSchema, (file) =>
    fillSimulation(
      {
        ...file,
        seed: seed ?? file.seed,
        campaign: { ...file.campaign, rounds: rounds ?? file.campaign.rounds },
      },
      dirname(name),
    ),
  );
}

/** Checked values as settings. @param base of relative paths @throws CONFIG_* with `details.field` as a file of `sotto simulate` has it */
export function fillSimulation(file: SimulationFile, base = '.'): SimulationConfig {
  const source = modelSource(file.model, (path) => resolve(base, path));
  const task = fillTask(file, modelManifest(source.model).dimension);
  const { threshold } = checkTask(task);
  checkDataFitsModel(file.data, source.model);
  return {
    task,
    ...source,
    data: {
      source: sourceOf(file.data.source, (path) => resolve(base, path)),
      partition: file.data.partition,
      minimumExamples: file.data.minimumExamples ?? 1,
      ...(file.data.testExamples === undefined ? {} : { testExamples: file.data.testExamples }),
    },
    fleet: fillFleet(file, task, threshold),
    campaign: fillCampaign({ giveUpAfter: SIMULATION_GIVES_UP_AFTER, ...file.campaign }, task),
    // The test part is the coordinator's.
    monitor: fillMonitor(file.monitor, task.profile, true),
    seed: file.seed,
  };
}

const sourceOf = (source: DataSettings['source'], absolute: (path: string) => string): DataSettings['source'] =>
  source.set === 'module' ? { ...source, file: absolute(source.file) } : source;

function fillFleet(
  { fleet, training }: SimulationFile,
  { group, profile, integrity }: TaskConfig,
  threshold: number,
): FleetSettings {
  const sketched = integrity !== 'none';
  const phases = fleet.dropouts?.phases ?? PHASES.filter((phase) => sketched || phase !== 'sketch');
  if (!sketched && phases.includes('sketch')) {
    throw settingError('fleet.dropouts.phases', 'has sketch, but the task has no sketches; remove it');
  }
  const needed = group.size * group.count;
  if (fleet.clients < needed) {
    throw settingError(
      'fleet.clients',
      `is ${fleet.clients}, but ${group.count} x ${group.size} are needed in a round; use at least ${needed}`,
    );
  }
  if ((training.dpSgd === undefined) !== (fleet.recordBudget === undefined)) {
    throw settingError(
      'fleet.recordBudget',
      training.dpSgd === undefined
        ? 'is there, but nothing is charged to it without training.dpSgd; remove it'
        : 'is missing; with training.dpSgd clients take part within a budget of their own, for example {epsilon: 4, delta: 1e-5}',
    );
  }
  const spare = profile === 'open' ? group.size - 1 : group.size - threshold;
  const maxPerGroup = fleet.dropouts?.maxPerGroup ?? spare;
  if (maxPerGroup > spare) {
    throw settingError(
      'fleet.dropouts.maxPerGroup',
      `is ${maxPerGroup}, but a group of ${group.size} that needs ${threshold} survivors is void when more than ${spare} leave; use at most ${spare}, or larger groups`,
    );
  }
  const perRound = fleet.dropouts?.perRound ?? 0;
  if (perRound > maxPerGroup * group.count) {
    throw settingError(
      'fleet.dropouts.perRound',
      `is ${perRound}, but ${group.count} groups can lose ${maxPerGroup} each; use at most ${maxPerGroup * group.count}`,
    );
  }
  const malicious = fillMalicious(fleet.malicious, fleet.clients, needed);
  const bad = malicious.reduce((sum, { who }) => sum + ('count' in who ? who.count : who.clients.length), 0);
  if (bad + perRound > fleet.clients) {
    throw settingError(
      'fleet.malicious',
      `has ${bad} clients and ${perRound} honest ones leave in a round, more than the fleet of ${fleet.clients}; lower one`,
    );
  }
  return {
    clients: fleet.clients,
    processes: Math.min(fleet.processes, fleet.clients),
    dropouts: {
      perRound,
      maxPerGroup,
      firstRound: fleet.dropouts?.firstRound ?? 1,
      phases,
    },
    ...(fleet.recordBudget === undefined ? {} : { recordBudget: fleet.recordBudget }),
    malicious,
  };
}

/** Caught here, it names the setting; in a trainer it would name a shape. */
function checkDataFitsModel({ source }: SimulationFile['data'], model: ModelSpec): void {
  // Only loading it tells: run.ts looks.
  if (source.set === 'module') return;
  const [width, classes] =
    source.set === 'mnist' ? [784, 10] : source.set === 'spam' ? [source.width, 2] : [source.inputs, source.classes];
  const input = inputShape(model).reduce((product, side) => product * side, 1);
  if (input !== width)
    throw settingError('model.input', `holds ${input} numbers, but an example of ${source.set} has ${width}`);
  if (model.classes !== classes)
    throw settingError('model.classes', `is ${model.classes}, but ${source.set} has ${classes}`);
}
