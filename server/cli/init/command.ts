// `sotto init`: asks a few questions, or takes options and defaults, and writes a project that runs: settings, keys, a trainer for data of
// one's own. Nothing is ever overwritten. Not here: the files (project.ts), the prompts (ask.ts).

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { basename, dirname, join, relative, resolve, sep } from 'node:path';
import { fileURLToPath } from 'node:url';
import { SottoError } from '../../../protocol/errors.js';
import { MAX_GROUP } from '../../../protocol/limits.js';
import { nativeRng } from '../../../protocol/native/index.js';
import { parseSimulationConfig } from '../../../simulations/config.js';
import { dimensionOf } from '../../../simulations/model-source.js';
import { parseCoordinatorSettings } from '../../config/index.js';
import { hashToken, newToken } from '../../index.js';
import { EXIT, type ExitCode } from '../exit.js';
import { createIdentityFile } from '../identity-file.js';
import { colorsFor, type Io } from '../io.js';
import { sottoVersion } from '../version.js';
import type { Ask } from './ask.js';
import { factsOf, openCsv } from './csv.js';
import { type Project, type ProjectData, projectFiles, shapeOf } from './project.js';
import { SAMPLE_LABEL, sampleCsv } from './sample.js';

export interface InitOptions {
  readonly yes: boolean;
  readonly name?: string;
  readonly csv?: string;
  readonly label?: string;
  readonly arrays: boolean;
  readonly clients?: number;
  readonly port?: number;
  readonly json: boolean;
}

interface Answers {
  readonly folder: string;
  readonly task: string;
  readonly data:
    | { readonly kind: 'sample' }
    | { readonly kind: 'arrays' }
    | { readonly kind: 'csv'; readonly file: string; readonly label: string };
  readonly clients: number;
  readonly port: number;
}

const KEY = 'coordinator.key';
const TOKEN = 'admin.token';
const DEFAULT_PORT = 8970;
const DEFAULT_CLIENTS = 10;
const FEWEST = 3;
/** With more the simulation of a first project takes minutes; the settings allow them. */
const MOST = MAX_GROUP;

/**
 * @param folder absent: asked for; with --yes the current one
 * @param ask makes the prompts, called only where something is asked
 * @returns interrupted where the person stopped at a question
 * @throws STORE_WRITE where a file is there already; CONFIG_INVALID, DATA_* for what options say
 */
export async function init(
  folder: string | undefined,
  options: InitOptions,
  io: Io,
  ask: () => Promise<Ask>,
): Promise<ExitCode> {
  checkOptions(options);
  let end: ((text: string) => void) | undefined;
  let answers: Answers | undefined;
  if (options.yes) answers = defaultsFor(folder ?? '.', options);
  else {
    if (!io.stdout.isTTY || !io.stderr.isTTY || options.json)
      throw new SottoError(
        'CONFIG_INVALID',
        'there is no terminal to ask on; give --yes, and what is not the default as options',
        {
          field: '--yes',
        },
      );
    const asking = await ask();
    answers = await asked(folder, options, asking);
    end = (text) => asking.end(text);
  }
  if (answers === undefined) return EXIT.interrupted;
  const made = await write(answers);
  tell(answers, made, options, io, end);
  return EXIT.ok;
}

function checkOptions({ csv, label, arrays, clients, port }: InitOptions): void {
  const wrong = (field: string, text: string): SottoError =>
    new SottoError('CONFIG_INVALID', `${field} ${text}`, { field });
  if (csv !== undefined && arrays) throw wrong('--arrays', 'and --csv exclude each other');
  if (label !== undefined && csv === undefined) throw wrong('--label', 'names a column of the file of --csv');
  if (clients !== undefined && (clients < FEWEST || clients > MOST))
    throw wrong('--clients', `is ${clients}; it must be from ${FEWEST} to ${MOST}`);
  if (port !== undefined && port > 65_535) throw wrong('--port', `is ${port}; it must be from 1 to 65535`);
}

/** Of a name somebody chose for a folder, what may stand in a task's. */
const nameFrom = (folder: string): string =>
  basename(resolve(folder))
    .toLowerCase()
    .replaceAll(/[^a-z0-9]+/g, '-')
    .replaceAll(/^-+|-+$/g, '')
    .slice(0, 50) || 'my-task';

