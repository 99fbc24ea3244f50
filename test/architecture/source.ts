// Reads sources as text for the architecture rules: imports, code without comments and strings. Not a parser: the compiler has
// accepted the files, and each rule is shown to fail on text (architecture.test.ts).

import { existsSync, readdirSync, readFileSync } from 'node:fs';
import { dirname, join, posix, relative, sep } from 'node:path';

export interface Source {
  /** From the repository root, with slashes. */
  readonly path: string;
  readonly text: string;
}

/** All `.ts` and `.tsx` files below the folders, no declarations. */
export function readSources(folders: readonly string[]): Source[] {
  const out: Source[] = [];
  const visit = (folder: string): void => {
    for (const entry of readdirSync(folder, { withFileTypes: true })) {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) visit(path);
      else if (/\.tsx?$/.test(entry.name) && !entry.name.endsWith('.d.ts')) {
        out.push({ path: relative('.', path).split(sep).join('/'), text: readFileSync(path, 'utf8') });
      }
    }
  };
  for (const folder of folders) if (existsSync(folder)) visit(folder);
  return out;
}

/** One import of any form. `typeOnly`: gone after compilation. */
export interface Import {
  readonly specifier: string;
  readonly dynamic: boolean;
  readonly typeOnly: boolean;
}

const STATIC = /^\s*(?:import|export)\s+(type\s+)?(?:[^'";]*?\sfrom\s+)?(['"])([^'"]+)\2/gm;
const DYNAMIC = /\bimport\s*\(\s*(?:\/\*[^*]*\*\/\s*)?(['"`])([^'"`]+)\1/g;

export function importsOf({ text }: Source): Import[] {
  const code = withoutComments(text);
  const found: Import[] = [];
  for (const [, type, , specifier] of code.matchAll(STATIC)) {
    if (specifier !== undefined) found.push({ specifier, dynamic: false, typeOnly: type !== undefined });
  }
  for (const [, , specifier] of code.matchAll(DYNAMIC)) {
    if (specifier !== undefined) found.push({ specifier, dynamic: true, typeOnly: false });
  }
  return found;
}

/** The file a relative specifier means, from the repository root, as `.ts` or `.tsx`; undefined for packages. */
export function targetOf(from: string, specifier: string): string | undefined {
  if (!specifier.startsWith('.')) return undefined;
  const target = posix.normalize(posix.join(dirname(from).split(sep).join('/'), specifier)).replace(/\.js$/, '.ts');
  return !existsSync(target) && existsSync(`${target}x`) ? `${target}x` : target;
}

/** Comments become blanks; lines stay where they are. */
export const withoutComments = (text: string): string => blank(text, false);
/** Comments and the insides of strings and templates become blanks. */
export const codeOnly = (text: string): string => blank(text, true);

/** A template counts as a string up to its end: what is computed inside `${}` is not looked at. */
const TOKENS = /\/\/[^\n]*|\/\*[\s\S]*?\*\/|'(?:[^'\\\n]|\\.)*'|"(?:[^"\\\n]|\\.)*"|`(?:[^`\\]|\\[\s\S])*`/g;

function blank(text: string, strings: boolean): string {
  return text.replace(TOKENS, (token) => {
    const comment = token.startsWith('//') || token.startsWith('/*');
    if (!comment && !strings) return token;
    const inside = token.replace(/[^\n]/g, ' ');
    return comment ? inside : `${token[0]}${inside.slice(2)}${token[0]}`;
  });
}
