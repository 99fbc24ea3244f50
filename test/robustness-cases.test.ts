// No case of vectors/robustness.json is left to nobody. Not here: the cases.

import { readFileSync } from 'node:fs';
import { expect, it } from 'vitest';
import { ALL_CASES, ownerOf } from './robustness-cases.js';

it('every one of the 191 cases belongs to a test file, and that file takes its cases by its name and runs each', () => {
  expect(ALL_CASES).toHaveLength(191);
  expect(ALL_CASES.filter((one) => ownerOf(one) === undefined).map(({ id }) => id)).toEqual([]);
  for (const file of new Set(ALL_CASES.map(ownerOf))) {
    const source = readFileSync(String(file), 'utf8');
    expect(source).toContain(`casesOf('${file}')`);
    expect(source).toMatch(/it\.each\(\s*\w+\s*\.map\(\(one\) => \[one\.id, one\] as const\)/);
  }
});