function defaultsFor(folder: string, options: InitOptions): Answers {
  return {
    folder,
    task: options.name ?? nameFrom(folder),
    data:
      options.csv !== undefined
        ? { kind: 'csv', file: options.csv, label: options.label ?? openCsv(options.csv).table.columns.at(-1) ?? '' }
        : ({ kind: options.arrays ? 'arrays' : 'sample' } as const),
    clients: options.clients ?? DEFAULT_CLIENTS,
    port: options.port ?? DEFAULT_PORT,
  };
}

/** Whatever an option says is not asked. */
async function asked(given: string | undefined, options: InitOptions, ask: Ask): Promise<Answers | undefined> {
  ask.begin('A new federated task');
  const folder = given ?? (await ask.text('Folder of the project', 'my-federation', (said) => fileInTheWay(said)));
  if (folder === undefined) return undefined;
  const taken = given === undefined ? undefined : fileInTheWay(given);
  if (taken !== undefined) throw new SottoError('STORE_WRITE', taken, { file: folder });
  const task =
    options.name ??
    (await ask.text('Name of the task', nameFrom(folder), (said) =>
      /^[a-z0-9][a-z0-9-]{0,63}$/.test(said) ? undefined : 'Letters a-z, digits and dashes, please.',
    ));
  if (task === undefined) return undefined;
  const data = await askedData(options, ask);
  if (data === undefined) return undefined;
  const clients =
    options.clients ??
    (await ask.text('Clients that a round waits for', String(DEFAULT_CLIENTS), (said) =>
      /^\d{1,3}$/.test(said) && Number(said) >= FEWEST && Number(said) <= MOST
        ? undefined
        : `A number from ${FEWEST} to ${MOST}, please; from 8 on they need not trust each other.`,
    ));
  if (clients === undefined) return undefined;
  return { folder, task, data, clients: Number(clients), port: options.port ?? DEFAULT_PORT };
}

async function askedData(options: InitOptions, ask: Ask): Promise<Answers['data'] | undefined> {
  if (options.arrays) return { kind: 'arrays' };
  const kind =
    options.csv !== undefined
      ? 'csv'
      : await ask.choose(
          'Your data',
          [
            { value: 'sample', says: 'A sample to look around with', hint: 'readings of a machine, as CSV' },
            { value: 'csv', says: 'A CSV file of mine' },
            { value: 'arrays', says: 'Arrays from code of mine' },
          ],
          'sample',
        );
  if (kind === undefined) return undefined;
  if (kind !== 'csv') return { kind: kind === 'arrays' ? 'arrays' : 'sample' };
  const file = options.csv ?? (await ask.text('Path of the file', 'data.csv', csvProblem));
  if (file === undefined) return undefined;
  const { columns } = openCsv(file).table;
  const label =
    options.label ??
    (await ask.choose(
      'Which column is to be predicted?',
      columns.map((column) => ({ value: column, says: column })),
      columns.at(-1) ?? '',
    ));
  return label === undefined ? undefined : { kind: 'csv', file, label };
}

