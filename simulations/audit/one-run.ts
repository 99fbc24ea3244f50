// What one training run with canaries refutes of a privacy claim (Steinke, Nasr, Jagielski 2023, "Privacy auditing with one training run").
// An audit can only refute: a bound below the claimed ε is "not refuted", never a proof. Not here: planting canaries, guessing.

import { lnGamma } from '../../protocol/sketch/quantiles.js';
import { binomialUpper } from '../../server/monitor/distributions.js';

export interface Guesses {
  /** M: examples that were put in or left out by a fair coin. */
  readonly canaries: number;
  /** r: of these, how many were guessed at; the auditor may abstain from the rest. */
  readonly guesses: number;
  /** v: right guesses. */
  readonly correct: number;
}

/**
 * The probability of so many right guesses or more where training is (ε, δ)-DP, at most:
 * β + 2Mδ · max_{1≤i≤v} (1/i) Σ_{k=1..i} P[B = v − k] with B ~ Bin(r, e^ε/(1 + e^ε)) and β = P[B ≥ v] (their Theorem 5.2).
 * @throws RangeError where the counts do not nest
 */
export function oneRunPValue({ canaries, guesses, correct }: Guesses, epsilon: number, delta: number): number {
  const nest = [canaries, guesses, correct].every(Number.isSafeInteger) && correct >= 0 && correct <= guesses;
  if (!nest || guesses > canaries)
    throw new RangeError(
      `${correct} right of ${guesses} guesses at ${canaries} canaries: each may not exceed the next`,
    );
  const right = 1 / (1 + Math.exp(-epsilon));
  const beta = binomialUpper(guesses, right, correct);
  const [lnRight, lnWrong, lnAll] = [Math.log(right), Math.log1p(-right), lnGamma(guesses + 1)];
  const exactly = (hits: number): number =>
    Math.exp(lnAll - lnGamma(hits + 1) - lnGamma(guesses - hits + 1) + hits * lnRight + (guesses - hits) * lnWrong);
  let [below, worst] = [0, 0];
  for (let i = 1; delta > 0 && i <= correct; i++) {
    below += exactly(correct - i);
    worst = Math.max(worst, below / i);
  }
  return Math.min(1, beta + 2 * canaries * delta * worst);
}

/** Beyond it no count of guesses in a float says anything. */
const MAX_EPSILON = 100;

/** The largest ε that is refuted at the given significance; 0 where not even ε → 0 is. Bisection: the p-value rises with ε. */
export function epsilonLowerBound(seen: Guesses, delta: number, significance = 0.05): number {
  let [low, high] = [0, MAX_EPSILON];
  if (oneRunPValue(seen, low, delta) > significance) return 0;
  for (let i = 0; i < 60; i++) {
    const middle = (low + high) / 2;
    if (oneRunPValue(seen, middle, delta) <= significance) low = middle;
    else high = middle;
  }
  return low;
}
