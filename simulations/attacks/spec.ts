// Attacks as a configuration names them, and the value each stands for. Children of a fleet get the name, never a function.
// Not here: the attacks themselves, nor who carries them out.

import { SottoError } from '../../protocol/errors.js';
import { type Alie, littleIsEnough, usableZ } from './alie.js';
import { type Attack, type AttackOf, partial, stack } from './attack.js';
import { type Backdoor, backdoor, type Dba, dba, replacement } from './backdoor.js';
import { type DropoutAbuse, dropoutAbuse, lateInput } from './dropout-abuse.js';
import { during, type Period } from './during.js';
import { type Equivocation, equivocation } from './equivocation.js';
import { falseComplaint } from './false-complaint.js';
import { type FangKrumSettings, fangKrumAttack, fangTrim, fangTrimPartial } from './fang.js';
import { type FreeRide, freeRider } from './free-rider.js';
import { innerProduct } from './ipm.js';
import { type LabelFlip, labelFlip } from './label-flip.js';
import { mimic } from './mimic.js';
import { type HidesInDistances, minMaxAttack, minSumAttack } from './min-max.js';
import { gaussian } from './noise.js';
import { noiseEvasion } from './noise-evasion.js';
import { optimisedAttack } from './optimised.js';
import { replayInput } from './replay-input.js';
import { boosted, signFlip } from './sign-flip.js';
import { type SketchCollusion, sketchCollusion } from './sketch-collusion.js';
import { type SketchLie, sketchLie } from './sketch-lie.js';
import { type Sybil, sybil } from './sybil.js';
import { type UnmaskLie, unmaskLie } from './unmask-lie.js';
import { type VectorAbuse, vectorAbuse } from './vector-abuse.js';
import { type WrongShares, wrongShares } from './wrong-shares.js';

/** `partial`: from the conspirators' own clean updates. Absent: full, every honest update of the round. */
export interface Informed {
  readonly knowledge?: 'partial' | 'full';
}

export type AttackSpec =
  | { readonly kind: 'sign-flip'; readonly boost: number }
  | { readonly kind: 'boosted'; readonly factor: number }
  | { readonly kind: 'gaussian'; readonly deviation: number; readonly mean?: number }
  | ({ readonly kind: 'ipm'; readonly epsilon: number } & Informed)
  | ({ readonly kind: 'alie' } & Alie & Informed)
  | ({ readonly kind: 'min-max' | 'min-sum' } & HidesInDistances & Informed)
  | ({ readonly kind: 'mimic'; readonly warmUp: number } & Informed)
  | ({ readonly kind: 'fang-trim'; readonly b?: number } & Informed)
  | ({ readonly kind: 'fang-krum' } & FangKrumSettings & Informed)
  | { readonly kind: 'opt-ipm' | 'opt-alie' }
  | ({ readonly kind: 'label-flip' } & LabelFlip)
  | ({ readonly kind: 'backdoor' } & Backdoor)
  | ({ readonly kind: 'model-replacement'; readonly eta?: number } & Omit<Backdoor, 'boost'>)
  | ({ readonly kind: 'dba' } & Dba)
  | ({ readonly kind: 'free-rider' } & FreeRide)
  | { readonly kind: 'noise-evasion' }
  | { readonly kind: 'vector-abuse'; readonly abuse: VectorAbuse }
  | ({ readonly kind: 'sketch-lie' } & SketchLie)
  | ({ readonly kind: 'sketch-collusion' } & SketchCollusion)
  | { readonly kind: 'wrong-shares'; readonly to: WrongShares }
  | { readonly kind: 'equivocation'; readonly of: Equivocation }
  | { readonly kind: 'unmask-lie'; readonly how: UnmaskLie }
  | { readonly kind: 'false-complaint' | 'replayed-input' }
  | ({ readonly kind: 'dropout-abuse' } & DropoutAbuse)
  | { readonly kind: 'late-input'; readonly delayMs: number }
  | ({ readonly kind: 'sybil'; readonly of: AttackSpec } & Sybil)
  | ({ readonly kind: 'during'; readonly attack: AttackSpec } & Period)
  | { readonly kind: 'stack'; readonly name: string; readonly attacks: readonly [AttackSpec, ...AttackSpec[]] };

