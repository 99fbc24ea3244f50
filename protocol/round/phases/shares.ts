// R2: every member of U1 deals shares of b and s to the others in sealed boxes and signs a Merkle root over their hashes.
// Closes into one share book per member (U2). Not here: whether a box opens to what was signed; only its receiver can tell.

import { sharesStatement } from '../../context.js';
import { concat } from '../../crypto/bytes.js';
import { bytesEqual } from '../../crypto/enc.js';
import { merkleRoot, merkleTree } from '../../crypto/merkle.js';
import type { Primitives } from '../../crypto/primitives.js';
import type { Millis, Rank } from '../../ids.js';
import { shareLeaves } from '../../secagg/shares.js';
import type { ShareBook, ShareBox, Shares } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import { publicKeyOfRank, type SharesState, type StepFrom, windowOf } from '../group-state.js';
import {
  closingWithReturns,
  decline,
  droppedFacts,
  entered,
  expel,
  fail,
  misplaced,
  outstanding,
  quorum,
  send,
  sorted,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';
import { keyBook } from './keys.js';

export function onShares(s: SharesState, e: GroupEvent): StepFrom<'shares'> {
  switch (e.type) {
    case 'message': {
      if (!s.u1.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      if (e.body.kind !== 'shares') return closeIfDue(s, e.now, misplaced(s, e.rank, e.body, 'shares'));
      return closeIfDue(s, e.now, accept(s, e.rank, e.body));
    }
    case 'back': {
      if (!s.u1.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      const have = s.shares.has(e.rank) ? (['keys', 'shares'] as const) : (['keys'] as const);
      return stay(s, [
        send(s.setup, e.rank, { kind: 'resume', run: s.setup.run, have, chunks: [] }),
        send(s.setup, e.rank, keyBook(s.setup.run, s.u1, s.keys)),
      ]);
    }
    case 'gone':
    case 'tick':
    case 'proceed':
    case 'selected':
    case 'computed':
      return closeIfDue(s, e.now);
    default:
      return e satisfies never;
  }
}

function accept(s: SharesState, rank: Rank, shares: Shares): RoundEffect[] {
  const before = s.shares.get(rank);
  if (before !== undefined)
    return bytesEqual(before.signature, shares.signature) ? [] : expel(s, rank, 'shares', 'ROUND_DUPLICATE');
  const peers = s.u1.filter((peer) => peer !== rank);
  if (shares.boxes.length !== peers.length || shares.boxes.some((box, at) => box.to !== peers[at]))
    return expel(s, rank, 'shares', 'ROUND_BAD_SHARES');
  const { primitives, gctx } = s.setup;
  const root = merkleRoot(primitives, shareLeaves(s.u1, rank, shares));
  if (
    !primitives.verify(
      publicKeyOfRank(s.setup, rank),
      sharesStatement(gctx, rank, shares.commitB, root),
      shares.signature,
    )
  )
    return expel(s, rank, 'shares', 'ROUND_BAD_SIGNATURE');
  s.shares.set(rank, shares);
  return [];
}

function closeIfDue(before: SharesState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'shares'> {
  const window = windowOf(before.setup, 'shares');
  const { state: s, verdict } = closingWithReturns(before, window, now, before.u1, before.shares);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, s.u1, s.shares, 'shares', verdict);
  if (verdict !== 'closed') {
    const failed = fail(s, quorum(s, s.shares.size, window.count.min));
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  const u2 = sorted(s.shares.keys());
  const late = outstanding(s, s.u1, s.shares);
  return {
    state: {
      ...s,
      phase: 'masked',
      openedAt: now,
      closableAt: Number.POSITIVE_INFINITY,
      u2,
      incoming: new Map(),
      u3: new Map(),
      complaints: new Map(),
      complained: new Map(),
    },
    effects: [
      ...effects,
      ...dropped,
      ...late.map((rank) => decline(s.setup, rank, 'ROUND_TOO_LATE')),
      entered(s.setup, 'masked', now),
      ...shareBooks(s.setup.primitives, s.setup.run, s.u1, u2, s.shares).map(({ to, book }) => send(s.setup, to, book)),
    ],
  };
}

/** Every receiver's book. Trees are computed once per dealer, not once per box. */
export function shareBooks(
  primitives: Primitives,
  run: ShareBook['run'],
  u1: readonly Rank[],
  u2: readonly Rank[],
  shares: ReadonlyMap<Rank, Shares>,
): { to: Rank; book: ShareBook }[] {
  const dealers = u2.map((dealer) => {
    const message = shares.get(dealer) as Shares; // safe: u2 are the map's keys
    const leaves = shareLeaves(u1, dealer, message);
    return { dealer, message, ...merkleTree(primitives, leaves) };
  });
  return u2.map((to) => {
    const place = u1.indexOf(to);
    const packets = dealers
      .filter(({ dealer }) => dealer !== to)
      .map(({ dealer, message, root, paths }) => {
        const box = message.boxes.find((b) => b.to === to) as ShareBox; // safe: accept() checked that all of U1 have one
        return {
          from: dealer,
          box: box.box,
          hashB: box.hashB,
          hashS: box.hashS,
          commitB: message.commitB,
          root,
          path: concat(...(paths[place] as Uint8Array[])), // safe: one for each member of U1
          signature: message.signature,
        };
      });
    return { to, book: { kind: 'shareBook', run, packets } };
  });
}
