// What a project has to know of a CSV file: how it is cut, which columns are numbers, which classes there are, how large the numbers are.
// Not here: reading it for training (client/node/csv.ts).

import { readFileSync } from 'node:fs';
import { type CsvTable, readCsv } from '../../../client/node/index.js';
import { SottoError } from '../../../protocol/errors.js';

/** Semicolons and tabs are as common as commas; the first line tells. @throws DATA_MISSING, DATA_MALFORMED */
export function openCsv(file: string): { readonly delimiter: string; readonly table: CsvTable } {
  let head = '';
  try {
    head = readFileSync(file, 'utf8').split('\n', 1)[0] ?? '';
  } catch {
    // readCsv says what is wrong.
  }
  const count = (mark: string): number => head.split(mark).length;
  const delimiter = [',', ';', '\t'].reduce((best, mark) => (count(mark) > count(best) ? mark : best));
  return { delimiter, table: readCsv(file, delimiter) };
}

export interface CsvFacts {
  readonly columns: readonly string[];
  readonly classes: readonly string[];
  readonly scale: Readonly<Record<string, readonly [number, number]>>;
  /** Columns that are not numbers throughout, and so are left out. */
  readonly leftOut: readonly string[];
}

const MAX_CLASSES = 256;

/** @throws DATA_MALFORMED where no column is of numbers, or the label has fewer than 2 or more than 256 values */
export function factsOf(table: CsvTable, label: string, file: string): CsvFacts {
  const place = table.columns.indexOf(label);
  const wrong = (text: string): SottoError => new SottoError('DATA_MALFORMED', `${file}: ${text}`, { file });
  if (place < 0) throw wrong(`there is no column ${JSON.stringify(label)}; there are ${table.columns.join(', ')}`);
  const classes = [...new Set(table.records.map((record) => record[place] ?? ''))].sort(byNumberOrName);
  if (classes.length < 2 || classes.length > MAX_CLASSES)
    throw wrong(
      `column ${label} has ${classes.length} different values; a class to predict has 2 to ${MAX_CLASSES}. Choose another with --label`,
    );
  const scale: Record<string, readonly [number, number]> = {};
  const leftOut: string[] = [];
  table.columns.forEach((column, i) => {
    if (i === place) return;
    const values = table.records.map((record) => (record[i]?.trim() ? Number(record[i]) : Number.NaN));
    if (!values.every(Number.isFinite)) {
      leftOut.push(column);
      return;
    }
    const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / values.length;
    // A column that never changes says nothing, and must not divide by nothing.
    scale[column] = [rounded(mean), variance > 0 ? rounded(Math.sqrt(variance)) || 1 : 1];
  });
  const columns = Object.keys(scale);
  if (columns.length === 0)
    throw wrong(`no column beside ${label} holds numbers alone, so there is nothing to learn from`);
  return { columns, classes, scale, leftOut };
}

/** Three digits: a scale need not be exact, and exact means would say more about the data than it has to. */
const rounded = (value: number): number => Number(value.toPrecision(3));

function byNumberOrName(a: string, b: string): number {
  const [x, y] = [Number(a), Number(b)];
  return Number.isFinite(x) && Number.isFinite(y) ? x - y : a < b ? -1 : 1;
}
