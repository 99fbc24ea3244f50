// Attacks that know the coordinator's whole pipeline and choose their factor for the damage it does there (Opt-IPM, Opt-ALIE;
// "tailored" where the pipeline includes grouping and filters). Not here: the search itself (line-search.ts).

import type { AttackOf } from './attack.js';
import { LINE_SEARCH, type LineSearch, searchLine, searchTwice } from './line-search.js';
import { along, deviation, mean, type Row, scale, squaredDistance } from './vectors.js';

/** The pipeline as a function: what becomes of the round when every attacker sends this vector. */
export type Pipeline = (sent: Row) => Row;

export interface Optimised {
  readonly factor: number;
  readonly degenerate: boolean;
  readonly vector: Float64Array;
}

/** −τ·μ with the τ that maximises ‖pipeline − μ‖ (Allouah et al. 2023a, experiments; IPM of Xie et al. 2019). */
export function optIpm(honest: readonly Row[], pipeline: Pipeline, search: LineSearch = LINE_SEARCH): Optimised {
  const centre = mean(honest);
  return optimise(
    centre,
    (factor) => centre.map((value) => -factor * value),
    pipeline,
    (score) => searchLine(score, search),
  );
}

/** μ + τ·sd with the τ that maximises ‖pipeline − μ‖ (ibid.; ALIE of Baruch et al. 2019). */
export function optAlie(honest: readonly Row[], pipeline: Pipeline, search: LineSearch = LINE_SEARCH): Optimised {
  const centre = mean(honest);
  const spread = deviation(honest, centre);
  return optimise(
    centre,
    (factor) => along(centre, factor, spread),
    pipeline,
    (score) => searchLine(score, search),
  );
}

/** Conspirators of one process are shown one list and would all find the same: forty runs of the pipeline, once. */
const found = new WeakMap<readonly Row[], { readonly kind: 'ipm' | 'alie'; readonly vector: Float32Array }>();

/**
 * Searches twice before it gives up. `onFound` hears of every round, a degenerate one above all: the attacker then sends what the
 * formula gives for τ = 0, and whoever reports a defended run must not count that round.
 */
export function optimisedAttack(
  kind: 'ipm' | 'alie',
  onFound: (found: {
    readonly round: number;
    readonly factor: number;
    readonly degenerate: boolean;
  }) => void = () => {},
): AttackOf<'aggregator'> {
  return {
    name: kind === 'ipm' ? 'Opt-IPM' : 'Opt-ALIE',
    knows: 'aggregator',
    clips: true,
    corrupt: (_, { honest, aggregate, round }) => {
      const known = found.get(honest);
      if (known?.kind === kind) return known.vector.slice();
      const centre = mean(honest);
      const spread = kind === 'ipm' ? centre.map((value) => -value) : deviation(honest, centre);
      const base = kind === 'ipm' ? new Float64Array(centre.length) : centre;
      const pipeline: Pipeline = (sent) => aggregate(scale(sent, 1));
      const { factor, degenerate, vector } = optimise(
        centre,
        (x) => along(base, x, spread),
        pipeline,
        (score) => searchTwice(score),
      );
      onFound({ round, factor, degenerate });
      const sent = scale(vector, 1);
      found.set(honest, { kind, vector: sent });
      return sent.slice();
    },
  };
}

function optimise(
  centre: Float64Array,
  vectorAt: (factor: number) => Float64Array,
  pipeline: Pipeline,
  search: (score: (factor: number) => number) => { readonly factor: number; readonly degenerate: boolean },
): Optimised {
  // The square has the same maximum, and needs no root.
  const { factor, degenerate } = search((x) => squaredDistance(pipeline(vectorAt(x)), centre));
  return { factor, degenerate, vector: vectorAt(factor) };
}
