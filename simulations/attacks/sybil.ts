// Sybils: one adversary behind many names. Every clone sends the update of the first, as its objective has made it.
// Not here: attackers that only agree on a formula (ALIE, IPM): they send equal vectors too, but train for themselves.

import type { Attack, AttackOf, OwnView } from './attack.js';
import { requireCount } from './require.js';
import { norm, scale } from './vectors.js';

export interface Sybil {
  /** Noise of this share of the update's norm on each clone, so that no two are equal; absent: 0. */
  readonly jitter?: number;
  /** Clone of rank r joins in round 1 + r·joinEvery, honest before; absent: all from the start. */
  readonly joinEvery?: number;
}

/**
 * Clones of one poisoned objective (Fung, Yoon, Beschastnikh 2020). Data are poisoned as `objective` says; what the clone of lowest
 * rank that is there has learnt from its data is what all send. @throws RangeError for an objective that needs more than its own view
 */
export function sybil(objective: Attack, { jitter = 0, joinEvery = 0 }: Sybil = {}): AttackOf<'own'> {
  if (objective.knows !== 'own') throw new RangeError(`${objective.name} needs to know more than its own data`);
  if (!(jitter >= 0 && jitter <= 1)) throw new RangeError(`jitter is ${jitter}; it must be from 0 to 1`);
  requireCount('joinEvery', joinEvery);
  const { corrupt } = objective;
  return {
    ...objective,
    name: `sybils of ${objective.name}`,
    conspires: true,
    corrupt: (update, view) => {
      const leader = view.colluders[0] ?? update;
      // Draws of the leader's rank would differ between clones; those of the round do not.
      const shared: OwnView = { ...view, clean: leader, rank: 0 };
      const sent = corrupt === undefined ? leader.slice() : corrupt(leader, shared);
      if (jitter === 0) return scale(sent, 1);
      const deviation = (jitter * norm(sent)) / Math.sqrt(sent.length);
      const { random } = view;
      return sent.map((value) => value + deviation * random.normal());
    },
    ...(joinEvery > 0 && { active: (round: number, rank: number) => round >= 1 + rank * joinEvery }),
  };
}
