// `sotto completion`: a script for a shell on stdout. Not here: the scripts.

import { EXIT, type ExitCode } from '../exit.js';
import type { Io } from '../io.js';
import { bashScript } from './bash.js';
import { fishScript } from './fish.js';
import type { CompletedCommand } from './tree.js';
import { zshScript } from './zsh.js';

export const SHELLS = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof SHELLS)[number];
const SCRIPTS: Readonly<Record<Shell, (tree: CompletedCommand) => string>> = {
  bash: bashScript,
  zsh: zshScript,
  fish: fishScript,
};

export interface CompletionOptions {
  readonly json: boolean;
}

export async function completion(
  shell: Shell,
  tree: CompletedCommand,
  { json }: CompletionOptions,
  io: Io,
): Promise<ExitCode> {
  const script = SCRIPTS[shell](tree);
  io.stdout.write(json ? `${JSON.stringify({ type: 'completion', shell, script })}\n` : script);
  return EXIT.ok;
}
