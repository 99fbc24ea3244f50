// Writes the pages that are made from code: docs/configuration.md. `--check` only compares. Run after a build (npm run docs).
// Not here: their text (server/config/document.ts).

import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const { generatedPages } = await import('../dist/server/cli/pages.js');

let stale = 0;
for (const [path, text] of Object.entries(generatedPages())) {
  const file = fileURLToPath(new URL(`../${path}`, import.meta.url));
  if (existsSync(file) && readFileSync(file, 'utf8') === text) continue;
  stale++;
  if (!process.argv.includes('--check')) writeFileSync(file, text);
  process.stdout.write(`${process.argv.includes('--check') ? 'stale' : 'wrote'} ${path}\n`);
}
if (process.argv.includes('--check') && stale > 0) process.exitCode = 1;
