// Bucketing: averages of a few inputs each, drawn at random. Not here: the groups of profile `grouped`, which are fixed for a task.

import { type Comparable, checkInputs } from './inputs.js';
import { type PreStep, requireCount, vectorsOf } from './rule.js';
import { areSingle, asKind, meanOfRows } from './vectors.js';

/**
 * Permutes the inputs and averages `size` at a time, the last bucket may be short (Karimireddy et al. 2022, Algorithm 1). f bad inputs
 * spoil at most f of the ⌈n/size⌉ buckets, so f stays and the rule behind needs 2f < ⌈n/size⌉. A bucket's `members` are all its
 * inputs', its name and place the first one's; it weighs what they weigh together. float32 inputs give float32 buckets.
 * Example with size 2 and the identity for a permutation: (1, 2, 3), (4, 5, 6), (7, 8, 9) → (2.5, 3.5, 4.5), (7, 8, 9).
 * @param random uniform in [0, 1), n − 1 draws each time. Not to be known to clients before they send: whoever knows the buckets
 *   can choose whom to drown.
 * @throws AGGREGATE_PRECONDITION where size is no count of at least 1
 */
export function bucketing<I extends Comparable>(size: number, random: () => number): PreStep<I> {
  requireCount('bucketing', 'size', size, 1);
  return {
    name: `bucketing(${size})`,
    apply(inputs) {
      checkInputs(inputs);
      const single = areSingle(vectorsOf(inputs));
      const order = permutation(inputs.length, random);
      const buckets = Array.from({ length: Math.ceil(order.length / size) }, (_, i) =>
        order.slice(i * size, (i + 1) * size),
      );
      return {
        inputs: buckets.map((bucket) => {
          // safe: a bucket holds at least one index, and all are of inputs.
          const rows = bucket.map((i) => inputs[i]!);
          return rows.length === 1 ? rows[0]! : averageOf(rows, single);
        }),
        report: { stage: 'bucketing', buckets },
      };
    },
  };
}

function averageOf<I extends Comparable>(rows: readonly I[], single: boolean): I {
  // safe: a bucket holds at least one. Members are of one kind, since the inputs are.
  const [first] = rows as readonly [I];
  return {
    ...first,
    members: rows.flatMap((row) => row.members as readonly I['from'][]),
    weight: rows.reduce((sum, row) => sum + row.weight, 0),
    vector: asKind(meanOfRows(vectorsOf(rows)), single),
  };
}

/** Fisher-Yates from the end. */
function permutation(n: number, random: () => number): number[] {
  const order = Array.from({ length: n }, (_, i) => i);
  for (let i = n - 1; i > 0; i--) {
    const j = Math.floor(random() * (i + 1));
    // safe: 0 ≤ j ≤ i < n.
    [order[i], order[j]] = [order[j]!, order[i]!];
  }
  return order;
}
