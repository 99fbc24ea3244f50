// A whole project of `sotto init`, as a user runs it: simulation, attack beside no defence, coordinator with ten clients in processes of
// their own, a look at it, its log verified, its report. Minutes on a busy machine. Not here: what init writes (cli/init.test.ts).

import { type ChildProcess, execFileSync, spawn } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';

const folder = mkdtempSync(join(tmpdir(), 'sotto-project-'));
const main = resolve('dist/server/cli/main.js');
const sotto = (...args: string[]): string =>
  execFileSync(process.execPath, [main, ...args], {
    cwd: folder,
    encoding: 'utf8',
    stdio: ['ignore', 'pipe', 'ignore'],
  });
const last = (text: string) => JSON.parse(text.trim().split('\n').at(-1) ?? '');
const ended = (child: ChildProcess): Promise<number | null> => new Promise((done) => child.on('exit', done));
afterAll(() => rmSync(folder, { recursive: true }));

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await new Promise((listening) => server.once('listening', listening));
  const { port } = server.address() as { readonly port: number };
  await new Promise((closed) => server.close(closed));
  return port;
}

describe('a project of ten clients', () => {
  it('simulates, keeps its attacker out, and serves ten real clients to the end', async () => {
    const port = await freePort();
    sotto('init', '.', '--yes', '--name', 'wards', '--port', String(port));
    mkdirSync(join(folder, 'node_modules'));
    symlinkSync(resolve('.'), join(folder, 'node_modules/sotto'), 'dir');
    const calm = last(sotto('simulate', 'simulation.yaml', '--json'));
    expect(calm.finalAccuracy).toBeGreaterThan(0.85);
    const attacked = last(sotto('simulate', 'attack.yaml', '--baseline', '--json'));
    expect(attacked.finalAccuracy).toBeGreaterThan(attacked.compared[0].finalAccuracy + 0.02);
    for (const { excluded } of attacked.rounds)
      expect(excluded).toMatchObject([{ client: attacked.malicious[0].client, code: 'SKETCH_OUTLIER' }]);

    const settings = readFileSync(join(folder, 'coordinator.yaml'), 'utf8');
    writeFileSync(join(folder, 'coordinator.yaml'), settings.replace('rounds: 10', 'rounds: 3'));
    const coordinator = spawn(process.execPath, [main, 'coordinator', 'coordinator.yaml', '--json'], { cwd: folder });
    await new Promise<void>((listening) =>
      coordinator.stdout.on('data', (text) => String(text).includes('listening') && listening()),
    );
    const status = last(sotto('status', `http://127.0.0.1:${port}`, '--token-file', 'admin.token', '--json'));
    expect(status).toMatchObject({ task: 'wards', phase: 'waiting', rounds: 3 });
    const clients = spawn(process.execPath, ['clients.mjs'], { cwd: folder, stdio: 'ignore' });
    expect(await Promise.all([ended(coordinator), ended(clients)])).toEqual([0, 0]);
    expect(last(sotto('rounds', 'state', '--identity', 'coordinator.key', '--json')).rounds).toMatchObject(
      [1, 2, 3].map((round) => ({ round, outcome: 'committed', counted: 10 })),
    );
    sotto('export', 'state', 'audit', '--identity', 'coordinator.key');
    expect(last(sotto('verify', 'audit', '--json'))).toMatchObject({ ok: true });
    sotto('report', 'audit', '--to', 'told');
    expect(readFileSync(join(folder, 'told.md'), 'utf8')).toContain('3 of 3');
  }, 600_000);
});
