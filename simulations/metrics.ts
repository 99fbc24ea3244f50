// What a red team reports: how far an attack got, how well it was seen, how soon, and what honest clients lost. Pure functions over
// results; robustness.md §2 (metrics) and §0, §1.5 (what to expect). Not here: running anything.

import { normalCdf, normalQuantile } from '../server/monitor/distributions.js';

/**
 * Share of the inputs that come out as `target`, of those that are not of that class already (trap 14).
 * NaN where all are. @param predictions of triggered or source-class inputs, in the order of `labels`
 */
export function attackSuccessRate(labels: ArrayLike<number>, predictions: ArrayLike<number>, target: number): number {
  let [hits, tries] = [0, 0];
  for (let i = 0; i < labels.length; i++) {
    if (labels[i] === target) continue;
    tries++;
    if (predictions[i] === target) hits++;
  }
  return hits / tries;
}

/** Best clean minus best attacked accuracy. Both runs of one seed, or the difference hides the seed. */
export const attackImpact = (clean: readonly number[], attacked: readonly number[]): number =>
  Math.max(...clean) - Math.max(...attacked);

/** Rounds after `stopped` until the rate is below 5 % for the first time; `undefined` where it never is. @param rates by round, from 1 */
export function successDecay(rates: readonly number[], stopped: number, below = 0.05): number | undefined {
  const at = rates.findIndex((rate, i) => i + 1 > stopped && rate < below);
  return at < 0 ? undefined : at + 1 - stopped;
}

export interface Detection {
  readonly precision: number;
  readonly recall: number;
  /** Share of the honest that were flagged. */
  readonly falsePositiveRate: number;
}

/** Nobody flagged: precision 1, no claim was wrong. Nobody malicious: recall 1. Of clients, or of groups. */
export function detection<T>(everybody: Iterable<T>, malicious: ReadonlySet<T>, flagged: ReadonlySet<T>): Detection {
  let [hits, wrong, honest, bad] = [0, 0, 0, 0];
  for (const one of new Set(everybody)) {
    if (malicious.has(one)) bad++;
    else honest++;
    if (flagged.has(one)) malicious.has(one) ? hits++ : wrong++;
  }
  return {
    precision: hits + wrong === 0 ? 1 : hits / (hits + wrong),
    recall: bad === 0 ? 1 : hits / bad,
    falsePositiveRate: honest === 0 ? 0 : wrong / honest,
  };
}

export interface TimeToDetect {
  /** Rounds from the first malicious act to the first flag, both counted: caught in the round of the act is 1. */
  readonly median: number;
  readonly p90: number;
  readonly missed: number;
}

/** Those never flagged count as Infinity: leaving them out would reward missing the hard ones. NaN where nobody acted. */
export function timeToDetect<T>(firstAct: ReadonlyMap<T, number>, firstFlag: ReadonlyMap<T, number>): TimeToDetect {
  const rounds = [...firstAct].map(([who, act]) => {
    const flag = firstFlag.get(who);
    return flag === undefined || flag < act ? Number.POSITIVE_INFINITY : flag - act + 1;
  });
  const sorted = rounds.sort((a, b) => a - b);
  return {
    median: quantile(sorted, 0.5),
    p90: quantile(sorted, 0.9),
    missed: sorted.filter((round) => round === Number.POSITIVE_INFINITY).length,
  };
}

/** The smallest value that at least this share does not exceed. */
const quantile = (sorted: readonly number[], share: number): number =>
  sorted[Math.max(0, Math.ceil(share * sorted.length) - 1)] ?? Number.NaN;

/** Share of the clients that were banned or quarantined in a run without attackers. */
export const falseBanRate = (clients: number, punished: ReadonlySet<unknown>): number => punished.size / clients;

/** Fairness: mean, worst and standard deviation (divisor n) of the accuracy on each honest client's own data. */
export function spread(accuracies: readonly number[]): { mean: number; worst: number; deviation: number } {
  const mean = accuracies.reduce((sum, one) => sum + one, 0) / accuracies.length;
  const variance = accuracies.reduce((sum, one) => sum + (one - mean) ** 2, 0) / accuracies.length;
  return { mean, worst: Math.min(...accuracies), deviation: Math.sqrt(variance) };
}

type Row = ArrayLike<number>;

/**
 * κ of the actual round: ‖output − mean_S‖² / ((1/|S|)·Σ_S ‖x_i − mean_S‖²) for the honest rows S (Allouah et al. 2023a, Definition 2).
 * 0 where the output is their mean; Infinity where they agree and the output does not.
 */
export function kappaOf(output: Row, honest: readonly Row[]): number {
  const d = output.length;
  const centre = Float64Array.from(
    { length: d },
    (_, c) => honest.reduce((sum, row) => sum + (row[c] ?? 0), 0) / honest.length,
  );
  const square = (row: Row): number => centre.reduce((sum, value, c) => sum + ((row[c] ?? 0) - value) ** 2, 0);
  const error = square(output);
  return error === 0 ? 0 : error / (honest.reduce((sum, row) => sum + square(row), 0) / honest.length);
}

/** Upper bounds on κ with r = f/(n − 2f), and the least any rule can have (robustness.md §1.5). */
export function kappaBounds(n: number, f: number) {
  const r = f / (n - 2 * f);
  const median = 4 * (1 + r) ** 2;
  return { trimmedMean: 6 * r * (1 + r), median, geometricMedian: median, krum: 6 * (1 + r), lowerBound: r };
}

/** Most that any test over `rounds` rounds can detect of a client that obeys clip and noise: Φ(Φ⁻¹(FPR) + 2√T/z) (§0.5). */
export const detectionCeiling = (noiseMultiplier: number, rounds: number, falsePositiveRate: number): number =>
  normalCdf(normalQuantile(falsePositiveRate) + (2 * Math.sqrt(rounds)) / noiseMultiplier);
