// The client core in every JavaScript runtime that is here: two rounds of a federation with sketches, and two with noise, each. Skips,
// loudly, what is not here. Not here: training with TensorFlow.js, and browsers (test/browser).
//
// RUNTIMES=/opt/node22/bin/node:/opt/deno names more than the PATH has.

import { execFileSync } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { basename, delimiter, join } from 'node:path';
import { federationWith, TASKS } from '../../client/page.js';
import type { Say, Verdict } from '../bar.js';

/** What docs/embedding.md names, as the beginning of name and version. */
const WANTED = ['node 20', 'node 22', 'node 24', 'deno 2', 'bun 1'];
const PLAIN = 'export const joined = () => undefined;';
/** Node 20 has no global WebSocket; `ws` is what its own entry takes. */
const WITH_WS = `
import { createRequire } from 'node:module';
const ws = createRequire(${JSON.stringify(import.meta.url)})('ws');
globalThis.WebSocket = function open(url, protocol) { return new ws(url, protocol, { perMessageDeflate: false }); };
${PLAIN}`;

interface Runtime {
  /** "node 22.23.3" */
  readonly name: string;
  readonly command: string;
}

/** Those that answer to --version, each version once. */
function runtimes(): Runtime[] {
  const paths = [process.execPath, 'node', 'deno', 'bun', ...(process.env.RUNTIMES ?? '').split(delimiter)];
  const found = new Map<string, Runtime>();
  for (const command of paths.filter((path) => path !== '')) {
    try {
      const says = execFileSync(command, ['--version'], { encoding: 'utf8', stdio: 'pipe' });
      const kind = /^(node|deno|bun)/.exec(basename(command))?.[1] ?? 'node';
      const name = `${kind} ${/\d+\.\d+\.\d+/.exec(says)?.[0]}`;
      found.set(name, { name, command });
    } catch {
      // not here
    }
  }
  return [...found.values()];
}

interface Run {
  readonly runtime: string;
  readonly task: string;
  readonly says: string;
  readonly seconds: number;
}

/** @returns what ran, and what of WANTED was not here. Holds where everything that ran finished both rounds without a complaint */
export async function runtimesBar(say: Say): Promise<Verdict & { ran: readonly Run[]; skipped: readonly string[] }> {
  const here = runtimes();
  const skipped = WANTED.filter((wanted) => !here.some(({ name }) => name.startsWith(wanted)));
  for (const wanted of skipped) say(`SKIPPED: no ${wanted} here; put it on the PATH or name it in RUNTIMES.`);
  const ran: Run[] = [];
  let ok = true;
  for (const { name, command } of here)
    for (const [task, config] of Object.entries(TASKS)) {
      const directory = mkdtempSync(join(tmpdir(), 'sotto-runtime-'));
      const began = performance.now();
      try {
        const args = name.startsWith('deno') ? ['run', '--allow-net', '--allow-read'] : [];
        const prelude = name.startsWith('node 20') ? WITH_WS : PLAIN;
        const { how, contributed, seen } = await federationWith({ directory, command, args, prelude }, config);
        ok &&= how === 'finished' && contributed === 2 && seen.length === 0;
        ran.push(runOf(name, task, [how, `${contributed} of 2 rounds`, ...seen].join(', '), began));
      } catch (error) {
        ok = false;
        ran.push(runOf(name, task, String(error), began));
      } finally {
        rmSync(directory, { recursive: true });
      }
      say(`${name}, ${task}: ${ran.at(-1)?.says}`);
    }
  return { ok, ran, skipped };
}

const runOf = (runtime: string, task: string, says: string, began: number): Run => ({
  runtime,
  task,
  says,
  seconds: Number(((performance.now() - began) / 1_000).toFixed(1)),
});
