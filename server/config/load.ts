// From a YAML or JSON text to checked settings, or to one error that names file, line, field, value and remedy.
// Not here: which settings exist (fields.ts), what profiles fill in (profiles.ts).

import { readFileSync } from 'node:fs';
import * as v from 'valibot';
import { isMap, LineCounter, type Node, parseDocument } from 'yaml';
import { SottoError } from '../../protocol/errors.js';
import { MISSING, UNKNOWN } from './values.js';

/** A file of settings is written by hand. More is a mistake (or a bomb). Bytes. */
const MAX_FILE_BYTES = 1 << 20;
/** Problems shown at once: the rest usually follows from the first. */
const MAX_SHOWN = 8;

/** @throws CONFIG_UNREADABLE */
export function readSettings(path: string): string {
  let text: string;
  try {
    text = readFileSync(path, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : 'unknown error';
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : code;
    throw new SottoError('CONFIG_UNREADABLE', `cannot read ${path}: ${why}`, { file: path });
  }
  if (text.length > MAX_FILE_BYTES) {
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `${path} has more than ${MAX_FILE_BYTES} bytes; it is no file of settings`,
      { file: path },
    );
  }
  return text;
}

/**
 * Parses and checks. JSON is YAML, so both are read alike. `finish` makes the settings out of the checked values and may refuse
 * them with a SottoError that has `details.field`; it gets file and line added here.
 * @param name of the file, for messages
 * @throws CONFIG_UNREADABLE where the text is no YAML; CONFIG_* of the first problems otherwise
 */
export function parseSettings<S extends v.GenericSchema, T>(
  text: string,
  name: string,
  schema: S,
  finish: (value: v.InferOutput<S>) => T,
): T {
  const lines = new LineCounter();
  const document = parseDocument(text, { lineCounter: lines, prettyErrors: true, schema: 'core' });
  const broken = document.errors[0] ?? document.warnings[0];
  if (broken) {
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `${name} is no valid YAML: ${broken.message.replace(/:?\n[\s\S]*$/, '')}`,
      { file: name },
    );
  }
  let value: unknown;
  try {
    // Settings are short; aliases that unfold to more are refused by the parser.
    value = document.toJS({ maxAliasCount: 16 });
  } catch (cause) {
    throw new SottoError(
      'CONFIG_UNREADABLE',
      `${name}: ${cause instanceof Error ? cause.message : 'too many aliases'}`,
      { file: name },
    );
  }
  const where = (path: readonly PropertyKey[]): string => {
    const line = lineOf(document.contents, path, lines);
    return line === undefined ? name : `${name}:${line}`;
  };
  return checkSettings(value, where, name, schema, finish);
}

/** The second half of parseSettings, for values that come from code. @param where names the place of a field in messages */
export function checkSettings<S extends v.GenericSchema, T>(
  value: unknown,
  where: (path: readonly PropertyKey[]) => string,
  name: string,
  schema: S,
  finish: (value: v.InferOutput<S>) => T,
): T {
  const result = v.safeParse(schema, value);
  if (!result.success) {
    const problems = result.issues.map((issue) => describe(issue, where));
    const more = problems.length > MAX_SHOWN ? [`and ${problems.length - MAX_SHOWN} more`] : [];
    const shown = [...problems.slice(0, MAX_SHOWN), ...more];
    throw new SottoError('CONFIG_INVALID', shown.join('\n  '), { file: name, field: fieldOf(result.issues[0]) });
  }
  try {
    return finish(result.output);
  } catch (error) {
    if (!(error instanceof SottoError) || typeof error.details.field !== 'string') throw error;
    const text = error.message.slice(error.code.length + 2);
    throw new SottoError(error.code, `${where(error.details.field.split('.'))}: ${text}`, {
      ...error.details,
      file: name,
    });
  }
}

const pathOf = (issue: v.BaseIssue<unknown>): PropertyKey[] =>
  (issue.path ?? []).map((item) => item.key as PropertyKey);
const fieldOf = (issue: v.BaseIssue<unknown>): string => pathOf(issue).map(String).join('.');

function describe(issue: v.BaseIssue<unknown>, where: (path: readonly PropertyKey[]) => string): string {
  const path = pathOf(issue);
  const field = path.map(String).join('.') || 'the file';
  if (issue.message === MISSING || issue.input === undefined) {
    const expected = issue.message === MISSING ? '' : `; it must be ${issue.message}`;
    return `${where(path.slice(0, -1))}: ${field} is missing${expected}`;
  }
  if (issue.message.startsWith(UNKNOWN))
    return `${where(path)}: ${field} is unknown; ${issue.message.slice(UNKNOWN.length)}`;
  return `${where(path)}: ${field} is ${show(issue.input)}; it must be ${issue.message}`;
}

function show(value: unknown): string {
  const text = JSON.stringify(value) ?? String(value);
  return text.length > 60 ? `${text.slice(0, 57)}...` : text;
}

/** 1-based line of the deepest node on the path that exists. */
function lineOf(root: Node | null, path: readonly PropertyKey[], lines: LineCounter): number | undefined {
  let node: unknown = root;
  let offset = root?.range?.[0];
  for (const key of path) {
    if (isMap(node)) {
      const pair = node.items.find((item) => String(item.key) === String(key));
      if (!pair) break;
      offset = (pair.key as Node | null)?.range?.[0] ?? offset;
      node = pair.value;
    } else if (typeof node === 'object' && node !== null && 'items' in node && Array.isArray(node.items)) {
      node = node.items[Number(key)];
      offset = (node as Node | undefined)?.range?.[0] ?? offset;
    } else break;
  }
  return offset === undefined ? undefined : lines.linePos(offset).line;
}
