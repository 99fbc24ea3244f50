// Krum and Multi-Krum: the inputs that have the nearest company. Not here: the distances (distances.ts), the iterated selection
// of Bulyan (bulyan.ts), the same choice over sketches (selection/).

import { SottoError } from '../../protocol/errors.js';
import type { Neighbours } from '../../protocol/rule.js';
import { type DistanceKernel, ranked } from './distances.js';
import { createDistanceKernel } from './distances-simd.js';
import { checkSquarable, type Visible } from './inputs.js';
import { type Rule, requireCount, requireInputs, requireMajority, vectorsOf } from './rule.js';
import { meanOfRows } from './vectors.js';

export interface KrumOptions {
  readonly faulty: number;
  /** `n-f-2`: Blanchard et al. 2017, §4. `n-f-1`: n − f with the row itself counted (Allouah et al. 2023). They pick different rows. */
  readonly neighbours: Neighbours;
  /** Runs also where 2f < n < 2f + 3: nothing is proven there. */
  readonly force: boolean;
}

/**
 * The input with the smallest Σ ‖x_i − x_j‖² over its k nearest others (Blanchard et al. 2017, §4). k is clamped to ≥ 1.
 * Breakdown: proven for n ≥ 2f + 3; with n-f-1 neighbours (f, 6(1 + f/(n−2f)))-robust (Allouah et al. 2023, Table 1). The result is
 * an input; equal scores: the lower index, so permuting inputs with equal scores may change it (with k = 1 the two
 * of a nearest pair always tie).
 * Example with f = 1, forced: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (1, 2, 3): k = 1, all scores 27.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n, or n < 2f + 3 with f > 0 and without `force`
 */
export const krum = (options: KrumOptions, distances: DistanceKernel = createDistanceKernel()): Rule =>
  krumRule('krum', options, 1, distances);

/**
 * The mean of the `keep` inputs with the smallest Krum scores (Blanchard et al. 2017, §6). Unweighted.
 * Breakdown as Krum; keep ≤ n − f, or a bad input would be averaged for certain.
 * Example with f = 1, keep = 2, n-f-1, forced: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): scores 135, 54, 135.
 * @throws as `krum`; AGGREGATE_PRECONDITION where keep > n − f
 */
export const multiKrum = (
  { keep, ...options }: KrumOptions & { readonly keep: number },
  distances: DistanceKernel = createDistanceKernel(),
): Rule => krumRule('multi-krum', options, keep, distances);

function krumRule(
  stage: 'krum' | 'multi-krum',
  { faulty, neighbours, force }: KrumOptions,
  keep: number,
  distances: DistanceKernel,
): Rule {
  requireCount(stage, 'faulty', faulty, 0);
  requireCount(stage, 'keep', keep, 1);
  return {
    name: stage === 'krum' ? `krum(${faulty}, ${neighbours})` : `multi-krum(${faulty}, ${neighbours}, keep ${keep})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      checkSquarable(inputs);
      const rows = vectorsOf(inputs);
      requireKrum(stage, { faulty, force, keep, inputs: rows.length });
      const scores = krumScores(distances(rows), rows.length, faulty, neighbours);
      const chosen = ranked(scores).slice(0, keep);
      // safe: chosen are indices of rows.
      const vector = meanOfRows(chosen.map((i) => rows[i]!));
      return { vector, state: [], reports: [{ stage, faulty, neighbours, scores: [...scores], chosen }] };
    },
  };
}

/** What the Krum family demands of the number of inputs. @throws AGGREGATE_PRECONDITION */
export function requireKrum(
  name: string,
  { faulty, force, keep, inputs }: { faulty: number; force: boolean; keep: number; inputs: number },
): void {
  requireMajority(name, faulty, inputs);
  if (faulty > 0 && !force) requireInputs(name, faulty, inputs, 2 * faulty + 3);
  if (keep > inputs - faulty) {
    const text = `${name} keeps ${keep} of ${inputs} inputs of which ${faulty} may be bad; keep at most ${inputs - faulty}`;
    throw new SottoError('AGGREGATE_PRECONDITION', text, { keep, inputs, faulty });
  }
}

/** n − f − 2 or n − f − 1, at least 1, at most all others. */
export const neighbourCount = (n: number, faulty: number, neighbours: Neighbours): number =>
  Math.min(n - 1, Math.max(1, n - faulty - (neighbours === 'n-f-2' ? 2 : 1)));

/** Per row the sum of its k smallest squared distances to others, added upwards: equal company gives equal bits in any order. */
export function krumScores(square: Float64Array, n: number, faulty: number, neighbours: Neighbours): Float64Array {
  const k = neighbourCount(n, faulty, neighbours);
  const others = new Float64Array(Math.max(0, n - 1));
  return Float64Array.from({ length: n }, (_, i) => {
    others.set(square.subarray(i * n, i * n + i));
    others.set(square.subarray(i * n + i + 1, (i + 1) * n), i);
    others.sort();
    let score = 0;
    // safe: k ≤ n − 1.
    for (let j = 0; j < k; j++) score += others[j]!;
    return score;
  });
}
