// What became of the attackers, in words: who was kept out of the sum in which rounds and why, what honest clients lost, and the same
// for each defence of a comparison. Pure, from reports. Not here: the table of the rounds (table.ts), the report (simulations/report.ts).

import Table from 'cli-table3';
import { ERRORS } from '../../protocol/errors.js';
import type { FleetClient, RoundEntry, SimulationReport } from '../../simulations/report.js';
import { percent, seconds } from './format.js';
import type { Colors } from './io.js';
import { defenceName } from './table.js';

/** [1, 2, 3, 7] → "1-3, 7". @param numbers ascending */
export function ranges(numbers: readonly number[]): string {
  const runs: [number, number][] = [];
  for (const n of numbers) {
    const last = runs.at(-1);
    if (last !== undefined && n === last[1] + 1) last[1] = n;
    else runs.push([n, n]);
  }
  return runs.map(([from, to]) => (from === to ? `${from}` : `${from}-${to}`)).join(', ');
}

/** One client's fate over a run: rounds by what kept its update out, and the first reason that says what was measured. */
interface Fate {
  readonly client: FleetClient;
  readonly excluded: readonly number[];
  readonly quarantined: readonly number[];
  readonly why: string;
}

function fateOf(client: FleetClient, rounds: readonly RoundEntry[]): Fate {
  const out = rounds.flatMap((entry) => {
    const found = entry.excluded.find((one) => one.client === client);
    return found === undefined ? [] : [{ round: entry.round, ...found }];
  });
  const quarantined = new Set<number>();
  for (const { monitor } of rounds) {
    for (const event of monitor) {
      if (event.type !== 'quarantine' || event.client !== client) continue;
      for (const { round } of rounds) if (round > event.round && round <= event.until) quarantined.add(round);
    }
  }
  // A client whose appeal was granted takes part again.
  const kept = rounds.filter(({ round, cohort }) => quarantined.has(round) && !cohort.includes(client));
  const told = out.find(({ why }) => why !== undefined) ?? out[0];
  return {
    client,
    excluded: out.map(({ round }) => round),
    quarantined: kept.map(({ round }) => round),
    why: told === undefined ? '' : `round ${told.round}: ${told.why ?? ERRORS[told.code].says}`,
  };
}

/** Everybody whom the coordinator kept out of a round: attackers first. Empty lines where it kept out nobody. */
export function outcomeLines({ rounds, malicious, profile }: SimulationReport, paint: Colors): string[] {
  const kinds = new Map(malicious.map(({ client, attack }) => [client, attack.kind]));
  const names = new Set([...kinds.keys(), ...rounds.flatMap(({ excluded }) => excluded.map(({ client }) => client))]);
  const fates = [...names].map((client) => fateOf(client, rounds));
  const shown = fates.filter(({ client, excluded }) => kinds.has(client) || excluded.length > 0);
  if (!fates.some(({ excluded, quarantined }) => excluded.length + quarantined.length > 0)) return [];
  const lines = shown
    .sort((a, b) => Number(kinds.has(b.client)) - Number(kinds.has(a.client)) || (a.client < b.client ? -1 : 1))
    .map(({ client, excluded, quarantined, why }) => {
      const parts = [
        excluded.length > 0 ? `left out in ${ranges(excluded)}` : '',
        quarantined.length > 0 ? `in quarantine in ${ranges(quarantined)}` : '',
      ].filter((part) => part !== '');
      const kind = kinds.get(client);
      const who = `${client} ${kind === undefined ? paint.yellow('honest') : paint.red(kind)}`;
      return `  ${who}: ${parts.join(', ') || 'never left out'}${why === '' ? '' : `; ${why}`}`;
    });
  const masked =
    profile === 'open'
      ? 'Profile open hides nothing.'
      : 'Their updates stayed masked like all others: who is left out is not opened.';
  return ['Who was left out of which round, and why', ...lines, masked];
}

/** What a defence was worth. Counts are of (client, round), rounds that came to a model alone. */
export interface Worth {
  /** Updates of attackers that were in a sum. In groups a robust rule may still have cut that sum off. */
  readonly attacksIn: number;
  readonly attacks: number;
  /** Honest updates that the coordinator left out: excluded or in quarantine. Dropouts are no loss of the defence's. */
  readonly honestOut: number;
  readonly honest: number;
}

export function worthOf({ rounds, malicious, roster }: SimulationReport): Worth {
  const bad = new Set(malicious.map(({ client }) => client));
  const good = roster.map(({ name }) => name).filter((name) => !bad.has(name));
  const committed = rounds.filter((entry) => !entry.void);
  const sum = (count: (entry: RoundEntry) => number): number =>
    committed.reduce((total, entry) => total + count(entry), 0);
  const quarantined = good.map((client) => fateOf(client, rounds).quarantined);
  return {
    attacksIn: sum(({ survivors }) => survivors.filter((client) => bad.has(client)).length),
    attacks: bad.size * committed.length,
    honestOut:
      sum(({ excluded }) => excluded.filter(({ client }) => !bad.has(client)).length) +
      sum(({ round }) => quarantined.filter((during) => during.includes(round)).length),
    honest: good.length * committed.length,
  };
}

/** One row for each defence. */
export function comparisonTable(reports: readonly SimulationReport[], paint: Colors): string {
  const table = new Table({
    head: ['defence', 'accuracy', 'attackers kept out', 'honest updates lost', 'time'],
    style: { head: [], border: [], compact: true },
    colAligns: ['left', 'right', 'right', 'right', 'right'],
  });
  for (const report of reports) {
    const { attacksIn, attacks, honestOut, honest } = worthOf(report);
    table.push([
      defenceName(report),
      paint.bold(percent(report.finalAccuracy)),
      attacks === 0 ? '-' : `${attacks - attacksIn} of ${attacks}`,
      `${honestOut} of ${honest}`,
      seconds(report.wallSeconds),
    ]);
  }
  return table.toString();
}
