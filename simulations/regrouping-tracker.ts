// A Bayesian tracker of single clients over rounds with fresh random groups: research, for simulations alone. It must never run against real
// clients: the moment it can name an attacker, the coordinator can solve for a client's update (So et al. 2023; robustness.md §3.4), which is
// why no campaign regroups and why this is not under server/. Not here: fixed overlapping groups (server/monitor/group-testing.ts).

/** A tracker never becomes surer than this, in either direction: one surprising test must still be able to turn it round. Nats. */
const MAX_LOG_ODDS = 30;
/** From here on a client counts as named. */
export const FLAG_AT = 0.99;

export interface TestRates {
  /** P(positive | some member is bad). */
  readonly truePositive: number;
  /** P(positive | no member is). */
  readonly falsePositive: number;
}

/**
 * Posteriors of the members of one group after its test: Bayes on each p_i with q_i = Π_{j≠i}(1 − p_j), P(+ | i bad) = TPR and
 * P(+ | i good) = q_i·FPR + (1 − q_i)·TPR, all from the old p; − uses the complements. Members are treated as independent.
 */
export function trackerStep(
  priors: readonly number[],
  positive: boolean,
  { truePositive, falsePositive }: TestRates,
): number[] {
  return priors.map((p, i) => {
    const othersGood = priors.reduce((product, q, j) => (j === i ? product : product * (1 - q)), 1);
    const ifGood = othersGood * falsePositive + (1 - othersGood) * truePositive;
    const [bad, good] = positive ? [truePositive, ifGood] : [1 - truePositive, 1 - ifGood];
    const odds = Math.log(p / (1 - p)) + Math.log(bad / good);
    return 1 / (1 + Math.exp(-Math.max(-MAX_LOG_ODDS, Math.min(MAX_LOG_ODDS, odds))));
  });
}
