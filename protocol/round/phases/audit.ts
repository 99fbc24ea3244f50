// After R6: every accepted sketch is checked against the signed input, now that its masks are known (protocol.md §7, check 3).
// A member that fails is proven a liar by its own signed messages; the sum is discarded, since it holds its input.
// Not here: the projections themselves (engine), the checks before the opening (sketch.ts).

import type { Rank } from '../../ids.js';
import type { AuditWork, UnmaskWork } from '../../secagg/jobs.js';
import { type GroupSetup, memberOf, type OpeningState, type Screening } from '../group-state.js';
import type { FailWith } from '../moves.js';

export const auditWork = ({ matrixKey }: GroupSetup, rows: number, unmask: UnmaskWork): AuditWork => ({
  type: 'audit',
  unmask,
  matrixKey,
  rows,
});

/**
 * @param values from the engine, k words each: A·PRG(b_i) for U4 ascending; A·m_ij for each gone member of U2 and each survivor; A·sum
 * @returns what ends the run, with the liars; undefined where everything adds up
 */
export function auditFault(s: OpeningState, screening: Screening, values: Uint32Array): FailWith | undefined {
  const { setup, u2, u4 } = s;
  const gone = u2.filter((rank) => !u4.includes(rank));
  const k = values.length / (u4.length * (1 + gone.length) + 1);
  const mod = (word: number): number =>
    (word << (32 - setup.derived.encoding.ring)) >>> (32 - setup.derived.encoding.ring);
  const row = (at: number): Uint32Array => values.subarray(at * k, (at + 1) * k);
  const liars = new Set<Rank>();
  const total = new Int32Array(k);
  for (const [at, i] of u4.entries()) {
    const claimed = screening.sketches.get(i);
    const y = screening.projections.get(i);
    if (claimed === undefined || y === undefined) throw new RangeError(`rank ${i} was accepted without a sketch`);
    for (const [g, j] of gone.entries()) {
      const truth = row(u4.length + g * u4.length + at);
      if (claimed.p.get(j)?.some((word, r) => mod(word) !== mod(truth[r] as number)) !== false) liars.add(i);
    }
    const self = row(at);
    for (let r = 0; r < k; r++) {
      // safe: all rows have k words
      let rest = (y[r] as number) - (claimed.v[r] as number) - (self[r] as number);
      for (const [j, p] of claimed.p) rest += j > i ? -(p[r] as number) : (p[r] as number);
      if (mod(rest) !== 0) liars.add(i);
      total[r] = (total[r] as number) + (claimed.v[r] as number);
    }
  }
  if (liars.size > 0)
    return {
      code: 'SKETCH_LIE',
      text: `${liars.size} accepted sketches are not those of the signed inputs`,
      culprits: [...liars].map((rank) => ({ client: memberOf(setup, rank), code: 'SKETCH_LIE' })),
    };
  // The claims fit the inputs mod 2^ρ; over the whole numbers they must fit the opened sum too, or it has wrapped round.
  const sum = row(u4.length * (1 + gone.length));
  if (total.some((value, r) => value >>> 0 !== sum[r]))
    return { code: 'SKETCH_LIE', text: 'the opened sum is not the one that the sketches add up to' };
  return undefined;
}
