// `sotto status`, `sotto rounds` and `sotto clients`: one look at a running coordinator, at a stopped one's data, at an exported log or at a
// run, told as text or JSON. Changes nothing. Not here: looking (from-*.ts), acting on what is seen (the admin API).

import { join } from 'node:path';
import Table from 'cli-table3';
import { SottoError } from '../../../protocol/errors.js';
import { EXIT, type ExitCode } from '../exit.js';
import { percent, seconds, size } from '../format.js';
import { type Colors, colorsFor, type Io } from '../io.js';
import { findSource, withLog } from '../models/source.js';
import { readReport } from '../report/read.js';
import { type Credentials, connectAdmin, isUrl } from './api.js';
import { lookAtCoordinator } from './from-api.js';
import { lookAtLog } from './from-log.js';
import { lookAtRun } from './from-run.js';
import type { ClientTold, Look, RoundTold, StatusTold } from './told.js';

export interface LookOptions extends Credentials {
  readonly identity: string;
  readonly runs: string;
  readonly json: boolean;
}
export interface RoundsOptions extends LookOptions {
  readonly last: number;
}
export interface ClientsOptions extends LookOptions {
  readonly status?: ClientTold['status'];
  readonly last: number;
}

/** @throws CONFIG_*, ADMIN_*, TRANSPORT_*, STORE_*, AUDIT_INVALID */
export async function status(source: string, options: LookOptions, io: Io): Promise<ExitCode> {
  const { status: told } = await lookAt(source, options, io);
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'status', ...told })}\n`);
  else io.stdout.write(`${statusLines(told, colorsFor(io.stdout, io.env)).join('\n')}\n`);
  return EXIT.ok;
}

/** The newest `last` rounds, oldest of them first. */
export async function rounds(source: string, options: RoundsOptions, io: Io): Promise<ExitCode> {
  const { rounds: all } = await lookAt(source, options, io);
  const shown = all.slice(-options.last);
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'rounds', of: all.length, rounds: shown })}\n`);
  else if (all.length === 0) io.stdout.write('no round yet\n');
  else {
    const more = all.length > shown.length ? `the last ${shown.length} of ${all.length} rounds (--last)\n` : '';
    io.stdout.write(`${roundsTable(shown, colorsFor(io.stdout, io.env))}\n${more}`);
  }
  return EXIT.ok;
}

/** Those who lost most updates first: that is what one looks for. */
export async function clients(source: string, options: ClientsOptions, io: Io): Promise<ExitCode> {
  const { clients: everybody } = await lookAt(source, options, io);
  const all = everybody.filter(({ status: now }) => options.status === undefined || now === options.status);
  const shown = [...all].sort(worstFirst).slice(0, options.last);
  if (options.json) io.stdout.write(`${JSON.stringify({ type: 'clients', of: all.length, clients: shown })}\n`);
  else if (all.length === 0)
    io.stdout.write(`no ${options.status ?? 'client'}${options.status ? ' client' : ''} yet\n`);
  else {
    const more = all.length > shown.length ? `${shown.length} of ${all.length} clients (--last)\n` : '';
    io.stdout.write(`${clientsTable(shown, colorsFor(io.stdout, io.env))}\n${more}`);
  }
  return EXIT.ok;
}

const worstFirst = (a: ClientTold, b: ClientTold): number =>
  Number(b.status !== 'active') - Number(a.status !== 'active') ||
  b.excluded - a.excluded ||
  b.dropped - a.dropped ||
  (a.id < b.id ? -1 : 1);

async function lookAt(source: string, options: LookOptions, io: Io): Promise<Look> {
  if (isUrl(source)) return lookAtCoordinator(await connectAdmin(source, options, io.env));
  const found = findSource(source, options.runs);
  if (found.kind === 'run') return lookAtRun(readReport(join(found.folder, 'report.json')));
  if (found.kind === 'model')
    throw new SottoError(
      'CONFIG_INVALID',
      `${source} is a model: it has no rounds and no clients; sotto models verify looks at it`,
      {
        field: 'source',
      },
    );
  return withLog({ ...found, kind: found.kind }, options.identity, async (open) => lookAtLog(await open()));
}

