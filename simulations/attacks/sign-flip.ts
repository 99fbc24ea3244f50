// Attacks that send a multiple of an update: own or average, turned round or inflated. (Li et al. 2019; Xie et al. 2019.)
// Not here: choosing the factor against a known rule (issue 3: Opt-IPM), noise.

import type { AttackOf } from './attack.js';
import { mean, scale } from './vectors.js';

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

/**
 * −epsilon × the mean μ of the honest updates: inner-product manipulation. 0.1 hides from distance rules, 2 and above is loud;
 * 1 is the omniscient sign flip.
 */
export function innerProduct(epsilon: number): AttackOf<'omniscient'> {
  requirePositive('epsilon', epsilon);
  return {
    name: `IPM ${epsilon}`,
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest }) => scale(mean(honest), -epsilon),
  };
}

function requirePositive(field: string, value: number): void {
  if (!(Number.isFinite(value) && value > 0)) throw new RangeError(`${field} is ${value}; it must be a number above 0`);
}
