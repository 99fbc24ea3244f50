// Attacks as a configuration names them, and the value each stands for. Children of a fleet get the name, never a function.
// Not here: the attacks themselves, nor who carries them out.

import { SottoError } from '../../protocol/errors.js';
import { type Attack, seesOthers, stack } from './attack.js';
import { type FreeRide, freeRider } from './free-rider.js';
import { type LabelFlip, labelFlip } from './label-flip.js';
import { gaussian } from './noise.js';
import { boosted, innerProduct, signFlip } from './sign-flip.js';
import { type VectorAbuse, vectorAbuse } from './vector-abuse.js';

export type AttackSpec =
  | { readonly kind: 'sign-flip'; readonly boost: number }
  | { readonly kind: 'boosted'; readonly factor: number }
  | { readonly kind: 'gaussian'; readonly deviation: number }
  | { readonly kind: 'ipm'; readonly epsilon: number }
  | ({ readonly kind: 'label-flip' } & LabelFlip)
  | ({ readonly kind: 'free-rider' } & FreeRide)
  | { readonly kind: 'vector-abuse'; readonly abuse: VectorAbuse }
  | { readonly kind: 'stack'; readonly name: string; readonly attacks: readonly [AttackSpec, ...AttackSpec[]] };

/** @throws CONFIG_INVALID where a number makes no attack */
export function createAttack(spec: AttackSpec): Attack {
  try {
    return build(spec);
  } catch (error) {
    if (!(error instanceof RangeError)) throw error;
    throw new SottoError('CONFIG_INVALID', `attack ${spec.kind}: ${error.message}`);
  }
}

function build(spec: AttackSpec): Attack {
  switch (spec.kind) {
    case 'sign-flip':
      return signFlip(spec.boost);
    case 'boosted':
      return boosted(spec.factor);
    case 'gaussian':
      return gaussian(spec.deviation);
    case 'ipm':
      return innerProduct(spec.epsilon);
    case 'label-flip':
      return labelFlip(spec);
    case 'free-rider':
      return freeRider(spec);
    case 'vector-abuse':
      return vectorAbuse(spec.abuse);
    case 'stack': {
      const [first, ...rest] = spec.attacks;
      return stack(spec.name, build(first), ...rest.map(build));
    }
    default:
      return spec satisfies never;
  }
}

/**
 * Attacks that a fleet of separate processes can carry out today: the others need every honest update of the round, which
 * nobody there has. @throws CONFIG_INVALID
 */
export function createFleetAttack(spec: AttackSpec): Attack {
  const attack = createAttack(spec);
  if (seesOthers(attack)) {
    throw new SottoError(
      'CONFIG_INVALID',
      `attack "${attack.name}" has to know the honest updates (${attack.knows}); a fleet of processes does not share them yet`,
    );
  }
  return attack;
}
