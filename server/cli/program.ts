// The command line as commander sees it: commands, options, help. Each command's code is loaded when it runs, since the trainer
// alone takes half a second to load. Not here: what the commands do (one file each).

import { Command, Help, InvalidArgumentError, Option } from 'commander';
import { type AdminCommands, addAdmin } from './admin/program.js';
import type { ClientOptions } from './client.js';
import type { CoordinatorOptions } from './coordinator.js';
import type { DataOptions, DoctorOptions, VerifyOptions } from './data.js';
import { addEveryday, type EverydayCommands } from './everyday.js';
import type { ExitCode } from './exit.js';
import type { HandOverOptions } from './hand-over.js';
import type { KeysOptions, RotateOptions, TokenOptions } from './keys.js';
import { addModels, type ModelCommands, taskName } from './models/program.js';
import { positiveNumber, positiveReal, probability, wholeNumber } from './numbers.js';
import { addPrivacy, type PrivacyCommands } from './privacy/program.js';
import type { RedTeamOptions } from './redteam.js';
import type { ReportOptions } from './report/command.js';
import type { SimulateOptions } from './simulate.js';
import type { TokensOptions } from './tokens.js';

/** What the command line can ask for. Tests hand in recorders. */
export interface Commands extends PrivacyCommands, ModelCommands, EverydayCommands, AdminCommands {
  coordinator(config: string, options: CoordinatorOptions): Promise<ExitCode>;
  client(options: ClientOptions): Promise<ExitCode>;
  simulate(config: string | undefined, options: SimulateOptions): Promise<ExitCode>;
  redTeam(config: string | undefined, options: RedTeamOptions): Promise<ExitCode>;
  report(source: string, options: ReportOptions): Promise<ExitCode>;
  exportAudit(data: string, folder: string, options: DataOptions): Promise<ExitCode>;
  verify(folder: string, options: VerifyOptions): Promise<ExitCode>;
  doctor(data: string, options: DoctorOptions): Promise<ExitCode>;
  newKeys(file: string, options: KeysOptions): Promise<ExitCode>;
  newToken(options: TokensOptions): Promise<ExitCode>;
  showKeys(file: string, options: KeysOptions): Promise<ExitCode>;
  rotateKeys(file: string, options: RotateOptions): Promise<ExitCode>;
  handOverKeys(data: string, options: HandOverOptions): Promise<ExitCode>;
  newAdminToken(options: TokenOptions): Promise<ExitCode>;
}

export interface ProgramIo {
  readonly out: (text: string) => void;
  readonly err: (text: string) => void;
}

/**
 * @param done gets the exit code of the command that ran
 * A wrong command line throws commander's CommanderError; nothing here ends the process.
 */
