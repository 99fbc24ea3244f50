// A CSV file as a dataset: columns of numbers, and one column that says the class. What does not fit is refused with its row and column.
// Not here: other kinds of files; whatever gives arrays makes a dataset (client/dataset.ts).

import { readFileSync } from 'node:fs';
import { CsvError, parse } from 'csv-parse/sync';
import { SottoError } from '../../protocol/errors.js';
import type { Dataset } from '../dataset.js';

export interface CsvOptions {
  /** Column that is to be predicted, by its name in the first line. */
  readonly label: string;
  /** Its values, in the order of the class numbers. All clients of a task must have the same ones in the same order. */
  readonly classes: readonly string[];
  /** Columns to learn from, in this order; absent: all others, in the order of the file. */
  readonly columns?: readonly string[];
  /**
   * By column: what is taken off, and what the rest is divided by, usually mean and standard deviation. Like the classes they belong to
   * the task and not to one client: everybody uses the same numbers. A column without stays as it is.
   */
  readonly scale?: Readonly<Record<string, readonly [number, number]>>;
  /** Default `,`. */
  readonly delimiter?: string;
}

/** What a CSV file holds, as text. `records[i][j]` is of row i, column j; `lines[i]` its line in the file, from 1. */
export interface CsvTable {
  readonly columns: readonly string[];
  readonly records: readonly (readonly string[])[];
  readonly lines: readonly number[];
}

const MAX_CLASSES = 256;

/**
 * @param file path or file: URL; the first line names the columns
 * @returns shape [columns], inputs float32, labels by the place in `classes`
 * @throws DATA_MISSING where the file cannot be read, DATA_MALFORMED for a value that is no number, an unknown class, a ragged line
 */
export function csvDataset(file: string | URL, options: CsvOptions): Dataset {
  const { columns, records, lines } = readCsv(file, options.delimiter);
  const { label, classes, scale = {} } = options;
  const wrong = (text: string): SottoError =>
    new SottoError('DATA_MALFORMED', `${nameOf(file)}${text}`, { file: nameOf(file) });
  const at = (column: string): number => {
    const place = columns.indexOf(column);
    if (place < 0) throw wrong(`: there is no column ${JSON.stringify(column)}; there are ${columns.join(', ')}`);
    return place;
  };
  if (classes.length < 2 || classes.length > MAX_CLASSES || new Set(classes).size < classes.length)
    throw wrong(
      `: classes must be 2 to ${MAX_CLASSES} different values of ${label}, in an order that all clients share`,
    );
  const target = at(label);
  const used = options.columns ?? columns.filter((column) => column !== label);
  if (used.length === 0) throw wrong(': there is no column to learn from');
  const places = used.map(at);
  for (const column of Object.keys(scale)) at(column);
  const shifts = used.map((column) => scale[column] ?? ([0, 1] as const));
  const flat = shifts.findIndex(([shift, by]) => !Number.isFinite(shift) || !Number.isFinite(by) || by === 0);
  if (flat >= 0) throw wrong(`: scale of ${used[flat]} must be two finite numbers, the second not 0`);
  const inputs = new Float32Array(records.length * used.length);
  const labels = new Uint8Array(records.length);
  records.forEach((record, row) => {
    const line = lines[row] ?? 0;
    const named = classes.indexOf(record[target] ?? '');
    if (named < 0)
      throw wrong(`:${line}: ${label} is ${JSON.stringify(record[target])}, which is none of ${classes.join(', ')}`);
    labels[row] = named;
    places.forEach((place, i) => {
      const text = record[place] ?? '';
      const value = text.trim() === '' ? Number.NaN : Number(text);
      const [shift, by] = shifts[i] ?? [0, 1];
      if (!Number.isFinite(value))
        throw wrong(
          `:${line}: ${used[i]} is ${JSON.stringify(text)}, which is no number; fill it in, leave the line out, or leave the column out with \`columns\``,
        );
      inputs[row * used.length + i] = (value - shift) / by;
    });
  });
  return { inputs, shape: [used.length], labels, classes: classes.length };
}

/** @throws DATA_MISSING, DATA_MALFORMED where it is no CSV or has no line below the names */
export function readCsv(file: string | URL, delimiter = ','): CsvTable {
  const name = nameOf(file);
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? String(cause.code) : String(cause);
    const why = code === 'ENOENT' ? 'there is no such file' : code === 'EISDIR' ? 'it is a directory' : code;
    throw new SottoError('DATA_MISSING', `cannot read ${name}: ${why}`, { file: name });
  }
  const wrong = (said: string): SottoError => new SottoError('DATA_MALFORMED', `${name}${said}`, { file: name });
  let rows: readonly { readonly record: readonly string[]; readonly info: { readonly lines: number } }[];
  try {
    rows = parse(text, {
      bom: true,
      delimiter,
      info: true,
      skip_empty_lines: true,
      trim: true,
    }) as unknown as typeof rows;
  } catch (cause) {
    if (!(cause instanceof CsvError)) throw cause;
    throw wrong(`: ${cause.message}`);
  }
  const [head, ...body] = rows;
  const columns = head?.record ?? [];
  if (body.length === 0) throw wrong(': it needs a line of names and at least one line of values');
  if (columns.some((column) => column === '') || new Set(columns).size < columns.length)
    throw wrong(':1: every column needs a name of its own in the first line');
  return { columns, records: body.map(({ record }) => record), lines: body.map(({ info }) => info.lines) };
}

const nameOf = (file: string | URL): string => (typeof file === 'string' ? file : decodeURIComponent(file.pathname));
