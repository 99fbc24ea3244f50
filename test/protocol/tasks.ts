// The tasks, policy, updates and plans of loss that the protocol tests share. Runtime-neutral. Not a test.

import type { Policy } from '../../protocol/participant/types.js';
import { type TaskConfig, thresholdOf, WAITING_PHASES, type WaitingPhase, type Window } from '../../protocol/task.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import type { Tamper } from './arena.js';

export function taskOf(
  patch: Partial<TaskConfig> & { size: number; count?: number; colluders?: number; dimension?: number },
): TaskConfig {
  const { size, count = 1, colluders = 0, dimension = 5, ...rest } = patch;
  const window: Window = {
    count: { min: rest.profile === 'open' ? 1 : thresholdOf(size, colluders), max: size },
    time: { min: 0, max: 1000 },
  };
  return {
    protocol: 'sotto/1',
    task: 'test',
    profile: count > 1 ? 'grouped' : 'cohort',
    trust: 'trusted',
    dimension,
    group: { size, count, colluders },
    // The grid step is 2^-7 exactly, so a test can give updates that need no rounding.
    encoding: { clipNorm: 1e6, range: 127 / 128, bits: 8, weighting: { by: 'uniform' } },
    prg: 'aes256ctr',
    integrity: 'none',
    privacy: 'none',
    rule: { name: 'mean' },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: {},
    windows: Object.fromEntries(WAITING_PHASES.map((phase) => [phase, window])) as TaskConfig['windows'],
    ...rest,
  };
}

export const WEAK_POLICY: Policy = {
  profiles: ['open', 'cohort', 'sketch', 'grouped'],
  minGroup: 2,
  minThreshold: 1,
  minColluders: 0,
  maxClipNorm: 1e9,
  maxRounds: 1000,
  privacy: 'any',
  catchUp: 'chain',
};

/** Levels −127…127 on the grid of taskOf. */
export const gridUpdate = (dimension: number, seed: number): number[] =>
  Array.from({ length: dimension }, (_, i) => ((((seed + 1) * 7919 + i * 104_729) % 255) - 127) / 128);

const KIND: Record<WaitingPhase, ClientRoundMessage['kind']> = {
  keys: 'keys',
  shares: 'shares',
  masked: 'masked',
  consistency: 'consistent',
  unmask: 'unmask',
};
/** A client of this plan vanishes at the moment it would send that phase's message. */
export const dropAt = (plan: ReadonlyMap<number, WaitingPhase>): Tamper => ({
  toCoordinator: (from, message) => {
    const phase = plan.get(from);
    return phase !== undefined && KIND[phase] === message.kind ? 'lose' : [message];
  },
});
