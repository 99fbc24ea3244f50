// Backdoors by data poisoning: the model is right on clean examples and says the target class where it sees the trigger.
// The update is an honest one of wrong data; a factor on top of it is model replacement. Not here: the pixels (triggers.ts).
// What no rule over norms and distances sees is an unscaled one: reports must say so (robustness.md §3.2).

import { type Dataset, exampleCount } from '../../client/dataset.js';
import type { Random } from '../random.js';
import type { AttackOf } from './attack.js';
import { requireCount, requirePositive, requireShare } from './require.js';
import {
  cornerPatch,
  DBA_LOCAL,
  DBA_TARGET,
  rowsOf,
  stamped,
  type Trigger,
  together,
  triggeredTest,
} from './triggers.js';
import { along, type Row, scale } from './vectors.js';

export interface Backdoor {
  /** Class that the trigger stands for; absent: 7 (robustness.md §2). */
  readonly target?: number;
  /** Share of its examples that an attacker stamps and mislabels; absent: 0.32, about 20 of a batch of 64. */
  readonly ratio?: number;
  /** Side of the white square in the bottom right corner, pixels; absent: 5. */
  readonly side?: number;
  /** Factor on the update, which is then not clipped; absent: 1, sent as it is and clipped. */
  readonly boost?: number;
}

/** All-to-one pixel trigger (Gu, Dolan-Gavitt, Garg 2017), the poison mixed among clean examples so that both are learnt. */
export function backdoor({ target = 7, ratio = 0.32, side = 5, boost = 1 }: Backdoor = {}): AttackOf<'own'> {
  requireCount('target', target);
  requireShare('ratio', ratio);
  requireCount('side', side, 1);
  requirePositive('boost', boost);
  const trigger = (data: Dataset): Trigger => cornerPatch(data.shape, side);
  return {
    name: boost === 1 ? `backdoor (target ${target})` : `backdoor (target ${target}) ×${boost}`,
    knows: 'own',
    clips: boost === 1,
    poison: (data, { random }) => poisoned(data, trigger(data), target, ratio, random),
    goal: (test) => triggeredTest(test, trigger(test), target),
    ...(boost !== 1 && { corrupt: (update) => scale(update, boost) }),
  };
}

export interface Dba {
  /** Absent: 2. */
  readonly target?: number;
  /** Absent: 20 of 64. */
  readonly ratio?: number;
  /** Absent: 1; 100 there, for single shots. */
  readonly boost?: number;
  /** Rounds of single shots: attacker of rank r acts in shots[r mod 4] alone. Absent: all act in every round. */
  readonly shots?: readonly number[];
}

/**
 * Distributed backdoor (Xie, Huang, Chen, Li 2020): attacker of rank r trains on the local trigger r mod 4; the test stamps all
 * four. Theirs: 100 clients, 10 a round, Dirichlet 0.5, learning rate 0.1, scale 100, shots in rounds 12, 14, 16, 18.
 */
export function dba({ target = DBA_TARGET, ratio = 20 / 64, boost = 1, shots }: Dba = {}): AttackOf<'own'> {
  requireCount('target', target);
  requireShare('ratio', ratio);
  requirePositive('boost', boost);
  for (const shot of shots ?? []) requireCount('shots', shot, 1);
  return {
    name: `DBA (target ${target})${boost === 1 ? '' : ` ×${boost}`}`,
    knows: 'own',
    clips: boost === 1,
    // safe: the index is below the length of a list of four.
    poison: (data, { rank, random }) => poisoned(data, DBA_LOCAL[rank % DBA_LOCAL.length]!, target, ratio, random),
    goal: (test) => triggeredTest(test, together(DBA_LOCAL), target),
    ...(boost !== 1 && { corrupt: (update) => scale(update, boost) }),
    ...(shots !== undefined &&
      shots.length > 0 && { active: (round: number, rank: number) => round === shots[rank % shots.length] }),
  };
}

/**
 * X̃ = G + γ(X − G) with γ = n/η: the mean of one such model and n − 1 that have converged is X (Bagdasaryan et al. 2020, eq. 3).
 * γ is split equally over the attackers. @param eta the server's learning rate
 */
export function modelReplacement(
  global: Row,
  target: Row,
  { n, eta, attackers }: { readonly n: number; readonly eta: number; readonly attackers: number },
): { readonly gamma: number; readonly model: Float64Array } {
  requirePositive('eta', eta);
  requireCount('attackers', attackers, 1);
  const gamma = n / eta / attackers;
  const step = Float64Array.from(target, (value, i) => value - (global[i] ?? 0));
  return { gamma, model: along(global, gamma, step) };
}

/** A backdoor whose update is scaled to replace the model. Not clipped. */
export function replacement(settings: Omit<Backdoor, 'boost'> & { readonly eta?: number } = {}): AttackOf<'own'> {
  const { eta = 1, ...rest } = settings;
  requirePositive('eta', eta);
  const { corrupt: _, ...base } = backdoor(rest);
  return {
    ...base,
    name: `model replacement, ${base.name}`,
    clips: false,
    corrupt: (update, { cohort, attackers }) => scale(update, cohort / eta / attackers),
  };
}

/** `ratio` of the examples, drawn from the seed, stamped and mislabelled; at least one. */
function poisoned(data: Dataset, trigger: Trigger, target: number, ratio: number, random: Random): Dataset {
  const count = exampleCount(data);
  const bad = new Set(random.sample(count, Math.max(1, Math.round(ratio * count))));
  return stamped(data, rowsOf(data), trigger, target, (at) => bad.has(at));
}
