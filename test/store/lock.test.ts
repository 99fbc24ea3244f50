// One coordinator at a time on a data directory. Not here: what is in it (data.test.ts).

import { spawn, spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
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

  it('its writer is killed at any moment: whole or not there, and the next one takes it and sweeps up', async () => {
    const module = new URL('../../server/data/lock.js', import.meta.url).href;
    // Dies in the n-th call of the file system that taking a lock makes; by name, since imports of it are bound before.
    const script = (directory: string, nth: number) => `
      import fs from 'node:fs'; import { syncBuiltinESMExports } from 'node:module';
      let calls = 0;
      for (const name of ['openSync', 'writeSync', 'fsyncSync', 'closeSync', 'linkSync', 'rmSync']) {
        const own = fs[name];
        fs[name] = (...given) => {
          if (armed && ++calls === ${nth}) process.kill(process.pid, 'SIGKILL');
          return own(...given);
        };
      }
      let armed = false;
      syncBuiltinESMExports();
      const { takeLock } = await import(${JSON.stringify(module)});
      armed = true;
      takeLock(${JSON.stringify(directory)});
      armed = false;
      process.exit(0);`;
    let killed = 0;
    for (let nth = 1; nth <= 12; nth++) {
      const directory = fresh();
      mkdirSync(directory);
      const child = spawn(process.execPath, ['--input-type=module', '-e', script(directory, nth)], {
        stdio: 'inherit',
      });
      const [code, signal] = await once(child, 'exit');
      if (signal === 'SIGKILL') killed++;
      else expect(code).toBe(0);
      takeLock(directory).release();
      expect(readdirSync(directory), `killed in call ${nth}`).toEqual([]);
    }
    expect(killed).toBeGreaterThan(5);
  }, 60_000);

  it('a link that leads nowhere in its place is refused, and nobody goes round for ever', () => {
    const directory = fresh();
    mkdirSync(directory);
    symlinkSync(path(directory, 'nowhere'), path(directory, 'lock'));
    expect(() => takeLock(directory)).toThrow('STORE_LOCKED');
  });

  it("one that cannot be read is nobody's to take", () => {
    const directory = fresh();
    mkdirSync(directory);
    writeFileSync(path(directory, 'lock'), '');
    expect(() => takeLock(directory)).toThrow('STORE_LOCKED');
  });
});

describe('a data directory that cannot be made', () => {
  // In a process of its own: what goes round for ever in native code cannot be timed out from inside.
  it.skipIf(process.platform !== 'linux').each(['/proc/nope', '/proc/nope/deeper', '/dev/null/data'])(
    '%s is refused with its name',
    (directory) => {
      const module = new URL('../../server/data/begin.js', import.meta.url).href;
      const script = `import(${JSON.stringify(module)}).then(({ beginOpening }) => beginOpening(${JSON.stringify(directory)}, '${'ab'.repeat(32)}')).catch(({ code, message }) => console.log(code, message))`;
      const { stdout, signal } = spawnSync(process.execPath, ['-e', script], {
        encoding: 'utf8',
        timeout: 20_000,
        killSignal: 'SIGKILL',
      });
      expect(signal).toBeNull();
      expect(stdout).toContain(`STORE_WRITE`);
      expect(stdout).toContain(`${directory} cannot be made`);
    },
    30_000,
  );
});
