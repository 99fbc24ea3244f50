// What a task promises about whole clients, part of its signed settings: where noise is added, how much, and the budget.
// Records inside a client (DP-SGD) are the trainer's business and stand in `training`. Types only. Not here: what follows from
// them (provision.ts), prices (the accountants beside this file).

import type { Neighbours, PrivacyBudget } from './events.js';

/** Client-level differential privacy, or none. */
export type PrivacySpec = 'none' | DistributedSpec | CentralSpec;

/** Distributions that shares are drawn from, exactly, as whole numbers. */
export type IntegerNoise = 'discrete-gaussian' | 'skellam';

interface Claim {
  /** z: std of the noise in the sum of one group ÷ its L2 sensitivity, for all that a round releases beside sketches. */
  readonly noiseMultiplier: number;
  /** c: the clipping norm in grid steps. 8·√d and more makes the cost of rounding negligible. */
  readonly clipSteps: number;
  /** Random signs and a Walsh-Hadamard transform before rounding: coordinates of like size need a smaller ring. */
  readonly rotation: 'none' | 'hadamard';
  readonly neighbours: Neighbours;
  readonly budget: PrivacyBudget;
}

/** Every client adds an integer share under its masks: the coordinator sees noised sums only. */
export interface DistributedSpec extends Claim {
  readonly placement: 'distributed';
  /** What the shares are drawn from. */
  readonly noise: IntegerNoise;
  /** D: members of one group that may be lost, dropouts and exclusions together; the noise of the others is enough. */
  readonly losses: number;
  /** f_c: members of one group that may add no noise, or tell theirs to the coordinator. */
  readonly noiseless: number;
  readonly clipping: { readonly by: 'fixed' } | AdaptiveClipping;
}

/**
 * The norm follows the `quantile` of the clients' norms by one noised bit of each (Andrew et al. 2021): C ← C·exp(−η(b̃ − γ)).
 * The grid step moves with it, so nothing that is counted in grid steps depends on it.
 */
export interface AdaptiveClipping {
  readonly by: 'quantile';
  /** γ. */
  readonly quantile: number;
  /** η. */
  readonly learningRate: number;
  /** σ_b: std of the noise in the sum of the bits of one group. */
  readonly bitDeviation: number;
  /** C stays in here; `encoding.clipNorm` is where it starts. */
  readonly least: number;
  readonly most: number;
}

/** The coordinator adds the noise after it has opened the sum: protects from whoever sees models, not from the coordinator. */
export interface CentralSpec extends Claim {
  readonly placement: 'central';
}