export function createProgram(
  version: string,
  commands: Commands,
  io: ProgramIo,
  done: (code: ExitCode) => void,
): Command {
  const program = new Command('sotto')
    .description('Federated learning whose coordinator hears the choir, never a voice.')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureOutput({ writeOut: io.out, writeErr: io.err, outputError: (text, write) => write(text) })
    // That a switch is off unless given goes without saying.
    .configureHelp({
      optionDescription: (option) =>
        option.defaultValue === false ? option.description : Help.prototype.optionDescription.call(new Help(), option),
    })
    .showHelpAfterError('Try --help.')
    .exitOverride()
    .addHelpText(
      'after',
      '\nExit codes: 0 done, 1 the run failed, 2 wrong command line or settings, 3 a bar was missed, 70 a bug of Sotto, 130 interrupted.\nSOTTO_DEBUG=1 shows the stack of an error, NO_COLOR=1 switches colours off.',
    );

  program
    .command('simulate')
    .description('run a whole federation here: real clients, real sockets, real training')
    .argument('[config]', 'YAML or JSON file; without it examples/mnist.yaml')
    .option('--baseline', 'then the same fleet and attack under the plain mean', false)
    .option('--compare', 'then under the plain mean, robust rules over groups, and sketches in groups', false)
    .option('--seed <n>', 'in place of the seed of the file', wholeNumber)
    .option('--rounds <n>', 'in place of the rounds of the file', positiveNumber)
    .option('--out <folder>', 'where reports go', 'runs')
    .option('--dashboard [port]', 'watch it in a browser; without a port any free one', dashboardPort)
    .option('--json', 'JSON lines on stdout: every event, then the report', false)
    .action(async (config: string | undefined, options: SimulateOptions) =>
      done(await commands.simulate(config, options)),
    );

  program
    .command('redteam')
    .description('attack a federation in many ways under many defences, and report what each defence is worth')
    .argument('[config]', 'YAML or JSON file, see docs/red-team.md; without it examples/redteam.yaml')
    .option('--gate <bars>', 'file of bars; exit code 3 where one is missed')
    .option('--out <folder>', 'where results go, in a folder by the name of the red team', 'runs')
    .option('--fresh', 'run every cell again; without it results of the same settings are kept', false)
    .option('--json', 'JSON lines on stdout: every cell, then the report', false)
    .action(async (config: string | undefined, options: RedTeamOptions) =>
      done(await commands.redTeam(config, options)),
    );

  program
    .command('coordinator')
    .description('run a coordinator for real clients')
    .argument('<config>', 'YAML or JSON file, see docs/configuration.md')
    .addOption(new Option('--log <level>', 'JSON log on stderr').choices(LOG_LEVELS).default('silent'))
    .option('--roll-back-to <round>', 'first go back to the model after this round', wholeNumber)
    .option('--reason <text>', 'why, for every client to read')
    .option('--json', 'JSON lines on stdout: every event, then the result', false)
    .action(async (config: string, options: CoordinatorOptions) => done(await commands.coordinator(config, options)));

  program
    .command('client')
    .description('take part in a task with data of your own or a sample')
    .requiredOption('--url <url>', 'address of the coordinator, ws:// or wss://', webSocketUrl)
    .requiredOption('--task <name>', 'task to take part in')
    .addOption(new Option('--data <set>', 'train on a sample data set').choices(['mnist', 'spam']).conflicts('trainer'))
    .option('--shard <i/n>', 'the i-th of n equal parts of the data set, from 1', shard, { index: 0, of: 1 })
    .option('--model <file>', 'file with a `model:` section, such as the settings of the coordinator')
    .addOption(
      new Option('--trainer <file>', 'module that exports `trainer`, for data and models of your own').conflicts(
        'data',
      ),
    )
    .option('--identity <file>', 'identity made by `sotto keys new`; without it a fresh one for this run')
    .option('--guards <folder>', 'where this client remembers rounds it took part in; without it in memory')
    .addOption(
      new Option('--coordinator <id>', 'public id of the coordinator, 64 hex digits')
        .argParser(publicId)
        .conflicts('trustFirst'),
    )
    .option('--trust-first', 'accept the key that the coordinator shows first and insist on it from then on', false)
    .option(
      '--token <token>',
      'enrolment token, where the coordinator asks for one; the variable SOTTO_TOKEN does the same',
    )
    .option('--ca <file>', 'PEM file of the authority that signed the certificate of the coordinator')
    .option('--accept-roll-back', 'follow the coordinator where it signs a step back to an earlier model')
    .option(
      '--refuse-key-change',
      'do not follow the coordinator to a new key, even where the old one has signed it',
      false,
    )
    .option('--allow-open', 'also take part where the coordinator sees every update', false)
    .option('--min-group <n>', 'smallest group to hide in', positiveNumber, 8)
    .option('--max-clip-norm <n>', 'largest L2 norm of an update to agree to', positiveReal, 100)
    .option('--max-rounds <n>', 'rounds to take part in at most', positiveNumber, 1_000_000)
    .option(
      '--max-epsilon <n>',
      'ε that all rounds together may cost of all that this client has; tasks without noise of its own are refused',
      positiveReal,
    )
    .option(
      '--max-record-epsilon <n>',
      'the same for each of its records; tasks that train with DP-SGD need it',
      positiveReal,
    )
    .option('--delta <n>', 'δ of these limits', probability)
    .option('--json', 'JSON lines on stdout: every event, then how it ended', false)
    .action(async (options: ClientOptions) => done(await commands.client(options)));

  program
    .command('export')
    .description('write the audit log of a stopped coordinator into a folder that anybody can verify')
    .argument('<data>', 'data directory of the coordinator')
    .argument('<folder>', 'where to, a new folder')
    .option('--identity <file>', 'identity of the coordinator', 'sotto.key')
    .option('--json', 'JSON on stdout', false)
    .action(async (data: string, folder: string, options: DataOptions) =>
      done(await commands.exportAudit(data, folder, options)),
    );
  program
    .command('report')
    .description('write a page and its Markdown twin about a run or a coordinator, with a model card')
    .argument('<source>', 'a run, an exported audit log, or the data directory of a stopped coordinator')
    .option('--to <path>', 'where to, without ending; else `report` in the folder of the run, or here')
    .option('--card <file>', 'YAML with intended, unintended, considerations, licence, contact')
    .option('--model <folder>', 'exported model whose data declarations the card shows')
    .option('--declarations <files...>', 'what clients declared about their data, and measured on them')
    .option(
      '--redteam <folder>',
      'red team whose results it shows; without it those of the runs that attacked this task',
    )
    .option('--identity <file>', 'identity of the coordinator, for a data directory', 'sotto.key')
    .option('--runs <folder>', 'where runs are looked for by name', 'runs')
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: ReportOptions) => done(await commands.report(source, options)));
  program
    .command('verify')
    .description('check an exported audit log: events, signatures, every model, rounds, privacy')
    .argument('<folder>', 'what `sotto export` wrote')
    .addOption(
      new Option(
        '--coordinator <id>',
        'public id that it must be signed by, now or before a hand-over, 64 hex digits',
      ).argParser(publicId),
    )
    .option(
      '--contains <seq:hash>',
      'an event that it must contain, as an earlier verification told its head',
      seqAndHash,
    )
    .option('--json', 'JSON on stdout', false)
    .action(async (folder: string, options: VerifyOptions) => done(await commands.verify(folder, options)));
  program
    .command('doctor')
    .description('look at the data directory of a stopped coordinator from its first event on')
    .argument('<data>', 'data directory of the coordinator')
    .option('--restore', 'where it is damaged, go back to the newest sound backup', false)
    .option('--json', 'JSON on stdout', false)
    .action(async (data: string, options: DoctorOptions) => done(await commands.doctor(data, options)));

  const keys = program.command('keys').description('make and show identities');
  keys
    .command('new')
    .description('make an identity: a file that you alone can read (mode 0600); prints its public id')
    .option('--out <file>', 'file to write; never overwritten', 'sotto.key')
    .option('--json', 'JSON on stdout', false)
    .action(async ({ out, json }: { out: string; json: boolean }) => done(await commands.newKeys(out, { json })));
  keys
    .command('show')
    .description('print the public id of an identity file')
    .argument('[file]', 'the file', 'sotto.key')
    .option('--json', 'JSON on stdout', false)
    .action(async (file: string, { json }: KeysOptions) => done(await commands.showKeys(file, { json })));

  keys
    .command('rotate')
    .description(
      'move an identity to a new key: makes the key, and prints what it shows to the coordinator once (sotto client --token)',
    )
    .argument('[file]', 'the old identity', 'sotto.key')
    .option('--out <file>', 'file of the new identity; never overwritten', 'sotto-next.key')
    .requiredOption('--coordinator <id>', 'public id of the coordinator, 64 hex digits', publicId)
    .option('--json', 'JSON on stdout', false)
    .action(async (file: string, options: RotateOptions) => done(await commands.rotateKeys(file, options)));

  keys
    .command('hand-over')
    .description(
      "move a stopped coordinator's data directory to a new key, which its clients follow; prints the new id",
    )
    .argument('<data>', 'data directory of the coordinator')
    .option('--identity <file>', 'identity of the coordinator until now', 'sotto.key')
    .option('--next <file>', 'identity from now on; made where there is none', 'sotto-next.key')
    .option('--void-tokens', 'take no enrolment tokens any more that were signed before', false)
    .option('--json', 'JSON on stdout', false)
    .action(async (data: string, options: HandOverOptions) => done(await commands.handOverKeys(data, options)));

  keys
    .command('token')
    .description('make a token for an administrator; prints it once, and the lines for the settings of the coordinator')
    .requiredOption('--name <name>', 'who it is for: stands in the audit log')
    .addOption(new Option('--role <role>', 'what it may do').choices(['viewer', 'operator', 'admin']).default('viewer'))
    .option('--json', 'JSON on stdout', false)
    .action(async (options: TokenOptions) => done(await commands.newAdminToken(options)));

  const tokens = program.command('tokens').description('let clients in where the roster is `token`');
  tokens
    .command('new')
    .description('make an enrolment token, signed by the coordinator; prints it alone')
    .requiredOption('--task <name>', 'task that it is for', taskName)
    .option('--identity <file>', 'identity of the coordinator', 'sotto.key')
    .option('--uses <n>', 'clients that it lets in', positiveNumber, 1)
    .option('--days <n>', 'days that it is good for', positiveNumber, 7)
    .option('--json', 'JSON on stdout', false)
    .action(async (options: TokensOptions) => done(await commands.newToken(options)));

  const everyday = addEveryday(program, commands, done);
  const admin = addAdmin(program, commands, done, publicId);
  const models = addModels(program, commands, done, publicId);
  const privacy = addPrivacy(program, commands, done);

  for (const command of [
    ...program.commands,
    ...keys.commands,
    ...tokens.commands,
    ...models,
    ...privacy,
    ...everyday,
    ...admin,
  ])
    inheritSettings(command, program);
  return program;
}

