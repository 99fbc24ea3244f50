// The report of a red team: the cells that are done, each beside the clean run of its seed, and the metrics that bars may name.
// Types and pure functions; it becomes report.json, whose field names are stable. Not here: pages and plots (html.ts, markdown.ts).

import type { AttackSettings } from '../attack-settings.js';
import type { Knowledge } from '../attacks/attack.js';
import { createAttack } from '../attacks/spec.js';
import { type SimulationReport, STAMP } from '../report.js';
import type { BarVerdict } from './gate.js';
import type { CellMeasures } from './measures.js';
import { type Cell, CLEAN, type RedTeamConfig } from './settings.js';

export interface CellResult extends CellMeasures {
  readonly attack: string;
  readonly defence: string;
  readonly seed: number;
}
export interface CellReport extends CellResult {
  /** Final accuracy of the clean run of this defence and seed, less this one's; null for clean runs and where that is missing. */
  readonly accuracyDrop: number | null;
}
export interface AttackReport {
  readonly name: string;
  /** What each entry of attackers does, how many they are of how many, and what they know. */
  readonly entries: readonly {
    readonly attack: string;
    readonly clients: number;
    readonly knows: Knowledge;
    readonly spec: AttackSettings;
  }[];
}
export interface DefenceReport {
  readonly name: string;
  readonly task: SimulationReport['config']['task'];
}
export interface RedTeamReport {
  readonly format: 'sotto.redteam/1';
  readonly stamp: typeof STAMP;
  readonly name: string;
  readonly clients: number;
  readonly rounds: number;
  readonly seeds: readonly number[];
  readonly attacks: readonly AttackReport[];
  readonly defences: readonly DefenceReport[];
  /** In the order of the configuration; those that have not run are missing. */
  readonly cells: readonly CellReport[];
  readonly complete: boolean;
  /** Verdicts on the bars of `--gate`; empty without. */
  readonly bars: readonly BarVerdict[];
  readonly versions: SimulationReport['versions'];
}

export interface Metric {
  readonly says: string;
  readonly unit: 'share' | 'count' | 'rounds' | 'seconds' | 'bytes';
  readonly better: 'high' | 'low';
  /** null: does not apply to this cell. Infinity: never. */
  readonly of: (cell: CellReport) => number | null;
}
const never = (rounds: number | null): number => rounds ?? Number.POSITIVE_INFINITY;

/** What a bar may be about. Names are stable. */
export const METRICS = {
  finalAccuracy: {
    says: 'accuracy on the test part after the last round',
    unit: 'share',
    better: 'high',
    of: (cell) => cell.finalAccuracy,
  },
  accuracyDrop: {
    says: 'final accuracy of the clean run of the same defence and seed, less this one',
    unit: 'share',
    better: 'low',
    of: (cell) => cell.accuracyDrop,
  },
  attackSuccessRate: {
    says: 'share of the examples of the goal that come out as the attacker wants',
    unit: 'share',
    better: 'low',
    of: (cell) => cell.attackSuccessRate,
  },
  precision: {
    says: 'share of the flagged clients that were malicious; 1 where nobody was flagged',
    unit: 'share',
    better: 'high',
    of: (cell) => cell.detection?.precision ?? null,
  },
  recall: {
    says: 'share of the malicious clients that were flagged',
    unit: 'share',
    better: 'high',
    of: (cell) => cell.detection?.recall ?? null,
  },
  falseExclusions: {
    says: 'rounds × honest clients that were left out for a named reason',
    unit: 'count',
    better: 'low',
    of: (cell) => cell.falseExclusions,
  },
  falseQuarantines: {
    says: 'honest clients that were quarantined',
    unit: 'count',
    better: 'low',
    of: (cell) => cell.falseQuarantines,
  },
  falseBans: { says: 'honest clients that were banned', unit: 'count', better: 'low', of: (cell) => cell.falseBans },
  roundsToDetectMedian: {
    says: 'rounds from the first malicious act to the first flag, of half of the attackers',
    unit: 'rounds',
    better: 'low',
    of: (cell) => (cell.roundsToDetect === null ? null : never(cell.roundsToDetect.median)),
  },
  roundsToDetectP90: {
    says: 'the same of nine in ten',
    unit: 'rounds',
    better: 'low',
    of: (cell) => (cell.roundsToDetect === null ? null : never(cell.roundsToDetect.p90)),
  },
  voidRounds: { says: 'rounds without a result', unit: 'count', better: 'low', of: (cell) => cell.voidRounds },
  seconds: { says: 'time of the run', unit: 'seconds', better: 'low', of: (cell) => cell.seconds },
  bytes: { says: 'bytes at the sockets, both ways', unit: 'bytes', better: 'low', of: (cell) => cell.bytes },
} as const satisfies Record<string, Metric>;
export type MetricName = keyof typeof METRICS;

/** @param results of any cells, in any order */
export function reportOf(
  config: RedTeamConfig,
  results: readonly CellResult[],
  versions: RedTeamReport['versions'],
): RedTeamReport {
  const keyOf = ({ attack, defence, seed }: Pick<Cell, 'attack' | 'defence' | 'seed'>) =>
    `${defence} ${attack} ${seed}`;
  const done = new Map(results.map((result) => [keyOf(result), result]));
  const cells = config.cells.flatMap((cell): CellReport[] => {
    const result = done.get(keyOf(cell));
    if (result === undefined) return [];
    const clean = cell.attack === CLEAN ? undefined : done.get(keyOf({ ...cell, attack: CLEAN }));
    return [{ ...result, accuracyDrop: clean === undefined ? null : clean.finalAccuracy - result.finalAccuracy }];
  });
  const [first] = config.cells;
  return {
    format: 'sotto.redteam/1',
    stamp: STAMP,
    name: config.name,
    clients: first?.config.fleet.clients ?? 0,
    rounds: first?.config.campaign.rounds ?? 0,
    seeds: config.seeds,
    attacks: config.attacks.map((name) => attackOf(config, name)),
    defences: config.defences.flatMap((name): DefenceReport[] => {
      const cell = config.cells.find(({ defence }) => defence === name);
      return cell === undefined ? [] : [{ name, task: cell.config.task }];
    }),
    cells,
    complete: cells.length === config.cells.length,
    bars: [],
    versions,
  };
}

function attackOf({ cells }: RedTeamConfig, name: string): AttackReport {
  const cell = cells.find(({ attack }) => attack === name);
  const entries = (cell?.config.fleet.malicious ?? []).map(({ who, attack }) => {
    const { name: called, knows } = createAttack(attack);
    return { attack: called, clients: 'count' in who ? who.count : who.clients.length, knows, spec: attack };
  });
  return { name, entries };
}
