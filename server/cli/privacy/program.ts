// `sotto privacy …` as commander sees it. Not here: what the commands do (one file each).

import { type Command, Option } from 'commander';
import type { ExitCode } from '../exit.js';
import { positiveNumber, positiveReal, probability, wholeNumber } from '../numbers.js';
import type { AuditOptions } from './audit-command.js';
import type { LedgerOptions } from './ledger-command.js';
import type { PlanOptions } from './plan-command.js';

export interface PrivacyCommands {
  privacyPlan(config: string | undefined, options: PlanOptions): Promise<ExitCode>;
  privacyLedger(run: string, options: LedgerOptions): Promise<ExitCode>;
  privacyAudit(options: AuditOptions): Promise<ExitCode>;
}

/** @returns the commands made, which are to inherit the settings of the program */
export function addPrivacy(program: Command, commands: PrivacyCommands, done: (code: ExitCode) => void): Command[] {
  const privacy = program.command('privacy').description('what differential privacy costs, before and after a run');
  const plan = privacy
    .command('plan')
    .description('price a setting and show whether a model can survive its noise, before anything is trained')
    .argument('[config]', 'settings of a coordinator or a simulation; without them the options say everything')
    .addOption(new Option('--placement <where>', 'who adds the noise').choices(['distributed', 'central', 'record']))
    .option('--rounds <n>', 'rounds that one client takes part in', positiveNumber)
    .option('--delta <n>', 'δ, below one over the number of units', probability)
    .option('--epsilon <n>', 'budget; without --noise-multiplier the smallest noise that keeps within it', positiveReal)
    .option('--noise-multiplier <n>', 'z: noise in a sum ÷ its sensitivity', positiveReal)
    .option('--dimension <n>', 'coordinates of the model, d', positiveNumber)
    .option('--clip-norm <n>', 'C', positiveReal)
    .option('--group <n>', 'members of a group, g', positiveNumber)
    .option('--groups <n>', 'groups in a round; one if not said', positiveNumber)
    .option(
      '--losses <n>',
      'D: members of a group that may be lost; as many as its threshold allows if not said',
      wholeNumber,
    )
    .option('--noiseless <n>', 'f_c: members of a group that may add no noise', wholeNumber)
    .addOption(
      new Option('--noise <kind>', 'what shares are drawn from; discrete-gaussian if not said').choices([
        'discrete-gaussian',
        'skellam',
      ]),
    )
    .option('--clip-steps <n>', 'c: the clipping norm in grid steps; 8·√d if not said', positiveNumber)
    .option('--sketch-rows <n>', 'k of verified sketches; none if not said', wholeNumber)
    .addOption(
      new Option('--neighbours <relation>', 'add-or-remove if not said').choices(['add-or-remove', 'replace-one']),
    )
    .option('--clients <n>', 'clients in a round, for --placement record', positiveNumber)
    .option('--sampling-rate <n>', 'q: of records in a step, for --placement record', probability)
    .option('--steps <n>', 'steps in a round, for --placement record', positiveNumber)
    .option('--lot-size <n>', 'L: what a step is divided by, for --placement record', positiveReal)
    .option('--html <file>', 'also a page with charts')
    .option('--json', 'JSON on stdout, one plan in a line', false)
    .action(async (config: string | undefined, options: PlanOptions) =>
      done(await commands.privacyPlan(config, options)),
    );
  const ledger = privacy
    .command('ledger')
    .description('what was released about each client, and what that costs')
    .argument('<run>', "folder of a run or its name, a report.json, or the file of a client's own ledger")
    .option('--delta <n>', 'δ where the run names no budget', probability)
    .option('--tight', 'also by the tight accountant; half a second for each different ledger', false)
    .option('--out <folder>', 'where runs are', 'runs')
    .option('--json', 'JSON lines on stdout: one reading for each client, then the headline', false)
    .action(async (run: string, options: LedgerOptions) => done(await commands.privacyLedger(run, options)));
  const audit = privacy
    .command('audit')
    .description('run the real noise and the real trainer on canaries: what one run refutes of the claim')
    .addOption(new Option('--unit <unit>', 'whose privacy').choices(['record', 'client', 'both']).default('both'))
    .option('--canaries <n>', 'records, or clients, that are in or out by fair coins', positiveNumber, 600)
    .option('--noise-multiplier <n>', 'z', positiveReal, 2)
    .option('--sampling-rate <n>', 'q, of records', probability, 1)
    .option('--steps <n>', 'of DP-SGD', positiveNumber, 1)
    .option('--losses <n>', 'clients that are lost', wholeNumber, 0)
    .option('--delta <n>', 'δ of the claim', probability, 1e-5)
    .addOption(new Option('--noise <kind>', 'of DP-SGD').choices(['exact', 'float']).default('exact'))
    .option('--runs <n>', 'audits of each kind', positiveNumber, 1)
    .option('--json', 'JSON on stdout, one audit in a line', false)
    .action(async (options: AuditOptions) => done(await commands.privacyAudit(options)));
  return [privacy, plan, ledger, audit];
}
