// `sotto admin …` as commander sees it: everything that the admin API can be asked to do to a running coordinator.
// Not here: what the commands do (command.ts, export.ts), who may (server/http/authority.ts).

import { Argument, type Command, Option } from 'commander';
import { SottoError } from '../../../protocol/errors.js';
import type { ActionName } from '../../http/authority.js';
import type { ExitCode } from '../exit.js';
import { DEFAULT_URL } from '../look/api.js';
import { positiveNumber, wholeNumber } from '../numbers.js';
import type { AdminOptions, ConnectionOptions } from './command.js';

export interface AdminCommands {
  /** @param body without the reason, which is among the options */
  adminAct(action: ActionName, body: object, options: AdminOptions): Promise<ExitCode>;
  adminExport(folder: string, options: ConnectionOptions): Promise<ExitCode>;
}

const LEVELS = ['silent', 'error', 'warn', 'info', 'debug'];

/** @returns the commands that were made */
export function addAdmin(
  program: Command,
  commands: AdminCommands,
  done: (code: ExitCode) => void,
  publicId: (text: string) => string,
): readonly Command[] {
  const admin = program.command('admin').description('act on a running coordinator, as its operator or administrator');
  const made: Command[] = [admin];
  const connected = (command: Command): Command =>
    command
      .option('--url <url>', 'address of the coordinator', DEFAULT_URL)
      .option(
        '--token-file <file>',
        'file with a token of `sotto keys token`; the variable SOTTO_ADMIN_TOKEN does the same',
      )
      .option('--code <code>', 'one-time code that the coordinator printed; it is used up')
      .option('--ca <file>', 'PEM file of the authority that signed the certificate of the coordinator')
      .option('--json', 'JSON on stdout', false);
  const add = (parent: Command, name: string, description: string): Command => {
    const command = parent.command(name).description(description);
    made.push(command);
    return command;
  };
  /** One action: `arguments_` come first in `body`, then the options. */
  const action = (command: Command, name: ActionName, body: (...given: never[]) => object): Command =>
    connected(command)
      .requiredOption('--reason <text>', 'why, for the audit log')
      .action(async (...given: unknown[]) => {
        // commander hands in the arguments, the options and the command itself
        const options = given.at(-2) as AdminOptions;
        done(await commands.adminAct(name, body(...(given.slice(0, -1) as never[])), options));
      });
  const client = (command: Command): Command =>
    command.addArgument(new Argument('<client>', 'its id, as `sotto clients` shows it').argParser(publicId));
  const ofClient = (id: string) => ({ client: id });

  action(add(admin, 'pause', 'start no further attempt until somebody resumes'), 'pause', () => ({}));
  action(add(admin, 'resume', 'let a paused campaign go on'), 'resume', () => ({}));
  action(add(admin, 'drain', 'finish the running round, then end'), 'drain', () => ({}));
  action(add(admin, 'stop', 'end now: the running round is finished or handed back'), 'stop', () => ({}));
  action(
    add(admin, 'roll-back', 'make the model after an earlier round the newest one, by a signed record').argument(
      '<round>',
      'round of that model, 0 for the first one; `sotto rounds` lists them',
      wholeNumber,
    ),
    'roll-back',
    (to: number) => ({ to }),
  );
  action(
    add(admin, 'pin', 'keep the model after a round whatever its age, so that one can go back to it').argument(
      '<round>',
      'round of that model, one that is still kept',
      wholeNumber,
    ),
    'pin',
    (round: number) => ({ round }),
  );
  action(
    client(add(admin, 'quarantine', 'leave a client out for some rounds')).requiredOption(
      '--rounds <n>',
      'so many, from the next one on',
      positiveNumber,
    ),
    'quarantine',
    (id: string, { rounds }: { rounds: number }) => ({ client: id, rounds }),
  );
  action(client(add(admin, 'exclude', 'leave a client out of all further rounds')), 'exclude', ofClient);
  action(
    client(add(admin, 'appeal', 'decide about a client that is left out'))
      .addOption(new Option('--grant', 'let it take part again').conflicts('refuse'))
      .option('--refuse', 'it stays out'),
    'appeal',
    (id: string, { grant = false, refuse = false }: { grant?: boolean; refuse?: boolean }) => {
      if (grant === refuse) throw new SottoError('CONFIG_INVALID', 'give --grant or --refuse', { field: 'grant' });
      return { client: id, granted: grant };
    },
  );
  action(client(add(admin, 'ban', 'confirm the ban of a client that is proven to have cheated')), 'ban', ofClient);
  action(client(add(admin, 'revoke', 'close the connection of a client and let it in no more')), 'revoke', ofClient);
  action(client(add(admin, 'readmit', 'take a revocation back')), 'readmit', ofClient);
  action(
    add(admin, 'log-level', 'change how much the running coordinator logs').addArgument(
      new Argument('<level>', 'which').choices(LEVELS),
    ),
    'log-level',
    (level: string) => ({ level }),
  );
  const tokens = add(admin, 'tokens', 'enrolment tokens, where the roster is `token`');
  action(
    add(tokens, 'new', 'make one; prints it alone')
      .option('--uses <n>', 'clients that it lets in', positiveNumber, 1)
      .option('--days <n>', 'days that it is good for', positiveNumber, 7),
    'new-token',
    ({ uses, days }: { uses: number; days: number }) => ({ uses, days }),
  );
  action(
    add(tokens, 'revoke', 'end one by its hash: it lets nobody else in').addArgument(
      new Argument('<hash>', 'as `tokens new` told it').argParser(publicId),
    ),
    'revoke-token',
    (token: string) => ({ token }),
  );
  connected(add(admin, 'export', 'write the audit log of a running coordinator into a folder that anybody can verify'))
    .argument('<folder>', 'where to, a new folder')
    .action(async (folder: string, options: ConnectionOptions) => done(await commands.adminExport(folder, options)));
  return made;
}
