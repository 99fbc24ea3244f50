// One coordinator at a time on a data directory. Not here: what is in it (data.test.ts).

import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { takeLock } from '../../server/data/lock.js';
import { taskOf } from '../protocol/tasks.js';
import { begin } from './life.js';

const root = mkdtempSync(path(tmpdir(), 'sotto-lock-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const fresh = (): string => path(root, `d${made++}`);

describe('the lock of a data directory', () => {
  it('a second coordinator is refused while the first one runs, and taken after it', async () => {
    const directory = fresh();
    const identity = generateIdentity(nativePrimitives, nativeRng);
    const config = taskOf({ size: 4, dimension: 4 });
    const coordinator = await begin({ directory, identity, config, rounds: 5 });
    await expect(begin({ directory, identity, config, rounds: 5 })).rejects.toMatchObject({
      code: 'STORE_LOCKED',
      details: { pid: process.pid },
    });
    await coordinator.stop('enough');
    takeLock(directory).release();
  });

  it('one whose process was killed is taken over; one of a living process is not', async () => {
    const directory = fresh();
    mkdirSync(directory);
    const module = new URL('../../server/data/lock.js', import.meta.url).href;
    const script = `import(${JSON.stringify(module)}).then(({ takeLock }) => { takeLock(${JSON.stringify(directory)}); console.log('held'); setInterval(() => {}, 1000); })`;
    const child = spawn(process.execPath, ['-e', script], { stdio: ['ignore', 'pipe', 'inherit'] });
    await once(child.stdout, 'data');
    expect(() => takeLock(directory)).toThrow('STORE_LOCKED');
    child.kill('SIGKILL');
    await once(child, 'exit');
    takeLock(directory).release();
    expect(readdirSync(directory)).toEqual([]);
  });

  it.each([
    ['of an earlier boot', 'taken', { boot: 'another boot' }],
    ['of a process that had the same number', 'taken', { pid: process.pid, started: 1 }],
    ['of another machine', 'refused', { host: 'elsewhere' }],
    ['of a process that lives', 'refused', { pid: process.ppid }],
  ])('one %s is %s', (_what, expected, change) => {
    const directory = fresh();
    mkdirSync(directory);
    takeLock(directory);
    const file = path(directory, 'lock');
    const owner = { ...JSON.parse(readFileSync(file, 'utf8')), token: 'x', started: 0, ...change };
    writeFileSync(file, JSON.stringify(owner));
    const take = () => takeLock(directory).release();
    if (expected === 'taken') expect(take).not.toThrow();
    else expect(take).toThrow('STORE_LOCKED');
  });

  it("one that cannot be read is nobody's to take", () => {
    const directory = fresh();
    mkdirSync(directory);
    writeFileSync(path(directory, 'lock'), '');
    expect(() => takeLock(directory)).toThrow('STORE_LOCKED');
  });
});
