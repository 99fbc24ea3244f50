// Updates that a round's sketches cannot tell apart: small whole vectors in the kernel of a given A. Not a test.

import { BLOCK, BUCKETS, SKETCHES, type SketchMatrix } from '../../protocol/sketch/matrix.js';

/** Columns with signs, and the rows of A that are not zero yet. */
interface Combination {
  readonly at: readonly number[];
  readonly signs: readonly number[];
  readonly rest: Int8Array;
}
/** Combinations kept at each of the three stages: enough for a few thousand at the last. */
const KEPT = 60_000;

/** Column i of A: what one unit in coordinate i adds to the sketch. */
function columnOf({ rows, offsets, signs, dense }: SketchMatrix, i: number): Int8Array {
  const sign = ((signs[i >> 3] ?? 0) >> (i & 7)) & 1 ? -1 : 1;
  return Int8Array.from({ length: rows }, (_, row) => {
    const s = Math.floor(row / (rows / SKETCHES));
    const bucket = ((offsets[Math.floor(i / BLOCK) * SKETCHES + s] ?? 0) + (i % BLOCK)) % BUCKETS;
    return sign * (dense[row * BUCKETS + bucket] ?? 0);
  });
}

/**
 * δ ≠ 0 with A·δ = 0 over the whole numbers, entries 0 and ±`size`: disjoint combinations of 8 columns each, found as in a generalised
 * birthday (Wagner 2002): pairs that cancel in a third of the rows, pairs of these in the next third, and again.
 */
export function kernelVector(matrix: SketchMatrix, size: number): Int32Array {
  const third = matrix.rows / 3;
  let list: Combination[] = Array.from({ length: matrix.length }, (_, i) => ({
    at: [i],
    signs: [1],
    rest: columnOf(matrix, i),
  }));
  for (let stage = 0; stage < 3; stage++) list = cancel(list, stage * third, (stage + 1) * third);
  const delta = new Int32Array(matrix.length);
  for (const { at, signs } of list) {
    if (at.some((i) => delta[i] !== 0)) continue;
    at.forEach((i, k) => {
      delta[i] = size * (signs[k] ?? 0);
    });
  }
  return delta;
}

/** Differences of pairs that agree, up to a sign, in rows `from` … `to`. */
function cancel(list: readonly Combination[], from: number, to: number): Combination[] {
  const groups = new Map<string, Combination[]>();
  for (const one of list) {
    const part = one.rest.subarray(from, to);
    const first = part.find((value) => value !== 0) ?? 1;
    const turned = first < 0 ? negated(one) : one;
    const key = turned.rest.subarray(from, to).join();
    groups.set(key, [...(groups.get(key) ?? []), turned].slice(-40));
  }
  const out: Combination[] = [];
  for (const group of groups.values())
    for (const [k, b] of group.entries())
      for (const a of group.slice(0, k)) {
        if (out.length >= KEPT) return out;
        if (a.at.some((i) => b.at.includes(i))) continue;
        out.push({
          at: [...a.at, ...b.at],
          signs: [...a.signs, ...b.signs.map((sign) => -sign)],
          rest: a.rest.map((value, row) => value - (b.rest[row] ?? 0)),
        });
      }
  return out;
}
const negated = ({ at, signs, rest }: Combination): Combination => ({
  at,
  signs: signs.map((sign) => -sign),
  rest: rest.map((value) => -value),
});
