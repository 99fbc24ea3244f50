// Per coordinate the mean of the values closest to the median: what MeaMed is, and what Bulyan ends with.
// Not here: the rules (meamed.ts, bulyan.ts).

import type { Vector } from './inputs.js';

export interface Closest {
  readonly vector: Float64Array<ArrayBuffer>;
  /** Per row: coordinates in which it was farther from the median than what was kept (or tied with it, and came later). */
  readonly cut: Float64Array;
}

/** Columns transposed at a time. */
const BLOCK = 128;

/**
 * The `keep` values of each column that are closest to its median (even count: mean of the two middle ones); equal distances: the
 * lower row first, the only place where the order of the rows shows. Kept values are added upwards.
 * @param rows finite, at least one.  @param keep 1 … rows
 */
export function meanOfClosest(rows: readonly Vector[], keep: number): Closest {
  const m = rows.length;
  const d = rows[0]?.length ?? 0;
  const vector = new Float64Array(d);
  const cut = new Float64Array(m);
  const block = new Float64Array(BLOCK * m);
  const column: Column = { sorted: new Float64Array(m), values: block, base: 0 };
  for (let start = 0; start < d; start += BLOCK) {
    const width = Math.min(BLOCK, d - start);
    rows.forEach((row, i) => {
      for (let c = 0; c < width; c++) block[c * m + i] = row[start + c] ?? 0;
    });
    for (let c = 0; c < width; c++) {
      column.base = c * m;
      column.sorted.set(block.subarray(column.base, column.base + m));
      column.sorted.sort();
      vector[start + c] = closestOfColumn(column, keep, cut);
    }
  }
  return { vector, cut };
}

interface Column {
  readonly sorted: Float64Array;
  readonly values: Float64Array;
  base: number;
}

function closestOfColumn({ sorted, values, base }: Column, keep: number, cut: Float64Array): number {
  const m = sorted.length;
  const median = middle(sorted);
  let [low, high] = [0, m - 1];
  // safe: all indices are below m. The closest are a stretch of the sorted column: take the farther end away until they are left.
  while (high - low + 1 > keep) {
    if (median - sorted[low]! > sorted[high]! - median) low++;
    else high--;
  }
  const radius = Math.max(median - sorted[low]!, sorted[high]! - median);
  let [inside, tied] = [0, 0];
  for (let i = 0; i < m; i++) {
    const away = Math.abs(values[base + i]! - median);
    if (away < radius) inside++;
    else if (away === radius) tied++;
    else cut[i]! += 1;
  }
  if (inside + tied === keep) return average(sorted.subarray(low, high + 1));
  // More rows lie at the radius than fit: of these the lower indices stay.
  let room = keep - inside;
  const kept: number[] = [];
  for (let i = 0; i < m; i++) {
    // safe: i is below m, the number of rows.
    const value = values[base + i]!;
    const away = Math.abs(value - median);
    if (away < radius || (away === radius && room-- > 0)) kept.push(value);
    else if (away === radius) cut[i]! += 1;
  }
  return average(Float64Array.from(kept).sort());
}

function middle(sorted: Float64Array): number {
  // safe: there is at least one.
  const [a, b] = [sorted[(sorted.length - 1) >> 1]!, sorted[sorted.length >> 1]!];
  // Halves first: the sum of two values near 1e308 is not finite.
  return a === b ? a : Number.isFinite(a + b) ? (a + b) / 2 : a / 2 + b / 2;
}

/** Mean of a sorted stretch, clamped to it, because (x + x + x) / 3 may miss x by a bit; + 0 turns −0 into 0. */
function average(stretch: Float64Array): number {
  const [first, last] = [stretch[0] ?? 0, stretch[stretch.length - 1] ?? 0];
  let sum = stretch.reduce((total, value) => total + value, 0) / stretch.length;
  if (!Number.isFinite(sum)) sum = stretch.reduce((total, value) => total + value / stretch.length, 0);
  return Math.max(first, Math.min(last, sum)) + 0;
}
