// Memory and files against the contract, and what only files can suffer: damage, other users, crashes in the middle.
import { chmodSync, mkdtempSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import type { GuardStore } from '../../client/guards.js';
import { memoryGuards } from '../../client/guards.js';
import { fileGuards } from '../../client/node/file-guards.js';
import { loadOrCreateIdentity } from '../../client/node/file-identity.js';
import type { ClientId } from '../../protocol/ids.js';
import { guardStoreContract } from '../contracts/guard-store.js';

const root = mkdtempSync(join(tmpdir(), 'sotto-guards-'));
afterAll(() => rmSync(root, { recursive: true }));
let made = 0;
const fresh = (): string => join(root, `store-${made++}`);

guardStoreContract('memory', async () => memoryGuards());
const directories = new WeakMap<GuardStore, string>();
guardStoreContract(
  'files',
  async () => {
    const directory = fresh();
    const store = fileGuards(directory);
    directories.set(store, directory);
    return store;
  },
  async (store) => fileGuards(directories.get(store) ?? ''),
);

const COORDINATOR = 'a1'.repeat(32) as ClientId;
const record = { task: 'digits', round: 7, attempt: 2, answered: 6, contributed: 5 };

async function saved(): Promise<{ directory: string; path: string; store: GuardStore }> {
  const directory = fresh();
  const store = fileGuards(directory);
  await store.save(COORDINATOR, record);
  const [name = ''] = readdirSync(directory);
  return { directory, path: join(directory, name), store };
}

describe('guard files', () => {
  it('one record is one file, only its owner can read it, and no temporary file is left', async () => {
    const { directory, path } = await saved();
    expect(readdirSync(directory)).toHaveLength(1);
    expect(statSync(path).mode & 0o777).toBe(0o600);
  });

  it('every truncation is STORE_CORRUPT with a remedy, for load and for save, and the file is left as it is', async () => {
    const { path, store } = await saved();
    const whole = readFileSync(path, 'utf8');
    for (let length = 0; length < whole.length - 2; length += 7) {
      writeFileSync(path, whole.slice(0, length));
      await expect(store.load(COORDINATOR, 'digits')).rejects.toMatchObject({
        code: 'STORE_CORRUPT',
        message: expect.stringContaining('restore it from a backup'),
      });
      await expect(store.save(COORDINATOR, { ...record, round: 8 })).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
      expect(readFileSync(path, 'utf8')).toBe(whole.slice(0, length));
    }
  });

  it('a digit that was changed by hand, so that a round could be repeated, is STORE_CORRUPT', async () => {
    const { path, store } = await saved();
    writeFileSync(path, readFileSync(path, 'utf8').replace('"round": 7', '"round": 1'));
    await expect(store.load(COORDINATOR, 'digits')).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('a record copied to the file of another task is STORE_CORRUPT', async () => {
    const { directory, path, store } = await saved();
    await store.save(COORDINATOR, { ...record, task: 'other' });
    const other =
      readdirSync(directory)
        .map((name) => join(directory, name))
        .find((name) => name !== path) ?? '';
    writeFileSync(other, readFileSync(path));
    await expect(store.load(COORDINATOR, 'other')).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('a crash between writing and renaming leaves the old record', async () => {
    const { path, store } = await saved();
    writeFileSync(`${path}.tmp`, '{"half":');
    expect(await store.load(COORDINATOR, 'digits')).toEqual(record);
    await store.save(COORDINATOR, { ...record, round: 8 });
    expect((await store.load(COORDINATOR, 'digits'))?.round).toBe(8);
  });

  it('a second process that has gone on is noticed: the first one cannot go back', async () => {
    const { directory, store } = await saved();
    await fileGuards(directory).save(COORDINATOR, { ...record, round: 9 });
    await expect(store.save(COORDINATOR, { ...record, round: 8 })).rejects.toMatchObject({ code: 'STORE_WRITE' });
  });

  it('a directory that cannot be written is STORE_WRITE', async () => {
    const file = join(root, 'plain-file');
    writeFileSync(file, '');
    await expect(fileGuards(join(file, 'below')).pin('wss://a', new Uint8Array(32))).rejects.toMatchObject({
      code: expect.stringMatching(/^STORE_/),
    });
  });
});

describe('the identity file', () => {
  it('is made once with mode 0600 and is the same ever after', async () => {
    const path = join(fresh(), 'identity.json');
    const identity = await loadOrCreateIdentity(path);
    expect(statSync(path).mode & 0o777).toBe(0o600);
    expect((await loadOrCreateIdentity(path)).id).toBe(identity.id);
    expect(JSON.stringify(identity)).not.toContain(Buffer.from(identity.secret.exposeSecret()).toString('hex'));
  });

  it('two that make it at the same time get the same one', async () => {
    const path = join(fresh(), 'identity.json');
    const made = await Promise.all(Array.from({ length: 8 }, () => loadOrCreateIdentity(path)));
    expect(new Set(made.map(({ id }) => id)).size).toBe(1);
  });

  it('I make it readable for my group and it is refused, saying chmod 600', async () => {
    const path = join(fresh(), 'identity.json');
    await loadOrCreateIdentity(path);
    chmodSync(path, 0o640);
    await expect(loadOrCreateIdentity(path)).rejects.toMatchObject({
      code: 'STORE_CORRUPT',
      message: expect.stringContaining('chmod 600'),
    });
  });

  it('I swap the secret inside and it is refused', async () => {
    const path = join(fresh(), 'identity.json');
    await loadOrCreateIdentity(path);
    writeFileSync(path, readFileSync(path, 'utf8').replace(/"secret": "../, '"secret": "zz'));
    await expect(loadOrCreateIdentity(path)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });
});