function csvProblem(file: string): string | undefined {
  try {
    openCsv(file);
    return undefined;
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

const WRITTEN = [
  'package.json',
  'README.md',
  'data.mjs',
  'data.csv',
  'trainer.mjs',
  'clients.mjs',
  'coordinator.yaml',
  'simulation.yaml',
  'attack.yaml',
  '.gitignore',
  KEY,
  TOKEN,
];
function fileInTheWay(folder: string): string | undefined {
  const found = WRITTEN.find((name) => existsSync(join(folder, name)));
  return found === undefined
    ? undefined
    : `${join(folder, found)} exists, and nothing is overwritten; choose another folder`;
}

interface Made {
  readonly files: readonly string[];
  readonly coordinator: string;
  readonly leftOut: readonly string[];
  readonly project: Project;
}

/** @throws STORE_WRITE */
async function write({ folder, task, data, clients, port }: Answers): Promise<Made> {
  const taken = fileInTheWay(folder);
  if (taken !== undefined) throw new SottoError('STORE_WRITE', taken, { file: folder });
  const { projectData, sample, leftOut } = dataOf(folder, data);
  const token = newToken(nativeRng);
  const draft: Project = {
    task,
    clients,
    port,
    data: projectData,
    ...dependency(folder),
    tokenHash: hashToken(token),
    coordinator: '',
  };
  // Before anything is written: settings that the commands would refuse are refused here.
  const drafted = projectFiles(draft);
  parseCoordinatorSettings(drafted['coordinator.yaml'] ?? '', 'coordinator.yaml', dimensionOf);
  for (const name of ['simulation.yaml', 'attack.yaml'])
    if (drafted[name] !== undefined) parseSimulationConfig(drafted[name], name);
  try {
    mkdirSync(folder, { recursive: true });
    const { id } = await createIdentityFile(join(folder, KEY));
    const project = { ...draft, coordinator: id };
    const files = { ...projectFiles(project), ...(sample !== undefined && { 'data.csv': sample }) };
    writeFileSync(join(folder, TOKEN), `${token}\n`, { mode: 0o600, flag: 'wx' });
    for (const [name, text] of Object.entries(files)) writeFileSync(join(folder, name), text, { flag: 'wx' });
    return { files: [...Object.keys(files), KEY, TOKEN].sort(), coordinator: id, leftOut, project };
  } catch (error) {
    if (error instanceof SottoError) throw error;
    throw new SottoError('STORE_WRITE', `${folder}: ${error instanceof Error ? error.message : error}`, {
      file: folder,
    });
  }
}

function dataOf(
  folder: string,
  data: Answers['data'],
): { projectData: ProjectData; sample: string | undefined; leftOut: readonly string[] } {
  if (data.kind === 'arrays') {
    const columns = Array.from({ length: 8 }, (_, i) => `x${i + 1}`);
    return { projectData: { kind: 'arrays', columns, classes: ['0', '1', '2'] }, sample: undefined, leftOut: [] };
  }
  if (data.kind === 'sample') {
    const text = sampleCsv();
    const [head = '', ...lines] = text.trim().split('\n');
    const table = { columns: head.split(','), records: lines.map((line) => line.split(',')), lines: [] };
    const { leftOut, ...facts } = factsOf(table, SAMPLE_LABEL, 'the sample');
    const projectData = { kind: 'csv', file: 'data.csv', label: SAMPLE_LABEL, delimiter: ',', ...facts } as const;
    return { projectData, sample: text, leftOut };
  }
  const { delimiter, table } = openCsv(data.file);
  const { leftOut, ...facts } = factsOf(table, data.label, data.file);
  const file = relative(resolve(folder), resolve(data.file)).split(sep).join('/');
  return { projectData: { kind: 'csv', file, label: data.label, delimiter, ...facts }, sample: undefined, leftOut };
}

const TRAINING_PACKAGES = ['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-core', '@tensorflow/tfjs-layers'];

/** From a clone the clone itself, which has the packages that train; installed, this version and those packages. */
function dependency(folder: string): Pick<Project, 'sotto' | 'peers'> {
  const root = resolve(dirname(fileURLToPath(import.meta.url)), '../../../..');
  if (!root.split(sep).includes('node_modules')) {
    const path = relative(resolve(folder), root).split(sep).join('/') || '.';
    return { sotto: `file:${path}`, peers: {} };
  }
  const { peerDependencies } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as {
    readonly peerDependencies: Readonly<Record<string, string>>;
  };
  const peers = Object.fromEntries(TRAINING_PACKAGES.map((name) => [name, peerDependencies[name] ?? '*']));
  return { sotto: `^${sottoVersion()}`, peers };
}

function tell(
  { folder }: Answers,
  { files, coordinator, leftOut, project }: Made,
  { json }: InitOptions,
  io: Io,
  end: ((text: string) => void) | undefined,
): void {
  const { task, clients, data } = project;
  if (json) {
    io.stdout.write(`${JSON.stringify({ type: 'project', folder, task, clients, coordinator, files, leftOut })}\n`);
    return;
  }
  const paint = colorsFor(io.stdout, io.env);
  const shape = shapeOf(clients, data.columns.length, data.classes.length);
  if (leftOut.length > 0)
    io.stderr.write(
      `${paint.yellow('left out')} ${leftOut.join(', ')}: not numbers throughout; data.mjs names the columns that are used\n`,
    );
  const next = [
    ...(resolve(folder) === resolve('.') ? [] : [`cd ${folder}`]),
    'npm install',
    'npm run simulate',
    shape.profile === 'sketch' ? 'npm run attack' : 'npm run report',
  ];
  const said = `${files.length} files in ${folder === '.' ? 'this folder' : folder}: task ${task}, ${clients} clients, profile ${shape.profile}`;
  if (end === undefined) io.stdout.write(`${said}\n`);
  else end(said);
  io.stdout.write(`next:\n${next.map((line) => `  ${paint.bold(line)}\n`).join('')}`);
}
