// From an argument list to an exit code. Whatever goes wrong ends as one message on stderr. Not here: the commands.

import { CommanderError } from 'commander';
import { EXIT, type ExitCode, reportError } from './exit.js';
import { colorsFor, type Io } from './io.js';
import { type Commands, createProgram } from './program.js';
import { sottoVersion } from './version.js';

/** @param args without node and script  @returns the exit code; never throws, never ends the process on its own accord */
export async function run(args: readonly string[], io: Io, commands: Commands = realCommands(io)): Promise<ExitCode> {
  let code: ExitCode = EXIT.ok;
  const paint = colorsFor(io.stderr, io.env);
  const program = createProgram(
    sottoVersion(),
    commands,
    {
      out: (text) => io.stdout.write(text),
      err: (text) => io.stderr.write(text.replace(/^error:/, paint.red('error'))),
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
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage;
    return reportError(error, io, args.includes('--json'));
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
    async showKeys(file, options) {
      const { showKeys } = await import('./keys.js');
      return showKeys(file, options, io);
    },
  };
}
