// The settings of a red team: which attacks meet which defences, on what federation, with which seeds. A cell of the matrix is an
// ordinary simulation. Not here: running the cells (matrix.ts), bars that they have to reach (gate.ts).

import type * as v from 'valibot';
import { SottoError } from '../../protocol/errors.js';
import { campaignSchema, taskEntries } from '../../server/config/fields.js';
import { parseSettings, readSettings } from '../../server/config/load.js';
import { settingError } from '../../server/config/problem.js';
import { listOf, maybe, says, settings, text, whole } from '../../server/config/values.js';
import { maliciousSchema } from '../attack-settings.js';
import { dataSchema, fillSimulation, fleetEntries, type SimulationConfig, type SimulationFile } from '../config.js';

/** The column that every defence has beside the attacks: the same seed, nobody malicious. */
export const CLEAN = 'clean';

/** One attack, one defence, one seed. */
export interface Cell {
  /** `clean` where nobody attacks. */
  readonly attack: string;
  readonly defence: string;
  readonly seed: number;
  readonly config: SimulationConfig;
}
export interface RedTeamConfig {
  readonly name: string;
  /** In the order of the file. */
  readonly attacks: readonly string[];
  readonly defences: readonly string[];
  readonly seeds: readonly number[];
  /** By seed, then by defence, the clean run first: what is compared is complete as early as can be. */
  readonly cells: readonly Cell[];
}

const { profile, trust, group, sketch, rule, encoding, optimizer, training, ...shared } = taskEntries;
const NAME = text(/^[a-z0-9][a-z0-9+-]{0,47}$/, '1 to 48 of a-z, 0-9, + and dash, starting with a letter or digit');
const instead = <S extends v.GenericSchema>(schema: S) => maybe('that of the simulation', schema);

const simulationPart = settings({
  ...shared,
  encoding,
  optimizer,
  training,
  data: says('Examples and how they are divided.', dataSchema),
  fleet: says('Clients that are simulated; who of them is malicious is said by each attack.', settings(fleetEntries)),
  campaign: says('The sequence of rounds.', campaignSchema),
});
const attackPart = settings({
  name: says('What reports and bars call it; not `clean`, which is always there.', NAME),
  malicious: says('Who attacks and how, as `fleet.malicious` of a simulation.', maliciousSchema),
});
const defencePart = settings({
  name: says('What reports and bars call it.', NAME),
  profile,
  trust,
  group,
  sketch,
  rule,
  encoding: instead(encoding),
  optimizer: instead(optimizer),
  training: instead(training),
});

/** A file of `sotto redteam`. */
export const redTeamSchema = settings({
  name: says('Of the red team; names the folder of its results.', NAME),
  simulation: says(
    'What all cells have in common: a file of `sotto simulate` without what attacks, defences and seeds say.',
    simulationPart,
  ),
  attacks: says('Columns of the matrix.', listOf(attackPart, 1, 64)),
  defences: says('Rows of the matrix: a profile with its groups, sketches and rule.', listOf(defencePart, 1, 64)),
  seeds: says(
    'Each cell is run once with each; a bar must hold for all of them.',
    listOf(whole(0, Number.MAX_SAFE_INTEGER), 1, 100),
  ),
});
type File = v.InferOutput<typeof redTeamSchema>;

/** @throws CONFIG_UNREADABLE, CONFIG_INVALID, and every CONFIG_* of deriveTask, with the field of this file */
export function loadRedTeamConfig(path: string): RedTeamConfig {
  return parseRedTeamConfig(readSettings(path), path);
}

/** The same from a text; `name` stands for the file in messages. */
export function parseRedTeamConfig(source: string, name: string): RedTeamConfig {
  return parseSettings(source, name, redTeamSchema, (file) => {
    checkNames('attacks', file.attacks, [CLEAN]);
    checkNames('defences', file.defences, []);
    const twice = file.seeds.findIndex((seed, i) => file.seeds.indexOf(seed) !== i);
    if (twice >= 0) throw settingError(`seeds.${twice}`, `is ${file.seeds[twice]} once more; name each seed once`);
    return {
      name: file.name,
      attacks: file.attacks.map((attack) => attack.name),
      defences: file.defences.map((defence) => defence.name),
      seeds: file.seeds,
      cells: file.seeds.flatMap((seed) =>
        file.defences.flatMap((_, row) => [
          cellOf(file, row, undefined, seed),
          ...file.attacks.map((_, column) => cellOf(file, row, column, seed)),
        ]),
      ),
    };
  });
}

function checkNames(field: string, entries: readonly { readonly name: string }[], taken: readonly string[]): void {
  const seen = new Set(taken);
  for (const [i, { name }] of entries.entries()) {
    if (seen.has(name)) throw settingError(`${field}.${i}.name`, `is ${name}, which is taken; choose another`);
    seen.add(name);
  }
}

function cellOf(file: File, row: number, column: number | undefined, seed: number): Cell {
  // safe: indices of the file's own lists.
  const { name: defence, ...own } = file.defences[row]!;
  const attack = column === undefined ? undefined : file.attacks[column];
  const { fleet, ...rest } = file.simulation;
  const said = Object.fromEntries(Object.entries(own).filter(([, value]) => value !== undefined));
  const merged: SimulationFile = {
    ...rest,
    ...(said as typeof own),
    encoding: own.encoding ?? rest.encoding,
    optimizer: own.optimizer ?? rest.optimizer,
    training: own.training ?? rest.training,
    fleet: { ...fleet, malicious: attack?.malicious },
    seed,
  };
  try {
    return { attack: attack?.name ?? CLEAN, defence, seed, config: fillSimulation(merged) };
  } catch (error) {
    throw relocated(error, row, column, Object.keys(said));
  }
}

/** Fields of a simulation where this file has them: an attack's, a defence's, or the common part's. */
function relocated(error: unknown, row: number, column: number | undefined, own: readonly string[]): unknown {
  if (!(error instanceof SottoError) || typeof error.details.field !== 'string') return error;
  const { field } = error.details;
  const [first = ''] = field.split('.');
  const place = field.startsWith('fleet.malicious')
    ? `attacks.${column ?? 0}.${field.slice('fleet.'.length)}`
    : [...own, 'group', 'rule', 'sketch', 'profile'].includes(first)
      ? `defences.${row}.${field}`
      : `simulation.${field}`;
  const said = error.message.slice(error.code.length + 2);
  return new SottoError(error.code, said.replace(field, place), { ...error.details, field: place });
}
