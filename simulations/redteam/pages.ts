// The report of a red team as a page and as Markdown: what was attacked, what held, what did not. Not here: how blocks become text
// (server/report), the numbers (report.ts).

import { isPlainMean, preOf, type RuleSpec } from '../../protocol/rule.js';
import type { TaskConfig } from '../../protocol/task.js';
import {
  type Block,
  barChart,
  type Cell,
  heatMap,
  htmlDocument,
  lineChart,
  markdownDocument,
  type Table,
} from '../../server/report/index.js';
import { knowledgeOf } from './catalogue.js';
import { type CellReport, METRICS, type RedTeamReport } from './report.js';
import { CLEAN } from './settings.js';

export const htmlPage = async (report: RedTeamReport): Promise<string> =>
  htmlDocument(titleOf(report), await blocksOf(report, true));
/** Tables in place of the charts. */
export const markdownPage = async (report: RedTeamReport): Promise<string> =>
  markdownDocument(titleOf(report), await blocksOf(report, false));

/** Inside the report of a run or a task: the verdicts and what was lost, without curves and settings, which stand on its own page. */
export async function summaryBlocks(report: RedTeamReport, charts: boolean): Promise<readonly Block[]> {
  const { name, clients, rounds, seeds, complete, bars, stamp } = report;
  const missed = bars.filter(({ met }) => !met).length;
  return [
    text(
      `Red team ${name}: ${report.attacks.length} attacks against ${report.defences.length} defences, ${clients} clients, ${rounds} rounds, ${seeds.length === 1 ? `seed ${seeds[0]}` : `${seeds.length} seeds`}${complete ? '' : '; not complete'}. ${bars.length === 0 ? 'No bars were set.' : `${bars.length - missed} of ${bars.length} bars were met.`} ${stamp}.`,
    ),
    ...(bars.length === 0 ? [] : [barsTable(report)]),
    ...(charts ? [await accuracyMap(report)] : []),
    table(matrixTable(report, 'Final accuracy by defence and attack', ({ finalAccuracy }) => finalAccuracy, percent)),
    table(
      matrixTable(
        report,
        'Points of accuracy lost to the attack, against the clean run of the same defence and seed',
        ({ accuracyDrop }) => accuracyDrop,
        points,
      ),
    ),
    ...successTable(report),
    table(detectionTable(report)),
  ];
}

export const titleOf = ({ name }: RedTeamReport): string => `Red team ${name}`;
const percent = (share: number): string => `${(100 * share).toFixed(1)} %`;
const points = (share: number): string => `${(100 * share).toFixed(1)}`;
const megabytes = (bytes: number): string => `${(bytes / 1e6).toFixed(1)} MB`;

export async function blocksOf(report: RedTeamReport, charts: boolean): Promise<readonly Block[]> {
  const { clients, rounds, seeds, complete, stamp, versions } = report;
  const seeded = seeds.length === 1 ? `seed ${seeds[0]}` : `mean of seeds ${seeds.join(', ')}`;
  return [
    {
      type: 'text',
      text: `${clients} clients, ${rounds} rounds, ${seeded}. Every cell is a whole simulation with real clients, masks and sockets. ${stamp}. Sotto ${versions.sotto}, Node ${versions.node}.`,
    },
    ...(complete ? [] : [text('The matrix is not complete: cells that are missing have not run.')]),
    ...barsOf(report),
    heading('Accuracy after the last round'),
    ...(charts ? [await accuracyMap(report)] : []),
    table(matrixTable(report, 'Final accuracy on the test part', ({ finalAccuracy }) => finalAccuracy, percent)),
    table(
      matrixTable(
        report,
        'Points of accuracy lost to the attack, against the clean run of the same defence and seed',
        ({ accuracyDrop }) => accuracyDrop,
        points,
      ),
    ),
    ...(await successBlocks(report, charts)),
    heading('Who was named'),
    text(
      'Precision and recall are of clients over the whole run: flagged is who was left out for a named reason, quarantined or banned at least once. A dash where the defence sees groups only, and nobody can be named. Rounds to detect count from the first malicious act, which is 1.',
    ),
    table(detectionTable(report)),
    ...(charts ? await curves(report) : []),
    heading('Cost'),
    table(costTable(report)),
    heading('Attacks'),
    table(attacksTable(report)),
    heading('Defences'),
    table(defencesTable(report)),
  ];
}

function barsOf({ bars }: RedTeamReport): Block[] {
  if (bars.length === 0) return [];
  return [heading('Bars'), barsTable({ bars })];
}

