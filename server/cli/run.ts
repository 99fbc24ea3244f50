// From an argument list to an exit code. Whatever goes wrong ends as one message on stderr. Not here: the commands.

import { CommanderError } from 'commander';
import { EXIT, type ExitCode, reportError } from './exit.js';
import { pageOf } from './explain/page.js';
import { colorsFor, type Io } from './io.js';
import { type Commands, createProgram } from './program.js';
import { sottoVersion } from './version.js';

/** A wrong command line is a wrong setting like one in a file. */
const USAGE = 'CONFIG_INVALID';

/** @param args without node and script  @returns the exit code; never throws, never ends the process on its own accord */
export async function run(args: readonly string[], io: Io, commands: Commands = realCommands(io)): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const paint = colorsFor(io.stderr, io.env);
  const program = createProgram(
    sottoVersion(),
    commands,
    {
      out: (text) => io.stdout.write(text),
      err: (text) => io.stderr.write(text.replace(/^error:/, `${paint.red('error')} ${USAGE}:`)),
    },
    (result) => {
      code = result;
    },
  );
  if (args.length === 0) {
    program.outputHelp();
    return EXIT.usage;
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return code;
  } catch (error) {
    // Help and version end with 0; commander has printed everything already.
    const json = args.includes('--json');
    if (!(error instanceof CommanderError)) return reportError(error, io, json);
    if (error.exitCode === 0) return EXIT.ok;
    if (json) {
      const message = error.message.replace(/^error: /, '');
      io.stdout.write(`${JSON.stringify({ type: 'error', message, code: USAGE, page: pageOf(USAGE) })}\n`);
    }
    return EXIT.usage;
  }
}

function realCommands(io: Io): Commands {
  return {
    async simulate(config, options) {
      const [{ simulate }, { runSimulation }] = await Promise.all([
        import('./simulate.js'),
        import('../../simulations/index.js'),
      ]);
      return simulate(config, options, io, runSimulation);
    },
    async redTeam(config, options) {
      const [{ redTeam }, { runSimulation }] = await Promise.all([
        import('./redteam.js'),
        import('../../simulations/index.js'),
      ]);
      return redTeam(config, options, io, runSimulation);
    },
    async coordinator(config, options) {
      const { coordinator } = await import('./coordinator.js');
      return coordinator(config, options, io);
    },
    async client(options) {
      const { client } = await import('./client.js');
      return client(options, io);
    },
    async report(source, options) {
      const { report } = await import('./report/command.js');
      return report(source, options, io);
    },
    async exportAudit(data, folder, options) {
      const { exportAuditLog } = await import('./data.js');
      return exportAuditLog(data, folder, options, io);
    },
    async verify(folder, options) {
      const { verify } = await import('./data.js');
      return verify(folder, options, io);
    },
    async doctor(data, options) {
      const { doctor } = await import('./data.js');
      return doctor(data, options, io);
    },
    async exportModel(source, options) {
      const { exportModel } = await import('./models/export.js');
      return exportModel(source, options, io);
    },
    async importModel(source, options) {
      const { importModel } = await import('./models/import.js');
      return importModel(source, options, io);
    },
    async verifyModel(path, options) {
      const { verifyModel } = await import('./models/verify.js');
      return verifyModel(path, options, io);
    },
    async declareData(file, options) {
      const { declareData } = await import('./models/verify.js');
      return declareData(file, options, io);
    },
    async privacyPlan(config, options) {
      const { privacyPlan } = await import('./privacy/plan-command.js');
      return privacyPlan(config, options, io);
    },
    async privacyLedger(run, options) {
      const { privacyLedger } = await import('./privacy/ledger-command.js');
      return privacyLedger(run, options, io);
    },
    async privacyAudit(options) {
      const { privacyAudit } = await import('./privacy/audit-command.js');
      return privacyAudit(options, io);
    },
    async adminAct(action, body, options) {
      const { adminAct } = await import('./admin/command.js');
      return adminAct(action, body, options, io);
    },
    async adminExport(folder, options) {
      const { adminExport } = await import('./admin/export.js');
      return adminExport(folder, options, io);
    },
    async init(folder, options) {
      const [{ init }, { terminalAsk }] = await Promise.all([import('./init/command.js'), import('./init/ask.js')]);
      return init(folder, options, io, terminalAsk);
    },
    async status(source, options) {
      const { status } = await import('./look/command.js');
      return status(source, options, io);
    },
    async rounds(source, options) {
      const { rounds } = await import('./look/command.js');
      return rounds(source, options, io);
    },
    async clients(source, options) {
      const { clients } = await import('./look/command.js');
      return clients(source, options, io);
    },
    async explain(code, options) {
      const { explain } = await import('./explain/command.js');
      return explain(code, options, io);
    },
    async completion(shell, tree, options) {
      const { completion } = await import('./completion/command.js');
      return completion(shell, tree, options, io);
    },
    async newKeys(file, options) {
      const { newKeys } = await import('./keys.js');
      return newKeys(file, options, io);
    },
    async newAdminToken(options) {
      const { newAdminToken } = await import('./keys.js');
      return newAdminToken(options, io);
    },
    async newToken(options) {
      const { newToken } = await import('./tokens.js');
      return newToken(options, io);
    },
    async handOverKeys(data, options) {
      const { handOverKeys } = await import('./hand-over.js');
      return handOverKeys(data, options, io);
    },
    async rotateKeys(file, options) {
      const { rotateKeys } = await import('./keys.js');
      return rotateKeys(file, options, io);
    },
    async showKeys(file, options) {
      const { showKeys } = await import('./keys.js');
      return showKeys(file, options, io);
    },
  };
}
