// The cases of vectors/privacy.json, one test each. Which families are read is found in the sources by the literal first argument
// of `eachCase` (coverage.test.ts). Not a test.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';

export interface Case {
  readonly id: string;
  readonly family: string;
  readonly rule: string;
  readonly params: Readonly<Record<string, unknown>>;
  readonly inputs: Readonly<Record<string, unknown>>;
  readonly expected: unknown;
  readonly tolerance: number;
  readonly note?: string;
}

export const readCases = (): readonly Case[] =>
  (JSON.parse(readFileSync('test/vectors/privacy.json', 'utf8')) as { cases: Case[] }).cases;

/** A number of the case; non-finite ones are written as strings. */
export const num = (value: unknown): number => {
  if (typeof value !== 'number' && !['NaN', 'Infinity', '-Infinity'].includes(value as string))
    throw new TypeError(`${JSON.stringify(value)} is no number`);
  return Number(value);
};
export const nums = (value: unknown): number[] => (value as unknown[]).map(num);
/** 'exp(-1/2)' is written as that string. */
export const betaOf = (value: unknown): number => (value === 'exp(-1/2)' ? Math.exp(-0.5) : num(value));

export const throwsIn = (one: Case): boolean => (one.expected as { throws?: boolean } | null)?.throws === true;

/** One test for each case of `family/rule`; where the case throws, a typed error with the given code is expected. */
export function eachCase(rule: string, code: string | undefined, actual: (one: Case) => unknown): void {
  const cases = readCases().filter((one) => `${one.family}/${one.rule}` === rule);
  it.each(cases.map((one) => [one.id, one] as const))('%s', (_, one) => {
    if (throwsIn(one)) expect(() => actual(one)).toThrowError(expect.objectContaining({ code }));
    else close(actual(one), one.expected, one.tolerance, one.id);
  });
}

/** Every number of `expected` is met within the absolute tolerance; what `actual` has beside is not looked at. */
export function close(actual: unknown, expected: unknown, tolerance: number, path: string): void {
  if (typeof expected === 'number') {
    expect(typeof actual, path).toBe('number');
    expect(Math.abs((actual as number) - expected), `${path}: ${actual} for ${expected}`).toBeLessThanOrEqual(
      tolerance,
    );
  } else if (Array.isArray(expected)) {
    expect((actual as ArrayLike<unknown>).length, path).toBe(expected.length);
    expected.forEach((value, i) => {
      close((actual as ArrayLike<unknown>)[i], value, tolerance, `${path}[${i}]`);
    });
  } else if (typeof expected === 'object' && expected !== null) {
    for (const [key, value] of Object.entries(expected))
      close((actual as Record<string, unknown>)[key], value, tolerance, `${path}.${key}`);
  } else expect(actual, path).toBe(expected);
}
