// Commands of every day as commander sees them: start a project, look at what runs, explain an error, complete on Tab.
// Not here: what they do (init/, look/, explain/, completion/).

import { Argument, type Command, Option } from 'commander';
import type { ErrorCode } from '../../protocol/errors.js';
import { type CompletionOptions, SHELLS, type Shell } from './completion/command.js';
import { type CompletedCommand, treeOf } from './completion/tree.js';
import type { ExitCode } from './exit.js';
import { type ExplainOptions, errorCode } from './explain/command.js';
import type { InitOptions } from './init/command.js';
import { DEFAULT_URL } from './look/api.js';
import type { ClientsOptions, LookOptions, RoundsOptions } from './look/command.js';
import { taskName } from './models/program.js';
import { positiveNumber } from './numbers.js';

export interface EverydayCommands {
  init(folder: string | undefined, options: InitOptions): Promise<ExitCode>;
  status(source: string, options: LookOptions): Promise<ExitCode>;
  rounds(source: string, options: RoundsOptions): Promise<ExitCode>;
  clients(source: string, options: ClientsOptions): Promise<ExitCode>;
  explain(code: ErrorCode | undefined, options: ExplainOptions): Promise<ExitCode>;
  completion(shell: Shell, tree: CompletedCommand, options: CompletionOptions): Promise<ExitCode>;
}

const STANDINGS = ['active', 'quarantined', 'banned', 'revoked'];

/** @returns the commands that were made */
export function addEveryday(
  program: Command,
  commands: EverydayCommands,
  done: (code: ExitCode) => void,
): readonly Command[] {
  const init = program
    .command('init')
    .description('make a project: settings, keys, a trainer for data of your own, and a simulation that runs at once')
    .argument('[folder]', 'where to; without it asked for, with --yes here')
    .option('-y, --yes', 'ask nothing: take what the options say, and defaults', false)
    .option('--name <task>', 'name of the task, of a-z, 0-9 and dash', taskName)
    .option('--csv <file>', 'your data: a CSV file with a line of names; without it a sample is made')
    .option('--label <column>', 'column of the CSV file that is to be predicted')
    .option('--arrays', 'your data come as arrays from code of yours, not from a CSV file', false)
    .option('--clients <n>', 'clients that a round waits for, at least 3', positiveNumber)
    .option('--port <n>', 'port of the coordinator', positiveNumber)
    .option('--json', 'JSON on stdout', false)
    .action(async (folder: string | undefined, options: InitOptions) => done(await commands.init(folder, options)));

  const look = (name: string, description: string): Command =>
    program
      .command(name)
      .description(description)
      .argument(
        '[source]',
        'address of a running coordinator, a run, an exported audit log, or the data directory of a stopped coordinator',
        DEFAULT_URL,
      )
      .option(
        '--token-file <file>',
        'file with a token of `sotto keys token`; the variable SOTTO_ADMIN_TOKEN does the same',
      )
      .option('--code <code>', 'one-time code that the coordinator printed; it is used up')
      .option('--ca <file>', 'PEM file of the authority that signed the certificate of the coordinator')
      .option('--identity <file>', 'identity of the coordinator, for a data directory', 'sotto.key')
      .option('--runs <folder>', 'where runs are looked for by name', 'runs');
  const status = look('status', 'how a task stands')
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: LookOptions) => done(await commands.status(source, options)));
  const rounds = look('rounds', 'the rounds of a task: who was in, who left, who was left out')
    .option('--last <n>', 'the newest so many', positiveNumber, 20)
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: RoundsOptions) => done(await commands.rounds(source, options)));
  const clients = look('clients', 'the clients of a task, those with most losses first')
    .addOption(new Option('--status <standing>', 'these alone').choices(STANDINGS))
    .option('--last <n>', 'so many at most', positiveNumber, 50)
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: ClientsOptions) => done(await commands.clients(source, options)));

  const explain = program
    .command('explain')
    .description('what an error code means and what to do; without one the list of all')
    .argument('[code]', 'such as STORE_LOCKED', errorCode)
    .option('--json', 'JSON on stdout', false)
    .action(async (code: ErrorCode | undefined, options: ExplainOptions) =>
      done(await commands.explain(code, options)),
    );
  const completion = program
    .command('completion')
    .description('print a script by which a shell completes commands and options on Tab')
    .addArgument(new Argument('<shell>', 'which one').choices(SHELLS))
    .option('--json', 'JSON on stdout', false)
    .addHelpText(
      'after',
      '\nbash: source <(sotto completion bash)\nzsh:  source <(sotto completion zsh)\nfish: sotto completion fish | source',
    )
    .action(async (shell: Shell, options: CompletionOptions) =>
      done(await commands.completion(shell, treeOf(program), options)),
    );
  return [init, status, rounds, clients, explain, completion];
}
