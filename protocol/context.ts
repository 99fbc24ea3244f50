// What every signature, key and associated data of a round is bound to (protocol.md §2), and the exact bytes that are signed.
// Two clients that were shown different models, settings or rosters get different contexts, so their masks do not cancel.
// Not here: the fields' meaning on the wire (wire/messages.ts), who checks them (round/, participant/).

import { concat, enc } from './crypto/enc.js';
import { LABELS, PROTOCOL_VERSION } from './crypto/labels.js';
import type { SymmetricPrimitives } from './crypto/primitives.js';
import { fromHex, type GroupId, type Hash, type Rank } from './ids.js';

export interface ContextFields {
  readonly task: string;
  readonly round: number;
  readonly attempt: number;
  readonly model: Hash;
  /** configHash of the task's canonical text. */
  readonly config: Uint8Array;
  readonly rosterRoot: Uint8Array;
  /** `nonceCommitment` of the round: the sketches' matrix is chosen before anybody has drawn a mask. */
  readonly commitNonce: Uint8Array;
  /** Of the announcement. */
  readonly clip: number;
  readonly coordinator: Uint8Array;
}

/** `ctx`: one attempt of one round. 32 bytes. */
export function contextOf(primitives: SymmetricPrimitives, f: ContextFields): Uint8Array {
  return primitives.sha256(
    enc(
      LABELS.ctx,
      PROTOCOL_VERSION,
      f.task,
      f.round,
      f.attempt,
      fromHex(f.model),
      f.config,
      f.rosterRoot,
      f.commitNonce,
      f.clip,
      f.coordinator,
    ),
  );
}

/**
 * Announced in R0, opened in R4: 32 random bytes hide behind their hash, and no other nonce has it. So the coordinator cannot pick the matrix of the
 * sketches by what has happened in the round.
 */
export const nonceCommitment = (primitives: SymmetricPrimitives, nonce: Uint8Array): Uint8Array =>
  primitives.sha256(enc(LABELS.sketchNonce, nonce));

/** `gctx`: one group's run inside it. */
export const groupContextOf = (
  primitives: SymmetricPrimitives,
  ctx: Uint8Array,
  group: GroupId,
  groupRoot: Uint8Array,
): Uint8Array => primitives.sha256(enc(LABELS.gctx, ctx, group, groupRoot));

/** Hash of one group's members in rank order: 32-byte public keys. */
export const groupRootOf = (
  primitives: SymmetricPrimitives,
  group: GroupId,
  members: readonly Uint8Array[],
): Uint8Array => primitives.sha256(enc(LABELS.groupRoster, group, members));

/**
 * Root over all groups of the round, so that it covers the assignment of clients to groups. Two levels instead of a full
 * Merkle tree: a member needs its whole group's list anyway and of the others only their roots.
 */
export const rosterRootOf = (
  primitives: SymmetricPrimitives,
  ids: readonly GroupId[],
  roots: readonly Uint8Array[],
): Uint8Array => primitives.sha256(enc(LABELS.roster, ids, roots));

// ---- what is signed --------------------------------------------------------------------------------------------------
export const announceStatement = (ctx: Uint8Array, head: Uint8Array, deadlineMs: number): Uint8Array =>
  enc(LABELS.announce, ctx, head, deadlineMs);
export const keysStatement = (gctx: Uint8Array, rank: Rank, channel: Uint8Array, mask: Uint8Array): Uint8Array =>
  enc(LABELS.keys, gctx, rank, channel, mask);
export const sharesStatement = (gctx: Uint8Array, rank: Rank, commitB: Uint8Array, root: Uint8Array): Uint8Array =>
  enc(LABELS.shares, gctx, rank, commitB, root);
export const complaintStatement = (gctx: Uint8Array, rank: Rank, dealers: readonly Rank[]): Uint8Array =>
  enc(LABELS.complaint, gctx, rank, dealers);
export const maskedStatement = (gctx: Uint8Array, rank: Rank, inputHash: Uint8Array, u2: readonly Rank[]): Uint8Array =>
  enc(LABELS.masked, gctx, rank, inputHash, u2);
/** The weight is a float: its shortest round-trip decimal text is the canonical form. */
export const plainStatement = (gctx: Uint8Array, rank: Rank, inputHash: Uint8Array, weight: number): Uint8Array =>
  enc(LABELS.plain, gctx, rank, inputHash, String(weight));
export const setsStatement = (gctx: Uint8Array, u3: readonly Rank[], u4: readonly Rank[]): Uint8Array =>
  enc(LABELS.survivors, gctx, u3, u4);

/** `sectionHash`: SHA-256 of v and all p_ij as they travel. */
export const sketchStatement = (gctx: Uint8Array, rank: Rank, nonce: Uint8Array, sectionHash: Uint8Array): Uint8Array =>
  enc(LABELS.sketch, gctx, rank, nonce, sectionHash);

/** Splits keys or hashes that travel back to back. */
export function slices(joined: Uint8Array, size: number): Uint8Array[] {
  const out: Uint8Array[] = [];
  for (let at = 0; at + size <= joined.length; at += size) out.push(joined.subarray(at, at + size));
  return out;
}
export const join = (parts: readonly Uint8Array[]): Uint8Array => concat(...parts);
