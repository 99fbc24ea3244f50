// The layout of lmdb's data file (data version 2 with the changes of lmdb-js 3: mdb.c, "MDB_meta", "MDB_page", "MDB_node"), as bytes to look
// at without lmdb. 64-bit little-endian machines only. Not here: what must hold between pages (lmdb-walk.ts), reading values for use
// (lmdb-backend.ts).

import { closeSync, fstatSync, openSync, readSync } from 'node:fs';
import { endianness } from 'node:os';

/** Before the content of each page: number u64, transaction u64, pad u16, flags u16, then lower and upper u16, or pages u32. */
export const PAGE_HEADER = 24;
export const PAGE_FLAGS = { branch: 1, leaf: 2, overflow: 4, meta: 8 } as const;
export const NODE_HEADER = 8;
export const NODE_FLAGS = { big: 1, tree: 2 } as const;
/** In a leaf in place of a big value: first page, transaction and pages of the run that has it, u64 each. */
export const RUN_BYTES = 24;
/** Key size u32, flags u16, depth u16, then branch, leaf and overflow pages, entries and root, u64 each. */
export const TREE_BYTES = 48;
/** Trees of a meta page: free pages first, then the names of all others. */
const META_TREES = 24;
const META_BYTES = META_TREES + 2 * TREE_BYTES + 24;
const MAGIC = 0xbeefc0de;
const DATA_VERSION = 2;
/** Kept in the flags of the tree of free pages: committed, and not known to be flushed. */
const UNFLUSHED = 0x1000;

export interface Tree {
  readonly flags: number;
  readonly depth: number;
  readonly branchPages: number;
  readonly leafPages: number;
  readonly overflowPages: number;
  readonly entries: number;
  /** `undefined`: it is empty. */
  readonly root: number | undefined;
}
export interface Snapshot {
  readonly pageSize: number;
  readonly mapSize: number;
  readonly free: Tree;
  readonly names: Tree;
  readonly lastPage: number;
  readonly transaction: number;
  readonly flushed: boolean;
}

/** What is wrong with a page. Never leaves the walk. */
export class PageFault extends Error {
  readonly page: number;
  constructor(page: number, text: string) {
    super(text);
    this.page = page;
  }
}

/** Whether files of this machine have the layout that is described here: elsewhere lmdb writes other words. */
export const knowsLayout = (): boolean => endianness() === 'LE' && !['arm', 'ia32', 'mipsel'].includes(process.arch);

export function u64(bytes: Buffer, at: number): number {
  return bytes.readUInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}
/** As `ssize_t`. */
export function s64(bytes: Buffer, at: number): number {
  return bytes.readInt32LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
}

export function treeAt(bytes: Buffer, at: number): Tree {
  const isEmpty = bytes.readUInt32LE(at + 44) === 0xffffffff && bytes.readUInt32LE(at + 40) === 0xffffffff;
  return {
    flags: bytes.readUInt16LE(at + 4),
    depth: bytes.readUInt16LE(at + 6),
    branchPages: u64(bytes, at + 8),
    leafPages: u64(bytes, at + 16),
    overflowPages: u64(bytes, at + 24),
    entries: u64(bytes, at + 32),
    root: isEmpty ? undefined : u64(bytes, at + 40),
  };
}

/** Pages of a file by number, through a window that is read at once: neighbours are mostly wanted next. */
export class PageFile {
  readonly bytes: number;
  readonly #descriptor: number;
  readonly #window = Buffer.alloc(WINDOW_BYTES);
  #from = 0;
  #to = 0;

