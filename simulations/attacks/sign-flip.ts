// Attacks that send a multiple of the own update, turned round or inflated. (Li et al. 2019.)
// Not here: multiples of the honest mean (ipm.ts), choosing a factor against a known rule (optimised.ts), noise.

import type { AttackOf } from './attack.js';
import { requirePositive } from './require.js';
import { scale } from './vectors.js';

/**
 * −boost × the own update, not clipped: the attacker's group or cohort steps uphill. Worth it under the plain mean as soon as
 * boost × f outweighs the n − f honest ones. Worked: update [1, −2], boost 10 → [−10, 20].
 * @param boost > 0; 1 is the plain sign flip
 */
export function signFlip(boost = 1): AttackOf<'own'> {
  requirePositive('boost', boost);
  return { name: `sign-flip ×${boost}`, knows: 'own', clips: false, corrupt: (update) => scale(update, -boost) };
}

/** factor × the own update, not clipped: the plain scaling attack, and the second half of model replacement. */
export function boosted(factor: number): AttackOf<'own'> {
  requirePositive('factor', factor);
  return { name: `boosted ×${factor}`, knows: 'own', clips: false, corrupt: (update) => scale(update, factor) };
}
