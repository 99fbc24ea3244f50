// Merkle tree of a roster: a root that binds the number of leaves, and proofs that a leaf sits at an index under it.
// Source: RFC 6962 §2.1 (tree, leaf prefix 00, node prefix 01, audit paths), the verifier is RFC 9162 §2.1.3.2.
// Stricter: the root hashes the leaf count in, so a proof cannot be replayed against a tree of another size; an index out
// of range or a path of the wrong length is false. Not here: what a leaf holds (an `enc` of the caller's).
import { bytesEqual, enc } from './enc.js';
import { LABELS } from './labels.js';
import type { SymmetricPrimitives } from './primitives.js';

type Hasher = Pick<SymmetricPrimitives, 'sha256'>;
const LEAF = Uint8Array.of(0);
const NODE = Uint8Array.of(1);

const leafHash = (crypto: Hasher, leaf: Uint8Array): Uint8Array => crypto.sha256(LEAF, leaf);
const nodeHash = (crypto: Hasher, left: Uint8Array, right: Uint8Array): Uint8Array => crypto.sha256(NODE, left, right);
const bind = (crypto: Hasher, count: number, top: Uint8Array): Uint8Array =>
  crypto.sha256(enc(LABELS.merkleRoot, count, top));

/** RFC 6962 §2.1 splits n > 1 leaves at the largest power of two below n. */
function splitAt(n: number): number {
  let k = 1;
  while (k * 2 < n) k *= 2;
  return k;
}

/** The Merkle tree hash of RFC 6962 §2.1, without our count. For the public vectors; rosters use `merkleRoot`. */
export function merkleTreeHash(crypto: Hasher, leaves: readonly Uint8Array[]): Uint8Array {
  const [only] = leaves;
  if (only === undefined) return crypto.sha256();
  if (leaves.length === 1) return leafHash(crypto, only);
  const k = splitAt(leaves.length);
  return nodeHash(crypto, merkleTreeHash(crypto, leaves.slice(0, k)), merkleTreeHash(crypto, leaves.slice(k)));
}

/** 32-byte root of the leaves in this order. */
export const merkleRoot = (crypto: Hasher, leaves: readonly Uint8Array[]): Uint8Array =>
  bind(crypto, leaves.length, merkleTreeHash(crypto, leaves));

/** The sibling hashes from leaf `index` up to the root (RFC 6962 §2.1.1). @throws RangeError for an index without a leaf */
export function merklePath(crypto: Hasher, leaves: readonly Uint8Array[], index: number): Uint8Array[] {
  if (!Number.isInteger(index) || index < 0 || index >= leaves.length) {
    throw new RangeError(`no leaf ${index} among ${leaves.length}`);
  }
  if (leaves.length === 1) return [];
  const k = splitAt(leaves.length);
  const left = leaves.slice(0, k);
  const right = leaves.slice(k);
  return index < k
    ? [...merklePath(crypto, left, index), merkleTreeHash(crypto, right)]
    : [...merklePath(crypto, right, index - k), merkleTreeHash(crypto, left)];
}

/** The root, and the path of every leaf as `merklePath` gives it, with each node hashed once: n paths one by one hash n² of them. */
export function merkleTree(
  crypto: Hasher,
  leaves: readonly Uint8Array[],
): { readonly root: Uint8Array; readonly paths: readonly Uint8Array[][] } {
  const paths = leaves.map((): Uint8Array[] => []);
  const top = (from: number, to: number): Uint8Array => {
    if (to - from === 1) return leafHash(crypto, leaves[from] as Uint8Array); // safe: from < length
    const middle = from + splitAt(to - from);
    const [left, right] = [top(from, middle), top(middle, to)];
    for (let i = from; i < to; i++) paths[i]?.push(i < middle ? right : left);
    return nodeHash(crypto, left, right);
  };
  return { root: bind(crypto, leaves.length, leaves.length === 0 ? crypto.sha256() : top(0, leaves.length)), paths };
}

/** Whether `leaf` is the one at `index` of the `count` leaves under `root`. Everything but `crypto` may be hostile. */
export function verifyMerkle(
  crypto: Hasher,
  root: Uint8Array,
  count: number,
  index: number,
  leaf: Uint8Array,
  path: readonly Uint8Array[],
): boolean {
  if (!Number.isSafeInteger(count) || !Number.isSafeInteger(index) || index < 0 || index >= count) return false;
  let fn = index; // the letters of RFC 9162 §2.1.3.2; division, not shifts: a count may exceed 32 bits
  let sn = count - 1;
  let r = leafHash(crypto, leaf);
  for (const p of path) {
    if (sn === 0 || p.length !== 32) return false;
    if (fn % 2 === 1 || fn === sn) {
      r = nodeHash(crypto, p, r);
      while (fn % 2 === 0 && fn !== 0) {
        fn /= 2;
        sn = Math.floor(sn / 2);
      }
    } else {
      r = nodeHash(crypto, r, p);
    }
    fn = Math.floor(fn / 2);
    sn = Math.floor(sn / 2);
  }
  return sn === 0 && bytesEqual(bind(crypto, count, r), root);
}
