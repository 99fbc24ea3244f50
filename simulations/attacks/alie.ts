// A little is enough: a shift of every coordinate that hides inside the spread of the honest ones.
// Not here: choosing the factor against a known rule (optimised.ts).

import { normalQuantile } from '../../server/monitor/distributions.js';
import type { AttackOf } from './attack.js';
import { requirePositive } from './require.js';
import { along, deviation, mean, type Row, scale } from './vectors.js';

/**
 * z = Φ⁻¹((n − f − s)/(n − f)) with s = ⌊n/2⌋ + 1 − f, the supporters a median needs (Baruch, Baruch, Goldberg 2019, Algorithm 3).
 * Not usable where z ≤ 0, exactly when n − f ≤ 2s: then the "attack" is the honest mean, or helps, and a defence tested with it
 * looks perfect. @param n clients, @param f attackers among them @throws RangeError unless 0 < f < n
 */
export function alieZ(n: number, f: number): { readonly z: number; readonly usable: boolean } {
  if (!(Number.isSafeInteger(n) && Number.isSafeInteger(f) && f > 0 && f < n)) {
    throw new RangeError(`${f} attackers of ${n} clients; there must be at least one, and one honest`);
  }
  const supporters = Math.floor(n / 2) + 1 - f;
  if (supporters <= 0) return { z: Number.POSITIVE_INFINITY, usable: false };
  const z = normalQuantile((n - f - supporters) / (n - f));
  // The bisection ends a bit away from 0 where the argument is exactly a half.
  return n - f <= 2 * supporters ? { z: Math.min(z, 0), usable: false } : { z, usable: true };
}

/**
 * μ + sign·z·sd, sd with divisor |H| − 1. Worked: honest (1, 2, 3), (4, 5, 6), (7, 8, 9), z = 1.5 → (8.5, 9.5, 10.5).
 */
export function alie(honest: readonly Row[], z: number, sign: 1 | -1 = 1): Float64Array {
  const centre = mean(honest);
  return along(centre, sign * z, deviation(honest, centre));
}

export interface Alie {
  /** Standard deviations; absent: by the formula from n and f of the round. 1.5 is usual in benchmarks. */
  readonly z?: number;
  /** Absent: −1, against the honest mean where that is positive. */
  readonly sign?: 1 | -1;
}

/** @throws RangeError for z ≤ 0; without `z`, in the round, where n and f make none (spec.ts refuses that before a run) */
export function littleIsEnough({ z, sign = -1 }: Alie = {}): AttackOf<'omniscient'> {
  if (z !== undefined) requirePositive('z', z);
  return {
    name: `ALIE ${z === undefined ? 'z(n, f)' : z}`,
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest, cohort, attackers }) => scale(alie(honest, z ?? usableZ(cohort, attackers), sign), 1),
  };
}

/** @throws RangeError */
export function usableZ(n: number, f: number): number {
  const { z, usable } = alieZ(n, f);
  if (!usable) {
    throw new RangeError(
      `z is ${z.toPrecision(3)} for ${f} attackers of ${n} clients: no attack; give z yourself (1.5 is usual), or more attackers (above ${n % 2 === 0 ? 2 : 1})`,
    );
  }
  return z;
}
