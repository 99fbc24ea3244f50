// Divide and conquer: leaves out the inputs that lie farthest along the top singular direction of some sampled coordinates.
// Not here: the exact spectrum of all coordinates (caf.ts).

import { SottoError } from '../../../protocol/errors.js';
import { ranked } from '../distances.js';
import { checkSquarable, type Vector, type Visible } from '../inputs.js';
import { type Rule, requireCount, requireMajority, requirePositive, vectorsOf } from '../rule.js';
import { meanOfRows } from '../vectors.js';
import { largestEigenpair } from './spectrum.js';

export interface DncOptions {
  readonly faulty: number;
  /** c: an iteration leaves out c·f inputs. 1 in the paper's experiments. */
  readonly filter: number;
  readonly iterations: number;
  /** b: coordinates sampled in an iteration, without replacement; all where the inputs have no more. 10,000 in the paper. */
  readonly coordinates: number;
}

/**
 * Per iteration: b coordinates, s_i = ((x_i − mean)·v)² with v the top right-singular vector, the n − ⌊c·f⌋ smallest stay; the mean of
 * those that stayed in *every* iteration (Shejwalkar and Houmansadr 2021, Algorithm 2; a union would be another rule). Equal scores:
 * the lower index stays. Breakdown: f < n/c by count, 2f < n is asked for as everywhere. Unweighted.
 * Example with f = 1, c = 1, one iteration, all coordinates: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5): scores 27, 0, 27, the last goes.
 * @param random uniform in [0, 1); draws only where b is below the dimension. Not to be known to clients before they send.
 * @throws AGGREGATE_PRECONDITION where 2f ≥ n or ⌊c·f⌋ ≥ n; AGGREGATE_NOBODY_LEFT where no input stayed in all iterations
 */
export function dnc({ faulty, filter, iterations, coordinates }: DncOptions, random: () => number): Rule {
  requireCount('dnc', 'faulty', faulty, 0);
  requirePositive('dnc', 'filter', filter);
  requireCount('dnc', 'iterations', iterations, 1);
  requireCount('dnc', 'coordinates', coordinates, 1);
  const removed = Math.floor(filter * faulty);
  return {
    name: `dnc(${faulty}, c ${filter}, ${iterations} x ${coordinates})`,
    faulty,
    init: () => [],
    aggregate(inputs: readonly Visible[]) {
      const dimension = checkSquarable(inputs);
      const rows = vectorsOf(inputs);
      const n = rows.length;
      requireMajority('dnc', faulty, n);
      if (removed >= n) {
        const text = `dnc with filter ${filter} and faulty ${faulty} would leave out all ${n} inputs; lower one of the two`;
        throw new SottoError('AGGREGATE_PRECONDITION', text, { faulty, inputs: n });
      }
      const passed = rows.map(() => 0);
      let scores: number[] = [];
      for (let round = 0; round < iterations; round++) {
        const picked = coordinates < dimension ? sample(dimension, coordinates, random) : undefined;
        scores = dncScores(picked === undefined ? rows : rows.map((row) => picked.map((at) => row[at] ?? 0)));
        // safe: ranked gives indices of the rows.
        for (const i of ranked(scores).slice(0, n - removed)) passed[i]! += 1;
      }
      const chosen = passed.flatMap((count, i) => (count === iterations ? [i] : []));
      if (chosen.length === 0) {
        const text = `dnc left out every one of ${n} inputs in some of ${iterations} iterations; nothing is aggregated: lower filter or iterations`;
        throw new SottoError('AGGREGATE_NOBODY_LEFT', text, { inputs: n });
      }
      // safe: chosen are indices of rows.
      const vector = meanOfRows(chosen.map((i) => rows[i]!));
      const kept = passed.map((count) => count / iterations);
      return { vector, state: [], reports: [{ stage: 'dnc', faulty, scores, chosen, kept }] };
    },
  };
}

/** ((x_i − mean)·v)² with v the top right-singular vector of the centred rows, from the n × n products: λ·u_i². */
export function dncScores(rows: readonly Vector[]): number[] {
  const n = rows.length;
  const centre = meanOfRows(rows);
  const centred = rows.map((row) => Float64Array.from(row, (value, at) => value - (centre[at] ?? 0)));
  const products = new Float64Array(n * n);
  centred.forEach((a, i) => {
    for (let j = i; j < n; j++) {
      // safe: j is below n, and all rows have the length of a.
      const b = centred[j]!;
      let sum = 0;
      for (let at = 0; at < a.length; at++) sum += a[at]! * b[at]!;
      products[i * n + j] = products[j * n + i] = sum;
    }
  });
  const { value, vector } = largestEigenpair(products, n);
  return Array.from(vector, (share) => Math.max(0, value) * share * share);
}

/** `count` different numbers below `n`, ascending (Floyd's algorithm). */
function sample(n: number, count: number, random: () => number): Float64Array {
  const picked = new Set<number>();
  for (let top = n - count; top < n; top++) {
    const one = Math.floor(random() * (top + 1));
    picked.add(picked.has(one) ? top : one);
  }
  return Float64Array.from(picked).sort();
}
