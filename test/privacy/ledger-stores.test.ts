// Memory and files against the contract, and what only files can suffer: torn lines, changed lines, a killed process.
import { spawn } from 'node:child_process';
import { appendFileSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { pathToFileURL } from 'node:url';
import { afterAll, describe, expect, it } from 'vitest';
import { type LedgerStore, memoryLedgers } from '../../client/ledger-store.js';
import { fileLedgers } from '../../client/node/file-ledgers.js';
import type { ClientId } from '../../protocol/ids.js';
import { COORDINATOR, ledgerStoreContract, reservation, settlement } from '../contracts/ledger-store.js';

const root = mkdtempSync(join(tmpdir(), 'sotto-ledgers-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const fresh = (): string => join(root, `store-${made++}`);

ledgerStoreContract('memory', async () => memoryLedgers());
const directories = new WeakMap<LedgerStore, string>();
ledgerStoreContract(
  'files',
  async () => {
    const directory = fresh();
    const store = fileLedgers(directory);
    directories.set(store, directory);
    return store;
  },
  async (store) => fileLedgers(directories.get(store) ?? ''),
);

const ENTRIES = [reservation('1'), settlement('1'), reservation('2')];
async function written(): Promise<{ path: string; store: LedgerStore; whole: string; directory: string }> {
  const directory = fresh();
  const store = fileLedgers(directory);
  for (const entry of ENTRIES) await store.append(COORDINATOR, 'digits', entry);
  const path = join(directory, readdirSync(directory)[0] ?? '');
  return { path, store, directory, whole: readFileSync(path, 'utf8') };
}
const edit = (text: string, change: (lines: (string | undefined)[]) => (string | undefined)[]): string =>
  change(text.split('\n')).join('\n');
const load = (store: LedgerStore) => store.load(COORDINATOR, 'digits');

describe('ledger files', () => {
  it('are one file of a task that only its owner can read', async () => {
    const { directory, path } = await written();
    expect(readdirSync(directory)).toHaveLength(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('cut short at any byte give back every entry whose line was whole, and go on from there', async () => {
    const { path, store, whole } = await written();
    const ends = [...whole].flatMap((char, i) => (char === '\n' ? [i] : []));
    for (let length = 0; length <= whole.length; length += length % 97 === 0 ? 1 : 48) {
      writeFileSync(path, whole.slice(0, length));
      // The first line feed ends the header; a line is whole from the byte before its line feed on.
      const kept = ends.slice(1).filter((end) => end <= length).length;
      expect(await load(store)).toEqual(ENTRIES.slice(0, kept));
      await store.append(COORDINATOR, 'digits', reservation('next'));
      expect(await load(store)).toEqual([...ENTRIES.slice(0, kept), reservation('next')]);
    }
  });

  it('with zeros where a crash lost the blocks of the last line lose nothing that was durable', async () => {
    const { path, store } = await written();
    appendFileSync(path, Buffer.alloc(200));
    expect(await load(store)).toEqual(ENTRIES);
    await store.append(COORDINATOR, 'digits', settlement('2'));
    expect(await load(store)).toEqual([...ENTRIES, settlement('2')]);
  });

  it.each([
    ['lower what I spent', (text: string) => text.replace('"count":3', '"count":1')],
    ['drop a line from the middle', (text: string) => edit(text, ([h, _a, ...rest]) => [h, ...rest])],
    ['exchange two lines', (text: string) => edit(text, ([h, a, b, ...rest]) => [h, b, a, ...rest])],
    ['put a line in twice', (text: string) => edit(text, ([h, a, ...rest]) => [h, a, a, ...rest])],
    ['make it the ledger of another task', (text: string) => text.replace('"digits"', '"other"')],
    ['leave out the first line', (text: string) => text.slice(text.indexOf('\n') + 1)],
    ['write something else', () => 'hello\n'],
  ])('I %s, and load and append are STORE_CORRUPT with a remedy; the file stays as it is', async (_what, change) => {
    const { path, store, whole } = await written();
    const changed = change(whole);
    writeFileSync(path, changed);
    const refused = { code: 'STORE_CORRUPT', message: expect.stringContaining('restore it from a backup') };
    await expect(load(store)).rejects.toMatchObject(refused);
    await expect(store.append(COORDINATOR, 'digits', reservation('3'))).rejects.toMatchObject(refused);
    expect(readFileSync(path, 'utf8')).toBe(changed);
  });

  it('a directory that cannot be written is STORE_WRITE, and the next append of the same entry may succeed', async () => {
    const directory = fresh();
    writeFileSync(directory, '');
    const store = fileLedgers(join(directory, 'below'));
    await expect(store.append(COORDINATOR, 'digits', reservation('1'))).rejects.toMatchObject({
      code: expect.stringMatching(/^STORE_/),
    });
    rmSync(directory);
    await store.append(COORDINATOR, 'digits', reservation('1'));
    expect(await load(store)).toEqual([reservation('1')]);
  });

  it('a process killed in the middle of appending leaves every entry that it was told is durable', async () => {
    // The child says each number once its append has resolved; it is killed after ten of them, wherever it then is.
    const directory = fresh();
    const child = spawn(process.execPath, ['--input-type=module', '-e', SCRIPT, directory], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let said = '';
    child.stdout.setEncoding('utf8');
    await new Promise<void>((done) => {
      child.stdout.on('data', (text: string) => {
        said += text;
        if (said.split('\n').length > 10) child.kill('SIGKILL');
      });
      child.on('close', () => done());
    });
    const told = said.trimEnd().split('\n').map(Number);
    const ids = (await fileLedgers(directory).load(COORDINATOR, 'digits')).map(({ id }) => Number(id));
    expect(told.length).toBeGreaterThanOrEqual(10);
    expect(ids.slice(0, told.length)).toEqual(told);
    expect(ids).toEqual(ids.map((_, i) => i));
  });
});

const SCRIPT = `
  const { fileLedgers } = await import(${JSON.stringify(pathToFileURL(resolve('dist/client/node/file-ledgers.js')).href)});
  const store = fileLedgers(process.argv[1]);
  for (let i = 0; i < 100_000; i++) {
    await store.append(${JSON.stringify(COORDINATOR as ClientId)}, 'digits', { type: 'reserved', id: String(i), events: [] });
    process.stdout.write(i + '\\n');
  }`;
