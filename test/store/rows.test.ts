// Contents of state rows: what a start and the doctor find where a disk has changed them. Real data directories; not here: the digest
// itself (store.test.ts), pages (pages.test.ts).

import { cpSync, mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join as path } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/node/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { checkDatabase } from '../../server/data/check.js';
import { diagnose } from '../../server/data/doctor.js';
import { openData } from '../../server/data/open.js';
import { lmdbBackend } from '../../server/store/lmdb-backend.js';
import type { Batch } from '../../server/store/types.js';
import { Random } from '../../simulations/random.js';
import { taskOf } from '../protocol/tasks.js';
import { live } from './life.js';

const root = mkdtempSync(path(tmpdir(), 'sotto-rows-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const identity = generateIdentity(nativePrimitives, nativeRng);
const original = path(root, 'original');
beforeAll(async () => {
  const members = Array.from({ length: 4 }, () => ({
    identity: generateIdentity(nativePrimitives, nativeRng),
    guards: memoryGuards(),
  }));
  const config = taskOf({ size: 4, dimension: 4 });
  await live({ directory: original, identity, config, rounds: 2 }, members);
}, 60_000);

const copied = (): string => {
  const directory = path(root, `d${made++}`);
  cpSync(original, directory, { recursive: true });
  return directory;
};
const start = (directory: string) => openData({ directory, identity, limitBytes: 1e9 });

async function behindItsBack(directory: string, rows: Batch['rows']): Promise<void> {
  const backend = lmdbBackend({ path: path(directory, 'db'), readOnly: false });
  await backend.write({ events: [], rows, blobs: [] });
  await backend.close();
}
async function rowsOf(directory: string) {
  const backend = lmdbBackend({ path: path(directory, 'db'), readOnly: true });
  const rows = backend.rows('').map(([key, value]) => [key, Uint8Array.from(value)] as const);
  await backend.close();
  return rows;
}
const flipped = (value: Uint8Array, bit: number): Uint8Array => {
  const copy = Uint8Array.from(value);
  copy[bit >> 3] = (copy[bit >> 3] ?? 0) ^ (1 << (bit & 7));
  return copy;
};

describe('state rows that a disk has changed', () => {
  it('I flip a bit in any row, and a start is refused with the row and the doctor; put back, it is sound', async () => {
    const directory = copied();
    const random = Random.fromSeed('rows');
    const rows = await rowsOf(directory);
    expect(rows.length).toBeGreaterThan(10);
    for (const [key, value] of rows) {
      const bit = random.integer(8 * value.length);
      await behindItsBack(directory, [[key, flipped(value, bit)]]);
      const said = await start(directory).then(
        ({ close }) => close().then(() => 'opened'),
        (error: unknown) => String(error),
      );
      expect(said, `bit ${bit} of ${key}`).toContain('STORE_CORRUPT');
      expect(said).toContain(`sotto doctor ${directory}`);
      if (!key.startsWith('!')) expect(said).toContain(`state row ${key} `);
      await behindItsBack(directory, [[key, value]]);
    }
    await (await start(directory)).close();
  }, 120_000);

  it('the doctor names all of them, a damaged digest as well, and goes back to a backup', async () => {
    const directory = copied();
    const rows = new Map(await rowsOf(directory));
    const clients = [...rows.keys()].filter((key) => key.startsWith('client/')).slice(0, 2);
    const value = (key: string): Uint8Array => rows.get(key) ?? new Uint8Array(1);
    await behindItsBack(
      directory,
      clients.map((key) => [key, flipped(value(key), 9)]),
    );
    expect((await diagnose(directory, false)).badRows).toEqual(clients);
    await behindItsBack(
      directory,
      clients.map((key) => [key, value(key)]),
    );
    await behindItsBack(directory, [['!rows', flipped(value('!rows'), 0)]]);
    expect(await diagnose(directory, true)).toMatchObject({
      badRows: [],
      wrong: expect.stringContaining('do not match their digest'),
      restored: { lastRound: 2 },
    });
    await (await start(directory)).close();
  }, 60_000);

  it('a store of before rows had a digest opens once they are compared with the events, and has one from then on', async () => {
    const directory = copied();
    await behindItsBack(directory, [['!rows', undefined]]);
    const data = await start(directory);
    await data.store.commit({ events: [], put: [], del: [], blobs: [], dropBlobs: [] });
    await data.close();
    const request = { database: path(directory, 'db'), coordinator: identity.id, depth: 'recent' } as const;
    expect(await checkDatabase(request)).toMatchObject({ report: { rows: 'match' }, badRows: [] });
  }, 60_000);

  it.each([
    ['a damaged row', 'campaign', (value: Uint8Array) => flipped(value, 12)],
    ['a row too few', 'task', () => undefined],
    ['a row whose name is damaged', '!rows', () => undefined, '!qows'],
  ] as const)(
    'and is refused where there is %s',
    async (_what, key, change, other?: string) => {
      const directory = copied();
      const value = new Map(await rowsOf(directory)).get(key) ?? new Uint8Array(1);
      await behindItsBack(directory, [
        ['!rows', undefined],
        [key, change(value)],
        ...(other === undefined ? [] : [[other, value] as const]),
      ]);
      await expect(start(directory)).rejects.toThrow(`state row ${other ?? key} is not what`);
    },
    60_000,
  );
});
