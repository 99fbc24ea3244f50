// What the table sampler must know of a distribution: its weights, in whole numbers with bounds. Not here: the distributions
// (gaussian.ts, skellam.ts), sampling (table.ts).

import { SottoError } from '../../errors.js';
import { MAX_NOISE_DEVIATION } from '../../limits.js';
import type { Ratio } from './bernoulli.js';
import type { Bounds } from './exponential.js';

/** Places of the weights that fill a table, and how many of them are right. */
export const PRECISION = 192;
export const ERROR_BITS = 130;

/** A symmetric distribution on all whole numbers, P(x) ∝ ρ(|x|), ρ(0) = 1, ρ falling and log-concave: ρ(x+1)/ρ(x) does not rise. */
export interface Shape {
  readonly variance: Ratio;
  /** low ≤ 2^precision·ρ(x) ≤ high; high − low, relative to 2^precision, goes to 0 as the precision grows. */
  at(x: number, precision: number): Bounds;
  /** ρ(0), ρ(1), … over 2^PRECISION, each low by at most 2^(PRECISION − ERROR_BITS). @param count how many will be asked for at most */
  weights(count: number): Iterable<bigint>;
}

/** @throws SottoError CONFIG_PRIVACY if σ² is not positive or σ is above MAX_NOISE_DEVIATION */
export function requireDrawable({ num, den }: Ratio): void {
  if (num <= 0n || den <= 0n || num > den * BigInt(MAX_NOISE_DEVIATION) ** 2n)
    throw new SottoError(
      'CONFIG_PRIVACY',
      `noise of variance ${num}/${den} cannot be drawn: it must be above 0 and at most ${MAX_NOISE_DEVIATION}²; use fewer grid steps (privacy.clipSteps)`,
      { field: 'privacy.clipSteps' },
    );
}
