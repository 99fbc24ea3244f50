// What one round of a task releases about one client, as events: at the worst that the settings allow, and as it came out.
// Both sides make them from the signed settings, never from what the other side says. Not here: prices and budgets (price.ts, ledger.ts).

import type { GroupId } from '../ids.js';
import type { Derived, TaskConfig } from '../terms.js';
import type { PrivacyEvent, ReleaseContext } from './events.js';
import { type NoisePlan, sketchedNoise } from './provision.js';

export interface RunId {
  readonly round: number;
  readonly attempt: number;
  readonly group: GroupId;
}

/** Names the reservation of an attempt in any ledger of the task; that of its sketch has a name of its own. */
export const reservationId = (task: string, { round, attempt }: Pick<RunId, 'round' | 'attempt'>): string =>
  `${task}/${round}.${attempt}`;
export const sketchReservationId = (task: string, run: Pick<RunId, 'round' | 'attempt'>): string =>
  `${reservationId(task, run)}/sketch`;

function context(config: TaskConfig, { round, attempt, group }: RunId): ReleaseContext {
  const { privacy, task } = config;
  return {
    task,
    round,
    attempt,
    group,
    unit: 'client',
    neighbours: privacy === 'none' ? 'add-or-remove' : privacy.neighbours,
    // Noise that the coordinator adds is none against the coordinator.
    observer: privacy !== 'none' && privacy.placement === 'central' ? 'released-model' : 'coordinator',
    arithmetic: 'exact',
  };
}

/**
 * The sum of one group (and the clip bits in it). Shares beyond the size of the group are not counted, whoever is said to be there.
 * @param survivors members whose noise is in the sum; at least the floor
 */
export function sumEvents(config: TaskConfig, plan: NoisePlan, run: RunId, survivors: number): PrivacyEvent[] {
  const common = context(config, run);
  const { l1, l2, localVariance, bitSteps, bitVariance, noiseless } = plan;
  if (plan.placement === 'central') {
    const noiseMultiplier = Math.sqrt(plan.centralVariance) / l2;
    return [{ ...common, type: 'gaussian', noiseMultiplier, count: 1 }];
  }
  const honestShares = Math.min(survivors, config.group.size) - noiseless;
  const sum: PrivacyEvent = {
    ...common,
    type:
      config.privacy !== 'none' && 'noise' in config.privacy && config.privacy.noise === 'skellam'
        ? 'distributedSkellam'
        : 'distributedGaussian',
    honestShares,
    localVariance,
    l2,
    l1,
    dimension: config.dimension,
  };
  if (bitSteps === 0) return [sum];
  return [sum, { ...common, type: 'clipBit', std: Math.sqrt(honestShares * bitVariance) / (2 * bitSteps) }];
}

/** The k projections of one client's noised update, its bit included; none where the task has no sketches. */
export function sketchEvents(config: TaskConfig, plan: NoisePlan, run: RunId): PrivacyEvent[] {
  const { integrity, dimension } = config;
  if (integrity === 'none' || plan.placement === 'central') return [];
  return [{ ...context(config, run), type: 'sketch', ...sketchedNoise(plan, dimension), k: integrity.rows }];
}

/** The worst that a round may cost: the sum at the survivor floor, all assumed colluders in it, the sketch opened. */
export const worstEvents = (config: TaskConfig, { noise }: Derived, run: RunId): PrivacyEvent[] =>
  noise === 'none' ? [] : [...sumEvents(config, noise, run, noise.floor), ...sketchEvents(config, noise, run)];
