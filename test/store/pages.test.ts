// Every page of a database before lmdb sees it: nothing to find in what lmdb writes, and whatever a disk may make of a page is found
// without dying of it. Not here: what a start makes of it (data.test.ts), many damages (npm run bar -- disk).

import { copyFileSync, mkdirSync, mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import type { Hash } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { checkDatabase, verdictOf } from '../../server/data/check.js';
import { lmdbBackend } from '../../server/store/lmdb-backend.js';
import { type Walk, walkPages } from '../../server/store/lmdb-walk.js';
import { openAuditStore } from '../../server/store/store.js';
import { Random } from '../../simulations/random.js';
import { draft, write } from '../contracts/store.js';
import { freeEntries, newestMeta, PAGE, rootOf } from './layout.js';

const root = mkdtempSync(join(tmpdir(), 'sotto-pages-'));
afterAll(() => rmSync(root, { recursive: true, force: true }));

const directory = join(root, 'original');
const file = join(directory, 'data.mdb');
const walks: Walk[] = [];
let bytes: Buffer;
let pageSize = 0;
let lastPage = 0;
/** Pages of trees by what lmdb itself counts, and values that are too big for one. */
let counted = { tree: 0, big: 0 };

/** What was written so far, changed. */
function changed(change: (copy: Buffer) => void): Walk {
  const copy = Buffer.from(bytes);
  change(copy);
  const path = join(root, 'changed.mdb');
  writeFileSync(path, copy);
  return must(walkPages(path));
}
function must(walk: Walk | undefined): Walk {
  if (walk === undefined) throw new Error('the layout of this machine is not known');
  return walk;
}
const word = (page: number, at: number): number => page * pageSize + at;

beforeAll(async () => {
  const random = Random.fromSeed('pages');
  const some = (least: number, most: number): Uint8Array => random.bytes(least + random.integer(most - least));
  let backend = lmdbBackend({ path: directory, readOnly: false });
  const blobs: Hash[] = [];
  const rows = new Set<string>();
  let seq = 0;
  let big = 0;
  for (let i = 0; i < 240; i++) {
    const events = Array.from({ length: 1 + random.integer(6) }, () => [++seq, some(50, 700)] as const);
    const put = Array.from({ length: random.integer(8) }, () => {
      const key = `client/${random.integer(500)}`;
      const value = random.uniform() < 0.2 && rows.has(key) ? undefined : some(1, 300);
      if (value === undefined) rows.delete(key);
      else rows.add(key);
      return [key, value] as const;
    });
    const changes: [Hash, Uint8Array | undefined][] = [];
    if (random.uniform() < 0.4) {
      const name = Buffer.from(random.bytes(32)).toString('hex') as Hash;
      blobs.push(name);
      changes.push([name, some(5_000, 60_000)]);
    }
    if (blobs.length > 6) changes.push([blobs.splice(random.integer(5), 1)[0] as Hash, undefined]);
    await backend.write({ events, rows: put, blobs: changes });
    if (i % 20 === 0) walks.push(must(walkPages(file)));
    if (i % 60 === 59) {
      await backend.close();
      backend = lmdbBackend({ path: directory, readOnly: false });
    }
  }
  big = blobs.length;
  await backend.close();
  bytes = readFileSync(file);
  const { open } = await import('lmdb');
  const whole = open<Uint8Array>({ path: directory, readOnly: true, encoding: 'binary', maxDbs: 4 });
  interface Stats {
    readonly treeBranchPageCount: number;
    readonly treeLeafPageCount: number;
  }
  const stats = whole.getStats() as Stats & { root: Stats; free: Stats; pageSize: number; lastPageNumber: number };
  const named = [
    whole.openDB('events', { encoding: 'binary', keyEncoding: 'uint32' }),
    whole.openDB('rows', { encoding: 'binary' }),
    whole.openDB('blobs', { encoding: 'binary' }),
  ].map((one) => one.getStats() as Stats);
  const trees = [stats.root, stats.free, ...named];
  counted = { tree: trees.reduce((sum, one) => sum + one.treeBranchPageCount + one.treeLeafPageCount, 0), big };
  pageSize = stats.pageSize;
  lastPage = stats.lastPageNumber;
  await whole.close();
}, 60_000);

describe('what lmdb writes', () => {
  it('has nothing to find after any of hundreds of transactions that add, change and delete, and loses no page', () => {
    expect(walks.length).toBe(12);
    for (const { fault, lost } of [...walks, must(walkPages(file))]) expect([fault, lost]).toEqual([undefined, 0]);
  });

  it('has nothing to find in a compacted copy', async () => {
    const backend = lmdbBackend({ path: directory, readOnly: true });
    const copy = join(root, 'copy');
    mkdirSync(copy);
    await backend.backup(copy);
    await backend.close();
    expect(must(walkPages(join(copy, 'data.mdb')))).toMatchObject({ free: 0, lost: 0 });
    expect(walkPages(join(copy, 'data.mdb'))?.fault).toBeUndefined();
  });
});

describe('a disk that fails', () => {
  it('I make any page zeros: it is found exactly where it is in use, as many times as lmdb counts pages', () => {
    let found = 0;
    for (let page = 0; page <= lastPage; page++)
      if (changed((copy) => copy.fill(0, word(page, 0), word(page + 1, 0))).fault !== undefined) found++;
    // Inside a value there is nothing for lmdb to die of: its hash is looked at when it is read.
    expect(found).toBe(2 + counted.tree + counted.big);
  });

  it('I change any bit of the number, the kind or the bounds of any page in use, and am found out', () => {
    for (let page = 2; page <= lastPage; page++) {
      if (changed((copy) => copy.fill(0, word(page, 0), word(page + 1, 0))).fault === undefined) continue;
      const bits = [...Array(8 * 8).keys(), ...Array.from({ length: 8 * 6 }, (_, i) => 8 * 18 + i)];
      // Each page a few of them, all pages all of them several times.
      for (const bit of bits.filter((_, i) => i % 16 === page % 16)) {
        const { fault } = changed((copy) => {
          const at = word(page, Math.floor(bit / 8));
          copy.writeUInt8(copy.readUInt8(at) ^ (1 << (bit % 8)), at);
        });
        expect(fault, `bit ${bit} of page ${page}`).toBeDefined();
      }
    }
  });

  it('I put a page in use on the list of free pages, one twice, or one that is not there, and am found out', () => {
    const [first = 0, second = 0] = freeEntries(bytes);
    const entry = (value: bigint) => changed((copy) => copy.writeBigInt64LE(value, first)).fault?.text;
    expect(entry(BigInt(rootOf(bytes, 'names')))).toContain('in use and on the list of free pages');
    expect(entry(bytes.readBigInt64LE(second))).toContain('twice');
    expect(entry(BigInt(lastPage + 1))).toContain('leads to');
    // Nothing in its place: a page is lost, and nobody is harmed.
    expect(changed((copy) => copy.writeBigInt64LE(0n, first))).toMatchObject({ lost: 1 });
  });

  it('I cut the file anywhere, and it is found unless only free pages are gone', () => {
    const path = join(root, 'cut.mdb');
    let before: string | undefined;
    for (let page = lastPage; page >= 0; page--) {
      copyFileSync(file, path);
      truncateSync(path, page * pageSize);
      const fault = walkPages(path)?.fault;
      // What is missing stays missing when more is.
      if (before !== undefined) expect(fault, `${page} pages`).toBeDefined();
      before ??= fault?.text;
    }
    expect(before).toBeDefined();
  });

  it('I change any bit of a meta page: found, or the same state is opened', () => {
    const whole = must(walkPages(file));
    for (let at = 0; at < 2 * pageSize; at++) {
      // Behind their contents there is nothing.
      if (at % (pageSize / 2) >= 200) continue;
      const walk = changed((copy) => copy.writeUInt8(copy.readUInt8(at) ^ (1 << (at % 8)), at));
      const same = walk.used === whole.used && walk.free === whole.free;
      expect(walk.fault !== undefined || same, `byte ${at}`).toBe(true);
    }
  });
});

describe('a power cut between a commit and its flush', () => {
  it('may tear what was never flushed: the check reads what was, as the coordinator will, and it verifies', async () => {
    const path = join(root, 'torn');
    const identity = generateIdentity(nativePrimitives, nativeRng);
    const backend = lmdbBackend({ path, readOnly: false });
    const store = openAuditStore({ backend, primitives: nativePrimitives, identity, limitBytes: 1e9 });
    for (let i = 1; i <= 3; i++) await store.commit(write({ events: [draft(i)] }));
    await store.close();
    const data = join(path, 'data.mdb');
    const copy = readFileSync(data);
    const newer = newestMeta(copy);
    const older = PAGE - newer;
    const flags = 24 + 24 + 4;
    // As it is before the flush: the newest is not marked as flushed, and the last one that is, is the one before.
    copy.writeUInt16LE(copy.readUInt16LE(newer + flags) | 0x1000, newer + flags);
    copy.copy(copy, 2_048 + 40, older + 40, older + 24 + 144);
    copy.writeUInt16LE(copy.readUInt16LE(2_048 + flags) & ~0x1000, 2_048 + flags);
    const names = rootOf(copy, 'names');
    copy.fill(0, names * PAGE, (names + 1) * PAGE);
    writeFileSync(data, copy);
    expect(must(walkPages(data))).toMatchObject({ takesBack: true });
    const result = await checkDatabase({ database: path, coordinator: identity.id, depth: 'all' });
    // Rows of a log that is none of a task say nothing here.
    expect(
      'died' in result ? result : { ...result.report, wrong: verdictOf({ ...result, badRows: [] }) },
    ).toMatchObject({
      head: { seq: 2 },
      wrong: undefined,
    });
  }, 60_000);
});
