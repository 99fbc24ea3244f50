// The shape of what decides over sketches: sketches and a budget in, membership out. Not here: any filter, and the sum of those
// who stay, which is exact and never sees a sketch.
// Discussion: a sketch is k random functionals of an update. Its coordinates mean nothing, so no rule over coordinates may make a
// model of sketches (that does not compile: `Rule` takes `Visible`); but norms, distances and angles survive the projection up to a
// relative deviation of about √(2/k) of their squares (k = 64: 18 %), and those are enough to say who is far away from everybody.
// Group sums hide single members, so the other direction does not compile either: `SelectionRule` takes `Sketch` alone.

import { SottoError } from '../../../protocol/errors.js';
import type { ClientId } from '../../../protocol/ids.js';
import type { Sketch } from '../inputs.js';

export type FilterName = 'norm' | 'distance' | 'cosine' | 'multi-krum';

export interface Exclusion {
  readonly id: ClientId;
  /** What the filter measured; larger is worse. `limit` of its report says where out begins. */
  readonly score: number;
  readonly reason: FilterName;
}

export interface FilterReport {
  readonly filter: FilterName;
  /** Per sketch that came to this filter, in order. */
  readonly scores: readonly number[];
  /** Scores above it are out. */
  readonly limit: number;
  /** √(2/k): the relative deviation of a squared norm that the projection alone makes. A limit without room for it cuts by chance. */
  readonly deviation: number;
}

export interface Selection {
  /** In the order of the sketches. */
  readonly accepted: readonly ClientId[];
  /** By filter, and within one filter worst first. Never more than the budget. */
  readonly excluded: readonly Exclusion[];
  /** Out by a filter, but the budget was spent: they are among the accepted. Worst first. Not empty is an alarm. */
  readonly spared: readonly Exclusion[];
  readonly reports: readonly FilterReport[];
}

export interface SelectionRule {
  readonly name: string;
  /**
   * Pure; never changes the sketches. @param budget how many the round can still lose, N − t less those already gone.
   * @throws the codes of `checkInputs`; AGGREGATE_PRECONDITION where 2f ≥ sketches or the budget is no count
   */
  select(sketches: readonly Sketch[], budget: number): Selection;
}

/** One filter's judgement, before the budget. */
export interface Judgement {
  readonly scores: readonly number[];
  readonly limit: number;
  /** Indices of the sketches that are out, worst first; equal scores: the higher index first, so that the lower one stays. */
  readonly out: readonly number[];
}

/** A filter: a selection rule without the budget. */
export interface Filter {
  readonly reason: FilterName;
  readonly name: string;
  judge(sketches: readonly Sketch[]): Judgement;
}

/** Indices with a score above the limit, worst first. */
export const above = (scores: readonly number[], limit: number): number[] =>
  scores
    .flatMap((score, i) => (score > limit ? [i] : []))
    // safe: indices of the list itself.
    .sort((a, b) => scores[b]! - scores[a]! || b - a);

/**
 * Filters from left to right, each over those the ones before have left, on one budget: what stands first has the first claim.
 * When the budget does not hold out, a filter takes its worst first and says whom it spared; the spared go on to the next filter.
 */
export function selection(filters: readonly [Filter, ...Filter[]]): SelectionRule {
  return {
    name: filters.map(({ name }) => name).join(' → '),
    select(sketches, budget) {
      if (!Number.isSafeInteger(budget) || budget < 0) {
        throw new SottoError('AGGREGATE_PRECONDITION', `a selection with a budget of ${budget}; it must be a count`);
      }
      let left = sketches;
      const excluded: Exclusion[] = [];
      const spared: Exclusion[] = [];
      const reports: FilterReport[] = [];
      for (const { reason, judge } of filters) {
        const now = left;
        const { scores, limit, out } = judge(now);
        // safe: `out` are indices of the sketches judged.
        const exclusions = out.map((i) => ({ id: now[i]!.from, score: scores[i]!, reason }));
        const taken = exclusions.slice(0, budget - excluded.length);
        excluded.push(...taken);
        spared.push(...exclusions.slice(taken.length));
        const gone = new Set(taken.map(({ id }) => id));
        left = now.filter(({ from }) => !gone.has(from));
        reports.push({ filter: reason, scores, limit, deviation: Math.sqrt(2 / (now[0]?.vector.length ?? 1)) });
      }
      return { accepted: left.map(({ from }) => from), excluded, spared, reports };
    },
  };
}
