// What a step needs of its noise, whichever arithmetic makes it. Not here: the two kinds (noise-float.ts, noise-exact.ts).

import type { NoiseArithmetic } from '../../../protocol/privacy/events.js';

/** Gaussian noise for sums of `dimension` coordinates in which one record counts at most the clipping norm. */
export interface StepNoise {
  /** What the ledger says of it. */
  readonly arithmetic: NoiseArithmetic;
  /** Std of the noise ÷ sensitivity, as realised: at least what was asked for. */
  readonly noiseMultiplier: number;
  /** Draws all of it. Called before the step's data are touched, so that its duration says nothing about them. */
  draw(): void;
  /** Adds what was drawn to the sum of clipped gradients, in place, and wipes it. @throws SottoError INTERNAL without a draw */
  release(sum: Float64Array): void;
}
