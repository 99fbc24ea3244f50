// The tables of errors and limits against the sources and the documents. Not here: which code is raised when (each part's tests).

import { spawnSync } from 'node:child_process';
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, it } from 'vitest';
import { ERRORS } from '../protocol/errors.js';

/** Codes of parts that are still on their way. May only shrink; empty when all parts are in. */
const NOT_YET_USED: ReadonlySet<string> = new Set(['CONFIG_UNREADABLE']);

const sources = (folder: string): string[] =>
  readdirSync(folder, { withFileTypes: true }).flatMap((entry) => {
    const path = join(folder, entry.name);
    if (entry.isDirectory()) return entry.name === 'node_modules' ? [] : sources(path);
    return entry.name.endsWith('.ts') ? [path] : [];
  });
const files = ['protocol', 'client', 'server', 'simulations']
  .flatMap(sources)
  .filter((path) => path !== join('protocol', 'errors.ts') && path !== join('protocol', 'limits.ts'))
  .map((path) => ({ path, text: readFileSync(path, 'utf8') }));

describe('the error table', () => {
  const codes = Object.keys(ERRORS);
  const areas = [
    ...new Set(codes.filter((code) => code.includes('_')).map((code) => code.slice(0, code.indexOf('_')))),
  ];
  const quoted = new RegExp(`['"\`]((?:${areas.join('|')})_[A-Z0-9_]+|INTERNAL)['"\`]`, 'g');
  const uses = new Map<string, string>();
  for (const { path, text } of files) for (const [, code = ''] of text.matchAll(quoted)) uses.set(code, path);

  it('lists every code that the sources use', () => {
    expect([...uses].filter(([code]) => !Object.hasOwn(ERRORS, code))).toEqual([]);
  });

  it('lists no code that nothing uses', () => {
    const unused = codes.filter((code) => !uses.has(code) && !NOT_YET_USED.has(code));
    expect(unused).toEqual([]);
    expect([...NOT_YET_USED].filter((code) => !codes.includes(code))).toEqual([]);
  });

  it('says what happened in one sentence without a full stop, and names codes as AREA_REASON', () => {
    for (const [code, { says }] of Object.entries(ERRORS)) {
      expect(code).toMatch(/^[A-Z]+(_[A-Z]+)*$/);
      expect(says).toMatch(/^[a-z].*[^.]$/);
    }
  });
});

describe('the limits', () => {
  it('are each used by something', () => {
    const names = [...readFileSync('protocol/limits.ts', 'utf8').matchAll(/^export const (\w+)/gm)].map(
      ([, name = '']) => name,
    );
    expect(names.length).toBeGreaterThan(10);
    const all = files.map(({ text }) => text).join('\n');
    expect(names.filter((name) => !new RegExp(`\\b${name}\\b`).test(all))).toEqual([]);
  });
});
describe('docs/errors.md and docs/limits.md', () => {
  it('are what the tables say', () => {
    const run = spawnSync(process.execPath, ['tools/make-tables.mjs', '--check']);
    expect(run.stderr.toString()).toBe('');
    expect(run.status).toBe(0);
  });
});
