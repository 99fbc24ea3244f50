// What there is to complete, read off commander's own tree: commands, options, what an option or argument takes. Pure, no shell in it.
// Not here: the scripts (bash.ts, zsh.ts, fish.ts).

import type { Argument, Command, Option } from 'commander';

/** `none`: nobody can guess it. */
export type Value =
  | { readonly kind: 'words'; readonly words: readonly string[] }
  | { readonly kind: 'path' }
  | { readonly kind: 'none' };
export interface CompletedOption {
  /** `--json`, `-h`. */
  readonly names: readonly string[];
  readonly says: string;
  /** Absent: a switch. */
  readonly value?: Value;
}
export interface CompletedCommand {
  /** Without `sotto`: `models export`; empty for sotto itself. */
  readonly path: string;
  readonly name: string;
  readonly says: string;
  readonly options: readonly CompletedOption[];
  /** Of the arguments, from first to last. */
  readonly takes: readonly Value[];
  readonly commands: readonly CompletedCommand[];
}

/** Names of values behind which a file or folder stands. */
const PATHS = /^(file|files|folder|path|config|data|source|bars|settings|csv)(\.\.\.)?$/;

export function treeOf(command: Command, path = ''): CompletedCommand {
  const help = command.createHelp();
  return {
    path,
    name: command.name(),
    says: command.description(),
    options: help.visibleOptions(command).map(optionOf),
    takes: command.registeredArguments.map(argumentOf),
    commands: help
      .visibleCommands(command)
      .filter((child) => child.name() !== 'help')
      .map((child) => treeOf(child, path === '' ? child.name() : `${path} ${child.name()}`)),
  };
}

function optionOf(option: Option): CompletedOption {
  const names = [option.short, option.long].filter((name) => name !== undefined && name !== null);
  const taken = /[<[]([^>\]]+)[>\]]/.exec(option.flags)?.[1];
  if (taken === undefined) return { names, says: option.description };
  return { names, says: option.description, value: valueFor(taken, option.argChoices) };
}

const argumentOf = (argument: Argument): Value => valueFor(argument.name(), argument.argChoices);

function valueFor(name: string, choices: readonly string[] | undefined): Value {
  if (choices !== undefined && choices.length > 0) return { kind: 'words', words: choices };
  return PATHS.test(name) ? { kind: 'path' } : { kind: 'none' };
}

/** A command and all below it, parents first. */
export function flat(tree: CompletedCommand): readonly CompletedCommand[] {
  return [tree, ...tree.commands.flatMap(flat)];
}
