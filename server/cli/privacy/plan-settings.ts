// Where a plan's setting comes from: the command line alone, or a file of settings of a coordinator or a simulation with a few numbers
// replaced. Not here: what the setting costs (plan.ts).

import { parse } from 'yaml';
import { SottoError } from '../../../protocol/errors.js';
import type { IntegerNoise } from '../../../protocol/privacy/spec.js';
import { type Json, type TaskConfig, thresholdOf } from '../../../protocol/task.js';
import { parseSimulationConfig } from '../../../simulations/config.js';
import { dimensionOf } from '../../../simulations/model-source.js';
import { parseCoordinatorSettings } from '../../config/index.js';
import { readSettings } from '../../config/load.js';
import type { PlanSetting } from './plan.js';

/** As commander gives them; every number is checked there to be one. */
export interface PlanFlags {
  readonly placement?: 'distributed' | 'central' | 'record';
  readonly rounds?: number;
  readonly delta?: number;
  readonly epsilon?: number;
  readonly noiseMultiplier?: number;
  readonly clipNorm?: number;
  readonly dimension?: number;
  readonly group?: number;
  readonly groups?: number;
  readonly losses?: number;
  readonly noiseless?: number;
  readonly noise?: IntegerNoise;
  readonly clipSteps?: number;
  readonly sketchRows?: number;
  readonly neighbours?: 'add-or-remove' | 'replace-one';
  readonly clients?: number;
  readonly samplingRate?: number;
  readonly steps?: number;
  readonly lotSize?: number;
}

/** @throws CONFIG_INVALID naming the flag that is missing */
function need<K extends keyof PlanFlags>(flags: PlanFlags, name: K, flag: string): NonNullable<PlanFlags[K]> {
  const value = flags[name];
  if (value === undefined)
    throw new SottoError('CONFIG_INVALID', `${flag} is missing: without a file of settings the plan needs it`, {
      field: name,
    });
  return value as NonNullable<PlanFlags[K]>;
}

const chosen = (flags: PlanFlags) => ({
  ...(flags.epsilon === undefined ? {} : { epsilon: flags.epsilon }),
  ...(flags.noiseMultiplier === undefined ? {} : { noiseMultiplier: flags.noiseMultiplier }),
});

/** @throws CONFIG_INVALID */
export function settingOfFlags(flags: PlanFlags): PlanSetting {
  const placement = need(flags, 'placement', '--placement');
  const common = {
    rounds: need(flags, 'rounds', '--rounds'),
    delta: need(flags, 'delta', '--delta'),
    dimension: need(flags, 'dimension', '--dimension'),
    clipNorm: need(flags, 'clipNorm', '--clip-norm'),
    ...chosen(flags),
  };
  if (placement === 'record') {
    const samplingRate = need(flags, 'samplingRate', '--sampling-rate');
    return {
      ...common,
      placement,
      clients: need(flags, 'clients', '--clients'),
      samplingRate,
      stepsPerRound: need(flags, 'steps', '--steps'),
      lotSize: need(flags, 'lotSize', '--lot-size'),
      arithmetic: 'exact',
    };
  }
  const [group, groups] = [need(flags, 'group', '--group'), flags.groups ?? 1];
  const distributed = placement === 'distributed';
  return {
    ...common,
    placement,
    neighbours: flags.neighbours ?? 'add-or-remove',
    clients: group * groups,
    group,
    groups,
    losses: distributed ? (flags.losses ?? group - thresholdOf(group, flags.noiseless ?? 0)) : 0,
    noiseless: distributed ? need(flags, 'noiseless', '--noiseless') : 0,
    noise: flags.noise ?? 'discrete-gaussian',
    clipSteps: flags.clipSteps ?? stepsFor(common.dimension),
    sketchRows: flags.sketchRows ?? 0,
  };
}

/** 8·√d: rounding then lengthens an update by 0.2 % (privacy.md 6.2). */
const stepsFor = (dimension: number): number => Math.ceil(8 * Math.sqrt(dimension));

/**
 * One setting for each statement that the file makes: about clients, about records, or both; they are never added.
 * @throws CONFIG_* for the file, CONFIG_INVALID where it claims no privacy or a number is missing
 */
export function settingsOfFile(path: string, flags: PlanFlags): readonly PlanSetting[] {
  const text = readSettings(path);
  const file: unknown = parse(text);
  const { task, campaign } =
    typeof file === 'object' && file !== null && 'fleet' in file
      ? parseSimulationConfig(text, path)
      : parseCoordinatorSettings(text, path, dimensionOf);
  const rounds = flags.rounds ?? campaign.rounds;
  const settings = [clientsOf(task, rounds, flags), recordsOf(task, rounds, flags)].flatMap((one) => one ?? []);
  if (settings.length === 0)
    throw new SottoError(
      'CONFIG_INVALID',
      `${path} claims no differential privacy: set privacy (whole clients) or training.dpSgd (records), or leave the file out and use flags`,
      { field: 'privacy' },
    );
  return settings;
}

function clientsOf({ privacy, group, encoding, dimension, integrity }: TaskConfig, rounds: number, flags: PlanFlags) {
  if (privacy === 'none') return undefined;
  const distributed = privacy.placement === 'distributed';
  const setting: PlanSetting = {
    placement: privacy.placement,
    neighbours: privacy.neighbours,
    rounds,
    delta: flags.delta ?? privacy.budget.delta,
    epsilon: flags.epsilon ?? privacy.budget.epsilon,
    // A target of the command line asks for the noise; without one the file has said it.
    ...(flags.epsilon === undefined || flags.noiseMultiplier !== undefined
      ? { noiseMultiplier: flags.noiseMultiplier ?? privacy.noiseMultiplier }
      : {}),
    clipNorm: encoding.clipNorm,
    clipSteps: privacy.clipSteps,
    dimension,
    clients: group.size * group.count,
    group: group.size,
    groups: group.count,
    losses: distributed ? privacy.losses : 0,
    noiseless: distributed ? privacy.noiseless : 0,
    noise: flags.noise ?? (distributed ? privacy.noise : 'discrete-gaussian'),
    sketchRows: integrity === 'none' ? 0 : integrity.rows,
  };
  return setting;
}

function recordsOf({ training, group, dimension }: TaskConfig, rounds: number, flags: PlanFlags) {
  const dp = training.dpSgd as { readonly [key: string]: Json } | undefined;
  if (dp === undefined) return undefined;
  const number = (name: string): number => Number(dp[name]);
  const z = flags.noiseMultiplier ?? (flags.epsilon === undefined ? number('noiseMultiplier') : undefined);
  const setting: PlanSetting = {
    placement: 'record',
    rounds,
    delta: need(flags, 'delta', '--delta'),
    ...chosen(flags),
    ...(z === undefined ? {} : { noiseMultiplier: z }),
    clipNorm: number('clipNorm'),
    dimension,
    clients: group.size * group.count,
    samplingRate: number('samplingRate'),
    stepsPerRound: number('steps'),
    lotSize: number('lotSize'),
    arithmetic: dp.noise === 'float' ? 'real' : 'exact',
  };
  return setting;
}
