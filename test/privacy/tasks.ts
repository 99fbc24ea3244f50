// Tasks with client-level privacy that the tests share. Not a test.

import { defaultClipSteps, levelBits } from '../../protocol/privacy/provision.js';
import type { DistributedSpec } from '../../protocol/privacy/spec.js';
import { type TaskConfig, WAITING_PHASES } from '../../protocol/task.js';
import { taskOf } from '../protocol/tasks.js';

export interface PrivatePatch {
  readonly size?: number;
  readonly count?: number;
  readonly dimension?: number;
  readonly noiseMultiplier?: number;
  readonly clipSteps?: number;
  readonly losses?: number;
  readonly noiseless?: number;
  readonly noise?: DistributedSpec['noise'];
  readonly rotation?: DistributedSpec['rotation'];
  readonly budget?: DistributedSpec['budget'];
  readonly clipping?: 'fixed' | 'quantile';
  readonly bitDeviation?: number;
}

/** The same in profile sketch, where single clients are judged by projections of their noised updates: k = 24, two losses at most. */
export function sketchedTask(patch: PrivatePatch): TaskConfig {
  const task = privateTask({ dimension: 2_000, losses: 2, ...patch });
  const { size } = task.group;
  return {
    ...task,
    profile: 'sketch',
    integrity: {
      kind: 'sketch',
      rows: 24,
      securityBits: 20,
      malicious: 1,
      exclusions: 1,
      dropouts: 1,
      selection: [],
      window: { count: { min: size - 2, max: size }, time: { min: 0, max: 1_000 } },
    },
  };
}

/** A cohort (or groups) whose members add shares; z = 1, no losses, everybody honest unless said otherwise. */
export function privateTask(patch: PrivatePatch): TaskConfig {
  const { size = 8, count = 1, dimension = 64, losses = 0, clipping = 'fixed' } = patch;
  const clipSteps = patch.clipSteps ?? defaultClipSteps(dimension);
  const task = taskOf({
    size,
    count,
    dimension,
    encoding: { clipNorm: 1, range: 1, bits: levelBits(clipSteps), weighting: { by: 'uniform' } },
    privacy: {
      placement: 'distributed',
      noise: patch.noise ?? 'discrete-gaussian',
      noiseMultiplier: patch.noiseMultiplier ?? 1,
      clipSteps,
      rotation: patch.rotation ?? 'hadamard',
      losses,
      noiseless: patch.noiseless ?? 0,
      clipping:
        clipping === 'fixed'
          ? { by: 'fixed' }
          : {
              by: 'quantile',
              quantile: 0.5,
              learningRate: 0.2,
              bitDeviation: patch.bitDeviation ?? 2,
              least: 0.01,
              most: 10,
            },
      neighbours: 'add-or-remove',
      budget: patch.budget ?? { epsilon: 1_000, delta: 1e-5 },
    },
  });
  const floor = Math.min(size, size - losses);
  const windows = Object.fromEntries(
    WAITING_PHASES.map((phase) => {
      const { count: counts, time } = task.windows[phase];
      const min = ['keys', 'shares', 'masked'].includes(phase) ? Math.max(counts.min, floor) : counts.min;
      return [phase, { count: { ...counts, min }, time }];
    }),
  ) as TaskConfig['windows'];
  return { ...task, windows };
}
