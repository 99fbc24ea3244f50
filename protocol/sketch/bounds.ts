// How many sketch rows a task needs, when a sketch is too long, and what an accepted coalition can do at most (protocol.md §7).
// docs/verified-sketches.md has the argument in full. Not here: the matrix (matrix.ts), the checks (round/phases/sketch.ts).

import { SottoError } from '../errors.js';
import type { Encoding } from '../secagg/jobs.js';
import { checkSelection, type FilterSpec, type SelectionSpec } from '../selection.js';
import type { Window } from '../window.js';
import { SKETCHES } from './matrix.js';
import { binomialLower, chiSquareLower, chiSquareUpper } from './quantiles.js';

/** A task's choice of verified sketches, part of its signed settings. */
export interface SketchSpec {
  readonly kind: 'sketch';
  /** k, a multiple of 3. */
  readonly rows: number;
  /** σ: a round's soundness and completeness error is 2^-σ, whatever the coalition chooses after A is known. */
  readonly securityBits: number;
  /** Members of one group that may lie in their sketches and still be accepted, a. */
  readonly malicious: number;
  /** Members that a filter may leave out: the malicious ones and false trims. */
  readonly exclusions: number;
  /** Members that may drop out beside. exclusions + dropouts ≤ N − t. */
  readonly dropouts: number;
  /** What decides in sketch space beside the norm bound, which is always on: filters from left to right, or none. */
  readonly selection: readonly Exclude<FilterSpec, { name: 'norm' }>[];
  /** When R4 closes. */
  readonly window: Window;
}

/** The count-sketches' own deviation of a squared norm; 9 standard deviations at 2^14 buckets. */
const SKETCH_DEVIATION = 0.1;
/** R must exceed the coalition's radius by this factor, or a large vector could wrap round into the accepted ball. */
const HEAD_ROOM = 512;

export interface SketchBounds {
  /** −log₂ δ = σ + a: the coalition picks which of its members go on after A is known, 2^a ways. */
  readonly bits: number;
  /** u_k: upper quantile of ‖v‖² ÷ (k/2 · ‖q‖²). */
  readonly upper: number;
  /** ℓ_k: lower quantile; the smallest of the Gaussian-like and the single-spike case, all or some count-sketches seeing. */
  readonly lower: number;
  /** Accepted members shift the sum by at most (their number) · B_q · slack, √(u/ℓ). */
  readonly slack: number;
  /** B_q: norm of an honest encoded update in grid steps, rounding included, except with probability 2^-40. */
  readonly encodedNorm: number;
  /** Largest accepted ‖v_i‖². */
  readonly maxSquare: number;
  /** Radius of a coalition's claimed sketches: what the ring must hold with head-room. */
  readonly radius: number;
}

/**
 * Conditional on nothing: stochastic rounding of a vector of norm c lengthens it to at most √(c² + d/4 + √(2 ln 1/β)(c + √d/2))
 * except with probability β (Kairouz, Liu, Steinke 2021, Proposition 22; β = 2^-40), and never beyond c + √d.
 */
export function encodedNormOf({ dimension, clipNorm, range, levels }: Encoding): number {
  const c = (clipNorm / range) * levels;
  const probable = Math.sqrt(c * c + dimension / 4 + Math.sqrt(2 * 40 * Math.LN2) * (c + Math.sqrt(dimension) / 2));
  return Math.min(c + Math.sqrt(dimension), probable);
}

/**
 * The same under noise: ‖q + η‖² ≤ Δ₂² + 2Δ₂·√(2tσ²) + σ²(d + 2√(dt) + 2t), except with probability 2e^-t = 2^-40. A discrete Gaussian is
 * sub-Gaussian with its σ² (Canonne, Kamath, Steinke 2020, Corollary 17), so the tail bound of χ² holds for ‖η‖² (Laurent, Massart 2000, Lemma 1).
 */
export function noisedNormOf({ dimension, l2, localVariance }: SketchNoise): number {
  const t = 41 * Math.LN2;
  const noise = localVariance * (dimension + 2 * Math.sqrt(dimension * t) + 2 * t);
  return Math.sqrt(l2 * l2 + 2 * l2 * Math.sqrt(2 * t * localVariance) + noise);
}
/** Of a task with distributed noise (`sketchedNoise`): Δ₂ and σ_l², grid steps, and coordinates with noise. */
export interface SketchNoise {
  readonly dimension: number;
  readonly l2: number;
  readonly localVariance: number;
}

/** @param noise of one client's share, where there is any: what a cheater may add unseen grows with it (docs/verified-sketches.md) */
export function sketchBounds(spec: SketchSpec, encoding: Encoding, noise?: SketchNoise): SketchBounds {
  const { rows } = spec;
  const bits = spec.securityBits + spec.malicious;
  const upper = (chiSquareUpper(rows, bits) / rows) * (1 + SKETCH_DEVIATION);
  const lower = (leastSquares(rows, bits) / rows) * (1 - SKETCH_DEVIATION);
  const encodedNorm = noise === undefined ? encodedNormOf(encoding) : noisedNormOf(noise);
  const maxSquare = (rows / 2) * upper * encodedNorm * encodedNorm;
  return {
    bits,
    upper,
    lower,
    slack: Math.sqrt(upper / lower),
    encodedNorm,
    maxSquare,
    radius: Math.max(1, spec.malicious) * Math.sqrt(maxSquare),
  };
}

