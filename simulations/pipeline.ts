// What the coordinator will make of a set of updates, computed in the clear: clip, selection over sketches, groups, rule. For
// rehearsals and for attackers that know the pipeline. Not here: masks and rounding, which change nothing but the last digits.

import type { ClientId } from '../protocol/ids.js';
import type { RuleSpec } from '../protocol/rule.js';
import { checkedNorm, clipFactor } from '../protocol/secagg/encode.js';
import type { Encoding } from '../protocol/secagg/jobs.js';
import type { SelectionSpec } from '../protocol/selection.js';
import { selectionOf } from '../protocol/sketch/bounds.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { createRule, createSelection, type GroupMean, groupMean, sketch } from '../server/aggregate/index.js';

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

/** The selection over sketches that a task makes before its sums, as an attacker knows it: all but the matrix, which is fresh. */
export interface Screening {
  readonly selection: SelectionSpec;
  /** k. */
  readonly rows: number;
  /** Most that one group may lose to it. */
  readonly budget: number;
}

/** In the unit of updates, where coordinators judge encoded ones; absent where the task has no sketches. */
export function screeningOf(config: TaskConfig): Screening | undefined {
  const { integrity } = config;
  const { sketch: bounds, encoding } = deriveTask(config);
  if (integrity === 'none' || bounds === 'none') return undefined;
  return {
    selection: selectionOf(integrity, { encodedNorm: encoding.clipNorm, upper: bounds.upper }),
    rows: integrity.rows,
    budget: integrity.exclusions,
  };
}

/**
 * The aggregate as a function of what the clients in `groups` send, one entry each, all of them the same vector. What follows from
 * the others alone is made once: an attacker asks forty times. A rule with a memory starts afresh, and its draws and the matrix of
 * the sketches are the attacker's own: neither the last output nor the coordinator's coins are known to a client.
 */
export function predictor(
  spec: RuleSpec,
  dimension: number,
  others: readonly Placed[],
  groups: readonly number[],
  random: () => number,
  screening?: Screening,
): (sent: Float32Array) => Float32Array<ArrayBuffer> {
  const rule = createRule(spec, random);
  const parts = partsOf(dimension, others, groups);
  const screen = screening === undefined ? undefined : screener(screening, dimension, others, random);
  return (sent) => {
    const inputs = parts.map((part) => {
      const { id, sum, senders, count } = screen?.(part, sent) ?? part;
      return groupMean(
        id,
        sum.map((value, i) => (value + senders * (sent[i] ?? 0)) / count),
        count,
      );
    });
    return Float32Array.from(rule.aggregate(inputs, rule.init(dimension)).vector);
  };
}

interface Part {
  readonly id: number;
  /** Of the others in the group. */
  readonly sum: Float64Array;
  readonly senders: number;
  /** Of all. */
  readonly count: number;
}

/** What is left of a group once the selection has seen its sketches. */
function screener(
  { selection, rows, budget }: Screening,
  dimension: number,
  others: readonly Placed[],
  random: () => number,
): (part: Part, sent: Float32Array) => Part {
  // Entries −1, 0, 1 drawn ¼, ½, ¼, as the dense part of the real matrix.
  const matrix = Int8Array.from({ length: rows * dimension }, () => {
    const draw = random();
    return draw < 0.25 ? -1 : draw < 0.75 ? 0 : 1;
  });
  const project = (update: Float32Array): Float64Array =>
    Float64Array.from({ length: rows }, (_, row) => {
      let sum = 0;
      for (let i = 0, at = row * dimension; i < dimension; i++, at++) sum += (matrix[at] ?? 0) * (update[i] ?? 0);
      return sum;
    });
  const sketches = others.map(({ update }) => project(update));
  const rule = createSelection(selection);
  let last: { readonly sent: Float32Array; readonly v: Float64Array } | undefined;
  return (part, sent) => {
    if (last?.sent !== sent) last = { sent, v: project(sent) };
    const { v } = last;
    // Names are places: first the others of this group, then the senders.
    const members = others.flatMap(({ group }, i) => (group === part.id ? [i] : []));
    const named = (i: number) => String(i) as ClientId;
    const all = [
      // safe: `members` are indices of both lists
      ...members.map((i) => sketch(named(i), sketches[i]!)),
      ...Array.from({ length: part.senders }, (_, i) => sketch(named(others.length + i), v)),
    ];
    const out = rule.select(all, budget).excluded.map(({ id }) => Number(id));
    const sum = part.sum.slice();
    for (const i of out) {
      const update = others[i]?.update;
      if (update !== undefined) for (let c = 0; c < dimension; c++) sum[c] = (sum[c] ?? 0) - (update[c] ?? 0);
    }
    const senders = part.senders - out.filter((i) => i >= others.length).length;
    return { ...part, sum, senders, count: part.count - out.length };
  };
}

function partsOf(dimension: number, others: readonly Placed[], groups: readonly number[]): Part[] {
  const ids = [...new Set([...others.map(({ group }) => group), ...groups])].sort((a, b) => a - b);
  return ids.map((id) => {
    const rows = others.filter(({ group }) => group === id);
    const sum = new Float64Array(dimension);
    for (const { update } of rows) for (let i = 0; i < dimension; i++) sum[i] = (sum[i] ?? 0) + (update[i] ?? 0);
    const senders = groups.filter((group) => group === id).length;
    return { id, sum, senders, count: rows.length + senders };
  });
}
