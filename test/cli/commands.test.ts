// The commands with everything real behind them: identity files, a coordinator and clients over loopback sockets, full masks.
// Not here: training (client/tfjs has its own tests); the trainer is a module as users write it.

import { spawn, spawnSync } from 'node:child_process';
import { chmodSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { stringify } from 'yaml';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import type { ClientId } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { run } from '../../server/cli/run.js';
import { startCoordinator } from '../../server/index.js';
import { taskOf } from '../protocol/tasks.js';
import { type FakeIo, fakeIo } from './fake-io.js';
import { TOWARDS_ONE } from './towards-one.js';

const folder = mkdtempSync(join(tmpdir(), 'sotto-commands-'));
const at = (name: string) => join(folder, name);
afterAll(() => rmSync(folder, { recursive: true }));

async function sotto(...args: string[]): Promise<{ code: number; io: FakeIo }> {
  const io = fakeIo();
  return { code: await run(args, io), io };
}

/** The command in a process of its own, with a module loaded before it. */
function processOf(args: readonly string[], before = ''): Promise<{ code: number | null; err: string }> {
  const loaded = `--import=data:text/javascript,${encodeURIComponent(before)}`;
  const child = spawn(process.execPath, [loaded, 'dist/server/cli/main.js', ...args], {
    stdio: ['ignore', 'pipe', 'pipe'],
    // One that does not end by itself ends without a code.
    timeout: 12_000,
  });
  let err = '';
  child.stdout.resume();
  child.stderr.on('data', (text) => {
    err += text;
  });
  return new Promise((resolve) => {
    child.once('exit', (code) => resolve({ code, err }));
  });
}

describe('sotto keys', () => {
  it('writes an identity that only its owner can read, prints the id, and never overwrites', async () => {
    const made = await sotto('keys', 'new', '--out', at('a.key'));
    expect(made.code).toBe(0);
    expect(made.io.out()).toMatch(/^[0-9a-f]{64}\n$/);
    if (process.platform !== 'win32') expect(statSync(at('a.key')).mode & 0o777).toBe(0o600);
    const before = readFileSync(at('a.key'), 'utf8');
    const again = await sotto('keys', 'new', '--out', at('a.key'));
    expect(again.code).toBe(1);
    expect(again.io.err()).toContain('exists; choose another name');
    expect(readFileSync(at('a.key'), 'utf8')).toBe(before);
    const shown = await sotto('keys', 'show', at('a.key'), '--json');
    expect(JSON.parse(shown.io.out())).toEqual({ type: 'identity', id: made.io.out().trim(), file: at('a.key') });
  });

  it('refuses an identity that others can read, a damaged one, and none', async () => {
    await sotto('keys', 'new', '--out', at('b.key'));
    if (process.platform !== 'win32') {
      chmodSync(at('b.key'), 0o644);
      expect((await sotto('keys', 'show', at('b.key'))).io.err()).toContain('chmod 600');
    }
    writeFileSync(at('c.key'), '{}', { mode: 0o600 });
    expect((await sotto('keys', 'show', at('c.key'))).io.err()).toContain('STORE_CORRUPT');
    expect((await sotto('keys', 'show', at('none.key'))).io.err()).toContain('make one: sotto keys new');
  });

  it('no output and no error of the commands holds the secret', async () => {
    const { io } = await sotto('keys', 'new', '--out', at('d.key'));
    const secret = /"secret":\s*"([0-9a-f]{64})"/.exec(readFileSync(at('d.key'), 'utf8'))?.[1];
    expect(secret).toBeDefined();
    const shown = await sotto('keys', 'show', at('d.key'));
    expect(io.out() + io.err() + shown.io.out() + shown.io.err()).not.toContain(secret);
  });
});

const settings = {
  ...TOWARDS_ONE,
  identityFile: 'coordinator.key',
};
const TRAINER = `
export const trainer = () => ({
  async init({ dimension }) {
    return { dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] };
  },
  async train(weights, round) {
    return { update: weights.map((w) => (1 - w) * round.spec.learningRate), examples: 1, metrics: {} };
  },
});
`;

async function until<T>(look: () => T | undefined): Promise<T> {
  for (;;) {
    const found = look();
    if (found !== undefined) return found;
    await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('sotto coordinator and sotto client', () => {
  const prepare = async (name: string, changes: object = {}) => {
    writeFileSync(at(`${name}.yaml`), stringify({ ...settings, ...changes, identityFile: `${name}.key` }));
    writeFileSync(at('trainer.mjs'), TRAINER);
    return (await sotto('keys', 'new', '--out', at(`${name}.key`))).io.out().trim();
  };

  it('three clients with a trainer of their own finish a task under masks, and everybody ends with 0', async () => {
    const id = await prepare('whole');
    const io = fakeIo();
    const coordinator = run(['coordinator', at('whole.yaml'), '--json'], io);
    const url = await until(() => /"url":"(ws:[^"]+)"/.exec(io.out())?.[1]);
    const args = [
      'client',
      '--url',
      url,
      '--task',
      'towards-one',
      '--coordinator',
      id,
      '--trainer',
      at('trainer.mjs'),
      '--min-group',
      '3',
    ];
    const clients = await Promise.all([
      sotto(...args),
      sotto(...args, '--guards', at('guards')),
      sotto(...args, '--json'),
    ]);
    expect(await coordinator).toBe(0);
    expect(clients.map(({ code }) => code)).toEqual([0, 0, 0]);

    const told = io
      .out()
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line));
    const finished = told.at(-1);
    expect(finished).toMatchObject({ type: 'finished', outcome: { type: 'rounds', round: 2 } });
    expect(told.filter(({ type }) => type === 'round')).toHaveLength(2);
    expect(io.err()).toMatch(/round 2 {2}3\/3 in/);
    expect(io.err()).toContain('sotto client --url ws://127.0.0.1:');

    const [first, , third] = clients;
    expect(first?.io.out()).toBe(`finished: took part in 2 rounds, last model ${finished.modelHash}\n`);
    expect(first?.io.err()).toContain('no --identity');
    const lines =
      third?.io
        .out()
        .trim()
        .split('\n')
        .map((line) => JSON.parse(line)) ?? [];
    expect(lines.at(-1)).toEqual({ type: 'ended', how: 'finished', contributed: 2, model: finished.modelHash });
  });

  it('Ctrl+C ends a coordinator that waits, with 0 and its last model', async () => {
    await prepare('stopped');
    const io = fakeIo();
    const coordinator = run(['coordinator', at('stopped.yaml')], io);
    await until(() => (io.err().includes('listening on') ? true : undefined));
    io.interrupt();
    expect(await coordinator).toBe(0);
    expect(io.out()).toContain('stopped by the operator');
  });

  it('an error that nobody caught ends a coordinator with 70 and one clear line, and what it promised is on disk', async () => {
    await prepare('broken', { dataDir: 'broken-data' });
    // A process of its own, with a module of somebody's that breaks as soon as the coordinator listens.
    const breaks = `const write = process.stdout.write; process.stdout.write = function (text, ...rest) {
      if (String(text).includes('listening')) setTimeout(() => Promise.reject(new Error('a bug of somebody')), 20);
      return write.call(this, text, ...rest); };`;
    const { code, err } = await processOf(['coordinator', at('broken.yaml'), '--json'], breaks);
    expect([code, err]).toEqual([70, expect.stringMatching(/error INTERNAL: a bug of somebody\n/)]);
    expect(err).toContain('everything that was promised is on disk');
    const { code: doctor, io } = await sotto('doctor', at('broken-data'), '--json');
    expect(doctor).toBe(0);
    expect(JSON.parse(io.out())).toMatchObject({ events: 3 });
  });

  it('a client that pins another coordinator refuses this one and ends with 1', async () => {
    await prepare('pinned');
    const io = fakeIo();
    const coordinator = run(['coordinator', at('pinned.yaml'), '--json'], io);
    const url = await until(() => /"url":"(ws:[^"]+)"/.exec(io.out())?.[1]);
    const { code, io: client } = await sotto(
      ...[
        'client',
        '--url',
        url,
        '--task',
        'towards-one',
        '--trainer',
        at('trainer.mjs'),
        '--coordinator',
        'ab'.repeat(32),
      ],
    );
    expect(code).toBe(1);
    expect(client.err()).toContain('AUTH_WRONG_COORDINATOR');
    io.interrupt();
    await coordinator;
  });

  it('a client that was revoked hears so and ends with 1 instead of coming back for ever', async () => {
    await prepare('revoked');
    const id = (await sotto('keys', 'new', '--out', at('revoked-client.key'))).io.out().trim() as ClientId;
    const task = taskOf({ size: 3 });
    const coordinator = await startCoordinator({
      task,
      initialWeights: new Float32Array(task.dimension),
      identity: generateIdentity(nativePrimitives, nativeRng),
      listen: { host: '127.0.0.1', port: 0 },
      roster: { kind: 'open' },
      random: () => 0.5,
      campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 3, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    });
    await coordinator.access.revoke(id, 'ops', 'a lost laptop');
    const args = ['client', '--url', coordinator.url, '--task', 'test', '--coordinator', coordinator.id];
    const { code, io } = await sotto(
      ...args,
      '--trainer',
      at('trainer.mjs'),
      '--identity',
      at('revoked-client.key'),
      '--json',
    );
    expect(code).toBe(1);
    expect(io.out()).toContain('"code":"AUTH_REVOKED"');
    await coordinator.stop('the test is over');
  });

  it('says what is missing: coordinator key, data, trust, trainer', async () => {
    await prepare('keyless');
    rmSync(at('keyless.key'));
    const keyless = await sotto('coordinator', at('keyless.yaml'));
    expect(keyless.code).toBe(2);
    expect(keyless.io.err()).toContain(`make one: sotto keys new --out ${at('keyless.key')}`);
    const base = ['client', '--url', 'ws://127.0.0.1:9', '--task', 't'];
    expect((await sotto(...base)).io.err()).toContain('--coordinator is missing');
    expect((await sotto(...base, '--trust-first')).io.err()).toContain('--trainer or --data is missing');
    writeFileSync(at('empty.mjs'), 'export const nothing = 1;\n');
    const empty = await sotto(...base, '--trust-first', '--trainer', at('empty.mjs'));
    expect(empty).toMatchObject({ code: 2 });
    expect(empty.io.err()).toContain('exports no trainer');
    const gone = await sotto(...base, '--trust-first', '--trainer', at('gone.mjs'));
    expect(gone.io.err()).toContain('cannot load the trainer');
  });

  it('a port that is taken, or a certificate that is none, is named with the setting to change, and the process ends', async () => {
    await prepare('first');
    const io = fakeIo();
    const coordinator = run(['coordinator', at('first.yaml'), '--json'], io);
    const port = Number(await until(() => /"url":"ws:[^"]+:(\d+)"/.exec(io.out())?.[1]));
    await prepare('second', { listen: { port } });
    // As processes: a timer that is left over keeps one alive behind its last word, and systemd never starts it again.
    const second = await processOf(['coordinator', at('second.yaml')]);
    expect(second.err).toContain('the port is taken; change listen.host or listen.port');
    await prepare('third', {
      listen: { port: 0, tls: { cert: 'third.yaml', key: 'third.key' } },
      dataDir: 'third-data',
    });
    const third = await processOf(['coordinator', at('third.yaml')]);
    expect(third.err).toContain('are no certificate and its key');
    expect([second.code, third.code]).toEqual([2, 2]);
    io.interrupt();
    await coordinator;
  });
});

