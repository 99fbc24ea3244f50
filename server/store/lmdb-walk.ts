// Looks at every page of an lmdb file before lmdb does: lmdb checks nothing of what it reads, and dies (SIGSEGV, SIGBUS, an assertion, a
// transaction that cannot be aborted) of a page that is not what it takes it for, perhaps hours after the start, in the coordinator.
//
// What must hold for the snapshot that a start goes on from: every page of every tree is inside the file, carries its own number, the
// kind that its place asks for and a transaction that has been; its nodes lie inside it and fill it without gaps; keys ascend over
// the whole tree; values too big for a leaf have their run of pages; counts are those of the tree; no page is in two places, in a tree
// and on the list of free pages, or twice on that list (a writer would overwrite what is in use). A page that is nowhere is a loss of
// 4 KiB and harmless: lmdb itself loses some.
//
// Contents are not its subject: events and blobs have hashes, rows a digest (store.ts). Not here: the layout
// (lmdb-pages.ts).

import {
  knowsLayout,
  NODE_FLAGS,
  NODE_HEADER,
  PAGE_FLAGS,
  PAGE_HEADER,
  PageFault,
  PageFile,
  RUN_BYTES,
  readMetas,
  type Snapshot,
  s64,
  startingPoint,
  TREE_BYTES,
  type Tree,
  treeAt,
  u64,
} from './lmdb-pages.js';

export interface Walk {
  /** The first page that is wrong, and why; absent in a sound file. */
  readonly fault?: { readonly page: number; readonly text: string };
  /** Pages in trees, on the list of free pages, and in neither. */
  readonly used: number;
  readonly free: number;
  readonly lost: number;
  /** lmdb would take back a transaction that was committed and never flushed. */
  readonly takesBack: boolean;
}

/** Never throws for what it finds. `undefined` on machines where files have another layout. @throws what the file system throws */
export function walkPages(path: string): Walk | undefined {
  if (!knowsLayout()) return undefined;
  const file = new PageFile(path);
  try {
    const { from, takesBack } = startingPoint(readMetas(file));
    return { ...new Pages(file, from).walk(), takesBack };
  } catch (error) {
    if (!(error instanceof PageFault)) throw error;
    return { used: 0, free: 0, lost: 0, takesBack: false, fault: { page: error.page, text: error.message } };
  } finally {
    file.close();
  }
}

const USED = 1;
const FREE = 2;
/** A tree of 2^32 pages has less. lmdb keeps a fixed stack of 32. */
const MOST_DEPTH = 32;
/** Reversed keys, duplicates and the like: none of our trees has them, and lmdb goes other ways for them. */
const FOREIGN_FLAGS = 0x76;
const INTEGER_KEYS = 0x08;
const INDEX_BYTES = 2;

interface Counts {
  branchPages: number;
  leafPages: number;
  overflowPages: number;
  entries: number;
}
interface Walking {
  readonly tree: Tree;
  readonly kind: 'free' | 'names' | 'values';
  readonly counts: Counts;
  /** The last key or separator: where its bytes are, and whether the next key may be the same. */
  last: Buffer | undefined;
  lastAt: number;
  lastBytes: number;
  mayRepeat: boolean;
}

class Pages {
  readonly #file: PageFile;
  readonly #from: Snapshot;
  readonly #state: Uint8Array;
  readonly #trees: Tree[] = [];

  constructor(file: PageFile, from: Snapshot) {
    const { lastPage, pageSize, mapSize, transaction } = from;
    // The file may end before its last page where that is free, but not by a multiple.
    if (!Number.isSafeInteger(lastPage) || lastPage < 1 || lastPage > MOST_PAGES)
      throw new PageFault(transaction % 2, `its last page would be ${lastPage}`);
    if (mapSize % pageSize !== 0 || mapSize > MOST_MAP_BYTES)
      throw new PageFault(transaction % 2, `it would be mapped with ${mapSize} bytes`);
    this.#file = file;
    this.#from = from;
    this.#state = new Uint8Array(lastPage + 1);
    this.#state.fill(USED, 0, 2);
  }

