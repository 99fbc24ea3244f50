// A damaged data directory: what is refused, what the doctor names, and what it brings back. Real lmdb.
// Not here: directories that are sound (data.test.ts), every kind of damage by the hundred (bars/disk).
import { existsSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { join as path } from 'node:path';
import { describe, expect, it } from 'vitest';
import type { Hash } from '../../protocol/ids.js';
import { listBackups, takeBackup } from '../../server/data/backups.js';
import { diagnose } from '../../server/data/doctor.js';
import { openData } from '../../server/data/open.js';
import { lmdbBackend } from '../../server/store/lmdb-backend.js';
import { walkPages } from '../../server/store/lmdb-walk.js';
import { config, copied, identity, original, read } from './history.js';
import { freeEntries, PAGE, rootOf } from './layout.js';
import { begin } from './life.js';

describe('a damaged data directory', () => {
  const file = (directory: string): string => path(directory, 'db', 'data.mdb');
  const start = (directory: string) => openData({ directory, identity, limitBytes: 1e9 });

  it('without its database never starts empty: it says so and names the doctor', async () => {
    const directory = copied();
    rmSync(file(directory));
    await expect(start(directory)).rejects.toMatchObject({ code: 'STORE_MISSING' });
    writeFileSync(file(directory), '');
    await expect(start(directory)).rejects.toThrow('--restore');
    expect(existsSync(path(directory, 'lock'))).toBe(false);
  });

  it('cut short is refused by a child, and this process lives; the doctor goes back to the newest backup', async () => {
    const directory = copied();
    truncateSync(file(directory), readFileSync(file(directory)).length - 3 * 4096);
    await expect(start(directory)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
    const { wrong, backups, restored } = await diagnose(directory, true);
    expect(wrong).toBeDefined();
    expect(backups.map((one) => one.wrong)).toEqual([undefined, undefined]);
    expect(restored?.from).toBe(listBackups(directory)[0]);
    expect(existsSync(path(directory, 'damaged-1', 'data.mdb'))).toBe(true);
    // Rounds that nobody remembers are not made again: numbers go on behind all that can have been.
    const coordinator = await begin({ directory, identity, config, rounds: 1_000 });
    await coordinator.stop('enough');
    const events = await read(directory, (store) => [...store.events(1)]);
    expect(events.filter(({ type }) => type === 'restored')).toHaveLength(1);
  }, 90_000);

  it.each(['free pages', 'rows'] as const)(
    'with zeros for the page of its %s is refused before this process reads it; the doctor goes back',
    async (tree) => {
      const directory = copied();
      const bytes = readFileSync(file(directory));
      const page = rootOf(bytes, tree);
      bytes.fill(0, page * PAGE, (page + 1) * PAGE);
      writeFileSync(file(directory), bytes);
      await expect(start(directory)).rejects.toThrow(`page ${page} of data.mdb is bad`);
      const { wrong, restored } = await diagnose(directory, true);
      expect(wrong).toContain(`page ${page} of data.mdb is bad`);
      expect(restored?.from).toBe(listBackups(directory)[0]);
      await (await start(directory)).close();
    },
    90_000,
  );

  it('without a blob is named by the doctor: an old aggregate stops nobody, without the newest model it goes back', async () => {
    const directory = copied();
    const drop = async (name: string): Promise<void> => {
      const backend = lmdbBackend({ path: path(directory, 'db'), readOnly: false });
      await backend.write({ events: [], rows: [], blobs: [[name as Hash, undefined]] });
      await backend.close();
    };
    const records = await read(directory, (store) =>
      [...store.events(1)].flatMap(({ type, body }) =>
        type === 'model-recorded' ? [body.record as Record<string, string>] : [],
      ),
    );
    const aggregate = records[2]?.aggregate ?? '';
    await drop(aggregate);
    expect(await diagnose(directory, true)).toMatchObject({ wrong: undefined, badBlobs: [aggregate] });
    const model = records.at(-1)?.modelAfter ?? '';
    await drop(model);
    await expect(start(directory)).rejects.toThrow(`blob ${model} is missing`);
    const { wrong, restored } = await diagnose(directory, true);
    expect(wrong).toContain(`blob ${model} is missing`);
    expect(restored?.from).toBe(listBackups(directory)[0]);
  }, 90_000);

  it('that has lost a free page takes backups all the same', async () => {
    const directory = copied();
    const bytes = readFileSync(file(directory));
    // safe: rounds have freed pages
    bytes.writeBigInt64LE(0n, freeEntries(bytes)[0]!);
    writeFileSync(file(directory), bytes);
    expect(walkPages(file(directory))).toMatchObject({ lost: 1 });
    const { store, close } = await start(directory);
    const taken = await takeBackup(directory, store, identity.id);
    await close();
    expect(listBackups(directory)[0]).toBe(taken);
  }, 90_000);

  it('with a changed event is refused, and the doctor names it', async () => {
    const directory = copied();
    const bytes = readFileSync(file(directory));
    // Wherever it stands: pages that are free now may hold it too.
    for (let at = bytes.indexOf('the campaign is over'); at >= 0; at = bytes.indexOf('the campaign is over', at + 1))
      bytes.write('The campaign is over', at);
    writeFileSync(file(directory), bytes);
    const diagnosis = await diagnose(directory, false);
    expect(diagnosis.wrong ?? '').toMatch(/event \d+ of the audit log is bad|head/);
    await expect(start(directory)).rejects.toMatchObject({ code: 'STORE_CORRUPT' });
  });

  it('with a marker that cannot be read is put right by the doctor, and loses nothing', async () => {
    const directory = copied();
    writeFileSync(path(directory, 'sotto-store.json'), '{');
    await expect(start(directory)).rejects.toThrow(`run: sotto doctor ${directory} --restore`);
    const told = await diagnose(directory, true);
    expect(told).toMatchObject({ wrong: 'sotto-store.json cannot be read', rewroteMarker: true });
    expect([told.coordinator, told.restored]).toEqual([identity.id, undefined]);
    expect(await read(directory, (store) => store.head()?.seq)).toBe(
      await read(original, (store) => store.head()?.seq),
    );
  }, 90_000);

  it('of another format is refused with the format that it has', async () => {
    const directory = copied();
    writeFileSync(path(directory, 'sotto-store.json'), '{"format":"sotto-store/2"}');
    await expect(start(directory)).rejects.toMatchObject({ code: 'STORE_FORMAT' });
  });
});
