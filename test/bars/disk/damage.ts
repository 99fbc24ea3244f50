// Ways to damage a data directory, drawn from a seed. Not here: what must follow (run.ts), failing writes (faults.ts).

import { closeSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import type { Json } from '../../../protocol/task.js';
import { currentBlobs } from '../../../server/data/current.js';
import { takeLock } from '../../../server/data/lock.js';
import { lmdbBackend } from '../../../server/store/lmdb-backend.js';

export interface Damage {
  readonly name: string;
  /** `must refuse`: nothing of it can be opened; `may open`: refused, or opened whole. `must open`: nothing that matters is missing. */
  readonly fate: 'must refuse' | 'may open' | 'must open';
  /** Codes with which it may be refused. */
  readonly codes: readonly string[];
  readonly damage: (directory: string) => void | Promise<void>;
}

const PAGE = 4_096;
const file = (directory: string): string => join(directory, 'db', 'data.mdb');
const marker = (directory: string): string => join(directory, 'sotto-store.json');
const CORRUPT = ['STORE_CORRUPT'];

/** Changes some bytes where they are. */
function change(path: string, at: number, make: (before: Uint8Array) => Uint8Array, length: number): void {
  const bytes = readFileSync(path);
  const descriptor = openSync(path, 'r+');
  try {
    writeSync(descriptor, make(bytes.subarray(at, at + length)), 0, undefined, at);
  } finally {
    closeSync(descriptor);
  }
}

const lockOf = (directory: string): string => join(directory, 'lock');

/** Takes a blob out of the database, as if its entry had never been written. @param which `newest`: the model that everybody goes on from */
async function dropBlob(directory: string, which: 'newest' | 'old'): Promise<void> {
  const backend = lmdbBackend({ path: join(directory, 'db'), readOnly: false });
  const current = currentBlobs((key) => {
    const bytes = backend.row(key);
    return bytes === undefined ? undefined : (JSON.parse(Buffer.from(bytes).toString()) as Json);
  });
  const name = which === 'newest' ? current[0] : backend.blobs().find((one) => !current.includes(one));
  if (name === undefined) throw new Error(`the original has no ${which} blob`);
  await backend.write({ events: [], rows: [], blobs: [[name, undefined]] });
  await backend.close();
}

/** One bit in each of so many values of rows, drawn; the store's own rows are among them. */
export async function inRows(directory: string, count: number, random: () => number): Promise<readonly Damage[]> {
  const backend = lmdbBackend({ path: join(directory, 'db'), readOnly: true });
  const rows = backend.rows('').map(([key, value]) => [key, value.length] as const);
  await backend.close();
  const below = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: count }, (_, i) => {
    // Each row once, then any.
    const [key, bytes] = rows[i < rows.length ? i : below(rows.length)] ?? ['', 1];
    const [at, bit] = [below(bytes), below(8)];
    return {
      name: `bit ${bit} of byte ${at} of row ${key}`,
      fate: 'must refuse',
      codes: CORRUPT,
      damage: (d: string) => flipInRow(d, key, at, bit),
    } as const;
  });
}

/** As if the disk had done it: the value alone is another one, and everything around it fits. */
async function flipInRow(directory: string, key: string, at: number, bit: number): Promise<void> {
  const backend = lmdbBackend({ path: join(directory, 'db'), readOnly: false });
  const value = Uint8Array.from(backend.row(key) ?? []);
  value[at] = (value[at] ?? 0) ^ (1 << bit);
  await backend.write({ events: [], rows: [[key, value]], blobs: [] });
  await backend.close();
}

/** A lock as somebody else would leave it. */
function leaveLock(directory: string, owner: object): void {
  const lock = takeLock(directory);
  const own = JSON.parse(readFileSync(lockOf(directory), 'utf8')) as object;
  lock.release();
  writeFileSync(lockOf(directory), JSON.stringify({ ...own, token: 'ab'.repeat(16), ...owner }));
}

