// Bars that a release has to reach: a metric of one attack under one defence, at least or at most. Not here: what the metrics are
// (report.ts), what a missed bar does to the exit code (server/cli).

import * as v from 'valibot';
import { parseSettings, readSettings } from '../../server/config/load.js';
import { settingError } from '../../server/config/problem.js';
import { listOf, maybe, oneOf, says, settings, text } from '../../server/config/values.js';
import { type CellReport, METRICS, type Metric, type MetricName, type RedTeamReport } from './report.js';
import { CLEAN, type RedTeamConfig } from './settings.js';

export interface Bar {
  /** `clean` is one, too. */
  readonly attack: string;
  readonly defence: string;
  readonly metric: MetricName;
  readonly atLeast?: number;
  readonly atMost?: number;
}
export interface BarVerdict extends Bar {
  readonly met: boolean;
  /** Of the worst seed; null where some seed has no value: not run, or the metric does not apply. Such a bar is missed. */
  readonly value: number | null;
  /** One line for people. */
  readonly says: string;
}

const NAMES = Object.keys(METRICS) as MetricName[];
const NAME = text(/^\S{1,64}$/, 'a name without spaces');
const NUMBER = v.pipe(
  v.number('a number'),
  v.check((value) => Number.isFinite(value), 'a number'),
  v.metadata({ must: 'a number' }),
);

/** A file of `sotto redteam --gate`. */
export const barsSchema = settings({
  bars: says(
    'What must hold, for every seed.',
    listOf(
      settings({
        attack: says('An attack of the red team, or `clean`.', NAME),
        defence: says('A defence of the red team.', NAME),
        metric: says('What is measured; shares are from 0 to 1.', oneOf(NAMES)),
        atLeast: maybe('give `atMost`', says('The least that is enough.', NUMBER)),
        atMost: maybe('give `atLeast`', says('The most that is allowed.', NUMBER)),
      }),
      1,
      1_000,
    ),
  ),
});

/** @throws CONFIG_UNREADABLE, CONFIG_INVALID: before a run, so that a typing error costs no hours */
export function loadBars(path: string, config: RedTeamConfig): readonly Bar[] {
  return parseBars(readSettings(path), path, config);
}

/** The same from a text; `name` stands for the file in messages. */
export function parseBars(source: string, name: string, config: RedTeamConfig): readonly Bar[] {
  return parseSettings(source, name, barsSchema, ({ bars }) =>
    bars.map(({ attack, defence, metric, atLeast, atMost }, i): Bar => {
      const known = [CLEAN, ...config.attacks];
      if (!known.includes(attack))
        throw settingError(`bars.${i}.attack`, `is ${attack}; the red team has ${known.join(', ')}`);
      if (!config.defences.includes(defence))
        throw settingError(`bars.${i}.defence`, `is ${defence}; the red team has ${config.defences.join(', ')}`);
      if (atLeast === undefined && atMost === undefined)
        throw settingError(`bars.${i}`, 'has neither atLeast nor atMost; give one of them');
      return {
        attack,
        defence,
        metric,
        ...(atLeast !== undefined && { atLeast }),
        ...(atMost !== undefined && { atMost }),
      };
    }),
  );
}

/** @returns the report with its bars, in their order */
export function judge(report: RedTeamReport, bars: readonly Bar[]): RedTeamReport {
  return { ...report, bars: bars.map((bar) => verdictOf(report, bar)) };
}

function verdictOf({ cells, seeds }: RedTeamReport, bar: Bar): BarVerdict {
  const { attack, defence, atLeast, atMost } = bar;
  const metric: Metric = METRICS[bar.metric];
  const values = seeds.map((seed): number | null => {
    const cell = cells.find((one: CellReport) => one.attack === attack && one.defence === defence && one.seed === seed);
    return cell === undefined ? null : metric.of(cell);
  });
  const about = `${bar.metric} of ${attack} under ${defence}`;
  const wanted = [
    ...(atLeast === undefined ? [] : [`at least ${atLeast}`]),
    ...(atMost === undefined ? [] : [`at most ${atMost}`]),
  ].join(' and ');
  if (values.some((value) => value === null))
    return { ...bar, met: false, value: null, says: `${about} has no value for every seed; wanted ${wanted}` };
  const known = values as readonly number[]; // safe: none is null
  const holds = (value: number) =>
    (atLeast === undefined || value >= atLeast) && (atMost === undefined || value <= atMost);
  const worst =
    known.find((value) => !holds(value)) ?? (atLeast === undefined ? Math.max(...known) : Math.min(...known));
  const met = known.every(holds);
  // JSON has no Infinity: a number that never came is null there, and said in words.
  return {
    ...bar,
    met,
    value: Number.isFinite(worst) ? worst : null,
    says: `${about} is ${Number.isFinite(worst) ? Number(worst.toPrecision(4)) : 'never'}; wanted ${wanted}`,
  };
}
