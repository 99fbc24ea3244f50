// FoolsGold: weighs down clients whose histories point the same way, as the clones of one attacker do. Needs every client's updates over
// the rounds, so profile `open` and simulations alone (robustness.md §6); histories are handed in. Not here: keeping them.

import { SottoError } from '../../../protocol/errors.js';
import { normOf } from '../clip.js';
import { checkInputs, type Update, type Vector } from '../inputs.js';
import { type Rule, requirePositive, vectorsOf } from '../rule.js';
import { weightedSum } from '../vectors.js';

/** 1 − cosine below which two histories are one: where all are, dividing by the largest would turn rounding errors into full weights. */
const SAME = 1e-9;

/**
 * The weight of each client from the sum of all its updates so far (Fung et al. 2020, Algorithm 1): S_ij = cos(h_i, h_j), v_i = max_j S_ij,
 * pardon S_ij ← S_ij·v_i/v_j where v_i < v_j, a_i = 1 − max_j S_ij clipped to [0, 1], divided by the largest, then
 * κ(ln(a/(1 − a)) + ½) clipped to [0, 1]. A history of zeros is like nobody's. All 0 where all are clones of one.
 * Example with κ = 1: (1, 0, 0), (0, 1, 0), (0, 0.2, 1), (0, 0.21, 1) → 1, 1, 0, 0.
 * @param histories finite, of one dimension
 */
export function foolsGoldWeights(histories: readonly Vector[], kappa: number): number[] {
  requirePositive('foolsgold', 'kappa', kappa);
  const norms = histories.map(normOf);
  const cosine = histories.map((a, i) =>
    histories.map((b, j) => {
      const [x, y] = [norms[i] ?? 0, norms[j] ?? 0];
      if (i === j || x === 0 || y === 0) return 0;
      let sum = 0;
      for (let at = 0; at < a.length; at++) sum += ((a[at] ?? 0) / x) * ((b[at] ?? 0) / y);
      return sum;
    }),
  );
  // Alone there is nobody to be like.
  const nearest = cosine.map((row, i) => Math.max(...row.filter((_, j) => j !== i), -1));
  const alone = cosine.map((row, i) => {
    const mine = nearest[i] ?? 0;
    const pardoned = row.map((value, j) => {
      const theirs = nearest[j] ?? 0;
      return mine < theirs ? (value * mine) / theirs : value;
    });
    return Math.min(1, Math.max(0, 1 - Math.max(...pardoned.filter((_, j) => j !== i), -1)));
  });
  const most = Math.max(...alone);
  if (!(most > SAME)) return alone.map(() => 0);
  return alone.map((value) => {
    const a = value === most ? 0.99 : value / most;
    return Math.min(1, Math.max(0, kappa * (Math.log(a / (1 - a)) + 0.5)));
  });
}

/**
 * The mean of the inputs under those weights, normalised to sum 1 (the paper adds the weighted updates; with the server's rate that is the same
 * rule). Against sybils only: one attacker alone, or honest clients with the same data, are what it gets wrong.
 * Example: histories as the inputs (1, 2, 3), (4, 5, 6), (7, 8, 9), κ = 1 → (1, 2, 3): the first is least like the others.
 * @param histories one for each input, in its order, this round included
 * @throws AGGREGATE_SHAPE where histories and inputs differ; AGGREGATE_NOBODY_LEFT where all weights are 0
 */
export function foolsGold(histories: readonly Vector[], kappa: number): Rule<Update> {
  return {
    name: `foolsgold(κ ${kappa})`,
    faulty: 0,
    init: () => [],
    aggregate(inputs: readonly Update[]) {
      const dimension = checkInputs(inputs);
      if (histories.length !== inputs.length || histories.some(({ length }) => length !== dimension)) {
        const text = `foolsgold has ${histories.length} histories for ${inputs.length} inputs of ${dimension} coordinates; give one of the same length for each`;
        throw new SottoError('AGGREGATE_SHAPE', text);
      }
      const weights = foolsGoldWeights(histories, kappa);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      if (!(total > 0)) {
        const text = 'foolsgold gives no client any weight: all histories are alike; skip the round';
        throw new SottoError('AGGREGATE_NOBODY_LEFT', text, { inputs: inputs.length });
      }
      const vector = weightedSum(
        vectorsOf(inputs),
        weights.map((weight) => weight / total),
      );
      return { vector, state: [], reports: [{ stage: 'foolsgold', weights }] };
    },
  };
}
