// Bar 9 (operations.md §7): real clients and real coordinators over bad lines, several campaigns side by side, since all of them mostly
// wait. Not here: one campaign (campaign.ts), how bad the lines are (lines.ts).

import type { RoundReport } from '../../../server/index.js';
import { type CampaignFindings, type Faults, networkCampaign } from './campaign.js';

export interface NetworkOptions {
  /** Of all campaigns together. */
  readonly rounds: number;
  /** At a time, each with a coordinator, clients and lines of its own. */
  readonly campaigns: number;
  /** Of each campaign, as all below. */
  readonly clients: number;
  readonly cohort: number;
  readonly dimension: number;
  /** Rounds between two moments at which every connection is reset at once; 0: never. */
  readonly storm: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
interface Times {
  readonly median: number;
  readonly worst: number;
}
export interface NetworkResult {
  readonly seed: number;
  readonly campaigns: number;
  readonly rounds: number;
  readonly committed: number;
  readonly committedShare: number;
  /** Rounds that came to nothing, by code. */
  readonly aborted: Readonly<Record<string, number>>;
  /** Sums that are not exactly those of their survivors. */
  readonly inexact: number;
  /** Members of committed rounds that are in no sum. */
  readonly dropped: number;
  readonly attempts: number;
  /** Why attempts failed, by how often. */
  readonly failures: Readonly<Record<string, number>>;
  readonly resumed: number;
  readonly reconnects: number;
  readonly faults: Faults;
  readonly guards: number;
  readonly clientsLost: number;
  readonly roundSeconds: Times;
  readonly phaseSeconds: Readonly<Record<string, Times>>;
  readonly says: readonly string[];
  readonly ok: boolean;
}

/** Of rounds that must commit. */
export const COMMITTED = 0.99;

export async function networkBar(options: NetworkOptions): Promise<NetworkResult> {
  const { rounds, campaigns, seed, say } = options;
  const plans = Array.from({ length: campaigns }, (_, i) => ({
    ...options,
    rounds: Math.floor((rounds + i) / campaigns),
    seed: seed * 100 + i,
    say: (text: string) => say(`campaign ${i + 1}, ${text}`),
  })).filter((plan) => plan.rounds > 0);
  const all = await Promise.all(plans.map(networkCampaign));
  const reports = all.flatMap((one) => one.reports);
  const committed = reports.filter(({ outcome }) => outcome.type === 'committed');
  const aborted = countOf(reports.flatMap(({ outcome }) => (outcome.type === 'void' ? [outcome.code] : [])));
  const total = (of: (one: CampaignFindings) => number): number => all.reduce((sum, one) => sum + of(one), 0);
  const problems = all.flatMap((one, i) => one.problems.map((text) => `campaign ${i + 1}: ${text}`));
  return {
    seed,
    campaigns: plans.length,
    rounds: reports.length,
    committed: committed.length,
    committedShare: Number((committed.length / rounds).toFixed(4)),
    aborted,
    inexact: total((one) => one.inexact),
    dropped: committed.reduce((sum, report) => sum + missing(report), 0),
    attempts: reports.reduce((sum, { attempts }) => sum + attempts, 0),
    failures: countOf(all.flatMap((one) => one.failures.map((text) => text.replace(/^[\d.]+: /, '')))),
    resumed: total((one) => one.resumed),
    reconnects: total((one) => one.reconnects),
    faults: {
      connections: total((one) => one.faults.connections),
      resets: total((one) => one.faults.resets),
      deaf: total((one) => one.faults.deaf),
      stalls: total((one) => one.faults.stalls),
      bytes: total((one) => one.faults.bytes),
      storms: total((one) => one.faults.storms),
    },
    guards: total((one) => one.guards),
    clientsLost: total((one) => one.clientsLost),
    roundSeconds: timesOf(reports.map((report) => report.seconds)),
    phaseSeconds: phaseTimes(all),
    says: problems.slice(0, 20),
    ok:
      problems.length === 0 &&
      reports.length === rounds &&
      committed.length >= Math.floor(COMMITTED * rounds) &&
      aborted.INTERNAL === undefined,
  };
}

const missing = ({ cohort, survivors }: RoundReport): number => cohort.length - survivors.length;

function countOf(names: readonly string[]): Record<string, number> {
  const counts: Record<string, number> = {};
  for (const name of [...names].sort()) counts[name] = (counts[name] ?? 0) + 1;
  return counts;
}

function phaseTimes(all: readonly CampaignFindings[]): Record<string, Times> {
  const merged = new Map<string, number[]>();
  for (const { phases } of all)
    for (const [phase, times] of phases) merged.set(phase, [...(merged.get(phase) ?? []), ...times]);
  return Object.fromEntries([...merged].map(([phase, times]) => [phase, timesOf(times.map((ms) => ms / 1_000))]));
}

function timesOf(seconds: readonly number[]): Times {
  const sorted = [...seconds].sort((a, b) => a - b);
  return {
    median: Number((sorted[sorted.length >> 1] ?? 0).toFixed(2)),
    worst: Number((sorted.at(-1) ?? 0).toFixed(2)),
  };
}
