// The rules that look at every subset of n − f inputs: MDA (smallest diameter) and SMEA (smallest top eigenvalue). Exponential, for
// comparisons among few inputs. Not here: the filter that approximates SMEA in f steps (caf.ts).

import { SottoError } from '../../../protocol/errors.js';
import { MAX_RULE_SUBSETS } from '../../../protocol/limits.js';
import { subsetsOf } from '../../../protocol/rule.js';
import type { DistanceKernel } from '../distances.js';
import { createDistanceKernel } from '../distances-simd.js';
import { checkSquarable, type Visible } from '../inputs.js';
import { type Rule, requireCount, requireMajority, vectorsOf } from '../rule.js';
import { meanOfRows } from '../vectors.js';
import { centredProducts, largestEigenpair } from './spectrum.js';

/**
 * The mean of the n − f inputs with the smallest diameter, max ‖x_i − x_j‖ (minimum-diameter averaging: Rousseeuw 1985; El Mhamdi et
 * al. 2021, §3). Breakdown point f < n/2. Unweighted. Equal diameters: the first subset in lexicographic order, so the order of the
 * inputs shows. Costs C(n, f) subsets beside all pairs: n up to about 25.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): rows 0 and 1 are as far apart as 1 and 2.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n, or the subsets are more than `MAX_RULE_SUBSETS`
 */
export const mda = (faulty: number, distances: DistanceKernel = createDistanceKernel()): Rule =>
  subsetRule('mda', faulty, distances, diameterOf);

/**
 * The mean of the n − f inputs whose covariance (divisor n − f) has the smallest top eigenvalue (smallest maximum eigenvalue
 * averaging: Allouah et al. 2023b, §4). Breakdown point f < n/2. Unweighted. Equal eigenvalues: the first subset in lexicographic order.
 * Costs C(n, f) eigenvalue problems of n − f rows.
 * Example with f = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): {0, 1} and {1, 2} tie at 6.75, {0, 2} has 27.
 * @throws as `mda`
 */
export const smea = (faulty: number, distances: DistanceKernel = createDistanceKernel()): Rule =>
  subsetRule('smea', faulty, distances, topEigenvalueOf);

type Measure = (square: Float64Array, n: number, subset: readonly number[], below: number) => number;

function subsetRule(stage: 'mda' | 'smea', faulty: number, distances: DistanceKernel, measure: Measure): Rule {
  requireCount(stage, 'faulty', faulty, 0);
  return {
    name: `${stage}(${faulty})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      checkSquarable(inputs);
      const rows = vectorsOf(inputs);
      const n = rows.length;
      requireMajority(stage, faulty, n);
      const subsets = subsetsOf(n, faulty);
      if (subsets > MAX_RULE_SUBSETS) {
        const text = `${stage} would compare ${subsets} subsets of ${n} inputs, ${MAX_RULE_SUBSETS} is the most; use caf, or lower faulty ${faulty}`;
        throw new SottoError('AGGREGATE_PRECONDITION', text, { faulty, inputs: n });
      }
      const square = distances(rows);
      let [chosen, least]: [readonly number[], number] = [[], Number.POSITIVE_INFINITY];
      for (const subset of combinations(n, n - faulty)) {
        const value = measure(square, n, subset, least);
        if (value < least || chosen.length === 0) [chosen, least] = [[...subset], value];
      }
      // safe: chosen are indices of rows.
      const vector = meanOfRows(chosen.map((i) => rows[i]!));
      const kept = rows.map((_, i) => (chosen.includes(i) ? 1 : 0));
      return { vector, state: [], reports: [{ stage, faulty, chosen, kept, value: least }] };
    },
  };
}

/** Squared; any value of at least `below` as soon as it is clear that the diameter is no smaller. */
const diameterOf: Measure = (square, n, subset, below) => {
  let widest = 0;
  for (let a = 0; a < subset.length && widest < below; a++) {
    // safe: subset holds indices below n.
    for (let b = a + 1; b < subset.length; b++) widest = Math.max(widest, square[subset[a]! * n + subset[b]!]!);
  }
  return widest;
};

const topEigenvalueOf: Measure = (square, n, subset) => {
  const size = subset.length;
  const part = Float64Array.from({ length: size * size }, (_, at) => {
    // safe: both are indices of the subset, its entries below n.
    return square[subset[Math.floor(at / size)]! * n + subset[at % size]!]!;
  });
  const products = centredProducts(
    part,
    subset.map(() => 1 / size),
  );
  return largestEigenpair(products, size).value / size;
};

/** All ascending lists of `size` of 0 … n − 1, in lexicographic order. The list is the same object each time. */
function* combinations(n: number, size: number): Generator<readonly number[]> {
  const chosen = Array.from({ length: size }, (_, i) => i);
  while (true) {
    yield chosen;
    let at = size - 1;
    while (at >= 0 && chosen[at] === n - size + at) at--;
    if (at < 0) return;
    // safe: at is an index of chosen, and so are those above it.
    chosen[at]! += 1;
    for (let next = at + 1; next < size; next++) chosen[next] = chosen[next - 1]! + 1;
  }
}
