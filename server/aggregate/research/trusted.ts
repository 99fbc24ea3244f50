// The rules that trust something of their own: MoNNA an honest input, FLTrust a step computed on a root set. Simulations and profile
// `open` hand it in; no configuration names one, since a coordinator has neither by itself. Not here: trust by history (foolsgold.ts).

import { SottoError } from '../../../protocol/errors.js';
import { normOf } from '../clip.js';
import { ranked } from '../distances.js';
import { checkInputs, checkSquarable, type Update, type Vector } from '../inputs.js';
import { type Rule, requireCount, requireInputs, requireMajority, vectorsOf } from '../rule.js';
import { meanOfRows, squaredDistance, weightedSum } from '../vectors.js';

/**
 * The mean of the n − f inputs nearest to a trusted one, itself included (Farhadkhani et al. 2023, MoNNA, with a fixed trusted row).
 * Breakdown point f < n/2 as long as the trusted input is honest, nothing otherwise. Equal distances: the lower index. Unweighted.
 * Example with f = 1, trusted = 1: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): both others are equally far, the first is taken.
 * @param trusted index of the input
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n or there is no such input
 */
export function monna({ faulty, trusted }: { readonly faulty: number; readonly trusted: number }): Rule<Update> {
  requireCount('monna', 'faulty', faulty, 0);
  requireCount('monna', 'trusted', trusted, 0);
  return {
    name: `monna(${faulty}, trusted ${trusted})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Update[]) {
      checkSquarable(inputs);
      requireMajority('monna', faulty, inputs.length);
      requireInputs('monna', faulty, inputs.length, trusted + 1);
      const rows = vectorsOf(inputs);
      // safe: trusted is below the number of inputs, and chosen are indices of rows.
      const square = rows.map((row) => squaredDistance(row, rows[trusted]!));
      const chosen = ranked(square).slice(0, rows.length - faulty);
      const ascending = [...chosen].sort((a, b) => a - b);
      const vector = meanOfRows(ascending.map((i) => rows[i]!));
      return {
        vector,
        state: [],
        reports: [{ stage: 'monna', faulty, trusted, distances: square.map(Math.sqrt), chosen }],
      };
    },
  };
}

/**
 * T_i = max(0, cos(x_i, g)), result Σ T_i · (‖g‖/‖x_i‖) · x_i / Σ T_i, g the coordinator's own step on a root set of about 100
 * examples (Cao et al. 2021, FLTrust, Algorithm 2). Any number of inputs may be bad; what it is worth hangs on the root set. A zero input has trust 0.
 * Example with g = (1, 1, 1): (1, 2, 3), (4, 5, 6), (7, 8, 9) → (0.713, 0.970, 1.227).
 * @throws AGGREGATE_PRECONDITION where g is 0 or not finite; AGGREGATE_SHAPE; AGGREGATE_NOBODY_LEFT where nobody points in its half-space: the
 *   round is skipped; uniform weights would hand it to the attacker (robustness.md, trap 12)
 */
export function flTrust(root: Vector): Rule<Update> {
  const length = normOf(root);
  if (!(length > 0 && Number.isFinite(length)))
    throw new SottoError('AGGREGATE_PRECONDITION', `fltrust with a root step of norm ${length}; it must be above 0`);
  return {
    name: 'fltrust',
    faulty: 0,
    init: () => [],
    aggregate(inputs: readonly Update[]) {
      const dimension = checkInputs(inputs);
      if (dimension !== root.length)
        throw new SottoError('AGGREGATE_SHAPE', `a root step of ${root.length} coordinates for inputs of ${dimension}`);
      const rows = vectorsOf(inputs);
      const norms = rows.map(normOf);
      const trust = rows.map((row, i) => {
        const norm = norms[i] ?? 0;
        if (norm === 0) return 0;
        let cosine = 0;
        for (let at = 0; at < dimension; at++) cosine += ((row[at] ?? 0) / norm) * ((root[at] ?? 0) / length);
        return Math.max(0, cosine);
      });
      const total = trust.reduce((sum, one) => sum + one, 0);
      if (!(total > 0)) {
        const text = 'fltrust trusts no input: none points in the direction of the root step; skip the round';
        throw new SottoError('AGGREGATE_NOBODY_LEFT', text, { inputs: rows.length });
      }
      const factors = trust.map((one, i) => (one === 0 ? 0 : ((one / total) * length) / (norms[i] ?? 1)));
      return { vector: weightedSum(rows, factors), state: [], reports: [{ stage: 'fltrust', trust }] };
    },
  };
}
