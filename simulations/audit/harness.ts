// One run of a real mechanism with canaries in or out by fair coins, and what the guesses refute (Steinke et al. 2023). Each canary has a
// direction of its own, so one release tests all of them. Not here: mechanisms (targets), the bound (one-run.ts).

import type { Rng } from '../../protocol/crypto/primitives.js';
import { epsilonLowerBound } from './one-run.js';

export interface AuditTarget {
  /** For people: what was run. */
  readonly name: string;
  /** How many canaries it takes. */
  readonly canaries: number;
  /** ε that the implementation claims at δ. */
  readonly claimed: { readonly epsilon: number; readonly delta: number };
  /** One run. @returns a score for each canary: the higher, the rather it was in */
  release(included: readonly boolean[]): Promise<ArrayLike<number>>;
}

export interface AuditResult {
  readonly name: string;
  readonly canaries: number;
  readonly guesses: number;
  readonly correct: number;
  readonly claimed: AuditTarget['claimed'];
  /** With 95 % confidence ε is at least this. */
  readonly epsilonLowerBound: number;
  /** Never "proven": an audit can only refute. */
  readonly verdict: 'refuted' | 'not refuted';
}

const SIGNIFICANCE = 0.05;
/** Guesses are made at the quarter of canaries with the most telling scores; fixed before the run, or the bound would not hold. */
const GUESSED = 0.25;

/**
 * A true claim is refuted with probability 5 % at most, in truth far less, since the bound is far from tight.
 * @param rng for the coins; a CSPRNG, or a seed in tests
 */
export async function auditOnce(target: AuditTarget, rng: Rng): Promise<AuditResult> {
  const { name, canaries, claimed } = target;
  const coins = rng(canaries);
  const included = Array.from(coins, (byte) => (byte & 1) === 1);
  const scores = await target.release(included);
  const ranked = included.map((_, i) => i).sort((a, b) => (scores[b] as number) - (scores[a] as number));
  const each = Math.floor((canaries * GUESSED) / 2);
  const correct =
    ranked.slice(0, each).filter((i) => included[i]).length +
    ranked.slice(canaries - each).filter((i) => !included[i]).length;
  const bound = epsilonLowerBound({ canaries, guesses: 2 * each, correct }, claimed.delta, SIGNIFICANCE);
  return {
    name,
    canaries,
    guesses: 2 * each,
    correct,
    claimed,
    epsilonLowerBound: bound,
    verdict: bound > claimed.epsilon ? 'refuted' : 'not refuted',
  };
}
