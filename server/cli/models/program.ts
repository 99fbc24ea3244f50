// `sotto models …` on the command line. Not here: what the commands do.

import { type Command, InvalidArgumentError, Option } from 'commander';
import type { ExitCode } from '../exit.js';
import { wholeNumber } from '../numbers.js';
import type { ExportOptions } from './export.js';
import type { ImportOptions } from './import.js';
import type { DeclareOptions, VerifyModelOptions } from './verify.js';

export interface ModelCommands {
  exportModel(source: string, options: ExportOptions): Promise<ExitCode>;
  importModel(source: string, options: ImportOptions): Promise<ExitCode>;
  verifyModel(path: string, options: VerifyModelOptions): Promise<ExitCode>;
  declareData(file: string, options: DeclareOptions): Promise<ExitCode>;
}

/** @returns the commands that were made */
export function addModels(
  program: Command,
  commands: ModelCommands,
  done: (code: ExitCode) => void,
  publicId: (text: string) => string,
): readonly Command[] {
  const models = program.command('models').description('models in and out, with proof of where they come from');
  models
    .command('export')
    .description('write the model of a run or a coordinator: layers for TensorFlow.js, safetensors or NumPy')
    .argument(
      '<source>',
      'a run, an exported audit log, the data directory of a stopped coordinator, or a model folder',
    )
    .requiredOption('--to <path>', 'folder or file to write, a new one')
    .addOption(
      new Option('--format <kind>', 'folder: manifest, weights and layers for TensorFlow.js')
        .choices(['folder', 'safetensors', 'npz'])
        .default('folder'),
    )
    .option('--model <file>', 'file with a `model:` section; an audit log does not say which layers the weights are of')
    .option('--identity <file>', 'sign the manifest; needed for a data directory')
    .option('--round <n>', 'the model after this round; without it the newest', wholeNumber)
    .option('--declarations <files...>', 'what clients declared about their data, to be in the manifest')
    .option('--runs <folder>', 'where runs are looked for by name', 'runs')
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: ExportOptions) => done(await commands.exportModel(source, options)));
  models
    .command('import')
    .description('make a model folder, which a task can start from, of weights by others')
    .argument(
      '<source>',
      'model.json of TensorFlow.js (from Keras too) or its folder; .safetensors or .npz with --model',
    )
    .requiredOption('--to <folder>', 'folder to write, a new one')
    .option('--model <file>', 'file with a `model:` section that says which layers the weights are of')
    .option('--task <name>', 'name that the manifest gives it', taskName, 'imported')
    .option('--json', 'JSON on stdout', false)
    .action(async (source: string, options: ImportOptions) => done(await commands.importModel(source, options)));
  models
    .command('verify')
    .description('check that a model is the one its manifest names, and who vouches for it')
    .argument('<path>', 'a model folder, or a .safetensors or .npz file beside its manifest')
    .addOption(
      new Option('--coordinator <id>', 'public id that must have signed it, 64 hex digits').argParser(publicId),
    )
    .option('--audit <folder>', 'exported audit log that must hold it')
    .option('--json', 'JSON on stdout', false)
    .action(async (path: string, options: VerifyModelOptions) => done(await commands.verifyModel(path, options)));
  models
    .command('declare')
    .description("sign a few words about a client's data, for the model card")
    .argument('<file>', 'YAML with description, and if you like records, collected, licence, consent, limits')
    .requiredOption('--identity <file>', "the client's identity")
    .requiredOption('--task <name>', 'task that the data are used for', taskName)
    .option(
      '--evaluate <folder>',
      'model to measure, class by class and slice by slice, on the data of --data; counts alone are signed',
    )
    .option('--data <file>', 'module that exports `data`, and `slices` if it likes: names with row numbers')
    .option('--to <file>', 'file to write, a new one', 'declaration.json')
    .option('--json', 'JSON on stdout', false)
    .action(async (file: string, options: DeclareOptions) => done(await commands.declareData(file, options)));
  return [models, ...models.commands];
}

export function taskName(text: string): string {
  if (!/^[a-z0-9][a-z0-9-]{0,63}$/.test(text))
    throw new InvalidArgumentError('It must be of a-z, 0-9 and dash, as in settings.');
  return text;
}