/**
 * Lower quantile of 2·‖v‖² ÷ ‖x‖²: the smaller of the Gaussian-like and the single-spike case over the rows that still see x.
 * With chance C(3, m)·2^-14m x vanishes in m of the three count-sketches (two equal coordinates that meet), and their rows are blind;
 * so each m gets the bits that are left, and a quarter of δ.
 */
function leastSquares(rows: number, bits: number): number {
  let least = Number.POSITIVE_INFINITY;
  for (let blind = 0; blind < SKETCHES; blind++) {
    const left = bits - 14 * blind + (blind === 0 ? 0 : Math.log2(SKETCHES)) + 2;
    if (left <= 0) break; // rarer than δ allows for
    const seeing = rows * (1 - blind / SKETCHES);
    least = Math.min(least, chiSquareLower(seeing, left), binomialLower(seeing, left) * 2);
  }
  return least;
}

/** Bits that three count-sketches and k/3 dense rows each can give against a vector that wraps: 3·log₂ 1/(2^-14 + 2^(−k/3)). */
export const reachableBits = (rows: number): number => -SKETCHES * Math.log2(2 ** -14 + 2 ** (-rows / SKETCHES));

/** The filters of a task, the norm bound of check 2 first: what the coordinator's rule runs over the candidates. */
export const selectionOf = (
  spec: SketchSpec,
  { encodedNorm, upper }: Pick<SketchBounds, 'encodedNorm' | 'upper'>,
): SelectionSpec => [{ name: 'norm', bound: encodedNorm, slack: upper }, ...spec.selection];

/** Smallest k (a multiple of 3) that reaches σ + a and leaves a positive lower quantile; undefined where the count-sketches cannot. */
export function rowsFor(bits: number): number | undefined {
  for (let rows = 12; rows <= 366; rows += 3)
    if (reachableBits(rows) > bits && leastSquares(rows, bits) > 0) return rows;
  return undefined;
}

/** Ring that holds the radius with head-room, in bits. */
export const ringBitsFor = (bounds: SketchBounds): number => Math.ceil(Math.log2(HEAD_ROOM * bounds.radius));

/**
 * @param n members of all groups together: the leakage and its price grow with k·n/d
 * @throws SottoError CONFIG_SKETCH: rows, security, budget or dimension do not fit; names field and remedy
 */
export function checkSketch(spec: SketchSpec, size: number, threshold: number, n: number, dimension: number): void {
  const bad = (field: string, text: string) => new SottoError('CONFIG_SKETCH', text, { field: `integrity.${field}` });
  if (!Number.isInteger(spec.rows) || spec.rows < 12 || spec.rows > 366 || spec.rows % SKETCHES !== 0)
    throw bad('rows', `integrity.rows ${spec.rows} must be a multiple of ${SKETCHES} in 12…366`);
  if (!Number.isInteger(spec.securityBits) || spec.securityBits < 20)
    throw bad('securityBits', `integrity.securityBits ${spec.securityBits} must be a whole number of at least 20`);
  for (const field of ['malicious', 'exclusions', 'dropouts'] as const)
    if (!Number.isInteger(spec[field]) || spec[field] < 0)
      throw bad(field, `integrity.${field} ${spec[field]} must be a whole number of at least 0`);
  const bits = spec.securityBits + spec.malicious;
  const needed = rowsFor(bits);
  if (needed === undefined)
    throw bad(
      'securityBits',
      `integrity.securityBits ${spec.securityBits} with ${spec.malicious} malicious needs ${bits} bits; three count-sketches give at most 41; lower one of the two`,
    );
  if (spec.rows < needed)
    throw bad(
      'rows',
      `integrity.rows ${spec.rows} is too few for ${bits} bits (securityBits + malicious): use at least ${needed}`,
    );
  if (spec.malicious > spec.exclusions)
    throw bad(
      'exclusions',
      `integrity.exclusions ${spec.exclusions} is below integrity.malicious ${spec.malicious}: the filter could not leave them all out`,
    );
  if (spec.exclusions + spec.dropouts > size - threshold)
    throw bad(
      'exclusions',
      `integrity.exclusions ${spec.exclusions} and dropouts ${spec.dropouts} together exceed the ${size - threshold} members that a group of ${size} can lose (threshold ${threshold}); lower one, or enlarge the group`,
    );
  checkSelection(selectionOf(spec, { encodedNorm: 1, upper: 1 }), threshold);
  if (dimension < 10 * spec.rows * n)
    throw bad(
      'rows',
      `a model of ${dimension} parameters is too small for ${spec.rows} sketch rows of ${n} clients: the sketches would reveal too much; it needs at least ${10 * spec.rows * n} (10·k·n), so use fewer rows or clients, a larger model, or integrity: none`,
    );
}
