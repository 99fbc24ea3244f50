// Claims about the house: dependencies have their sentence, the package ships what it says, set-up does what it should.
// Not here: how sources look (architecture.test.ts), documents (docs.test.ts).

import { spawn } from 'node:child_process';
import { createHash } from 'node:crypto';
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, symlinkSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';

interface Manifest {
  readonly engines: { readonly node: string };
  readonly files: readonly string[];
  readonly bin: Readonly<Record<string, string>>;
  readonly exports: Readonly<Record<string, string | Readonly<Record<string, unknown>>>>;
  readonly scripts: Readonly<Record<string, string>>;
  readonly dependencies: Readonly<Record<string, string>>;
  readonly devDependencies: Readonly<Record<string, string>>;
  readonly optionalDependencies?: Readonly<Record<string, string>>;
}
const manifest: Manifest = JSON.parse(readFileSync('package.json', 'utf8'));

describe('dependencies', () => {
  const [runtime = '', development = ''] = readFileSync('docs/dependencies.md', 'utf8').split('## For development');
  const rows = (text: string) =>
    [...text.matchAll(/^\| `([^`]+)` \| (.+) \|$/gm)].map(([, name, why]) => ({ name, why: why ?? '' }));

  it('are those of the page, at run time and for development', () => {
    const shipped = { ...manifest.dependencies, ...manifest.optionalDependencies };
    expect(rows(runtime).map(({ name }) => name)).toEqual(Object.keys(shipped).sort());
    expect(rows(development).map(({ name }) => name)).toEqual(Object.keys(manifest.devDependencies).sort());
  });
  it('have one sentence of reason each', () => {
    for (const { name, why } of [...rows(runtime), ...rows(development)]) {
      expect(why, name).toMatch(/^[A-Z].{20,}\.$/);
      expect(why.match(/[.] [A-Z]/), name).toBeNull();
    }
  });
  it('install scripts are off in set-up, since no dependency may need one', () => {
    expect(readFileSync('tools/setup.mjs', 'utf8')).toContain("'--ignore-scripts'");
  });
});

describe('the package', () => {
  it('is licensed under the verbatim text of Apache-2.0', () => {
    // The SHA-256 of the text as the foundation publishes it.
    const digest = createHash('sha256').update(readFileSync('LICENSE')).digest('hex');
    expect(digest).toBe('cfc7749b96f63bd31c3c42b5c471bf756814053e847c10f3eb003417bc523d30');
  });
  it('exports files that the build makes, types first in every condition', () => {
    const visit = (target: unknown, path: string): void => {
      if (typeof target === 'string') {
        expect(existsSync(target), `${path} → ${target}`).toBe(true);
        return;
      }
      const conditions = target as Record<string, unknown>;
      const names = Object.keys(conditions);
      if (names.includes('types')) expect(names.indexOf('types'), path).toBeLessThan(names.indexOf('default'));
      for (const [name, inner] of Object.entries(conditions)) visit(inner, `${path} ${name}`);
    };
    for (const [path, target] of Object.entries(manifest.exports)) visit(target, path);
    for (const file of Object.values(manifest.bin)) expect(existsSync(file)).toBe(true);
  });
  it('each of the two commands of the readme sets itself up first', () => {
    expect(readFileSync('README.md', 'utf8')).toMatch(/```sh\nnpm start .*\nnpm test /);
    for (const script of ['start', 'test', 'bench', 'check'])
      expect(manifest.scripts[script]).toMatch(/^node tools\/setup\.mjs && /);
  });
});

interface Setup {
  nodeProblem(version: string, range: string): string | undefined;
  installProblem(root: string): string | undefined;
  withLock<T>(path: string, work: () => T, waitMs?: number): T;
}
const setupFile = pathToFileURL(resolve('tools/setup.mjs')).href;
const setup: Setup = await import(setupFile);
const folder = mkdtempSync(join(tmpdir(), 'sotto-house-'));
afterAll(() => rmSync(folder, { recursive: true }));

