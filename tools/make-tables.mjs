// Writes docs/errors.md and docs/limits.md from the tables in protocol/errors.ts and protocol/limits.ts. Needs a build; run
// from the repository root: node tools/make-tables.mjs. With --check it writes nothing and fails when a page is stale.

import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { enforcedTable } from './limits-enforced.mjs';

const { errorsPage } = await import('../dist/server/cli/explain/page.js');
const { exitCodeOfCode } = await import('../dist/server/cli/exit.js');
const limits = await import('../dist/protocol/limits.js');

const cell = (text) => text.replaceAll('|', '\\|').replaceAll('<', '&lt;');
function limitsPage() {
  // The compiler keeps the comment in front of each constant; the value is read from the module itself.
  const source = readFileSync('dist/protocol/limits.js', 'utf8');
  const out = [
    '# Limits',
    '',
    'What this page is: every bound of Sotto with its unit and reason, made from `protocol/limits.ts` by `tools/make-tables.mjs`. Each is enforced',
    'before anything is allocated and tested on both sides. What it is not: settings; none of these can be configured.',
    '',
    '| limit | value | what and why |',
    '|---|---|---|',
  ];
  const names = Object.keys(limits);
  const reasons = new Map();
  const found = source.matchAll(/(?:\/\*\*((?:[^*]|\*(?!\/))*)\*\/)?\s*export const (\w+) =.*/g);
  let last = '';
  for (const [, text, name] of found) {
    // A pair (shortest and longest) may share the comment in front of the first.
    last = text?.replace(/\s*\n\s*\*?\s*/g, ' ').trim() ?? last;
    reasons.set(name, last);
  }
  for (const name of [...names].sort((a, b) => source.indexOf(`const ${a} `) - source.indexOf(`const ${b} `))) {
    const reason = reasons.get(name);
    if (reason === undefined || reason === '') throw new Error(`limit ${name} has no reason`);
    if (typeof limits[name] !== 'number' || !(limits[name] > 0)) throw new Error(`limit ${name} is no positive number`);
    out.push(`| \`${name}\` | ${limits[name].toLocaleString('en-US')} | ${cell(reason)} |`);
  }
  out.push(...enforcedTable());
  return `${out.join('\n')}\n`;
}

const check = process.argv.includes('--check');
let stale = 0;
mkdirSync('docs', { recursive: true });
for (const [path, page] of [
  ['docs/errors.md', errorsPage(exitCodeOfCode)],
  ['docs/limits.md', limitsPage()],
]) {
  if (existsSync(path) && readFileSync(path, 'utf8') === page) continue;
  if (check) {
    stale++;
    console.error(`${path} is stale: run node tools/make-tables.mjs`);
  } else {
    writeFileSync(path, page);
    console.log(`wrote ${path}`);
  }
}
process.exitCode = stale === 0 ? 0 : 1;
