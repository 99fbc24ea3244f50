// Inner-product manipulation: the honest mean turned round. Not here: choosing the factor against a known rule (line-search.ts).

import type { AttackOf } from './attack.js';
import { requirePositive } from './require.js';
import { mean, type Row, scale } from './vectors.js';

/**
 * −ε·μ (Xie, Koyejo, Gupta 2019, "Fall of empires"). The form (1−τ)μ there has ε = τ − 1.
 * Worked: honest (1, 2, 3), (4, 5, 6), (7, 8, 9), ε = 2 → (−8, −10, −12).
 */
export function ipm(honest: readonly Row[], epsilon: number): Float64Array {
  return mean(honest).map((value) => -epsilon * value);
}

/** 0.1 hides from distance rules, 2 and above is loud; 1 is the omniscient sign flip. Clips: it is not about length. */
export function innerProduct(epsilon: number): AttackOf<'omniscient'> {
  requirePositive('epsilon', epsilon);
  return {
    name: `IPM ${epsilon}`,
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest }) => scale(ipm(honest, epsilon), 1),
  };
}
