// Dealing shares: two secrets split among U1, sealed for each holder, hashed and bound under one signed root (R2).
// Not here: who checks what (round/phases/shares.ts at the coordinator, participant/shares.ts at the holder).

import { bytesEqual, concat } from '../crypto/bytes.js';
import { enc } from '../crypto/enc.js';
import type { Rng, SymmetricPrimitives } from '../crypto/primitives.js';
import { Secret } from '../crypto/secret.js';
import { splitSecret } from '../crypto/shamir.js';
import type { Rank } from '../ids.js';
import type { ShareBox, Shares } from '../wire/messages.js';
import { BOX_NONCE_BYTES, boxData, shareHash } from './keys.js';

const SHARE_BYTES = 32;
const SALT_BYTES = 16;

/** What one holder keeps of one dealer. */
export interface HeldShares {
  readonly b: Secret;
  readonly s: Secret;
  readonly salt: Uint8Array;
}

/** The hashes that `dealer` signed for `holder`. @throws RangeError if it has no box; coordinators check that all of U1 have one */
export function shareHashes(
  shares: Pick<Shares, 'boxes' | 'own'>,
  dealer: Rank,
  holder: Rank,
): Pick<ShareBox, 'hashB' | 'hashS'> {
  if (holder === dealer) return shares.own;
  const box = shares.boxes.find(({ to }) => to === holder);
  if (box === undefined) throw new RangeError(`dealer ${dealer} has no box for ${holder}`);
  return box;
}

/**
 * Leaf of one holder under the signed root. The box itself is in it: a coordinator that swaps or damages a box is caught by the
 * dealer's signature, and no dealer is blamed for it. (protocol.md §4 signs the share hashes only; this is stricter.)
 */
export const shareLeaf = (hashB: Uint8Array, hashS: Uint8Array, box: Uint8Array): Uint8Array => enc(hashB, hashS, box);

/** One leaf a member of U1, in its order; the dealer's own has no box. */
export const shareLeaves = (u1: readonly Rank[], dealer: Rank, shares: Pick<Shares, 'boxes' | 'own'>): Uint8Array[] => {
  const boxes = new Map(shares.boxes.map((box) => [box.to, box]));
  return u1.map((holder) => {
    const box = boxes.get(holder);
    const { hashB, hashS } = box ?? shareHashes(shares, dealer, holder);
    return shareLeaf(hashB, hashS, box?.box ?? new Uint8Array(0));
  });
};

export interface Dealing {
  readonly boxes: readonly ShareBox[];
  readonly own: { readonly hashB: Uint8Array; readonly hashS: Uint8Array };
  readonly ownShares: HeldShares;
}

/**
 * Splits b and s among the roster (Shamir, abscissa rank + 1) and seals the shares of every peer of U1.
 * @param members length of the roster. @param keyFor channel key of the direction dealer → holder
 * @throws CONFIG_THRESHOLD from splitSecret
 */
export function deal(
  primitives: SymmetricPrimitives,
  rng: Rng,
  gctx: Uint8Array,
  dealer: Rank,
  u1: readonly Rank[],
  members: number,
  threshold: number,
  secrets: { readonly b: Uint8Array; readonly s: Uint8Array },
  keyFor: (holder: Rank) => Uint8Array,
): Dealing {
  const sharesB = splitSecret(secrets.b, threshold, members, rng);
  const sharesS = splitSecret(secrets.s, threshold, members, rng);
  const held = (holder: Rank) => ({
    b: sharesB[holder] as Uint8Array,
    s: sharesS[holder] as Uint8Array,
    salt: rng(SALT_BYTES),
  }); // safe: holder < members
  const hashes = (holder: Rank, { b, s, salt }: ReturnType<typeof held>) => ({
    hashB: shareHash(primitives, gctx, 'b', dealer, holder, b, salt),
    hashS: shareHash(primitives, gctx, 's', dealer, holder, s, salt),
  });
  const boxes = u1
    .filter((holder) => holder !== dealer)
    .map((to) => {
      const shares = held(to);
      const plaintext = concat(shares.b, shares.s, shares.salt);
      const box = primitives.seal(keyFor(to), new Uint8Array(BOX_NONCE_BYTES), boxData(gctx, dealer, to), plaintext);
      plaintext.fill(0);
      return { to, box, ...hashes(to, shares) };
    });
  const own = held(dealer);
  const dealing = {
    boxes,
    own: hashes(dealer, own),
    ownShares: { b: new Secret(own.b.slice()), s: new Secret(own.s.slice()), salt: own.salt },
  };
  for (const share of [...sharesB, ...sharesS]) share.fill(0);
  return dealing;
}

/** Opens a box and checks both shares against the dealer's hashes. `undefined`: the dealer's fault, since it signed box and hashes. */
export function openBox(
  primitives: SymmetricPrimitives,
  gctx: Uint8Array,
  dealer: Rank,
  holder: Rank,
  key: Uint8Array,
  { box, hashB, hashS }: Pick<ShareBox, 'box' | 'hashB' | 'hashS'>,
): HeldShares | undefined {
  const plaintext = primitives.open(key, new Uint8Array(BOX_NONCE_BYTES), boxData(gctx, dealer, holder), box);
  if (plaintext === undefined || plaintext.length !== 2 * SHARE_BYTES + SALT_BYTES) return undefined;
  const b = plaintext.slice(0, SHARE_BYTES);
  const s = plaintext.slice(SHARE_BYTES, 2 * SHARE_BYTES);
  const salt = plaintext.slice(2 * SHARE_BYTES);
  plaintext.fill(0);
  const fits = (type: 'b' | 's', share: Uint8Array, hash: Uint8Array) =>
    bytesEqual(shareHash(primitives, gctx, type, dealer, holder, share, salt), hash);
  if (fits('b', b, hashB) && fits('s', s, hashS)) return { b: new Secret(b), s: new Secret(s), salt };
  b.fill(0);
  s.fill(0);
  return undefined;
}