/** @throws CONFIG_INVALID where a number makes no attack */
export function createAttack(spec: AttackSpec): Attack {
  return refusing(spec, () => build(spec));
}

/**
 * What only shows when it is known how many take part: ALIE by formula without a usable z is no attack, and the defence would look
 * perfect (robustness.md, trap 7). @throws CONFIG_INVALID
 */
export function checkAttack(spec: AttackSpec, cohort: number, attackers: number): void {
  createAttack(spec);
  if (attackers === 0) return;
  refusing(spec, () => {
    if (spec.kind === 'alie' && spec.z === undefined) usableZ(cohort, attackers);
    if ('knowledge' in spec && spec.knowledge === 'partial' && spec.kind !== 'ipm' && attackers < 2) {
      throw new RangeError('with one attacker, its own update has no deviation to estimate; use at least 2');
    }
    if (spec.kind === 'sketch-collusion' && attackers < 2)
      throw new RangeError('one attacker has nobody to share its sketch with; use at least 2');
  });
  if (spec.kind === 'during') checkAttack(spec.attack, cohort, attackers);
  if (spec.kind === 'sybil') checkAttack(spec.of, cohort, attackers);
  if (spec.kind === 'stack') for (const one of spec.attacks) checkAttack(one, cohort, attackers);
}

function refusing<T>(spec: AttackSpec, make: () => T): T {
  try {
    return make();
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
      return gaussian(spec.deviation, spec.mean);
    case 'ipm':
      return informed(spec, innerProduct(spec.epsilon));
    case 'alie':
      return informed(spec, littleIsEnough(spec));
    case 'min-max':
      return informed(spec, minMaxAttack(spec));
    case 'min-sum':
      return informed(spec, minSumAttack(spec));
    case 'mimic':
      return informed(spec, mimic(spec.warmUp));
    case 'fang-trim':
      return spec.knowledge === 'partial' ? fangTrimPartial() : fangTrim(spec.b);
    case 'fang-krum':
      return informed(spec, fangKrumAttack(spec));
    case 'opt-ipm':
      return optimisedAttack('ipm');
    case 'opt-alie':
      return optimisedAttack('alie');
    case 'label-flip':
      return labelFlip(spec);
    case 'backdoor':
      return backdoor(spec);
    case 'model-replacement':
      return replacement(spec);
    case 'dba':
      return dba(spec);
    case 'free-rider':
      return freeRider(spec);
    case 'noise-evasion':
      return noiseEvasion();
    case 'vector-abuse':
      return vectorAbuse(spec.abuse);
    case 'sketch-lie':
      return sketchLie(spec);
    case 'sketch-collusion':
      return sketchCollusion(spec);
    case 'wrong-shares':
      return wrongShares(spec.to);
    case 'equivocation':
      return equivocation(spec.of);
    case 'unmask-lie':
      return unmaskLie(spec.how);
    case 'false-complaint':
      return falseComplaint();
    case 'replayed-input':
      return replayInput();
    case 'dropout-abuse':
      return dropoutAbuse(spec);
    case 'late-input':
      return lateInput(spec.delayMs);
    case 'sybil':
      return sybil(build(spec.of), spec);
    case 'during':
      return during(build(spec.attack), spec);
    case 'stack': {
      const [first, ...rest] = spec.attacks;
      return stack(spec.name, build(first), ...rest.map(build));
    }
    default:
      return spec satisfies never;
  }
}

const informed = ({ knowledge }: Informed, attack: AttackOf<'omniscient'>): Attack =>
  knowledge === 'partial' ? partial(attack) : attack;
