// Rows as inputs of a rule. Not a test.

import { groupMean, type Rule, type Vector, type Visible } from '../../server/aggregate/index.js';

export const inputsOf = (rows: readonly Vector[], weights?: readonly number[]): Visible[] =>
  rows.map((row, i) => groupMean(i, row, weights?.[i] ?? 1));

export const f64 = (rows: readonly (readonly number[])[]): Float64Array[] => rows.map((row) => Float64Array.from(row));

/** One stateless aggregation of plain numbers. */
export const aggregate = (rule: Rule, rows: readonly (readonly number[])[]): number[] => [
  ...rule.aggregate(inputsOf(f64(rows)), []).vector,
];

export const codeOf = (act: () => unknown): unknown => {
  try {
    act();
  } catch (error) {
    return (error as { code?: string }).code;
  }
  return undefined;
};
