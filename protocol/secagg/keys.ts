// Keys of one group's run: channel keys for the share boxes, mask keys for the pairs, self-mask keys. All bound to gctx.
// Not here: the agreement itself (crypto/primitives.ts), the vectors made from the keys (mask.ts).

import { enc } from '../crypto/enc.js';
import { LABELS } from '../crypto/labels.js';
import type { Primitives, SymmetricPrimitives } from '../crypto/primitives.js';
import type { Rank } from '../ids.js';

export interface AgreementEnd {
  readonly rank: Rank;
  readonly publicKey: Uint8Array;
}

/**
 * Keys of the two boxes between this client and a peer: K(i→j) ≠ K(j→i), so a reflected box does not open. One agreement for both,
 * so that the channel secret is not needed (and can be wiped) once the boxes are sealed.
 * HKDF-SHA-256 (RFC 5869) with salt gctx over the X25519 secret; info names the direction, ranks and public keys.
 * @param shared what the two agreed on; erased
 */
export function channelKeys(
  primitives: SymmetricPrimitives,
  gctx: Uint8Array,
  shared: Uint8Array,
  own: AgreementEnd,
  peer: AgreementEnd,
): { readonly seal: Uint8Array; readonly open: Uint8Array } {
  const key = (from: AgreementEnd, to: AgreementEnd) =>
    primitives.hkdf(shared, gctx, enc(LABELS.channelKey, from.rank, to.rank, from.publicKey, to.publicKey), 32);
  const keys = { seal: key(own, peer), open: key(peer, own) };
  shared.fill(0);
  return keys;
}

/** Key of the pair mask m_ij = m_ji: the ends are put in rank order, so both sides derive the same one. @param shared erased */
export function pairMaskKeyOf(
  primitives: SymmetricPrimitives,
  gctx: Uint8Array,
  shared: Uint8Array,
  own: AgreementEnd,
  peer: AgreementEnd,
): Uint8Array {
  const [low, high] = own.rank < peer.rank ? [own, peer] : [peer, own];
  const key = primitives.hkdf(
    shared,
    gctx,
    enc(LABELS.pairMask, low.rank, high.rank, low.publicKey, high.publicKey),
    32,
  );
  shared.fill(0);
  return key;
}

/** The same from the secret of one end. `undefined`: the other end's key is of low order. */
export function pairMaskKey(
  primitives: Primitives,
  gctx: Uint8Array,
  secret: Uint8Array,
  own: AgreementEnd,
  peer: AgreementEnd,
): Uint8Array | undefined {
  const shared = primitives.agree(secret, peer.publicKey);
  return shared && pairMaskKeyOf(primitives, gctx, shared, own, peer);
}

/** Key of the self mask PRG(b_i). */
export const selfMaskKey = (primitives: SymmetricPrimitives, gctx: Uint8Array, b: Uint8Array, rank: Rank): Uint8Array =>
  primitives.hkdf(b, gctx, enc(LABELS.selfMask, rank), 32);

/** `H(b_i)`: what the dealer commits to; b is 32 uniform bytes, so no salt is needed to hide it. */
export const commitToB = (primitives: SymmetricPrimitives, gctx: Uint8Array, rank: Rank, b: Uint8Array): Uint8Array =>
  primitives.sha256(enc(LABELS.commitB, gctx, rank, b));

/** H(share_ij, salt_ij) of one of the two secrets. */
export const shareHash = (
  primitives: SymmetricPrimitives,
  gctx: Uint8Array,
  type: 'b' | 's',
  dealer: Rank,
  holder: Rank,
  share: Uint8Array,
  salt: Uint8Array,
): Uint8Array =>
  primitives.sha256(enc(type === 'b' ? LABELS.shareB : LABELS.shareS, gctx, dealer, holder, share, salt));

/** Associated data of a share box. */
export const boxData = (gctx: Uint8Array, from: Rank, to: Rank): Uint8Array => enc(LABELS.shareBox, gctx, from, to);
/** Channel keys are used for one box each, so the nonce is fixed. */
export const BOX_NONCE_BYTES = 12;
