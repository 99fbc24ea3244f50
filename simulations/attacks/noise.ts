// Attacks that send draws from a generator in place of an update. Not here: free riders, whose noise is meant to look honest.

import type { AttackOf } from './attack.js';

/** N(mean, deviation²) in every coordinate, not clipped. Usual: (0, 1) and (0.1, 0.1). */
export function gaussian(deviation: number, mean = 0): AttackOf<'own'> {
  if (!(deviation > 0)) throw new RangeError(`deviation is ${deviation}; it must be above 0`);
  return {
    name: `gaussian N(${mean}, ${deviation}²)`,
    knows: 'own',
    clips: false,
    corrupt: (update, { random }) => update.map(() => mean + deviation * random.normal()),
  };
}
