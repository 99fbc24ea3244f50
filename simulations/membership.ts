// Membership inference against a trained model, for the red team's report: by loss (Yeom et al. 2018), by likelihood ratio (LiRA, Carlini et al.
// 2022), and how well a score separates (ROC). Pure functions over losses and probabilities. Not here: training shadow models; what an
// audit may claim (audit.ts).

import { normalCdf } from '../server/monitor/distributions.js';

const mean = (values: readonly number[]): number => values.reduce((sum, one) => sum + one, 0) / values.length;

/** Member where the loss is at most the mean loss on the training set (Yeom et al. 2018, Adversary 1). Advantage: TPR − FPR. */
export function yeom(memberLosses: readonly number[], nonMemberLosses: readonly number[]) {
  const threshold = mean(memberLosses);
  const caught = (losses: readonly number[]): number =>
    losses.filter((loss) => loss <= threshold).length / losses.length;
  const [tpr, fpr] = [caught(memberLosses), caught(nonMemberLosses)];
  return { tpr, fpr, advantage: tpr - fpr };
}

/** Probabilities below count as this. */
const PROBABILITY_FLOOR = 1e-45;

/** φ = ln p_y − ln Σ_{k≠y} p_k: the confidence on a scale where it is nearly Gaussian (Carlini et al. 2022, §IV-C). */
export function liraStatistic(probabilities: readonly number[], label: number, floor = PROBABILITY_FLOOR): number {
  const others = probabilities.reduce((sum, p, k) => (k === label ? sum : sum + p), 0);
  return Math.log(Math.max(floor, probabilities[label] ?? 0)) - Math.log(Math.max(floor, others));
}

/** φ of the shadow models trained with (or without) the example. */
export interface Gaussian {
  readonly mean: number;
  readonly std: number;
}

/** ln N(φ; in) − ln N(φ; out). Above 0: a member is likelier. */
export function liraOnline(phi: number, inside: Gaussian, outside: Gaussian): number {
  const log = ({ mean: m, std }: Gaussian): number => -Math.log(std) - 0.5 * ((phi - m) / std) ** 2;
  return log(inside) - log(outside);
}

/** Φ((φ − mean)/std) of the models without it: all that an attacker has who cannot train models with it. */
export const liraOffline = (phi: number, outside: Gaussian): number => normalCdf((phi - outside.mean) / outside.std);

/** P(a member scores above a non-member), ties ½. */
export function auc(positive: readonly number[], negative: readonly number[]): number {
  let wins = 0;
  for (const p of positive) for (const n of negative) wins += p > n ? 1 : p === n ? 0.5 : 0;
  return wins / (positive.length * negative.length);
}

/** The largest TPR of a threshold whose FPR is at most `fpr`: report it at 0.1 % and 1 %; an average says nothing about the few it exposes. */
export function tprAtFpr(positive: readonly number[], negative: readonly number[], fpr: number): number {
  const sorted = [...negative].sort((a, b) => b - a);
  const threshold = sorted[Math.floor(fpr * sorted.length + 1e-9)] ?? Number.NEGATIVE_INFINITY;
  return positive.filter((score) => score > threshold).length / positive.length;
}
