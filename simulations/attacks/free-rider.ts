// Clients that take the model and give nothing: zero, noise, or the last global step sent back. (Lin et al. 2019; Fraboni et al. 2021.)
// They obey the clip: they mean to pass unseen, not to harm.

import type { AttackOf } from './attack.js';
import { subtract } from './vectors.js';

export type FreeRide = { readonly send: 'zero' | 'replay' } | { readonly send: 'noise'; readonly deviation: number };

/** `replay` sends G_t − G_{t−1}; zero in the first round, when there is no step to copy. */
export function freeRider(ride: FreeRide): AttackOf<'own'> {
  return {
    name: `free rider (${ride.send})`,
    knows: 'own',
    clips: true,
    corrupt: (update, { model, previousModel, random }) => {
      switch (ride.send) {
        case 'zero':
          return new Float32Array(update.length);
        case 'noise':
          return update.map(() => ride.deviation * random.normal());
        case 'replay':
          return previousModel === undefined ? new Float32Array(update.length) : subtract(model, previousModel);
        default:
          return ride satisfies never;
      }
    },
  };
}