const barsTable = ({ bars }: Pick<RedTeamReport, 'bars'>): Block =>
  table({
    caption: 'What had to hold, for every seed',
    head: ['bar', 'verdict'],
    rows: bars.map(({ says, met }) => [says, met ? 'met' : 'missed']),
  });

async function accuracyMap(report: RedTeamReport): Promise<Block> {
  const columns = [CLEAN, ...report.attacks.map(({ name }) => name)];
  const rows = report.defences.map(({ name }) => name);
  return {
    type: 'chart',
    chart: await heatMap({
      title: 'Final accuracy by defence and attack',
      description: 'Rows are defences, columns attacks; the numbers are in the table below.',
      columns,
      rows,
      values: rows.map((defence) =>
        columns.map((attack) => mean(cellsAt(report, attack, defence), ({ finalAccuracy }) => finalAccuracy)),
      ),
      min: 0,
      max: 1,
      format: percent,
    }),
  };
}

const rateOf = ({ attackSuccessRate }: CellReport) => attackSuccessRate;
/** Attacks that are after something. */
const goalsOf = (report: RedTeamReport): readonly string[] =>
  report.attacks
    .map(({ name }) => name)
    .filter((attack) => report.cells.some((cell) => cell.attack === attack && cell.attackSuccessRate !== null));

function successTable(report: RedTeamReport): Block[] {
  const goals = goalsOf(report);
  if (goals.length === 0) return [];
  return [table(matrixTable(report, 'Attack success rate after the last round', rateOf, percent, goals))];
}

async function successBlocks(report: RedTeamReport, charts: boolean): Promise<Block[]> {
  const goals = goalsOf(report);
  if (goals.length === 0) return [];
  const chart = async (): Promise<Block> => ({
    type: 'chart',
    chart: await barChart({
      title: 'Attack success rate after the last round',
      description:
        'One group of bars for each defence, one bar for each attack that is after something; lower is better.',
      categories: report.defences.map(({ name }) => name),
      y: { name: 'success', min: 0, max: 1, format: percent },
      series: goals.map((attack) => ({
        name: attack,
        values: report.defences.map(({ name }) => mean(cellsAt(report, attack, name), rateOf)),
      })),
    }),
  });
  return [
    heading('Attack success'),
    text(
      'Of attacks that are after something: the share of test examples that come out as they want, those left out that would anyway.',
    ),
    ...(charts ? [await chart()] : []),
    ...successTable(report),
  ];
}

async function curves(report: RedTeamReport): Promise<Block[]> {
  const blocks: Block[] = [heading('Accuracy by round')];
  for (const attack of [CLEAN, ...report.attacks.map(({ name }) => name)]) {
    const series = report.defences.flatMap(({ name }) => {
      const cells = cellsAt(report, attack, name);
      if (cells.length === 0) return [];
      const rounds = Math.max(...cells.map(({ accuracy }) => accuracy.length));
      const values = Array.from({ length: rounds }, (_, i) => mean(cells, ({ accuracy }) => accuracy[i] ?? null));
      return [{ name, values }];
    });
    if (series.length === 0) continue;
    const longest = Math.max(...series.map(({ values }) => values.length));
    const rounds = Array.from({ length: longest }, (_, i) => i + 1);
    blocks.push(
      {
        type: 'chart',
        chart: await lineChart({
          title: attack === CLEAN ? 'Nobody attacks' : `Under ${attack}`,
          description:
            'Accuracy on the test part after each round, one line for each defence; the numbers are in the table below.',
          x: { name: 'round', values: rounds },
          y: { name: 'accuracy', min: 0, max: 1, format: percent },
          series,
        }),
      },
      table({
        caption: attack === CLEAN ? 'Accuracy by round, nobody attacks' : `Accuracy by round under ${attack}`,
        head: ['defence', ...rounds.map(String)],
        rows: series.map(({ name, values }) => [name, ...rounds.map((_, i) => shown(values[i] ?? null, percent))]),
      }),
    );
  }
  return blocks;
}

function matrixTable(
  report: RedTeamReport,
  caption: string,
  of: (cell: CellReport) => number | null,
  format: (value: number) => string,
  attacks: readonly string[] = [CLEAN, ...report.attacks.map(({ name }) => name)],
): Table {
  // A column that says nothing of any defence is left out: nothing is lost to nobody.
  const columns = attacks.filter((attack) => report.cells.some((cell) => cell.attack === attack && of(cell) !== null));
  return {
    caption,
    head: ['defence', ...columns],
    rows: report.defences.map(({ name }) => [
      name,
      ...columns.map((attack) => shown(mean(cellsAt(report, attack, name), of), format)),
    ]),
  };
}