function statusLines(told: StatusTold, paint: Colors): string[] {
  const where = { coordinator: 'a running coordinator', log: 'an audit log', run: 'a simulation' }[told.source];
  const line = (name: string, value: string | number | null): string[] =>
    value === null || value === '' ? [] : [`${name.padEnd(13)}${value}`];
  const defence = [told.profile, told.rule].filter((part) => part !== null).join(', ');
  return [
    paint.bold(told.task) + paint.dim(`  ${where}`),
    ...line('phase', told.phase + (told.says === '' ? '' : `: ${told.says}`)),
    ...line(
      'round',
      `${told.round}${told.rounds === null ? '' : ` of ${told.rounds}`}, ${told.committed} committed${
        // A running coordinator keeps the rounds of this process alone; those before are in its log.
        told.source === 'coordinator' ? ' since its start' : ''
      }`,
    ),
    ...line('accuracy', told.accuracy === null ? null : percent(told.accuracy)),
    ...line('loss', told.loss === null ? null : told.loss.toFixed(4)),
    ...line('clients', told.connected === null ? told.clients : `${told.connected} connected, ${told.clients} seen`),
    ...line(
      'left out',
      `${told.leftOut} updates; ${told.quarantined ?? 0} clients in quarantine, ${told.banned ?? 0} banned`,
    ),
    ...line('profile', defence),
    ...line('weights', told.dimension),
    ...line('traffic', told.bytesUp === null ? null : `${size(told.bytesUp)} up, ${size(told.bytesDown ?? 0)} down`),
    ...line('model', told.model),
    ...line('coordinator', told.coordinator),
  ];
}

/** Columns that the source knows nothing of are left away. */
function tableOf<T>(rows: readonly T[], columns: readonly (readonly [string, (row: T) => string | null])[]): string {
  const known = columns.filter(([, cell]) => rows.some((row) => cell(row) !== null));
  const table = new Table({
    head: known.map(([name]) => name),
    style: { head: [], border: [], compact: true },
    colAligns: known.map(([name]) => (/^(client|standing|outcome|model)$/.test(name) ? 'left' : 'right')),
  });
  for (const row of rows) table.push(known.map(([, cell]) => cell(row) ?? '-'));
  return table.toString();
}

function roundsTable(rows: readonly RoundTold[], paint: Colors): string {
  return tableOf<RoundTold>(rows, [
    ['round', ({ round }) => String(round)],
    ['outcome', ({ outcome }) => (outcome === 'committed' ? outcome : paint.red(outcome))],
    ['accuracy', ({ accuracy }) => (accuracy === null ? null : percent(accuracy))],
    ['in the sum', ({ counted, invited }) => `${counted}/${invited}`],
    ['left', ({ dropped }) => String(dropped)],
    ['left out', ({ excluded }) => (excluded === 0 ? '0' : paint.yellow(String(excluded)))],
    ['attempts', ({ attempts }) => String(attempts)],
    ['time', ({ seconds: value }) => (value === null ? null : seconds(value))],
    ['up', ({ bytesUp }) => (bytesUp === null ? null : size(bytesUp))],
    ['model', ({ model }) => model?.slice(0, 8) ?? null],
  ]);
}

function clientsTable(rows: readonly ClientTold[], paint: Colors): string {
  return tableOf<ClientTold>(rows, [
    // Names of a simulation are short, keys are not.
    ['client', ({ id }) => (id.length === 64 ? id.slice(0, 16) : id)],
    [
      'standing',
      ({ status: now, until }) => (now === 'active' ? now : paint.red(until === null ? now : `${now} to ${until}`)),
    ],
    ['online', ({ online }) => (online === null ? null : online ? 'yes' : 'no')],
    ['invited', ({ invited }) => String(invited)],
    ['in the sum', ({ counted }) => String(counted)],
    ['left', ({ dropped }) => String(dropped)],
    ['left out', ({ excluded }) => (excluded === 0 ? '0' : paint.yellow(String(excluded)))],
    ['suspicion', ({ suspicion }) => (suspicion === null ? null : suspicion.toFixed(1))],
  ]);
}
