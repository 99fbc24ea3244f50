// What an opened sketch tells about its client beyond the sum (privacy.md 9.2): v = A·(noised update) is a linear map, so noise and
// signal shrink alike and the sketch is one more Gaussian release. Derived here from published parts, checked numerically; the
// constant for the two-stage A is not proven, and docs/privacy.md asks for review. Not here: soundness of sketches (sketch/bounds.ts).

import { SKETCH_FAILURE_BITS } from '../limits.js';
import { chiSquareUpper } from '../sketch/quantiles.js';

/** δ that each strictly priced sketch adds: A may show more than u_k·k/d of a direction with this probability. */
export const SKETCH_DELTA = 2 ** -SKETCH_FAILURE_BITS;

/** u_k: the 2^−30 upper quantile of χ²_k, divided by k. 2.450 at 64, 2.124 at 96, 1.626 at 256. */
export const sketchUpperFactor = (k: number): number => chiSquareUpper(k, SKETCH_FAILURE_BITS) / k;

/**
 * z_sk = (σ_l/Δ₂)·√(d/k) on average over A; strictly √(d/(k·u_k)).
 * @param upperFactor u_k, or 1 for the average form
 */
export const sketchMultiplier = (
  localVariance: number,
  l2: number,
  k: number,
  dimension: number,
  upperFactor: number,
): number => Math.sqrt((localVariance * dimension) / (k * upperFactor)) / l2;

/** Below d = 10·k·n a sketch costs more than a tenth of the sum it comes from. @param shares n, or g − D − f_c of the client's group */
export const sketchAffordable = (dimension: number, k: number, shares: number): boolean => dimension >= 10 * k * shares;