function detectionTable(report: RedTeamReport): Table {
  const of = (attack: string, defence: string): Cell[] => {
    const cells = cellsAt(report, attack, defence);
    const at = (name: keyof typeof METRICS, format: (value: number) => string): string =>
      shown(mean(cells, METRICS[name].of), format);
    const rounds = (value: number) => (Number.isFinite(value) ? String(Number(value.toFixed(1))) : 'never');
    const count = (value: number) => String(Number(value.toFixed(1)));
    return [
      defence,
      attack,
      at('precision', percent),
      attack === CLEAN ? null : at('recall', percent),
      at('roundsToDetectMedian', rounds),
      at('roundsToDetectP90', rounds),
      at('falseExclusions', count),
      at('falseQuarantines', count),
      at('falseBans', count),
      at('voidRounds', count),
      reasons(cells),
    ];
  };
  return {
    caption: 'Detection by defence and attack',
    head: [
      'defence',
      'attack',
      'precision',
      'recall',
      'rounds to detect',
      'p90',
      'false exclusions',
      'false quarantines',
      'false bans',
      'void rounds',
      'reasons (malicious + honest)',
    ],
    rows: report.defences.flatMap(({ name }) =>
      [CLEAN, ...report.attacks.map((attack) => attack.name)]
        .filter((attack) => cellsAt(report, attack, name).length > 0)
        .map((attack) => of(attack, name)),
    ),
  };
}

/** Over all seeds: rounds × clients for each reason. */
function reasons(cells: readonly CellReport[]): string | null {
  const sums = new Map<string, [malicious: number, honest: number]>();
  for (const { code, malicious, honest } of cells.flatMap(({ named }) => named)) {
    const [a, b] = sums.get(code) ?? [0, 0];
    sums.set(code, [a + malicious, b + honest]);
  }
  return sums.size === 0 ? null : [...sums].map(([code, [a, b]]) => `${code} ${a} + ${b}`).join(', ');
}

function costTable(report: RedTeamReport): Table {
  return {
    caption: 'Time and bytes of a run, mean over its attacks and seeds',
    head: ['defence', 'seconds', 'bytes'],
    rows: report.defences.map(({ name }) => {
      const cells = report.cells.filter(({ defence }) => defence === name);
      return [
        name,
        shown(
          mean(cells, ({ seconds }) => seconds),
          (value) => value.toFixed(1),
        ),
        shown(
          mean(cells, ({ bytes }) => bytes),
          megabytes,
        ),
      ];
    }),
  };
}

function attacksTable({ attacks }: RedTeamReport): Table {
  return {
    caption: 'What the attackers do and know',
    head: ['attack', 'clients', 'what they do', 'what they know'],
    rows: attacks.flatMap(({ name, entries }) =>
      entries.map(({ attack, clients, knows }) => [name, clients, attack, knowledgeOf(knows)]),
    ),
  };
}

function defencesTable({ defences }: RedTeamReport): Table {
  return {
    caption: 'What the coordinator does',
    head: ['defence', 'profile', 'groups', 'rule', 'selection over sketches'],
    rows: defences.map(({ name, task }) => [
      name,
      task.profile,
      `${task.group.count} × ${task.group.size}`,
      ruleOf(task.rule),
      selectionOf(task),
    ]),
  };
}

const ruleOf = (rule: RuleSpec): string =>
  [...preOf(rule), rule].map(({ name }) => name).join(' → ') +
  (isPlainMean(rule) || rule.name === 'mean' ? '' : ` (f = ${rule.faulty})`);

function selectionOf({ integrity }: TaskConfig): string | null {
  if (integrity === 'none') return null;
  const filters = ['norm', ...integrity.selection.map(({ name }) => name)];
  return `${filters.join(' → ')}; up to ${integrity.exclusions} out, k = ${integrity.rows}`;
}

const cellsAt = (report: RedTeamReport, attack: string, defence: string): readonly CellReport[] =>
  report.cells.filter((cell) => cell.attack === attack && cell.defence === defence);

/** null where no cell has a value. */
function mean(cells: readonly CellReport[], of: (cell: CellReport) => number | null): number | null {
  const values = cells.map(of).filter((value) => value !== null);
  return values.length === 0 ? null : values.reduce((sum, value) => sum + value, 0) / values.length;
}
const shown = (value: number | null, format: (value: number) => string): string =>
  value === null ? '–' : format(value);
const heading = (of: string): Block => ({ type: 'heading', text: of });
const text = (of: string): Block => ({ type: 'text', text: of });
const table = (of: Table): Block => ({ type: 'table', table: of });
