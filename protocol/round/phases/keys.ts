// R1: every member sends a channel key and a mask key for this run, signed. Closes into the key book (U1).
// Not here: the announcement that opens it (round.ts).

import { keysStatement } from '../../context.js';
import { bytesEqual } from '../../crypto/enc.js';
import type { Millis, Rank } from '../../ids.js';
import type { KeyBook, Keys } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import { type KeysState, publicKeyOfRank, type StepFrom, windowOf } from '../group-state.js';
import {
  closingWithReturns,
  decline,
  droppedFacts,
  entered,
  expel,
  fail,
  misplaced,
  quorum,
  send,
  sorted,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';

export function onKeys(s: KeysState, e: GroupEvent): StepFrom<'keys'> {
  switch (e.type) {
    case 'message': {
      if (e.body.kind !== 'keys') return closeIfDue(s, e.now, misplaced(s, e.rank, e.body, 'keys'));
      return closeIfDue(s, e.now, accept(s, e.rank, e.body));
    }
    case 'back':
      return stay(s, [
        send(s.setup, e.rank, {
          kind: 'resume',
          run: s.setup.run,
          have: s.keys.has(e.rank) ? ['keys'] : [],
          chunks: [],
        }),
      ]);
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

function accept(s: KeysState, rank: Rank, keys: Keys): RoundEffect[] {
  const before = s.keys.get(rank);
  if (before !== undefined) {
    if (bytesEqual(before.channel, keys.channel) && bytesEqual(before.mask, keys.mask)) return [];
    return expel(s, rank, 'keys', 'ROUND_DUPLICATE');
  }
  // Surplus of an over-selected roster while the minimum time runs: threshold and ring are made for `group.size` members at most.
  if (s.keys.size >= windowOf(s.setup, 'keys').count.max) return [decline(s.setup, rank, 'ROUND_TOO_LATE')];
  const { primitives, gctx } = s.setup;
  if (
    !primitives.verify(
      publicKeyOfRank(s.setup, rank),
      keysStatement(gctx, rank, keys.channel, keys.mask),
      keys.signature,
    )
  )
    return expel(s, rank, 'keys', 'ROUND_BAD_SIGNATURE');
  if (!areFreshKeys(s, keys)) return expel(s, rank, 'keys', 'ROUND_BAD_KEYS');
  s.keys.set(rank, keys);
  return [];
}

/** Of full order, and unlike every key seen in this run: a copied key would make two pairs share one mask. */
function areFreshKeys(s: KeysState, { channel, mask }: Keys): boolean {
  if (bytesEqual(channel, mask)) return false;
  const probe = s.setup.gctx; // any 32 bytes serve: X25519 with a low-order point is zero for every secret
  if (s.setup.primitives.agree(probe, channel) === undefined || s.setup.primitives.agree(probe, mask) === undefined)
    return false;
  for (const other of s.keys.values())
    for (const key of [other.channel, other.mask]) if (bytesEqual(key, channel) || bytesEqual(key, mask)) return false;
  return true;
}

function closeIfDue(before: KeysState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'keys'> {
  const everyone = before.setup.members.map((_, rank) => rank);
  const window = windowOf(before.setup, 'keys');
  const { state: s, verdict } = closingWithReturns(before, window, now, everyone, before.keys);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, everyone, s.keys, 'keys', verdict);
  if (verdict !== 'closed') {
    const failed = fail(s, quorum(s, s.keys.size, window.count.min));
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  const u1 = sorted(s.keys.keys());
  const surplus = everyone.filter((rank) => !s.keys.has(rank) && !s.absent.has(rank) && !s.refused.has(rank));
  return {
    state: { ...s, phase: 'shares', openedAt: now, closableAt: Number.POSITIVE_INFINITY, u1, shares: new Map() },
    effects: [
      ...effects,
      ...dropped,
      ...surplus.map((rank) => decline(s.setup, rank, 'ROUND_TOO_LATE')),
      entered(s.setup, 'shares', now),
      ...u1.map((rank) => send(s.setup, rank, keyBook(s.setup.run, u1, s.keys))),
    ],
  };
}

export function keyBook(run: KeyBook['run'], u1: readonly Rank[], keys: ReadonlyMap<Rank, Keys>): KeyBook {
  return {
    kind: 'keyBook',
    run,
    entries: u1.map((rank) => {
      const { channel, mask, signature } = keys.get(rank) as Keys; // safe: u1 are the map's keys
      return { rank, channel, mask, signature };
    }),
  };
}
