// When an attack is on: outside these rounds its clients train on clean data and send what they learn.

import type { Attack } from './attack.js';
import { requireCount } from './require.js';

export interface Period {
  /** First round; absent: 1. */
  readonly from?: number;
  /** Last round; absent: it never stops. */
  readonly until?: number;
}

export function during<A extends Attack>(attack: A, { from = 1, until = Number.POSITIVE_INFINITY }: Period): A {
  requireCount('from', from, 1);
  if (!(until >= from)) throw new RangeError(`until is ${until}; it must be at least from, ${from}`);
  const { active } = attack;
  return {
    ...attack,
    active: (round: number, rank: number) => round >= from && round <= until && (active?.(round, rank) ?? true),
  };
}
