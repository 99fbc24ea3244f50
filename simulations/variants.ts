// The same fleet, attack, data and seed under other defences: what `--compare` shows side by side. Pure functions over settings.
// Not here: running them (run.ts), reading files (config.ts), the table (server/cli/table.ts).

import { MIN_GROUP, MIN_GROUPS } from '../protocol/limits.js';
import { isPlainMean, type RuleSpec } from '../protocol/rule.js';
import { rowsFor, type SketchSpec } from '../protocol/sketch/bounds.js';
import { type TaskConfig, thresholdOf, WAITING_PHASES, type Window } from '../protocol/task.js';
import { checkTask } from '../server/config/profiles.js';
import type { SimulationConfig } from './config.js';

/** One secure sum of everybody, and nothing else: what the attack does where nobody defends. */
export function withPlainMean(config: SimulationConfig): SimulationConfig {
  const { task } = config;
  const profile = task.profile === 'sketch' ? 'cohort' : task.profile;
  return withTask(config, { ...task, profile, integrity: 'none', rule: { name: 'mean' } });
}

/**
 * All that `--compare` runs beside a configuration: the plain mean; the median, and the trimmed mean of neighbourhood means, over the
 * smallest groups that the protocol allows; and sketches in these groups. What the configuration is itself is not run twice, and what
 * the number of clients does not allow is left out.
 */
export function comparisons(config: SimulationConfig): readonly SimulationConfig[] {
  const variants = [withPlainMean(config)];
  const groups = smallestGroups(config.task.group.size * config.task.group.count);
  if (groups !== undefined && config.task.profile !== 'open') {
    const faulty = Math.floor((groups.count - 1) / 2);
    const nnm: RuleSpec = { name: 'trimmed-mean', faulty, pre: [{ name: 'nnm' }] };
    variants.push(inGroups(config, groups, { name: 'median', faulty }, 'none'), inGroups(config, groups, nnm, 'none'));
    const sketched = groupSketches(config.task, groups.size);
    if (sketched !== undefined) variants.push(inGroups(config, groups, nnm, sketched));
  }
  const own = defenceOf(config.task);
  return variants.filter(({ task }) => defenceOf(task) !== own && isSound(task));
}

/** What makes two runs of one comparison different. */
const defenceOf = ({ profile, integrity, rule }: TaskConfig): string =>
  JSON.stringify([profile, integrity !== 'none', isPlainMean(rule) ? 'mean' : rule]);

function inGroups(
  config: SimulationConfig,
  group: { readonly size: number; readonly count: number },
  rule: RuleSpec,
  integrity: TaskConfig['integrity'],
): SimulationConfig {
  const colluders = Math.floor(group.size / 3);
  const { task } = config;
  const windows = {} as Record<(typeof WAITING_PHASES)[number], Window>;
  for (const phase of WAITING_PHASES) {
    const count = { min: thresholdOf(group.size, colluders), max: group.size };
    windows[phase] = { count, time: task.windows[phase].time };
  }
  return withTask(config, {
    ...task,
    profile: 'grouped',
    group: { ...group, colluders },
    integrity,
    rule,
    windows,
  });
}

/** The task of a variant, and of its dropouts as many as its groups can bear, in phases that it has. */
function withTask(config: SimulationConfig, task: TaskConfig): SimulationConfig {
  const { dropouts } = config.fleet;
  const { size, count, colluders } = task.group;
  const spare = task.profile === 'open' ? size - 1 : size - thresholdOf(size, colluders);
  const maxPerGroup = Math.min(dropouts.maxPerGroup, spare);
  const phases = dropouts.phases.filter((phase) => task.integrity !== 'none' || phase !== 'sketch');
  const perRound = Math.min(dropouts.perRound, maxPerGroup * count);
  return { ...config, task, fleet: { ...config.fleet, dropouts: { ...dropouts, perRound, maxPerGroup, phases } } };
}

/** The smallest size that divides `clients` and leaves enough groups for a rule over their means. */
function smallestGroups(clients: number): { readonly size: number; readonly count: number } | undefined {
  for (let size = MIN_GROUP; size * MIN_GROUPS <= clients; size++)
    if (clients % size === 0) return { size, count: clients / size };
  return undefined;
}

/**
 * Sketches of the task in its groups: each may lose what a group can lose, and is ready for one bad client, since more in each would
 * make the deal of the groups a gamble (server/config/sketches.ts checkDeal).
 */
function groupSketches({ integrity }: TaskConfig, size: number): SketchSpec | undefined {
  if (integrity === 'none') return undefined;
  const threshold = thresholdOf(size, Math.floor(size / 3));
  const malicious = Math.min(1, integrity.malicious);
  const rows = Math.max(integrity.rows, rowsFor(integrity.securityBits + malicious) ?? 0);
  const most = Math.floor((threshold - 1) / 2);
  return {
    ...integrity,
    rows,
    malicious,
    exclusions: size - threshold,
    dropouts: 0,
    selection: integrity.selection.map((filter) => ({ ...filter, faulty: Math.min(filter.faulty, most) })),
    window: { ...integrity.window, count: { min: threshold, max: size } },
  };
}

function isSound(task: TaskConfig): boolean {
  try {
    checkTask(task);
    return true;
  } catch {
    return false;
  }
}