/** The cases that are there only once. */
export const named = (): readonly Damage[] => [
  { name: 'nothing', fate: 'must open', codes: [], damage: () => {} },
  { name: 'no database', fate: 'must refuse', codes: ['STORE_MISSING'], damage: (d) => rmSync(file(d)) },
  {
    name: 'an empty database',
    fate: 'must refuse',
    codes: ['STORE_MISSING'],
    damage: (d) => writeFileSync(file(d), ''),
  },
  {
    name: 'no directory of the database',
    fate: 'must refuse',
    codes: ['STORE_MISSING'],
    damage: (d) => rmSync(join(d, 'db'), { recursive: true }),
  },
  {
    name: 'a database of another program',
    fate: 'must refuse',
    codes: CORRUPT,
    damage: (d) => writeFileSync(file(d), 'SQLite format 3\0'.repeat(1_000)),
  },
  {
    name: 'a marker that cannot be read',
    fate: 'must refuse',
    codes: CORRUPT,
    damage: (d) => writeFileSync(marker(d), '{'),
  },
  { name: 'a marker that is empty', fate: 'must refuse', codes: CORRUPT, damage: (d) => writeFileSync(marker(d), '') },
  {
    name: 'a newer format',
    fate: 'must refuse',
    codes: ['STORE_FORMAT'],
    damage: (d) => writeFileSync(marker(d), '{"format":"sotto-store/2"}'),
  },
  {
    name: 'an older format',
    fate: 'must refuse',
    codes: ['STORE_FORMAT'],
    damage: (d) => writeFileSync(marker(d), '{"format":"sotto-store/0"}'),
  },
  {
    name: "somebody else's directory",
    fate: 'must refuse',
    codes: ['STORE_FORMAT'],
    damage: (d) => writeFileSync(marker(d), JSON.stringify({ format: 'sotto-store/1', coordinator: 'ab'.repeat(32) })),
  },
  { name: 'no marker', fate: 'may open', codes: CORRUPT, damage: (d) => rmSync(marker(d)) },
  {
    name: 'the lock of a living process',
    fate: 'must refuse',
    codes: ['STORE_LOCKED'],
    damage: (d) => void takeLock(d), // ours, and we live
  },
  {
    name: 'the lock of a process that is gone',
    fate: 'must open',
    codes: [],
    damage: (d) => leaveLock(d, { pid: 2 ** 22 + 1 }), // above the largest there are
  },
  {
    name: 'the lock of a boot that is over',
    fate: 'must open',
    codes: [],
    damage: (d) => leaveLock(d, { boot: '00000000-0000-0000-0000-000000000000' }),
  },
  {
    name: 'the lock of another machine',
    fate: 'must refuse',
    codes: ['STORE_LOCKED'],
    damage: (d) => leaveLock(d, { host: 'elsewhere' }),
  },
  {
    name: 'a lock that is half written',
    fate: 'must refuse',
    codes: ['STORE_LOCKED'],
    damage: (d) => writeFileSync(lockOf(d), '{"pid":'),
  },
  { name: 'the newest model gone', fate: 'must refuse', codes: CORRUPT, damage: (d) => dropBlob(d, 'newest') },
  { name: 'an old blob gone', fate: 'must open', codes: [], damage: (d) => dropBlob(d, 'old') },
  {
    name: "lmdb's own lock file gone",
    fate: 'must open',
    codes: [],
    damage: (d) => rmSync(join(d, 'db', 'lock.mdb'), { force: true }),
  },
];

/** Cut at the borders of the last pages, and as many pages all zeros, drawn without repetition. */
export function pagewise(directory: string, most: number, random: () => number): readonly Damage[] {
  const pages = Math.floor(statSync(file(directory)).size / PAGE);
  const cuts = Array.from({ length: Math.min(most, pages - 1) }, (_, i) => cutTo((pages - 1 - i) * PAGE, pages * PAGE));
  const left = Array.from({ length: pages }, (_, page) => page);
  const zeros = Array.from({ length: Math.min(most, pages) }, () => {
    const [page = 0] = left.splice(Math.floor(random() * left.length), 1);
    return {
      name: `page ${page} all zeros`,
      fate: 'may open',
      codes: CORRUPT,
      damage: (d: string) => change(file(d), page * PAGE, () => new Uint8Array(PAGE), PAGE),
    } as const;
  });
  return [...cuts, ...zeros];
}

/** A third cut anywhere, the others with one bit changed. */
export function drawn(directory: string, count: number, random: () => number): readonly Damage[] {
  const bytes = statSync(file(directory)).size;
  const below = (n: number): number => Math.floor(random() * n);
  return Array.from({ length: count }, (_, i) => {
    if (i % 3 === 0) return cutTo(below(bytes), bytes);
    const [at, bit] = [below(bytes), below(8)];
    return {
      name: `bit ${bit} of byte ${at}`,
      fate: 'may open',
      codes: [...CORRUPT, 'STORE_FORMAT'],
      damage: (d: string) => change(file(d), at, ([byte = 0]) => Uint8Array.of(byte ^ (1 << bit)), 1),
    } as const;
  });
}

/** Pages at the end may be free: then nothing is missing. */
const cutTo = (cut: number, bytes: number): Damage => ({
  name: `cut to ${cut} of ${bytes} bytes`,
  fate: 'may open',
  codes: [...CORRUPT, 'STORE_MISSING'],
  damage: (d) => truncateSync(file(d), cut),
});
