// `sotto privacy ledger <run>`: what a run, or one client, has released so far and what that costs. Reads the report of a simulation
// or the file of a client's own ledger. Not here: prices (protocol/privacy/record.ts).

import { existsSync, readFileSync, statSync } from 'node:fs';
import { basename, join } from 'node:path';
import Table from 'cli-table3';
import { parseLedgerFile } from '../../../client/node/file-ledgers.js';
import { SottoError } from '../../../protocol/errors.js';
import { checkDelta } from '../../../protocol/privacy/domain.js';
import {
  headlinesOf,
  type PrivacyRecord,
  type Reading,
  readingsOf,
  renamed,
} from '../../../protocol/privacy/record.js';
import type { SimulationReport } from '../../../simulations/report.js';
import { EXIT, type ExitCode } from '../exit.js';
import { colorsFor, type Io } from '../io.js';
import { short } from './plan-view.js';

export interface LedgerOptions {
  readonly delta?: number;
  readonly tight: boolean;
  readonly out: string;
  readonly json: boolean;
}

/**
 * @param run a folder of runs/, its name, a report.json, or a client's ledger-….jsonl
 * @returns ok; gate where somebody has spent more than the budget of the task
 * @throws CONFIG_UNREADABLE where there is no such run or it claims no privacy; STORE_CORRUPT; CONFIG_INVALID without a δ
 */
export async function privacyLedger(run: string, options: LedgerOptions, io: Io): Promise<ExitCode> {
  const record = recordOf(fileOf(run, options.out));
  const missing =
    record.cohort.length + Object.keys(record.clients).length > 0 && Object.keys(record.budgets).length === 0;
  if (options.delta === undefined && missing)
    throw new SottoError('CONFIG_INVALID', 'the ledger names no budget, so --delta is needed to price it', {
      field: 'delta',
    });
  const delta = options.delta ?? Object.values(record.budgets)[0]?.delta ?? 1e-5;
  checkDelta(delta);
  const readings = readingsOf(record, delta, options.tight);
  const over = readings.filter((reading) => spentBeyond(reading, record));
  if (options.json) {
    for (const reading of readings) io.stdout.write(`${JSON.stringify({ type: 'reading', ...reading })}\n`);
    io.stdout.write(
      `${JSON.stringify({ type: 'headline', readings: headlinesOf(readings), budgets: record.budgets })}\n`,
    );
  } else io.stdout.write(`${textOf(readings, record, io)}\n`);
  return over.length === 0 ? EXIT.ok : EXIT.gate;
}

const spentBeyond = ({ statement, spent }: Reading, { budgets }: PrivacyRecord): boolean =>
  spent.epsilon > (budgets[statement.unit]?.epsilon ?? Infinity);

function fileOf(run: string, out: string): string {
  const candidates = [run, join(out, run)].flatMap((path) => [path, join(path, 'report.json')]);
  const found = candidates.find((path) => existsSync(path) && statSync(path).isFile());
  if (found !== undefined) return found;
  throw new SottoError('CONFIG_UNREADABLE', `there is no run ${run}, neither here nor in ${out}/`, { file: run });
}

function recordOf(file: string): PrivacyRecord {
  const text = readFileSync(file, 'utf8');
  if (file.endsWith('.jsonl')) {
    const { coordinator, task, entries } = parseLedgerFile(file, text);
    return {
      budgets: {},
      cohort: [],
      clients: { [`this client, task ${task} at ${coordinator.slice(0, 8)}`]: entries },
    };
  }
  let report: Partial<SimulationReport>;
  try {
    report = JSON.parse(text) as Partial<SimulationReport>;
  } catch {
    throw new SottoError('CONFIG_UNREADABLE', `${file} is no report: it is not JSON`, { file });
  }
  if (report.privacy === undefined)
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `${basename(file)} claims no differential privacy: the run had neither privacy nor training.dpSgd in its settings`,
      { file },
    );
  return renamed(report.privacy, new Map((report.roster ?? []).map(({ id, name }) => [id, name])));
}

function textOf(readings: readonly Reading[], record: PrivacyRecord, io: Io): string {
  const paint = colorsFor(io.stdout, io.env);
  if (readings.length === 0) return 'nothing was released: ε = 0';
  const head = headlinesOf(readings).map(({ client, statement, spent }) => {
    const budget = record.budgets[statement.unit];
    const of = budget === undefined ? '' : ` of ${budget.epsilon}`;
    return paint.bold(
      `each ${statement.unit}, ${statement.neighbours}, against ${statement.observer}: ε ≤ ${short(spent.epsilon)}${of} at δ = ${spent.delta} (RDP, order ${spent.order}; dearest: ${client})`,
    );
  });
  const notes = new Set(readings.flatMap(({ spent }) => spent.warnings));
  if (readings.some(({ spent }) => spent.arithmetic === 'real'))
    notes.add('some noise was drawn from floats: the guarantee holds for ideal real arithmetic only');
  if (readings.some(({ tight }) => tight?.standing === 'gaussian-equivalent'))
    notes.add('“equivalent” takes integer noise as Gaussian: for comparison, not the guarantee');
  if (readings.some(({ open }) => open > 0))
    notes.add('open reservations count at their worst: rounds that a crash cut off, or that still run');
  const tight = readings.some((reading) => reading.tight !== undefined);
  const average = readings.some((reading) => reading.average !== undefined);
  const table = new Table({
    head: [
      'client',
      'unit',
      'against',
      'rounds',
      'open',
      'ε (RDP)',
      ...(tight ? ['tight or equivalent'] : []),
      ...(average ? ['ε, average sketch'] : []),
      'order',
      'arithmetic',
    ],
    style: { head: [], border: [], compact: true },
  });
  for (const { client, statement, rounds, open, spent, ...more } of readings)
    table.push([
      client,
      statement.unit,
      statement.observer,
      rounds,
      open,
      short(spent.epsilon),
      ...(tight ? [more.tight === undefined ? '–' : short(more.tight.epsilon)] : []),
      ...(average ? [more.average === undefined ? '–' : short(more.average.epsilon)] : []),
      spent.order ?? '–',
      spent.arithmetic,
    ]);
  return [...head, ...[...notes].map((note) => paint.yellow(`note: ${note}`)), table.toString()].join('\n');
}
