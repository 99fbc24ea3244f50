// The table at the end of a simulation: accuracy by round, who left where, bytes and time, and the same attack without defence.
// Not here: the report itself (simulations/report.ts).

import Table from 'cli-table3';
import { isPlainMean, preOf, type RuleSpec } from '../../protocol/rule.js';
import type { RoundEntry, SimulationReport } from '../../simulations/report.js';
import { percent, seconds, size, spent } from './format.js';
import type { Colors } from './io.js';

/** `nnm → trimmed-mean (f = 2)` */
export const ruleName = (rule: RuleSpec): string =>
  [...preOf(rule), rule].map(({ name }) => name).join(' → ') + (rule.name === 'mean' ? '' : ` (f = ${rule.faulty})`);

/** Tells the runs of one comparison apart: `sketch`, `plain mean`, `grouped: nnm → trimmed-mean (f = 2)`. */
export function defenceName({ profile, rule, config }: Pick<SimulationReport, 'profile' | 'rule' | 'config'>): string {
  if (profile === 'sketch') return 'sketch';
  if (config.task.integrity !== 'none') return `sketch + groups: ${ruleName(rule)}`;
  return isPlainMean(rule) ? 'plain mean' : `${profile}: ${ruleName(rule)}`;
}

/** @param compared reports of the same fleet and seed under other rules, shown as more accuracy columns */
export function reportTable(report: SimulationReport, compared: readonly SimulationReport[], paint: Colors): string {
  const table = new Table({
    head: [
      'round',
      ...[report, ...compared].map((one) => `accuracy\n${defenceName(one).replace(': ', '\n')}`),
      'in the sum',
      'client left in',
      'up',
      'down',
      'time',
    ],
    style: { head: [], border: [], compact: true },
    colAligns: ['right', 'right', ...compared.map(() => 'right' as const), 'right', 'left', 'right', 'right', 'right'],
  });
  for (const entry of report.rounds) {
    table.push([
      String(entry.round),
      entry.void ? paint.red('void') : percent(entry.accuracy),
      ...compared.map((other) => accuracyAt(other, entry.round)),
      `${entry.survivors.length}/${entry.cohort.length}`,
      losses(entry, paint),
      size(entry.bytesUp),
      size(entry.bytesDown),
      seconds(entry.seconds),
    ]);
  }
  return table.toString();
}

function accuracyAt(report: SimulationReport, round: number): string {
  const entry = report.rounds.find((candidate) => candidate.round === round);
  return entry === undefined ? '-' : percent(entry.accuracy);
}

/** One line a round where the lines of a terminal allow it: "18 shares, 37 keys". The head of the column says they are clients. */
function losses(entry: RoundEntry, paint: Colors): string {
  const short = (client: string) => client.replace(/^client-/, '');
  const left = entry.dropped.map(({ client, phase }) => `${short(client)} ${phase}`);
  const out = entry.excluded.map(({ client, phase, code }) => paint.red(`${short(client)} ${phase} ${code}`));
  const groups = entry.voidedGroups.map((group) => paint.yellow(`group ${group} void`));
  const all = [...left, ...out, ...groups];
  const lines: string[] = [];
  for (let i = 0; i < all.length; i += LOSSES_IN_A_LINE) lines.push(all.slice(i, i + LOSSES_IN_A_LINE).join(', '));
  return lines.join('\n') || '-';
}
const LOSSES_IN_A_LINE = 3;

/** What the dearest client has spent, and against whom that holds. */
function privacyLines({ rounds, config: { task } }: SimulationReport): string[] {
  const last = rounds.flatMap(({ privacy }) => privacy ?? []).at(-1);
  if (last === undefined || task.privacy === 'none') return [];
  const { placement, neighbours } = task.privacy;
  const against = placement === 'distributed' ? 'the coordinator' : 'whoever sees the models, not the coordinator';
  return [
    `privacy of whole clients (${placement} noise, ${neighbours}, exact arithmetic): the dearest client has spent ε = ${spent(last.spent, 2)} of ${last.budget.epsilon} at δ = ${last.budget.delta} (RDP), against ${against}`,
  ];
}

/** Two or three sentences under the table. */
export function reportSummary(report: SimulationReport, compared: readonly SimulationReport[]): string[] {
  const bad = report.malicious.length;
  const honest =
    bad === 0 ? 'nobody malicious' : `${bad} malicious (${report.malicious.map(({ client }) => client).join(', ')})`;
  const lines = [
    `${report.task}: ${report.clients} clients, ${honest}, profile ${report.profile}, seed ${report.seed}: accuracy ${percent(report.finalAccuracy)} with ${defenceName(report)} in ${seconds(report.wallSeconds)}`,
  ];
  for (const other of compared) {
    lines.push(
      `the same ${bad === 0 ? 'fleet' : 'attack'} with ${defenceName(other)}: accuracy ${percent(other.finalAccuracy)} in ${seconds(other.wallSeconds)}`,
    );
  }
  lines.push(...privacyLines(report), `model ${report.modelHash}`, report.stamp);
  return lines;
}
