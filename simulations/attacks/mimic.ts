// Mimic: every attacker copies one honest client, so that the others count less. Only worth it on data that differ between clients.

import type { AttackOf } from './attack.js';
import { requireCount } from './require.js';
import { dot, mean, norm, type Row, scale } from './vectors.js';

/**
 * i* = argmax |⟨h_i − μ, direction⟩|, the lower index in a tie (Karimireddy, He, Jaggi 2022, §3). Taken from the mean, unlike there: a
 * direction of variance is blind to what all have in common. @throws RangeError on none
 */
export function mimicTarget(honest: readonly Row[], direction: Row): number {
  const common = dot(mean(honest), direction);
  const sizes = honest.map((row) => Math.abs(dot(row, direction) - common));
  return sizes.indexOf(Math.max(...sizes));
}

/** Running mean and direction of top variance. */
export interface Learnt {
  readonly rounds: number;
  readonly mean: Float64Array;
  readonly direction: Float64Array;
}

/**
 * One round of the online power iteration (ibid., appendix on the mimic attack), t rounds before:
 * μ ← (t·μ + mean(H))/(t + 1), z ← (t·z + Σ(h_i − μ)(h_i − μ)ᵀz / ‖…‖)/(t + 1), normalised. The first z is the first deviation,
 * not a random vector: deterministic, and never orthogonal to all of them.
 */
export function learn(before: Learnt | undefined, honest: readonly Row[]): Learnt {
  const now = mean(honest);
  const t = before?.rounds ?? 0;
  const centre = now.map((value, i) => (t * (before?.mean[i] ?? 0) + value) / (t + 1));
  const rest = honest.map((row) => Float64Array.from(row, (value, i) => value - (centre[i] ?? 0)));
  const start = before?.direction ?? rest.find((row) => norm(row) > 0) ?? new Float64Array(centre.length);
  const step = new Float64Array(centre.length);
  for (const row of rest) {
    const weight = dot(row, start);
    for (let i = 0; i < step.length; i++) step[i] = (step[i] ?? 0) + weight * (row[i] ?? 0);
  }
  const unit = normalised(step);
  const direction = normalised(start.map((value, i) => (t * value + (unit[i] ?? 0)) / (t + 1)));
  return { rounds: t + 1, mean: centre, direction };
}

/**
 * Copies the first honest client for `warmUp` rounds while it learns the direction, the target after that. One value for each
 * attacker: it remembers. Attackers see the same vectors, so they agree without talking.
 */
export function mimic(warmUp: number): AttackOf<'omniscient'> {
  requireCount('warmUp', warmUp);
  let learnt: Learnt | undefined;
  let lastRound = 0;
  return {
    name: 'mimic',
    knows: 'omniscient',
    clips: true,
    corrupt: (_, { honest, round }) => {
      // A second attempt of a round teaches nothing new.
      if (round > lastRound) learnt = learn(learnt, honest);
      lastRound = Math.max(lastRound, round);
      const target = learnt === undefined || learnt.rounds <= warmUp ? 0 : mimicTarget(honest, learnt.direction);
      // safe: mimicTarget is an index, and `learn` has refused an empty list.
      return scale(honest[target]!, 1);
    },
  };
}

function normalised(x: Float64Array): Float64Array {
  const length = norm(x);
  return length === 0 ? x : x.map((value) => value / length);
}