describe('set-up', () => {
  it.each([
    ['v20.19.0', undefined],
    ['v20.20.2', undefined],
    ['v22.0.0', undefined],
    ['v20.18.9', 'Sotto needs Node 20.19 or newer, this is v20.18.9'],
    ['v18.20.0', 'this is v18.20.0'],
    ['v9.99.0', 'this is v9.99.0'],
  ])('on Node %s says %s', (version, says) => {
    const problem = setup.nodeProblem(version, '>=20.19');
    if (says === undefined) expect(problem).toBeUndefined();
    else expect(problem).toContain(says);
  });

  it('installs where nothing, half, or something else is installed, and not where all is there', () => {
    const root = join(folder, 'install');
    const lock = (packages: object) => JSON.stringify({ packages: { '': {}, ...packages } });
    const wanted = { 'node_modules/a': { version: '1.0.0' }, 'node_modules/b': { version: '2.0.0', optional: true } };
    mkdirSync(root);
    writeFileSync(join(root, 'package-lock.json'), lock(wanted));
    expect(setup.installProblem(root)).toBe('there is no node_modules');
    mkdirSync(join(root, 'node_modules'));
    expect(setup.installProblem(root)).toBe('the last install did not finish');
    const record = (packages: object) => writeFileSync(join(root, 'node_modules/.package-lock.json'), lock(packages));
    record({});
    expect(setup.installProblem(root)).toBe('node_modules/a is missing');
    record({ 'node_modules/a': { version: '1.0.1' } });
    expect(setup.installProblem(root)).toContain('is 1.0.1, the lock file has 1.0.0');
    // `b` is optional: on this platform it may be absent.
    record({ 'node_modules/a': { version: '1.0.0' } });
    expect(setup.installProblem(root)).toBeUndefined();
  });

  it('leaves a linked node_modules alone: it belongs to another checkout', () => {
    const root = join(folder, 'linked');
    mkdirSync(root);
    mkdirSync(join(folder, 'elsewhere'));
    symlinkSync(join(folder, 'elsewhere'), join(root, 'node_modules'), 'dir');
    expect(setup.installProblem(root)).toBeUndefined();
  });

  it('takes a lock over from a process that died, and gives it back after a failure', () => {
    const path = join(folder, 'stale.lock');
    // No process has this number: the kernel stops below it.
    writeFileSync(path, '4194305');
    expect(setup.withLock(path, () => readFileSync(path, 'utf8'))).toBe(String(process.pid));
    expect(existsSync(path)).toBe(false);
    expect(() =>
      setup.withLock(path, () => {
        throw new Error('inside');
      }),
    ).toThrow('inside');
    expect(existsSync(path)).toBe(false);
  });

  it('says who is in the way when the lock is never given back', () => {
    const path = join(folder, 'held.lock');
    writeFileSync(path, String(process.pid));
    expect(() => setup.withLock(path, () => undefined, 0)).toThrow('another set-up has held');
  });

  it('four at once never work at the same time', async () => {
    const path = join(folder, 'busy.lock');
    const inside = join(folder, 'inside');
    // Each works long enough (until 20,000,000 additions are done) to collide with the others if they were let in.
    const script = `
      import { closeSync, openSync, rmSync } from 'node:fs';
      const { withLock } = await import(${JSON.stringify(setupFile)});
      withLock(${JSON.stringify(path)}, () => {
        closeSync(openSync(${JSON.stringify(inside)}, 'wx'));
        let sum = 0;
        for (let i = 0; i < 2e7; i++) sum += i;
        rmSync(${JSON.stringify(inside)});
        return sum;
      });`;
    const one = () =>
      new Promise<number | null>((done) => {
        spawn(process.execPath, ['--input-type=module', '-e', script], { stdio: 'ignore' }).on('close', done);
      });
    expect(await Promise.all([one(), one(), one(), one()])).toEqual([0, 0, 0, 0]);
  });
});

describe('the count at the end of the suite', () => {
  it('counts passed, failed and skipped tests, files that do not load, and stray errors', async () => {
    const { countTests }: { countTests(modules: unknown[], errors: unknown[]): object } = await import(
      pathToFileURL(resolve('tools/reporter.mjs')).href
    );
    const module = (state: string, ...tests: string[]) => ({
      state: () => state,
      children: { allTests: () => tests.map((result) => ({ result: () => ({ state: result }) })) },
    });
    expect(
      countTests([module('passed', 'passed', 'passed', 'skipped'), module('failed', 'failed', 'pending')], []),
    ).toEqual({
      passed: 2,
      failed: 1,
      skipped: 2,
    });
    expect(countTests([module('failed')], [new Error('stray')])).toEqual({ passed: 0, failed: 2, skipped: 0 });
  });
});

describe('.ci/run', () => {
  const script = readFileSync('.ci/run', 'utf8');
  it('stops at the first surprise, holds no path of a machine, and ends with the count', () => {
    expect(script).toContain('set -euo pipefail');
    expect(script).not.toMatch(/\/(home|root|Users|work)\//);
    expect(script.trimEnd().split('\n').slice(-2)).toEqual([
      'echo "$passed passed, $failed failed, $skipped skipped"',
      '((failed == 0))',
    ]);
  });
});
