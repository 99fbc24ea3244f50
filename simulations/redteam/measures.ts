// What one cell of a red team's matrix is worth, taken from the report of its simulation: how far the attack got, who was named,
// how soon, what it cost the honest. Pure. Not here: running it (matrix.ts), comparing cells (report.ts).

import type { ErrorCode } from '../../protocol/errors.js';
import { createAttack } from '../attacks/spec.js';
import type { SimulationConfig } from '../config.js';
import { type Detection, detection, timeToDetect } from '../metrics.js';
import type { FleetClient, RoundEntry, SimulationReport } from '../report.js';

/** How often a reason left out whom: rounds × clients. */
export interface NamedFor {
  readonly code: ErrorCode;
  readonly malicious: number;
  readonly honest: number;
}

/** Field names are stable: they stand in report.json and in cell files. Rates are shares, 0 to 1. */
export interface CellMeasures {
  /** On the test part, after each round. */
  readonly accuracy: readonly number[];
  readonly finalAccuracy: number;
  /** After each round, by what the attacks are after; empty where they are after nothing. */
  readonly attackSuccess: Readonly<Record<string, readonly number[]>>;
  /** The largest of the last round; null where no attack is after something. */
  readonly attackSuccessRate: number | null;
  /**
   * Of clients, over the whole run: flagged is who was left out for a named reason, quarantined or banned at least once. Null where
   * the defence judges groups only: then nobody can be named, and nobody should be.
   */
  readonly detection: Detection | null;
  /** First malicious act to first flag, both rounds counted; null: more than that share was never flagged. */
  readonly roundsToDetect: {
    readonly median: number | null;
    readonly p90: number | null;
    readonly missed: number;
  } | null;
  /** Rounds × honest clients that were left out for a named reason. */
  readonly falseExclusions: number;
  /** Honest clients that were ever quarantined, or banned. */
  readonly falseQuarantines: number;
  readonly falseBans: number;
  readonly named: readonly NamedFor[];
  readonly voidRounds: number;
  readonly outcome: SimulationReport['outcome'];
  /** Of the machine's clock: comparable within one run of one machine only. */
  readonly seconds: number;
  /** Over all rounds, both ways. */
  readonly bytes: number;
}

/** A late or missing message is a dropout with another name: chance does it, too. */
const MISHAPS: readonly ErrorCode[] = ['ROUND_TOO_LATE', 'SKETCH_MISSING'];

/** Whether single clients can be named at all: by their sketches, or because the attack breaks the protocol. */
export function judgesClients({ task, fleet }: Pick<SimulationConfig, 'task' | 'fleet'>): boolean {
  if (task.integrity !== 'none') return true;
  return fleet.malicious.some(({ attack }) => createAttack(attack).knows === 'protocol');
}

export function measure(report: SimulationReport): CellMeasures {
  const { rounds, malicious } = report;
  const bad = new Set(malicious.map(({ client }) => client));
  const everybody = report.roster.map(({ name }) => name);
  const firstFlag = new Map<FleetClient, number>();
  const quarantined = new Set<FleetClient>();
  const banned = new Set<FleetClient>();
  const named = new Map<ErrorCode, { malicious: number; honest: number }>();
  let falseExclusions = 0;
  for (const entry of rounds) {
    const out = leftOut(entry);
    for (const { client, code } of out) {
      const count = named.get(code) ?? { malicious: 0, honest: 0 };
      count[bad.has(client) ? 'malicious' : 'honest']++;
      named.set(code, count);
    }
    falseExclusions += new Set(out.filter(({ client }) => !bad.has(client)).map(({ client }) => client)).size;
    for (const event of entry.monitor) {
      if (event.type === 'quarantine') quarantined.add(event.client);
      if (event.type === 'ban') banned.add(event.client);
    }
    for (const client of flagsOf(entry)) if (!firstFlag.has(client)) firstFlag.set(client, entry.round);
  }
  const honestOf = (some: ReadonlySet<FleetClient>): number => [...some].filter((client) => !bad.has(client)).length;
  const judged = judgesClients(report.config);
  const rates = report.attackSuccessRate;
  const took = timeToDetect(firstActs(report), firstFlag);
  return {
    accuracy: rounds.map(({ accuracy }) => accuracy),
    finalAccuracy: report.finalAccuracy,
    attackSuccess: Object.fromEntries(
      Object.keys(rates ?? {}).map((goal) => [
        goal,
        rounds.map(({ attackSuccessRate }) => attackSuccessRate?.[goal] ?? 0),
      ]),
    ),
    attackSuccessRate: rates === undefined ? null : Math.max(...Object.values(rates)),
    detection: judged ? detection(everybody, bad, new Set(firstFlag.keys())) : null,
    roundsToDetect: judged && bad.size > 0 ? { ...took, median: finite(took.median), p90: finite(took.p90) } : null,
    falseExclusions,
    falseQuarantines: honestOf(quarantined),
    falseBans: honestOf(banned),
    named: [...named].map(([code, count]) => ({ code, ...count })).sort((a, b) => (a.code < b.code ? -1 : 1)),
    voidRounds: rounds.filter((entry) => entry.void).length,
    outcome: report.outcome,
    seconds: report.wallSeconds,
    bytes: rounds.reduce((sum, { bytesUp, bytesDown }) => sum + bytesUp + bytesDown, 0),
  };
}

const leftOut = ({ excluded }: RoundEntry) => excluded.filter(({ code }) => !MISHAPS.includes(code));

/** Left out with a reason by the round, or more than observed by the monitor. */
function flagsOf(entry: RoundEntry): ReadonlySet<FleetClient> {
  const acted = entry.monitor.flatMap((event) =>
    event.type === 'exclude' || event.type === 'quarantine' || event.type === 'ban' ? [event.client] : [],
  );
  return new Set([...leftOut(entry).map(({ client }) => client), ...acted]);
}

/** The first round in which each attacker was in the cohort and its attack was on. */
function firstActs({ malicious, rounds }: SimulationReport): ReadonlyMap<FleetClient, number> {
  const conspiracies = new Map<string, (typeof malicious)[number][]>();
  for (const one of malicious) {
    const key = JSON.stringify(one.attack);
    conspiracies.set(key, [...(conspiracies.get(key) ?? []), one]);
  }
  const acts = new Map<FleetClient, number>();
  for (const members of conspiracies.values()) {
    const { active } = createAttack(members[0]!.attack); // safe: no group is empty
    const clients = members.map(({ client }) => client).sort();
    for (const [rank, client] of clients.entries()) {
      const first = rounds.find(({ round, cohort }) => cohort.includes(client) && (active?.(round, rank) ?? true));
      if (first !== undefined) acts.set(client, first.round);
    }
  }
  return acts;
}

const finite = (value: number): number | null => (Number.isFinite(value) ? value : null);
