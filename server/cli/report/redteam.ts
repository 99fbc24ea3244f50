// What a red team found about the task, inside the report of a run or of a coordinator's log. Not here: running one (cli/redteam.ts), its
// own page (simulations/redteam/pages.ts).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { SottoError } from '../../../protocol/errors.js';
import type { RedTeamReport } from '../../../simulations/redteam/report.js';
import type { Block } from '../../report/index.js';
import { heading, text } from './blocks.js';

const FORMAT: RedTeamReport['format'] = 'sotto.redteam/1';
const FILE = 'report.json';

/** @returns `undefined` where the file is none @param file path of a report.json */
export function readRedTeam(file: string): RedTeamReport | undefined {
  try {
    const value: unknown = JSON.parse(readFileSync(file, 'utf8'));
    const is = typeof value === 'object' && value !== null && 'format' in value && value.format === FORMAT;
    return is ? (value as RedTeamReport) : undefined;
  } catch {
    return undefined;
  }
}

/**
 * The one that is named, or those among the runs that attacked this very task.
 * @param named folder of a red team or its report.json
 * @throws CONFIG_UNREADABLE where what is named is none
 */
export function redTeamsFor(task: string, runs: string, named: string | undefined): readonly RedTeamReport[] {
  if (named !== undefined) {
    const found = [named, join(named, FILE), join(runs, named, FILE)].map(readRedTeam).find((one) => one !== undefined);
    if (found !== undefined) return [found];
    throw new SottoError('CONFIG_UNREADABLE', `${named} holds no report of a red team; sotto redteam makes one`, {
      file: named,
    });
  }
  if (!existsSync(runs)) return [];
  return readdirSync(runs, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => readRedTeam(join(runs, name, FILE)))
    .filter((report) => report !== undefined)
    .filter(({ defences }) => defences.some((defence) => defence.task.task === task));
}

/** @param charts drawn where true */
export async function robustness(
  reports: readonly RedTeamReport[],
  before: readonly Block[],
  charts: boolean,
): Promise<readonly Block[]> {
  // The pages of a red team load the charts: only where there is one.
  const pages = reports.length === 0 ? undefined : await import('../../../simulations/redteam/pages.js');
  const blocks: Block[] = [];
  for (const report of reports) blocks.push(...((await pages?.summaryBlocks(report, charts)) ?? []));
  return [
    heading('Robustness'),
    ...before,
    ...blocks,
    ...(reports.length === 0
      ? [
          text(
            'No red team has attacked this task: what other attacks would do to it was not measured (`sotto redteam`, then `sotto report --redteam`).',
          ),
        ]
      : []),
  ];
}
