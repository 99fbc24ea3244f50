// What a split into groups is worth before anybody has attacked: how likely f bad clients spoil more groups than a median survives.
// Not here: the guarantee, which needs 2f < groups whatever the draw (protocol/rule.ts); these are the odds beside it.

import { SottoError } from '../../protocol/errors.js';

/**
 * P(more than ⌊(m−1)/2⌋ of the m = n/g groups hold a bad client): what a median over groups without sketches survives.
 * @throws AGGREGATE_PRECONDITION where g does not divide n or f is not in 0 … n
 */
export const medianBreakProbability = (clients: number, faulty: number, size: number): number =>
  spoiltProbability(clients, faulty, size, { perGroup: 0, groups: Math.floor((clients / size - 1) / 2) });

/** What a task can bear: bad clients of one group that are left out of it, and groups with more of them that the rule is ready for. */
export interface Tolerated {
  readonly perGroup: number;
  readonly groups: number;
}

/**
 * P(more than `tolerated.groups` of the m = n/g groups hold more than `tolerated.perGroup` bad clients) for a uniform draw of disjoint
 * groups: placements of f bad clients counted by a polynomial in bad clients and spoilt groups, divided by C(n, f) (robustness.md §0.2).
 * With fixed groups the draw happens once.
 * @throws AGGREGATE_PRECONDITION where g does not divide n or f is not in 0 … n
 */
export function spoiltProbability(clients: number, faulty: number, size: number, tolerated: Tolerated): number {
  const isCount = [clients, faulty, size].every(Number.isSafeInteger) && size >= 1 && faulty >= 0 && faulty <= clients;
  if (!isCount || clients < 1 || clients % size !== 0) {
    const text = `${faulty} bad of ${clients} clients in groups of ${size}: f must be in 0…n and the size divide n`;
    throw new SottoError('AGGREGATE_PRECONDITION', text);
  }
  const groups = clients / size;
  // ways[bad][spoilt]; float64 holds C(1024, 512) ≈ 1e307, beyond that only much larger rounds go.
  let ways: number[][] = [[1]];
  for (let group = 0; group < groups; group++) {
    const next = Array.from({ length: faulty + 1 }, () => new Array<number>(group + 2).fill(0));
    ways.forEach((row, bad) => {
      row.forEach((count, spoilt) => {
        if (count === 0) return;
        for (let here = 0; here <= Math.min(size, faulty - bad); here++) {
          const target = next[bad + here];
          const at = spoilt + (here > tolerated.perGroup ? 1 : 0);
          if (target !== undefined) target[at] = (target[at] ?? 0) + count * binomial(size, here);
        }
      });
    });
    ways = next;
  }
  const broken = (ways[faulty] ?? []).reduce(
    (sum, count, spoilt) => (spoilt > tolerated.groups ? sum + count : sum),
    0,
  );
  return broken / binomial(clients, faulty);
}

/** The largest g with P(a group holds a bad client) = 1 − (1 − share)^g < `below`; 0 where even one client is too many. */
export function largestGroup(maliciousShare: number, below: number): number {
  let size = 0;
  while (1 - (1 - maliciousShare) ** (size + 1) < below && maliciousShare > 0) size++;
  return size;
}

function binomial(n: number, k: number): number {
  let result = 1;
  for (let i = 1; i <= k; i++) result = (result * (n - k + i)) / i;
  return result;
}
