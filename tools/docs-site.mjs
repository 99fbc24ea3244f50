// `npm run docs:site`: the documentation as a site, with the API reference, in docs/.vitepress/dist. Installs what docs/package.json
// names (its own lock file: the site's tools are no dependency of ours), then builds. `-- --serve` shows it while you write.
// Not here: pages that are made from code (tools/document.mjs).

import { spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';

const docs = fileURLToPath(new URL('../docs/', import.meta.url));
const npm = process.platform === 'win32' ? 'npm.cmd' : 'npm';

function run(...args) {
  const { status } = spawnSync(npm, args, { cwd: docs, stdio: 'inherit' });
  if (status !== 0) process.exit(status ?? 1);
}

/** Whether what is installed is what the lock file names. */
function installed() {
  const record = `${docs}node_modules/.package-lock.json`;
  if (!existsSync(record)) return false;
  const { packages } = JSON.parse(readFileSync(record, 'utf8'));
  const wanted = Object.entries(JSON.parse(readFileSync(`${docs}package-lock.json`, 'utf8')).packages);
  return wanted.every(
    ([path, { version, optional }]) => path === '' || optional || packages[path]?.version === version,
  );
}

if (!installed()) run('ci', '--ignore-scripts', '--no-audit', '--no-fund');
run('run', process.argv.includes('--serve') ? 'dev' : 'build');
