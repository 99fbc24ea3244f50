// Sorting networks as data, cut down to the order statistics that are wanted. The SIMD kernel is written from them.
// Not here: any sorting (order.ts, order-simd.ts).

/** Puts the smaller value at `a`, the larger at `b`, a < b. `keeps`: which of the two anybody still reads. */
export interface Comparator {
  readonly a: number;
  readonly b: number;
  readonly keeps: 'both' | 'smaller' | 'larger';
}

/**
 * Batcher's odd-even merge sort for any number of rows (Knuth, TAOCP vol. 3, §5.3.4 and Algorithm 5.2.2M): 63 comparators for
 * 16, 543 for 64. Not the shortest known (60 and 521), but one rule for every size, where those are tables.
 */
export function sortingNetwork(rows: number): Comparator[] {
  const network: Comparator[] = [];
  for (let p = 1; p < rows; p *= 2) {
    for (let k = p; k >= 1; k = Math.floor(k / 2)) {
      for (let j = k % p; j <= rows - 1 - k; j += 2 * k) {
        for (let i = 0; i <= Math.min(k - 1, rows - j - k - 1); i++) {
          const sameMerge = Math.floor((i + j) / (2 * p)) === Math.floor((i + j + k) / (2 * p));
          if (sameMerge) network.push({ a: i + j, b: i + j + k, keeps: 'both' });
        }
      }
    }
  }
  return network;
}

/** The comparators that the outputs `wanted` depend on, each with the outputs somebody reads. Walks from the end. */
export function prune(network: readonly Comparator[], wanted: Iterable<number>): Comparator[] {
  const read = new Set(wanted);
  const kept: Comparator[] = [];
  for (const { a, b } of [...network].reverse()) {
    const [smaller, larger] = [read.has(a), read.has(b)];
    if (!smaller && !larger) continue;
    kept.push({ a, b, keeps: smaller && larger ? 'both' : smaller ? 'smaller' : 'larger' });
    read.add(a).add(b);
  }
  return kept.reverse();
}