  walk(): Omit<Walk, 'takesBack'> {
    const { free, names, transaction } = this.#from;
    const meta = transaction % 2;
    if ((free.flags & (FOREIGN_FLAGS | INTEGER_KEYS)) !== INTEGER_KEYS)
      throw new PageFault(meta, 'its list of free pages is of another kind');
    if (names.root !== undefined) {
      // Every transaction writes that page; a compacted copy numbers all pages as of the first.
      const written = u64(this.#page(names.root), 8);
      if (written !== transaction && written !== 1)
        throw new PageFault(meta, `its transaction is ${transaction}, its root of ${written}`);
    }
    this.#tree(names, 'names', meta);
    for (const tree of this.#trees) this.#tree(tree, 'values', meta);
    this.#tree(free, 'free', meta);
    let used = 0;
    let spare = 0;
    for (const state of this.#state) {
      if (state === USED) used++;
      else if (state === FREE) spare++;
    }
    return { used, free: spare, lost: this.#state.length - used - spare };
  }

  #tree(tree: Tree, kind: Walking['kind'], meta: number): void {
    if ((tree.flags & FOREIGN_FLAGS) !== 0) throw new PageFault(tree.root ?? meta, 'its tree is of another kind');
    const counts = { branchPages: 0, leafPages: 0, overflowPages: 0, entries: 0 };
    if (tree.root !== undefined) {
      if (tree.depth < 1 || tree.depth > MOST_DEPTH)
        throw new PageFault(tree.root, `its tree would be ${tree.depth} pages deep`);
      this.#descend(tree.root, 1, { tree, kind, counts, last: undefined, lastAt: 0, lastBytes: 0, mayRepeat: false });
    } else if (tree.depth !== 0) throw new PageFault(meta, 'an empty tree has a depth');
    for (const name of ['branchPages', 'leafPages', 'overflowPages', 'entries'] as const)
      if (tree[name] !== counts[name])
        throw new PageFault(tree.root ?? meta, `its tree says ${tree[name]} ${name}, it has ${counts[name]}`);
  }

  #descend(page: number, depth: number, walking: Walking): void {
    this.#claim(page, 1, USED, page);
    const bytes = this.#page(page);
    this.#header(bytes, page, depth === walking.tree.depth ? PAGE_FLAGS.leaf : PAGE_FLAGS.branch);
    if (depth === walking.tree.depth) this.#leaf(bytes, page, walking);
    else this.#branch(Buffer.from(bytes), page, depth, walking);
  }

  #branch(bytes: Buffer, page: number, depth: number, walking: Walking): void {
    walking.counts.branchPages++;
    const count = this.#nodes(bytes, page, () => 0);
    // lmdb asserts it; in the list of free pages one may be left while it is rewritten.
    if (count < (walking.kind === 'free' ? 1 : 2)) throw new PageFault(page, `it has ${count} branches`);
    for (let i = 0; i < count; i++) {
      const at = nodeAt(bytes, i);
      // The first stands for everything below the second; its key is not looked at.
      if (i > 0) this.#key(bytes, at, page, walking, true);
      const child = bytes.readUInt16LE(at + 4) * 2 ** 32 + bytes.readUInt32LE(at);
      this.#descend(child, depth + 1, walking);
    }
  }

