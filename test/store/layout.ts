// Where things lie in a database file of few pages, for tests that damage it. Knows less than server/store/lmdb-walk.ts on purpose: pages
// of 4 KiB, trees of one page. Not a test.

export const PAGE = 4_096;
const HEADER = 24;

/** Offset of the meta page with the later transaction. */
export const newestMeta = (bytes: Buffer): number =>
  bytes.readUInt32LE(PAGE + 152) > bytes.readUInt32LE(152) ? PAGE : 0;

export function rootOf(bytes: Buffer, tree: 'free pages' | 'names' | 'rows'): number {
  const meta = newestMeta(bytes);
  if (tree === 'free pages') return bytes.readUInt32LE(meta + HEADER + 24 + 40);
  const names = bytes.readUInt32LE(meta + HEADER + 24 + 48 + 40);
  return tree === 'names' ? names : bytes.readUInt32LE(bytes.indexOf('rows\0', names * PAGE) + 5 + 40);
}

/** Offsets of entries of the list of free pages that are one page each, and of the place before each. */
export function freeEntries(bytes: Buffer): readonly number[] {
  const leaf = rootOf(bytes, 'free pages') * PAGE;
  const nodes = Array.from(
    { length: bytes.readUInt16LE(leaf + 20) / 2 },
    (_, i) => leaf + HEADER + bytes.readUInt16LE(leaf + HEADER + 2 * i),
  );
  return nodes.flatMap((node) => {
    // Behind header and key: how many follow.
    const list = node + 16;
    const places = Array.from({ length: bytes.readUInt32LE(list) }, (_, i) => list + 8 * (i + 1));
    return places.filter(
      (at) => bytes.readBigInt64LE(at) > 0n && (at === list + 8 || bytes.readBigInt64LE(at - 8) >= 0n),
    );
  });
}