describe('a simulation that a service manager ends', () => {
  it('SIGTERM to the whole group of processes: it stops after the attempt, writes its report and ends with 130', async () => {
    writeFileSync(at('long.yaml'), readFileSync('examples/quick.yaml', 'utf8').replace('rounds: 3', 'rounds: 500'));
    const args = ['simulate', at('long.yaml'), '--out', at('runs'), '--json'];
    const child = spawn(process.execPath, ['dist/server/cli/main.js', ...args], { detached: true });
    let out = '';
    let err = '';
    child.stderr.on('data', (text) => {
      err += text;
    });
    const ended = new Promise<number | null>((resolve) => child.once('exit', resolve));
    const kill = setTimeout(() => process.kill(-(child.pid ?? 0), 'SIGKILL'), 25_000);
    child.stdout.on('data', (text) => {
      const before = out.includes('"type":"round"');
      out += text;
      // timeout(1) and systemd tell every process of the group, those of the clients as well.
      if (!before && out.includes('"type":"round"')) process.kill(-(child.pid ?? 0), 'SIGTERM');
    });
    expect([await ended, err]).toEqual([130, expect.stringContaining('SIGTERM: stopping after this attempt')]);
    clearTimeout(kill);
    expect(err).not.toContain('INTERNAL');
    const last = JSON.parse(out.trim().split('\n').at(-1) ?? '');
    expect(last).toMatchObject({ type: 'report', outcome: 'stopped' });
  });
});

describe('the installed command', () => {
  it('starts as a process of its own and passes its exit code on', () => {
    const main = 'dist/server/cli/main.js';
    const version = spawnSync(process.execPath, [main, '--version'], { encoding: 'utf8' });
    expect(version).toMatchObject({ status: 0, stderr: '' });
    expect(spawnSync(process.execPath, [main, 'nonsense']).status).toBe(2);
    expect(readFileSync(main, 'utf8').startsWith('#!/usr/bin/env node\n')).toBe(true);
  });
});