  #leaf(bytes: Buffer, page: number, walking: Walking): void {
    const { counts, kind } = walking;
    counts.leafPages++;
    const count = this.#nodes(bytes, page, (at) =>
      (bytes.readUInt16LE(at + 4) & NODE_FLAGS.big) !== 0 ? RUN_BYTES : bytes.readUInt32LE(at),
    );
    if (count < 1) throw new PageFault(page, 'it has no entries');
    counts.entries += count;
    const runs: number[] = [];
    const lists: Buffer[] = [];
    for (let i = 0; i < count; i++) {
      const at = nodeAt(bytes, i);
      this.#key(bytes, at, page, walking, false);
      const flags = bytes.readUInt16LE(at + 4);
      const size = bytes.readUInt32LE(at);
      const data = at + NODE_HEADER + bytes.readUInt16LE(at + 6);
      if (flags !== (kind === 'names' ? NODE_FLAGS.tree : flags & NODE_FLAGS.big))
        throw new PageFault(page, `entry ${i} is of kind ${flags}`);
      if (kind === 'names') {
        if (size !== TREE_BYTES) throw new PageFault(page, `tree ${i} is described by ${size} bytes`);
        this.#trees.push(treeAt(bytes, data));
      } else if ((flags & NODE_FLAGS.big) !== 0)
        runs.push(size, u64(bytes, data), u64(bytes, data + 8), u64(bytes, data + 16));
      else if (kind === 'free') lists.push(Buffer.from(bytes.subarray(data, data + size)));
    }
    // The bytes above are good until another page is read.
    walking.last = Buffer.from(bytes.subarray(walking.lastAt, walking.lastAt + walking.lastBytes));
    walking.lastAt = 0;
    for (let i = 0; i < runs.length; i += 4) {
      const [size = 0, first = 0, written = 0, pages = 0] = runs.slice(i, i + 4);
      this.#run(size, first, written, pages, page);
      counts.overflowPages += pages;
      if (kind === 'free') lists.push(this.#content(first, size));
    }
    for (const list of lists) this.#freeList(list, page);
  }

  /** A value that is too big for a leaf. */
  #run(size: number, first: number, written: number, pages: number, owner: number): void {
    const { pageSize, transaction } = this.#from;
    if (pages !== Math.floor((PAGE_HEADER - 1 + size) / pageSize) + 1 || written > transaction)
      throw new PageFault(owner, `a value of ${size} bytes would be on ${pages} pages from ${first}`);
    this.#claim(first, pages, USED, owner);
    if ((first + pages) * pageSize > this.#file.bytes)
      throw new PageFault(first, `its run of ${pages} pages goes behind the end of the file`);
    const bytes = this.#page(first);
    this.#header(bytes, first, PAGE_FLAGS.overflow);
    if (bytes.readUInt32LE(20) !== pages) throw new PageFault(first, `it has a run of other length than ${pages}`);
  }

  #content(first: number, size: number): Buffer {
    const { pageSize } = this.#from;
    const parts: Buffer[] = [];
    for (let done = 0; done < size; ) {
      const at = first * pageSize + PAGE_HEADER + done;
      const part = Buffer.from(this.#file.read(at, Math.min(pageSize, size - done)));
      if (part.length === 0) throw new PageFault(first, 'it is cut off');
      parts.push(part);
      done += part.length;
    }
    return Buffer.concat(parts);
  }

  /** Words: how many follow; then page numbers, minus a length before the first of so many in a row, and zeros for nothing. */
  #freeList(list: Buffer, page: number): void {
    const count = list.length < 8 || list.length % 8 !== 0 ? -1 : s64(list, 0);
    if (count < 0 || count > list.length / 8 - 1) throw new PageFault(page, 'a list of free pages has a wrong length');
    for (let i = 1; i <= count; i++) {
      const entry = s64(list, 8 * i);
      if (entry === 0) continue;
      if (entry < 0 && i === count) throw new PageFault(page, 'a list of free pages ends in a row');
      if (entry < 0) i++;
      this.#claim(entry < 0 ? s64(list, 8 * i) : entry, entry < 0 ? -entry : 1, FREE, page);
    }
  }

  /** @param by whose word it is */
  #claim(first: number, pages: number, as: number, by: number): void {
    const last = first + pages - 1;
    if (!(first >= 2 && pages >= 1 && last < this.#state.length))
      throw new PageFault(by, `it leads to ${pages} pages from ${first}, of ${this.#state.length}`);
    for (let page = first; page <= last; page++) {
      const before = this.#state[page];
      if (before === USED)
        throw new PageFault(page, as === FREE ? 'it is in use and on the list of free pages' : 'it is in two places');
      if (before === FREE) throw new PageFault(page, 'it is on the list of free pages twice');
      this.#state[page] = as;
    }
  }

  #page(page: number): Buffer {
    const { pageSize } = this.#from;
    if (page >= this.#state.length) throw new PageFault(page, `it is none of ${this.#state.length} pages`);
    const bytes = this.#file.read(page * pageSize, pageSize);
    if (bytes.length < pageSize)
      throw new PageFault(page, `it is behind the end of the file, which was cut to ${this.#file.bytes} bytes`);
    return bytes;
  }

  #header(bytes: Buffer, page: number, kind: number): void {
    if (u64(bytes, 0) !== page) throw new PageFault(page, `it carries number ${u64(bytes, 0)}`);
    if (bytes.readUInt16LE(18) !== kind)
      throw new PageFault(page, `it is of kind ${bytes.readUInt16LE(18)}, not ${kind}`);
    if (u64(bytes, 8) > this.#from.transaction)
      throw new PageFault(page, `it is of transaction ${u64(bytes, 8)}, which has not been`);
  }

  /** Nodes inside the page, and together as large as what the page says is filled. @returns how many @param dataBytes in the node at `at` */
  #nodes(bytes: Buffer, page: number, dataBytes: (at: number) => number): number {
    const { pageSize } = this.#from;
    const [lower, upper] = [bytes.readUInt16LE(20), bytes.readUInt16LE(22)];
    const room = pageSize - PAGE_HEADER;
    if (lower % INDEX_BYTES !== 0 || lower > upper || upper > room)
      throw new PageFault(page, `its free room would be from ${lower} to ${upper}`);
    let filled = 0;
    for (let i = 0; i < lower / INDEX_BYTES; i++) {
      const at = nodeAt(bytes, i);
      if (at < PAGE_HEADER + upper || at + NODE_HEADER > pageSize) throw new PageFault(page, `node ${i} is not in it`);
      const size = NODE_HEADER + bytes.readUInt16LE(at + 6) + dataBytes(at);
      if (at + size > pageSize) throw new PageFault(page, `node ${i} goes behind its end`);
      filled += size + (size % 2);
    }
    if (filled !== room - upper) throw new PageFault(page, `its nodes have ${filled} bytes of ${room - upper}`);
    return lower / INDEX_BYTES;
  }

  /** @param separates in a branch: the first key behind it may be the same */
  #key(bytes: Buffer, at: number, page: number, walking: Walking, separates: boolean): void {
    const size = bytes.readUInt16LE(at + 6);
    const from = at + NODE_HEADER;
    const { last, tree } = walking;
    if (size === 0) throw new PageFault(page, 'it has an entry without a key');
    const isInteger = (tree.flags & INTEGER_KEYS) !== 0;
    if (isInteger && size !== 4 && size !== 8) throw new PageFault(page, `it has a number of ${size} bytes for a key`);
    if (last !== undefined) {
      const { lastAt, lastBytes } = walking;
      const order = isInteger
        ? numberOf(last, lastAt, lastBytes) - numberOf(bytes, from, size)
        : last.compare(bytes, from, from + size, lastAt, lastAt + lastBytes);
      if (order > 0 || (order === 0 && !walking.mayRepeat)) throw new PageFault(page, 'its keys are not in order');
    }
    walking.last = bytes;
    walking.lastAt = from;
    walking.lastBytes = size;
    walking.mayRepeat = separates;
  }
}

/** More than any machine maps. */
const MOST_MAP_BYTES = 2 ** 47;
const MOST_PAGES = 2 ** 31;

const nodeAt = (bytes: Buffer, index: number): number =>
  bytes.readUInt16LE(PAGE_HEADER + INDEX_BYTES * index) + PAGE_HEADER;

const numberOf = (bytes: Buffer, at: number, size: number): number =>
  size === 4 ? bytes.readUInt32LE(at) : u64(bytes, at);