/** Sub-commands made by `command()` copy settings only from what was set before; this keeps the order out of it. */
function inheritSettings(command: Command, from: Command): void {
  command.copyInheritedSettings(from);
}

const LOG_LEVELS = ['silent', 'error', 'warn', 'info', 'debug'];
/** "3/48" → the third of 48, 0-based inside. */
function shard(text: string): { index: number; of: number } {
  const match = /^([1-9]\d{0,6})\/([1-9]\d{0,6})$/.exec(text);
  const [index, of] = [Number(match?.[1]), Number(match?.[2])];
  if (match === null || index > of) throw new InvalidArgumentError('It must look like 3/48, the third of 48 parts.');
  return { index: index - 1, of };
}

function dashboardPort(text: string): number {
  const port = Number(text);
  if (!/^\d{1,5}$/.test(text) || port > 65_535) throw new InvalidArgumentError('It must be a port from 0 to 65535.');
  return port;
}

function publicId(text: string): string {
  if (!/^[0-9a-f]{64}$/.test(text))
    throw new InvalidArgumentError('It must be 64 lower-case hex digits, as `sotto keys show` prints them.');
  return text;
}

function seqAndHash(text: string): { seq: number; hash: string } {
  const match = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text);
  if (match === null) throw new InvalidArgumentError('It must look like 120:64 hex digits, as verify prints the head.');
  return { seq: Number(match[1]), hash: match[2] ?? '' };
}

function webSocketUrl(text: string): string {
  if (!/^wss?:$/.test(URL.canParse(text) ? new URL(text).protocol : '')) {
    throw new InvalidArgumentError('It must start with ws:// or wss://.');
  }
  return text;
}
