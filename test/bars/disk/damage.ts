// Ways to damage a data directory, drawn from a seed. Not here: what must follow (run.ts), failing writes (faults.ts).

import { closeSync, openSync, readFileSync, rmSync, statSync, truncateSync, writeFileSync, writeSync } from 'node:fs';
import { join } from 'node:path';
import { takeLock } from '../../../server/data/lock.js';

export interface Damage {
  readonly name: string;
  /** `must refuse`: nothing of it can be opened; `may open`: refused, or opened whole. `must open`: nothing that matters is missing. */
  readonly fate: 'must refuse' | 'may open' | 'must open';
  /** Codes with which it may be refused. */
  readonly codes: readonly string[];
  readonly damage: (directory: string) => void;
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
    name: "lmdb's own lock file gone",
    fate: 'must open',
    codes: [],
    damage: (d) => rmSync(join(d, 'db', 'lock.mdb'), { force: true }),
  },
];

/** A case of one of the kinds that there are many of. */
export function drawn(directory: string, random: () => number): Damage {
  const bytes = statSync(file(directory)).size;
  const below = (n: number): number => Math.floor(random() * n);
  const pages = Math.floor(bytes / PAGE);
  switch (below(5)) {
    case 0: {
      const cut = (pages - 1 - below(Math.min(64, pages - 1))) * PAGE;
      // Pages at the end may be free: then nothing is missing.
      return {
        name: `cut to ${cut / PAGE} of ${pages} pages`,
        fate: 'may open',
        codes: [...CORRUPT, 'STORE_MISSING'],
        damage: (d) => truncateSync(file(d), cut),
      };
    }
    case 1: {
      const cut = below(bytes);
      return {
        name: `cut to ${cut} of ${bytes} bytes`,
        fate: 'may open',
        codes: [...CORRUPT, 'STORE_MISSING'],
        damage: (d) => truncateSync(file(d), cut),
      };
    }
    case 2: {
      const at = below(pages) * PAGE;
      return {
        name: `page ${at / PAGE} all zeros`,
        fate: 'may open',
        codes: CORRUPT,
        damage: (d) => change(file(d), at, () => new Uint8Array(PAGE), PAGE),
      };
    }
    default: {
      const [at, bit] = [below(bytes), below(8)];
      return {
        name: `bit ${bit} of byte ${at}`,
        fate: 'may open',
        codes: [...CORRUPT, 'STORE_FORMAT'],
        damage: (d) => change(file(d), at, ([byte = 0]) => Uint8Array.of(byte ^ (1 << bit)), 1),
      };
    }
  }
}
