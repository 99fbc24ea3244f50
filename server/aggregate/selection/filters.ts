// The filters over sketches. Not here: budgets and the order of filters (selection.ts), the centre (centre.ts).
// Distance filters know f and drop an honest minority that differs as readily as an attacker (robustness.md §1.4): the norm bound is
// always on, the rest is a choice.

import type { CentreSpec, FilterSpec } from '../../../protocol/selection.js';
import { normOf } from '../clip.js';
import { type DistanceKernel, ranked } from '../distances.js';
import { checkSquarable } from '../inputs.js';
import { krumScores, requireKrum } from '../krum.js';
import { requireCount, requirePositive, vectorsOf } from '../rule.js';
import { distance } from '../vectors.js';
import { centreOf } from './centre.js';
import { above, type Filter } from './selection.js';

type Options<K extends FilterSpec['name']> = Omit<Extract<FilterSpec, { name: K }>, 'name'>;

/** 1 + z·√(2/k): the factor by which a squared norm may exceed its mean before z deviations of the projection are used up. */
export const slackOf = (k: number, deviations: number): number => 1 + deviations * Math.sqrt(2 / k);

/**
 * Out: ‖v‖ > bound · √(k/2 · slack). With entries −1, 0, 1 drawn ¼, ½, ¼, E‖v‖² = (k/2)·‖x‖² (robustness.md §1.4), so an update of
 * norm `bound` is at 1/√slack of the limit, with a relative deviation of about √(2/k) of the square: slack 1 cuts half of those who
 * are at the bound honestly. `slackOf(k, 4)` lets 1 in 10⁴ of them go over, k = 64: 1.71.
 * Example, k = 2, bound 5, slack 1: (3, 4) stays (5 ≤ 5), (6, 8) goes. Scores are ‖v‖.
 */
export function normFilter({ bound, slack }: Options<'norm'>): Filter {
  requirePositive('the norm filter', 'bound', bound);
  requirePositive('the norm filter', 'slack', slack);
  return {
    reason: 'norm',
    name: `norm(${bound}, slack ${slack})`,
    judge(sketches) {
      const k = checkSquarable(sketches);
      const scores = sketches.map(({ vector }) => normOf(vector));
      const limit = bound * Math.sqrt((k / 2) * slack);
      return { scores, limit, out: above(scores, limit) };
    },
  };
}

/**
 * Out: farther from the centre than `factor` times the median distance. The median distance is an honest one's for f < n/2. Between
 * honest updates of one spread, distances differ by 1/√(2k) for the projection alone (half of √(2/k), since it is no square): k = 64,
 * 9 %. So `factor` below 1 + 4/√(2k) (1.35) cuts by chance, and what clients truly differ by comes on top; 2 is a place to start.
 * Example with the median, f = 1, factor 2: (0, 0), (1, 0), (9, 0) → centre (1, 0), distances 1, 0, 8, limit 2: the third goes.
 */
export function distanceFilter({ faulty, centre, factor }: Options<'distance'>, distances: DistanceKernel): Filter {
  requireCount('the distance filter', 'faulty', faulty, 0);
  requirePositive('the distance filter', 'factor', factor);
  return {
    reason: 'distance',
    name: `distance(${nameOf(centre, faulty)}, ${factor}x)`,
    judge(sketches) {
      const middle = centreOf(sketches, centre, faulty, distances);
      const scores = sketches.map(({ vector }) => distance(vector, middle));
      const limit = factor * medianOf(scores);
      return { scores, limit, out: above(scores, limit) };
    },
  };
}

/**
 * Out: cos(v, centre) < `least`. Scores are 1 − cos, so the limit is 1 − least. The projection moves a cosine by about 1/√k (k = 64: 0.12;
 * less near ±1), and honest updates of a noisy task may be nearly orthogonal to their mean: `least` above −2/√k cuts them by chance.
 * A zero sketch points nowhere: cosine 0. A zero centre is no direction: nobody is out.
 * Example with the median, f = 1, least 0: (2, 0), (1, 1), (−3, 0) → centre (1, 0), cosines 1, 0.71, −1: the third goes.
 */
export function cosineFilter({ faulty, centre, least }: Options<'cosine'>, distances: DistanceKernel): Filter {
  requireCount('the cosine filter', 'faulty', faulty, 0);
  return {
    reason: 'cosine',
    name: `cosine(${nameOf(centre, faulty)}, ${least})`,
    judge(sketches) {
      const middle = centreOf(sketches, centre, faulty, distances);
      const length = normOf(middle);
      const scores = sketches.map(({ vector }) => {
        const size = normOf(vector);
        if (size === 0 || length === 0) return length === 0 ? 0 : 1;
        // Unit vectors first: the product of two norms may overflow.
        let cosine = 0;
        for (let i = 0; i < vector.length; i++) cosine += ((vector[i] ?? 0) / size) * ((middle[i] ?? 0) / length);
        return 1 - cosine;
      });
      const limit = 1 - least;
      return { scores, limit, out: length === 0 ? [] : above(scores, limit) };
    },
  };
}

/**
 * Out: the f sketches with the highest Krum scores, always f of them (Multi-Krum with K = n − f, Blanchard et al. 2017). No slack is
 * needed, since ranks are compared, and none is left: in a round without attack f honest clients go. Equal scores: the lower index stays.
 * Example with f = 1, n-f-1, forced: (0, 0), (1, 0), (9, 0) → scores 1, 1, 64: the third goes.
 */
export function krumFilter({ faulty, neighbours, force }: Options<'multi-krum'>, distances: DistanceKernel): Filter {
  requireCount('the multi-krum filter', 'faulty', faulty, 0);
  return {
    reason: 'multi-krum',
    name: `multi-krum(${faulty}, ${neighbours})`,
    judge(sketches) {
      checkSquarable(sketches);
      const rows = vectorsOf(sketches);
      const keep = rows.length - faulty;
      requireKrum('multi-krum over sketches', { faulty, force, keep, inputs: rows.length });
      const scores = Array.from(krumScores(distances(rows), rows.length, faulty, neighbours));
      const order = ranked(scores);
      // safe: 2f < n, so at least one is kept.
      return { scores, limit: scores[order[keep - 1]!]!, out: order.slice(keep).reverse() };
    },
  };
}

const nameOf = (centre: CentreSpec, faulty: number): string => `${centre.name}(${faulty})`;

/** The mean of the two middle ones where the count is even. */
function medianOf(values: readonly number[]): number {
  const sorted = [...values].sort((a, b) => a - b);
  return ((sorted[(sorted.length - 1) >> 1] ?? 0) + (sorted[sorted.length >> 1] ?? 0)) / 2;
}