  constructor(path: string) {
    this.#descriptor = openSync(path, 'r');
    this.bytes = fstatSync(this.#descriptor).size;
  }

  /** Good until the next call. @param length at most WINDOW_BYTES */
  read(at: number, length: number): Buffer {
    if (at < this.#from || at + length > this.#to) {
      this.#from = at;
      this.#to = at + readSync(this.#descriptor, this.#window, 0, WINDOW_BYTES, at);
    }
    return this.#window.subarray(at - this.#from, Math.min(at - this.#from + length, this.#to - this.#from));
  }

  close(): void {
    closeSync(this.#descriptor);
  }
}
const WINDOW_BYTES = 65_536;

/** The two snapshots that transactions write in turn, and the last one that is known to be flushed. */
export interface Metas {
  readonly even: Snapshot;
  readonly odd: Snapshot;
  readonly flushed: Snapshot;
}

/** @throws PageFault */
export function readMetas(file: PageFile): Metas {
  const read = (at: number, page: number): Buffer => {
    const bytes = Buffer.from(file.read(at, PAGE_HEADER + META_BYTES));
    if (bytes.length < PAGE_HEADER + META_BYTES) throw new PageFault(page, 'it is behind the end of the file');
    return bytes;
  };
  const whole = (at: number, page: number): Buffer => {
    const bytes = read(at, page);
    if (u64(bytes, 0) !== page || bytes.readUInt16LE(18) !== PAGE_FLAGS.meta || bytes.readUInt32LE(24) !== MAGIC)
      throw new PageFault(page, 'it is no meta page of lmdb');
    if (bytes.readUInt32LE(28) !== DATA_VERSION) throw new PageFault(page, 'it is of another version of lmdb');
    return bytes;
  };
  const even = snapshotOf(whole(0, 0), 0);
  const odd = snapshotOf(whole(even.pageSize, 1), 1);
  if (odd.pageSize !== even.pageSize) throw new PageFault(1, `its page size is ${odd.pageSize}, not ${even.pageSize}`);
  // Half a page behind the first one, with neither magic nor version.
  const flushed = snapshotOf(read(even.pageSize / 2, 0), 0, even.pageSize);
  if (!flushed.flushed) throw new PageFault(0, 'what is said to be flushed is not marked so');
  // A copy of one of the others when it was written: else a start would go on from the one before, and miss what was acknowledged.
  for (const one of [even, odd])
    if (flushed.transaction > 0 && one.transaction === flushed.transaction && !isSame(one, flushed))
      throw new PageFault(0, 'what is said to be flushed is another state than its transaction');
  return { even, odd, flushed };
}

const isSame = (a: Snapshot, b: Snapshot): boolean =>
  a.lastPage === b.lastPage && a.names.root === b.names.root && a.free.root === b.free.root;

/** @param assumed page size of one that nothing was written to yet */
function snapshotOf(bytes: Buffer, page: number, assumed?: number): Snapshot {
  const at = PAGE_HEADER;
  const transaction = u64(bytes, at + META_TREES + 2 * TREE_BYTES + 8);
  const pageSize = assumed !== undefined && transaction === 0 ? assumed : bytes.readUInt32LE(at + META_TREES);
  if (![512, 1_024, 2_048, 4_096, 8_192, 16_384, 32_768].includes(pageSize) || (assumed ?? pageSize) !== pageSize)
    throw new PageFault(page, `it says that pages have ${pageSize} bytes`);
  const free = treeAt(bytes, at + META_TREES);
  return {
    pageSize,
    mapSize: u64(bytes, at + 16),
    free,
    names: treeAt(bytes, at + META_TREES + TREE_BYTES),
    lastPage: u64(bytes, at + META_TREES + 2 * TREE_BYTES),
    transaction,
    flushed: (free.flags & UNFLUSHED) === 0,
  };
}

/** Which snapshot a start goes on from, as lmdb has it with `safeRestore` (mdb_pick_meta), and whether it takes a later one back for it. */
export function startingPoint({ even, odd, flushed }: Metas): { readonly from: Snapshot; readonly takesBack: boolean } {
  const pick = (a: Snapshot, b: Snapshot): Snapshot => {
    if (b.transaction === 0) return a;
    const latest = a.transaction >= b.transaction ? a : b;
    if (latest.flushed) return latest;
    return a.transaction > b.transaction ? b : a;
  };
  const from = pick(pick(even, odd), flushed);
  return { from, takesBack: from.transaction !== Math.max(even.transaction, odd.transaction) };
}
