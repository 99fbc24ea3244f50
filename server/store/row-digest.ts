// One number for the contents of all rows: the sum modulo 2^256 of a hash of each, so that a commit costs two hashes for a row that it changes
// and none for the others, and the order of changes does not matter. Pure. Not here: when it is kept (store.ts), which row is wrong where it
// does not match (data/check-process.ts).
//
// It finds what a disk does to rows. It stops nobody who writes the file: sums of hashes can be made to meet, and whoever can write rows can
// write their digest. Against those stand the signed head and the replay of the events.

import type { Primitives } from '../../protocol/crypto/primitives.js';
import { utf8Decode, utf8Encode } from '../../protocol/crypto/utf8.js';
import { toHex } from '../../protocol/ids.js';
import { DIGEST_ROW, HEAD_ROW } from './rows.js';

type Row = readonly [string, Uint8Array];
type Change = readonly [string, Uint8Array | undefined];

/** The head has its signature; the digest cannot be of itself. */
const isCovered = (key: string): boolean => key !== HEAD_ROW && key !== DIGEST_ROW;

/** From scratch. */
export function digestOfRows(primitives: Primitives, rows: readonly Row[]): bigint {
  return rows.reduce((sum, [key, value]) => modulo(sum + hashOfRow(primitives, key, value)), 0n);
}

/** After changes of which a later one of the same row wins. @param before what a row is now, as the digest has it */
export function digestAfter(
  primitives: Primitives,
  digest: bigint,
  changes: readonly Change[],
  before: (key: string) => Uint8Array | undefined,
): bigint {
  let sum = digest;
  for (const [key, value] of new Map(changes)) {
    sum += hashOfRow(primitives, key, value) - hashOfRow(primitives, key, before(key));
  }
  return modulo(sum);
}

/** Zero for one that is not there. The length of the key says where the value begins. */
function hashOfRow(primitives: Primitives, key: string, value: Uint8Array | undefined): bigint {
  if (value === undefined || !isCovered(key)) return 0n;
  const name = utf8Encode(key);
  const length = Uint8Array.of(name.length >>> 8, name.length & 0xff);
  return BigInt(`0x${toHex(primitives.sha256(length, name, value))}`);
}

const BITS = 256;
const modulo = (sum: bigint): bigint => BigInt.asUintN(BITS, sum);

export const digestBytes = (digest: bigint): Uint8Array => utf8Encode(digest.toString(16).padStart(BITS / 4, '0'));

/** `undefined` for what is none. */
export function digestIn(bytes: Uint8Array): bigint | undefined {
  const text = utf8Decode(bytes) ?? '';
  return /^[0-9a-f]{64}$/.test(text) ? BigInt(`0x${text}`) : undefined;
}

/** Whether rows have the digest that was written with them; `none`: none was. */
export function compareDigest(primitives: Primitives, rows: readonly Row[]): 'match' | 'differ' | 'none' {
  const kept = rows.find(([key]) => key === DIGEST_ROW)?.[1];
  if (kept === undefined) return 'none';
  return digestIn(kept) === digestOfRows(primitives, rows) ? 'match' : 'differ';
}
