// R5: the survivor sets are fixed, and every member of U4 signs them.
// At least t signatures on the same sets make it impossible to have two different sums opened (Bonawitz et al. 2017 §6.2).
// With verified sketches R4 (sketch.ts) stands between `committed` and here, and may leave members of U3 out of U4.

import { setsStatement } from '../../context.js';
import { bytesEqual } from '../../crypto/enc.js';
import type { Millis, Rank } from '../../ids.js';
import type { Consistent } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import {
  type CommittedState,
  type ConsistencyState,
  type GroupStep,
  publicKeyOfRank,
  type ScreenedState,
  type Screening,
  type StepFrom,
  windowOf,
} from '../group-state.js';
import {
  closing,
  decline,
  droppedFacts,
  engineFault,
  entered,
  expel,
  fail,
  misplaced,
  outstanding,
  quorum,
  send,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';

/** Fixes the survivors and tells every member that is there, also those left out: they learn why. */
export function openConsistency(
  s: CommittedState | ScreenedState,
  u4: readonly Rank[],
  screening: 'none' | Screening,
  now: Millis,
): GroupStep<ConsistencyState> {
  const { setup, absent, refused, pending, u1, u2, u3, keys, shares, complaints } = s;
  const excluded = screening === 'none' ? [] : screening.excluded;
  const survivors = { kind: 'survivors', run: setup.run, u3, u4, excluded } as const;
  return {
    state: {
      phase: 'consistency',
      setup,
      absent,
      refused,
      pending,
      u1,
      u2,
      u3,
      u4,
      keys,
      shares,
      complaints,
      screening,
      openedAt: now,
      signatures: new Map(),
    },
    effects: [
      entered(setup, 'consistency', now),
      ...u3.filter((rank) => !absent.has(rank) && !refused.has(rank)).map((rank) => send(setup, rank, survivors)),
      { type: 'wakeAt', at: now },
    ],
  };
}

export function onConsistency(s: ConsistencyState, e: GroupEvent): StepFrom<'consistency'> {
  switch (e.type) {
    case 'message':
      if (!s.u4.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      if (e.body.kind !== 'consistent') return closeIfDue(s, e.now, misplaced(s, e.rank, e.body, 'consistency'));
      return closeIfDue(s, e.now, accept(s, e.rank, e.body));
    case 'computed': {
      const fault = engineFault(s, e);
      return fault === undefined ? stay(s) : fail(s, fault);
    }
    case 'back':
      s.absent.add(e.rank);
      return closeIfDue(s, e.now, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
    case 'gone':
    case 'tick':
    case 'proceed':
    case 'selected':
      return closeIfDue(s, e.now);
    default:
      return e satisfies never;
  }
}

function accept(s: ConsistencyState, rank: Rank, message: Consistent): RoundEffect[] {
  const before = s.signatures.get(rank);
  if (before !== undefined)
    return bytesEqual(before, message.signature) ? [] : expel(s, rank, 'consistency', 'ROUND_DUPLICATE');
  const statement = setsStatement(s.setup.gctx, s.u3, s.u4);
  if (!s.setup.primitives.verify(publicKeyOfRank(s.setup, rank), statement, message.signature))
    return expel(s, rank, 'consistency', 'ROUND_DISAGREE');
  s.signatures.set(rank, message.signature);
  return [];
}

function closeIfDue(s: ConsistencyState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'consistency'> {
  const window = windowOf(s.setup, 'consistency');
  const verdict = closing(window, s.openedAt, now, s.signatures.size, outstanding(s, s.u4, s.signatures).length);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, s.u4, s.signatures, 'consistency', verdict);
  if (verdict !== 'closed') {
    const failed = fail(s, quorum(s, s.signatures.size, window.count.min));
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  const { openedAt: _, ...rest } = s;
  return {
    state: { ...rest, phase: 'agreed' },
    effects: [...effects, ...dropped, entered(s.setup, 'agreed', now)],
  };
}
