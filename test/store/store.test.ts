// The contract of a store by lmdb and by its twin in memory, and damage that both must find. Not here: whole data directories
// (data.test.ts), kills (bars/).
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { utf8Decode, utf8Encode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { lmdbBackend } from '../../server/store/lmdb-backend.js';
import { MemoryDisk, memoryBackend } from '../../server/store/memory-backend.js';
import { openAuditStore } from '../../server/store/store.js';
import type { Backend, StoreFaults } from '../../server/store/types.js';
import { draft, type StoreUnderTest, storeContract, write } from '../contracts/store.js';

const root = mkdtempSync(join(tmpdir(), 'sotto-store-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));
let made = 0;
const fresh = (): string => join(root, `s${made++}`);
const identity = generateIdentity(nativePrimitives, nativeRng);
const openOn = (backend: Backend, limitBytes = 1e9, faults?: StoreFaults) =>
  openAuditStore({ backend, primitives: nativePrimitives, identity, limitBytes, ...(faults && { faults }) });

storeContract('memory', async (): Promise<StoreUnderTest> => {
  const disk = new MemoryDisk();
  return {
    identity,
    open: async ({ limitBytes, faults } = {}) => openOn(memoryBackend(disk, faults?.beforeFlush), limitBytes, faults),
    reopen: async () => openOn(memoryBackend(disk)),
    restore: async (directory) => {
      const copy = new MemoryDisk();
      // safe: the contract restores what it has backed up
      copy.flushed = disk.backups.get(directory)!;
      return openOn(memoryBackend(copy));
    },
    freshDirectory: fresh,
  };
});

storeContract('lmdb', async (): Promise<StoreUnderTest> => {
  const path = fresh();
  const at = (where: string, faults?: StoreFaults) =>
    lmdbBackend({ path: where, readOnly: false, ...(faults?.beforeFlush && { beforeFlush: faults.beforeFlush }) });
  return {
    identity,
    open: async ({ limitBytes, faults } = {}) => openOn(at(path, faults), limitBytes, faults),
    reopen: async () => openOn(at(path)),
    restore: async (directory) => openOn(at(directory)),
    freshDirectory: fresh,
  };
});

describe('a damaged store', () => {
  async function filled(): Promise<MemoryDisk> {
    const disk = new MemoryDisk();
    const store = openOn(memoryBackend(disk));
    for (let i = 1; i <= 5; i++) await store.commit(write({ events: [draft(i)], blobs: [utf8Encode(`blob ${i}`)] }));
    await store.close();
    return disk;
  }
  const changed = (bytes: Uint8Array | undefined, change: (text: string) => string): Uint8Array =>
    utf8Encode(change(utf8Decode(bytes ?? new Uint8Array(0)) ?? ''));

  it.each([1, 2, 3, 4])(
    'event %i says something else: the event behind it is named, and reading stops there',
    async (seq) => {
      const disk = await filled();
      disk.flushed.events.set(
        seq,
        changed(disk.flushed.events.get(seq), (text) => text.replace('"by":"test"', '"by":"Eve"')),
      );
      const store = openOn(memoryBackend(disk));
      expect(store.verify().firstBadEvent?.seq).toBe(seq + 1);
      expect(() => [...store.events(1)]).toThrow(`event ${seq + 1} does not follow`);
    },
  );

  it('the last event says something else: the store does not open', async () => {
    const disk = await filled();
    disk.flushed.events.set(
      5,
      changed(disk.flushed.events.get(5), (text) => text.replace('test', 'Eve!')),
    );
    expect(() => openOn(memoryBackend(disk))).toThrow('STORE_CORRUPT');
  });

  it('an event with the same content in another text is no event: one log, one text', async () => {
    const disk = await filled();
    disk.flushed.events.set(
      3,
      changed(disk.flushed.events.get(3), (text) => text.replace('{"body"', '{ "body"')),
    );
    expect(openOn(memoryBackend(disk)).verify().firstBadEvent).toEqual({ seq: 3, text: 'it cannot be read' });
  });

  it('I set the head back by one event and am refused: its signature names the later one', async () => {
    const disk = await filled();
    const head = disk.flushed.rows.get('!head');
    disk.flushed.rows.set(
      '!head',
      changed(head, (text) => text.replace('[5,', '[4,')),
    );
    expect(() => openOn(memoryBackend(disk))).toThrow('is not signed by');
  });

  it('an event behind the head is found', async () => {
    const disk = await filled();
    disk.flushed.events.set(6, utf8Encode('x'));
    expect(openOn(memoryBackend(disk)).verify().firstBadEvent).toMatchObject({ seq: 6, text: 'it is behind the head' });
  });

  it('a blob of other bytes is named and never served', async () => {
    const disk = await filled();
    const [name] = [...disk.flushed.blobs.keys()];
    // safe: five blobs were written
    disk.flushed.blobs.set(name!, utf8Encode('blob ?'));
    const store = openOn(memoryBackend(disk));
    expect(store.verify().badBlobs).toEqual([name]);
    expect(() => store.blob(name!)).toThrow('they are not served');
    expect(store.verify().firstBadEvent).toBeUndefined();
  });

  const withRows = async (): Promise<MemoryDisk> => {
    const disk = new MemoryDisk();
    const store = openOn(memoryBackend(disk));
    const put = ['client/a', 'client/b', 'ledger'].map((key) => [key, utf8Encode(`{"of":"${key}"}`)] as const);
    await store.commit(write({ events: [draft(1)], put }));
    await store.close();
    return disk;
  };
  const rowsOn = (disk: MemoryDisk) => openOn(memoryBackend(disk)).verify().rows;

  it('I flip any bit of any row, its own count and its digest included, and it is found', async () => {
    const { rows } = (await withRows()).flushed;
    expect([...rows.keys()].sort()).toEqual(['!bytes', '!head', '!rows', 'client/a', 'client/b', 'ledger']);
    for (const [key, value] of rows)
      for (let bit = 0; bit < 8 * value.length && key !== '!head'; bit++) {
        const disk = await withRows();
        const flipped = value.slice();
        flipped[bit >> 3] = (flipped[bit >> 3] ?? 0) ^ (1 << (bit & 7));
        disk.flushed.rows.set(key, flipped);
        // A digest that is none is refused, one that is another does not match.
        const found = (() => {
          try {
            return rowsOn(disk);
          } catch (error) {
            return error instanceof SottoError ? error.code : error;
          }
        })();
        expect(key === '!rows' ? ['differ', 'STORE_CORRUPT'] : ['differ'], `bit ${bit} of ${key}`).toContain(found);
      }
  });

  it.each<[string, (rows: Map<string, Uint8Array>) => void]>([
    ['a row is gone', (rows) => rows.delete('ledger')],
    ['a row is there that nobody wrote', (rows) => rows.set('client/c', utf8Encode('{}'))],
    [
      'two rows have changed places',
      (rows) => {
        const [a, b] = [rows.get('client/a'), rows.get('client/b')];
        // safe: both were written
        rows.set('client/a', b!).set('client/b', a!);
      },
    ],
    [
      'a byte has gone from a key to its value',
      (rows) => {
        const value = utf8Decode(rows.get('client/a') ?? new Uint8Array(0));
        rows.delete('client/a');
        rows.set('client/', utf8Encode(`a${value}`));
      },
    ],
  ])('%s: the digest of the rows does not match, also after further commits', async (_what, change) => {
    const disk = await withRows();
    change(disk.flushed.rows);
    const store = openOn(memoryBackend(disk));
    expect(store.verify().rows).toBe('differ');
    await store.commit(write({ events: [draft(2)], put: [['other', utf8Encode('x')]] }));
    expect(store.verify().rows).toBe('differ');
  });

  it('a store of before there was a digest gets one with its first commit', async () => {
    const disk = await withRows();
    disk.flushed.rows.delete('!rows');
    const store = openOn(memoryBackend(disk));
    expect(store.verify().rows).toBe('none');
    await store.commit(write({ events: [draft(2)], put: [['ledger', utf8Encode('{}')]] }));
    expect(store.verify().rows).toBe('match');
  });

  it('I open it with another identity and am refused', async () => {
    const disk = await filled();
    const other = generateIdentity(nativePrimitives, nativeRng);
    const open = () =>
      openAuditStore({ backend: memoryBackend(disk), primitives: nativePrimitives, identity: other, limitBytes: 1e9 });
    expect(open).toThrow('STORE_FORMAT');
  });
});

describe('pages that cannot be read', () => {
  it('under a blob make it a damaged blob, which is not served; everything else goes on', async () => {
    const disk = new MemoryDisk();
    const good = openOn(memoryBackend(disk));
    const [first, second] = [utf8Encode('a model'), utf8Encode('another')];
    await good.commit(write({ events: [draft(1)], blobs: [first, second] }));
    const [lost, kept] = good.blobs();
    if (lost === undefined || kept === undefined) throw new Error('no blobs');
    const backend = memoryBackend(disk);
    const store = openOn({
      ...backend,
      blob(hash) {
        if (hash === lost) throw new SottoError('STORE_CORRUPT', 'MDB_CORRUPTED: Located page was wrong type');
        return backend.blob(hash);
      },
    });
    expect(store.hasBlob(lost)).toBe(false);
    expect(() => store.blob(lost)).toThrow(expect.objectContaining({ code: 'STORE_BLOB' }));
    expect(store.verify()).toMatchObject({ badBlobs: [lost], events: 1 });
    expect(store.blob(kept)).toHaveLength(7);
  });
});
