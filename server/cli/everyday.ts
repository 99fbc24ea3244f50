// Commands of every day as commander sees them: look at what runs, explain an error, complete on Tab.
// Not here: what they do (look/, explain/, completion/).

import { Argument, type Command, Option } from 'commander';
import type { ErrorCode } from '../../protocol/errors.js';
import { type CompletionOptions, SHELLS, type Shell } from './completion/command.js';
import { type CompletedCommand, treeOf } from './completion/tree.js';
import type { ExitCode } from './exit.js';
import { type ExplainOptions, errorCode } from './explain/command.js';
import { DEFAULT_URL } from './look/api.js';
import type { ClientsOptions, LookOptions, RoundsOptions } from './look/command.js';
import { positiveNumber } from './numbers.js';

export interface EverydayCommands {
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
  return [status, rounds, clients, explain, completion];
}
