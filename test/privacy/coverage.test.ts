// No case of vectors/privacy.json is left to nobody: each rule is the literal first argument of some `eachCase`, or named in a title.

import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { expect, it } from 'vitest';
import { readCases } from './cases.js';

const sources = (folder: string): string =>
  readdirSync(folder, { withFileTypes: true })
    .map((entry) => {
      const path = join(folder, entry.name);
      if (entry.isDirectory()) return sources(path);
      return entry.name.endsWith('.ts') && entry.name !== 'coverage.test.ts' ? readFileSync(path, 'utf8') : '';
    })
    .join('\n');

const rulesOf = (text: string): Set<string> =>
  new Set([...text.matchAll(/(?:\beachCase\(|\bit\.each\([^\n]*\)\()\s*'(\w+\/\w+)/g)].map(([, rule = '']) => rule));

it('every rule of the vectors is read by a test, and a rule that nobody reads would be noticed', () => {
  const read = rulesOf(sources('test'));
  const rules = new Set(readCases().map(({ family, rule }) => `${family}/${rule}`));
  const missing = [...rules].filter((rule) => !read.has(rule));
  expect(missing).toEqual([]);
  expect(
    [...read].filter((rule) => !rules.has(rule) && [...rules].some((r) => r.startsWith(`${rule.split('/')[0]}/`))),
  ).toEqual([]);
  expect(rulesOf("eachCase('rdp/poisson', f); it.each(cases)('edge/price: %s', g)")).toEqual(
    new Set(['rdp/poisson', 'edge/price']),
  );
});
