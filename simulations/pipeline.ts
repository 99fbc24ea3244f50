// What the coordinator will make of a set of updates, computed in the clear: clip, groups, rule. For rehearsals and for attackers
// that know the pipeline. Not here: masks and rounding, which change nothing but the last digits; the sketch filter (profile
// `sketch`), which drops clients before the sum.

import type { RuleSpec } from '../protocol/rule.js';
import { checkedNorm, clipFactor } from '../protocol/secagg/encode.js';
import type { Encoding } from '../protocol/secagg/jobs.js';
import { createRule, type GroupMean, groupMean } from '../server/aggregate/index.js';

export interface Placed {
  readonly group: number;
  readonly update: Float32Array;
}

/** An update as its client's engine sends it, before rounding: clipped unless the sender does not, and clamped to the grid. A copy. */
export function asSent(update: Float32Array, { clipNorm, range }: Encoding, clips = true): Float32Array<ArrayBuffer> {
  const factor = clips ? clipFactor(checkedNorm(update, update.length), clipNorm) : 1;
  return Float32Array.from(update, (x) => Math.max(-range, Math.min(range, x * factor)));
}

/** The mean update of each group that anybody is in. */
export function groupMeansOf(dimension: number, rows: readonly Placed[]): GroupMean[] {
  return partsOf(dimension, rows, []).map(({ id, sum, count }) =>
    groupMean(
      id,
      sum.map((total) => total / count),
      count,
    ),
  );
}

/**
 * The aggregate as a function of what the clients in `groups` send, one entry each, all of them the same vector. Sums of the others
 * are made once: an attacker asks forty times. A rule with a memory starts afresh, and its draws are the attacker's own: neither the
 * last output nor the coordinator's coins are known to a client.
 */
export function predictor(
  spec: RuleSpec,
  dimension: number,
  others: readonly Placed[],
  groups: readonly number[],
  random: () => number,
): (sent: Float32Array) => Float32Array<ArrayBuffer> {
  const rule = createRule(spec, random);
  const parts = partsOf(dimension, others, groups);
  return (sent) => {
    const inputs = parts.map(({ id, sum, senders, count }) =>
      groupMean(
        id,
        sum.map((value, i) => (value + senders * (sent[i] ?? 0)) / count),
        count,
      ),
    );
    return Float32Array.from(rule.aggregate(inputs, rule.init(dimension)).vector);
  };
}

function partsOf(dimension: number, others: readonly Placed[], groups: readonly number[]) {
  const ids = [...new Set([...others.map(({ group }) => group), ...groups])].sort((a, b) => a - b);
  return ids.map((id) => {
    const rows = others.filter(({ group }) => group === id);
    const sum = new Float64Array(dimension);
    for (const { update } of rows) for (let i = 0; i < dimension; i++) sum[i] = (sum[i] ?? 0) + (update[i] ?? 0);
    const senders = groups.filter((group) => group === id).length;
    return { id, sum, senders, count: rows.length + senders };
  });
}
