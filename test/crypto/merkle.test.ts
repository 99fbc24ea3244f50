// Merkle roots: the published tree hashes of RFC 6962 implementations, and proofs that bind index and count.
import { describe, expect, it } from 'vitest';
import { enc } from '../../protocol/crypto/enc.js';
import { merklePath, merkleRoot, merkleTree, merkleTreeHash, verifyMerkle } from '../../protocol/crypto/merkle.js';
import { portablePrimitives as crypto } from '../../protocol/crypto/portable.js';
import { bytes, hex } from './implementations.js';

/** The eight inputs and growing roots that the reference implementations of RFC 6962 are tested with. */
const INPUTS = ['', '00', '10', '2021', '3031', '40414243', '5051525354555657', '606162636465666768696a6b6c6d6e6f'].map(
  bytes,
);
const ROOTS = [
  'e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855',
  '6e340b9cffb37a989ca544e6bb780a2c78901d3fb33738768511a30617afa01d',
  'fac54203e7cc696cf0dfcb42c92a1d9dbaf70ad9e621f4bd8d98662f00e3c125',
  'aeb6bcfe274b70a14fb067a5e5578264db0fa9b51af5e0ba159158f329e06e77',
  'd37ee418976dd95753c1c73862b9398fa2a2cf9b4ff0fdfe8b30cd95209614b7',
  '4e3bbb1f7b478dcfe71fb631631519a3bca12c9aefca1612bfce4c13a86264d4',
  '76e67dadbcdf1e10e1b74ddc608abd2f98dfb16fbce75277b5232a127f2087ef',
  'ddb89be403809e325750d3d263cd78929c2942b7942a34b77e122c9594a74c8c',
  '5dc9da79a70659a9ad559cb701ded9a2ab9d823aad2f4960cfe370eff4604328',
];
const leavesOf = (count: number): Uint8Array[] => Array.from({ length: count }, (_, i) => enc('leaf', i));

describe('Merkle trees', () => {
  it.each(ROOTS.map((root, count) => ({ root, count })))('RFC 6962 tree hash of $count leaves', ({ root, count }) => {
    expect(hex(merkleTreeHash(crypto, INPUTS.slice(0, count)))).toBe(root);
  });

  it('every leaf of every tree of up to 17 leaves, and of 128, proves its place', () => {
    for (const count of [...Array.from({ length: 17 }, (_, i) => i + 1), 128]) {
      const leaves = leavesOf(count);
      const root = merkleRoot(crypto, leaves);
      for (let index = 0; index < count; index += count > 17 ? 31 : 1) {
        const leaf = leaves[index] ?? new Uint8Array();
        expect(verifyMerkle(crypto, root, count, index, leaf, merklePath(crypto, leaves, index))).toBe(true);
      }
    }
  });

  it('I show a proof at another index, with another count, leaf, sibling or length, and am refused', () => {
    for (const count of [1, 2, 3, 6, 7, 8]) {
      const leaves = leavesOf(count);
      const root = merkleRoot(crypto, leaves);
      for (let index = 0; index < count; index++) {
        const leaf = leaves[index] ?? new Uint8Array();
        const path = merklePath(crypto, leaves, index);
        const verify = (n: number, i: number, l: Uint8Array, p: readonly Uint8Array[]): boolean =>
          verifyMerkle(crypto, root, n, i, l, p);
        for (let other = -1; other <= count; other++) {
          if (other !== index) expect(verify(count, other, leaf, path)).toBe(false);
        }
        for (let n = 0; n <= 2 * count + 1; n++) if (n !== count) expect(verify(n, index, leaf, path)).toBe(false);
        expect(verify(count, index, enc('leaf', 99), path)).toBe(false);
        expect(verify(count, index, leaf, [...path, new Uint8Array(32)])).toBe(false);
        if (path.length > 0) expect(verify(count, index, leaf, path.slice(1))).toBe(false);
        path.forEach((_, k) => {
          const wrong = path.map((hash, m) => (m === k ? hash.map((byte) => byte ^ 1) : hash));
          expect(verify(count, index, leaf, wrong)).toBe(false);
          const short = path.map((hash, m) => (m === k ? hash.subarray(1) : hash));
          expect(verify(count, index, leaf, short)).toBe(false);
        });
      }
    }
  });

  it('I pass off an inner node as a leaf, and am refused', () => {
    const leaves = leavesOf(4);
    const root = merkleRoot(crypto, leaves);
    const left = leaves.slice(0, 2).map((leaf) => merkleTreeHash(crypto, [leaf]));
    const node = bytes(left.map((hash) => hex(hash)).join(''));
    expect(verifyMerkle(crypto, root, 2, 0, node, [merkleTreeHash(crypto, leaves.slice(2))])).toBe(false);
  });

  it('the order of leaves and their number change the root; a count that is no integer verifies nothing', () => {
    const [a, b] = leavesOf(2);
    if (!a || !b) throw new Error('two leaves were asked for');
    const roots = [[], [a], [a, b], [b, a], [a, b, b]].map((leaves) => hex(merkleRoot(crypto, leaves)));
    expect(new Set(roots).size).toBe(roots.length);
    expect(verifyMerkle(crypto, merkleRoot(crypto, [a]), 1.5, 0, a, [])).toBe(false);
    expect(() => merklePath(crypto, [a, b], 2)).toThrow(RangeError);
  });

  it('gives every path of a tree at once, the same as one by one, with each node hashed once', () => {
    let hashes = 0;
    const counting = {
      sha256: (...parts: Uint8Array[]) => {
        hashes++;
        return crypto.sha256(...parts);
      },
    };
    for (const count of [1, 2, 3, 6, 7, 8, 63]) {
      const leaves = Array.from({ length: count }, (_, i) => Uint8Array.of(i, 7));
      hashes = 0;
      const { root, paths } = merkleTree(counting, leaves);
      // n leaves, n − 1 nodes, and the count.
      expect(hashes).toBe(2 * count);
      expect(root).toEqual(merkleRoot(crypto, leaves));
      expect(paths).toEqual(leaves.map((_, i) => merklePath(crypto, leaves, i)));
    }
    expect(merkleTree(crypto, [])).toEqual({ root: merkleRoot(crypto, []), paths: [] });
  });
});
