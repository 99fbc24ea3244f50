// The clipping norm that follows a quantile of the clients' norms (Andrew et al. 2021, Algorithm 1), as arithmetic: one private bit
// of each client, a geometric step. Not here: the masked coordinate of the bit (secagg/noised.ts), who publishes the norm (server).

import { SottoError } from '../errors.js';
import { MAX_COUNTER } from '../limits.js';
import type { AdaptiveClipping } from './spec.js';

/** The bit: whether the update needed no clipping. NOT the other way round: with the update below that would run away. */
export const isUnclipped = (norm: number, clip: number): boolean => norm <= clip;

/** b̃ = clamp((Σ(b_i − ½) + noise)/n + ½, 0, 1). @param noisedSum Σ(b_i − ½) with its noise @param clients n, public */
export const fractionOf = (noisedSum: number, clients: number): number =>
  Math.max(0, Math.min(1, noisedSum / clients + 0.5));

/** C·exp(−η(b̃ − γ)): many unclipped, so it falls. */
export const nextClip = (clip: number, fraction: number, quantile: number, learningRate: number): number =>
  clip * Math.exp(-learningRate * (fraction - quantile));

/**
 * z_Δ = (z⁻² − (2σ_b)⁻²)^(−½): what is left for the update when the bit has taken its part of z.
 * @throws CONFIG_PRIVACY if the bit alone costs it all
 */
export function updateMultiplier(total: number, bitDeviation: number): number {
  const left = total ** -2 - (2 * bitDeviation) ** -2;
  if (!(left > 0))
    throw new SottoError(
      'CONFIG_PRIVACY',
      `privacy.clipping.bitDeviation ${bitDeviation} is not above half the noiseMultiplier ${total}; raise it, group.size ÷ 20 is usual`,
      { field: 'privacy.clipping.bitDeviation' },
    );
  return left ** -0.5;
}

/** Grid steps that stand for ½: fine enough that one share of the bit's noise is many steps wide. */
const HALF = 64;

/** The bit is sent as ±HALF with a share of noise of its own. @param shares that count at worst */
export const bitSteps = (
  bitDeviation: number,
  shares: number,
): { readonly steps: number; readonly variance: number } => ({
  steps: HALF,
  variance: Math.ceil((2 * HALF * bitDeviation) ** 2 / shares),
});

// ---- on the wire: whole numbers, so that there is one form and one hash of each -----------------------------------------

/** A norm as parts of the largest allowed one. At least 1: 0 means fixed. */
export const clipCounter = (clip: number, { least, most }: AdaptiveClipping): number =>
  Math.max(1, Math.round((Math.max(least, Math.min(most, clip)) / most) * MAX_COUNTER));
export const clipOfCounter = (counter: number, { most }: AdaptiveClipping): number => (most * counter) / MAX_COUNTER;
export const fractionCounter = (fraction: number): number => Math.round(fraction * MAX_COUNTER);

/** The norm after a round, from what its record says; the same at both ends but for the last bits of `exp`. */
export function clipAfter(before: number, fraction: number, spec: AdaptiveClipping): number {
  const clip = clipOfCounter(before, spec);
  return clipCounter(nextClip(clip, fraction / MAX_COUNTER, spec.quantile, spec.learningRate), spec);
}

/** Whether `after` is that norm. Engines may differ in the last bit of `exp`, which moves the counter by one at most. */
export const followsClip = (before: number, fraction: number, after: number, spec: AdaptiveClipping): boolean =>
  Math.abs(clipAfter(before, fraction, spec) - after) <= 1;
