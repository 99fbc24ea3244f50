// R6: the signers of R5 are shown t signatures and open, for every member of U2, one share: of b if it survived, of s if not.
// Every share is checked against its dealer's signed hash; t of them rebuild the secret, which is checked against what the
// dealer published. Not here: the vector work of taking the masks off (secagg/unmask.ts, run by the engine).

import { bytesEqual } from '../../crypto/enc.js';
import { combineShares } from '../../crypto/shamir.js';
import type { Millis, Rank } from '../../ids.js';
import type { DroppedSecret, EngineWork, UnmaskWork } from '../../secagg/jobs.js';
import { commitToB, shareHash } from '../../secagg/keys.js';
import { shareHashes } from '../../secagg/shares.js';
import type { Keys, Opened, Shares, Unmask } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import {
  type AgreedState,
  memberOf,
  type OpeningState,
  type StepFrom,
  type UnmaskState,
  windowOf,
} from '../group-state.js';
import {
  closing,
  decline,
  droppedFacts,
  engineFault,
  entered,
  expel,
  type FailWith,
  fail,
  misplaced,
  outstanding,
  quorum,
  send,
  sorted,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';
import { auditFault, auditWork } from './audit.js';

export function onAgreed(s: AgreedState, e: GroupEvent): StepFrom<'agreed'> {
  switch (e.type) {
    case 'message':
      return stay(s, misplaced(s, e.rank, e.body, 'consistency'));
    case 'computed': {
      const fault = engineFault(s, e);
      return fault === undefined ? stay(s) : fail(s, fault);
    }
    case 'back':
      s.absent.add(e.rank);
      return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
    case 'gone':
    case 'tick':
      return stay(s);
    case 'proceed':
      return ask(s, e.now);
    case 'selected':
      return stay(s);
    default:
      return e satisfies never;
  }
}

function ask(s: AgreedState, now: Millis): StepFrom<'agreed'> {
  const { survivorFloor } = s.setup.derived;
  // R3 and R4 have seen to it already; nobody is asked for a share of a sum with too little noise, whatever they did.
  if (s.u4.length < survivorFloor)
    return fail(s, {
      code: 'PRIVACY_FLOOR',
      text: `${s.u4.length} survivors are below the floor of ${survivorFloor}`,
    });
  const signers = sorted(s.signatures.keys());
  const signatures = signers.map((rank) => ({ rank, signature: s.signatures.get(rank) as Uint8Array })); // safe: the map's own keys
  return {
    state: { ...s, phase: 'unmask', openedAt: now, signers, answers: new Map() },
    effects: [
      entered(s.setup, 'unmask', now),
      ...signers
        .filter((rank) => !s.absent.has(rank))
        .map((rank) => send(s.setup, rank, { kind: 'unmaskRequest', run: s.setup.run, signatures })),
      { type: 'wakeAt', at: now },
    ],
  };
}

export function onUnmask(s: UnmaskState, e: GroupEvent): StepFrom<'unmask'> {
  switch (e.type) {
    case 'message':
      if (!s.signers.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      if (e.body.kind !== 'unmask') return closeIfDue(s, e.now, misplaced(s, e.rank, e.body, 'unmask'));
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

function accept(s: UnmaskState, rank: Rank, message: Unmask): RoundEffect[] {
  if (s.answers.has(rank)) return [];
  const survivors = new Set(s.u4);
  const answer = new Map<Rank, Opened>();
  for (const opened of message.opened) {
    const expected = survivors.has(opened.of) ? 'b' : 's';
    if (!s.u2.includes(opened.of) || answer.has(opened.of) || opened.type !== expected || !isSignedFor(s, rank, opened))
      return expel(s, rank, 'unmask', 'ROUND_BAD_UNMASK');
    answer.set(opened.of, opened);
  }
  // Silence about a dealer is only for those who complained about it in time: else an empty answer could use up a quorum unnamed.
  if (s.u2.some((of) => !answer.has(of) && !s.complaints.get(of)?.has(rank)))
    return expel(s, rank, 'unmask', 'ROUND_BAD_UNMASK');
  s.answers.set(rank, answer);
  return [];
}

/** The blame falls on the holder: the dealer signed this hash, and the holder did not complain about it in time. */
function isSignedFor(s: UnmaskState, holder: Rank, { of, type, share, salt }: Opened): boolean {
  const { hashB, hashS } = shareHashes(s.shares.get(of) as Shares, of, holder); // safe: `of` is in U2
  const { primitives, gctx } = s.setup;
  return bytesEqual(shareHash(primitives, gctx, type, of, holder, share, salt), type === 'b' ? hashB : hashS);
}

function closeIfDue(s: UnmaskState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'unmask'> {
  const window = windowOf(s.setup, 'unmask');
  const verdict = closing(window, s.openedAt, now, s.answers.size, outstanding(s, s.signers, s.answers).length);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, s.signers, s.answers, 'unmask', verdict);
  const rebuilt = verdict !== 'closed' ? quorum(s, s.answers.size, window.count.min) : rebuild(s);
  if ('code' in rebuilt) {
    const failed = fail(s, rebuilt);
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  const { openedAt: _o, signers: _s, answers: _a, ...rest } = s;
  const { integrity } = s.setup.config;
  const works: { job: number; kind: 'unmask' | 'audit'; work: EngineWork }[] = [
    { job: s.setup.jobs.next++, kind: 'unmask', work: rebuilt },
  ];
  if (integrity !== 'none')
    works.push({ job: s.setup.jobs.next++, kind: 'audit', work: auditWork(s.setup, integrity.rows, rebuilt) });
  for (const { job, kind } of works) s.pending.set(job, { kind });
  const last = works.at(-1)?.job ?? 0; // safe: there is at least the unmasking
  return {
    state: { ...rest, phase: 'opening', job: last },
    effects: [
      ...effects,
      ...dropped,
      entered(s.setup, 'opening', now),
      ...works.map(({ job, work }): RoundEffect => ({ type: 'compute', job, work })),
    ],
  };
}

/** The secrets behind the shares, each checked against what its dealer published: H(b_i), or the public key of s_j. */
function rebuild(s: UnmaskState): UnmaskWork | FailWith {
  const { primitives, gctx, derived, accumulator, config } = s.setup;
  const selfSecrets: { rank: Rank; secret: Uint8Array }[] = [];
  const dropped: DroppedSecret[] = [];
  const survivors = new Set(s.u4);
  const publicMask = (rank: Rank) => (s.keys.get(rank) as Keys).mask; // safe: U2 ⊆ U1 = keys
  for (const rank of s.u2) {
    const shares = [...s.answers].flatMap(([holder, answer]) => {
      const opened = answer.get(rank);
      return opened === undefined ? [] : [{ rank: holder, bytes: opened.share }];
    });
    if (shares.length < derived.threshold)
      return {
        code: 'ROUND_QUORUM',
        text: `${shares.length} members opened a share of rank ${rank}, the threshold is ${derived.threshold}`,
      };
    const secret = combineShares(shares, derived.threshold);
    const honest = survivors.has(rank)
      ? bytesEqual(commitToB(primitives, gctx, rank, secret), (s.shares.get(rank) as Shares).commitB) // safe: U2 = shares
      : bytesEqual(primitives.agreementPublic(secret), publicMask(rank));
    if (!honest)
      return {
        code: 'ROUND_LYING_COMMITMENT',
        text: `the secret dealt by rank ${rank} is not the one it committed to`,
        culprits: [{ client: memberOf(s.setup, rank), code: 'ROUND_LYING_COMMITMENT' }],
      };
    if (survivors.has(rank)) selfSecrets.push({ rank, secret });
    else
      dropped.push({
        rank,
        secret,
        publicKey: publicMask(rank),
        survivors: s.u4.map((peer) => ({ rank: peer, publicKey: publicMask(peer) })),
      });
  }
  return { type: 'unmask', accumulator, encoding: derived.encoding, prg: config.prg, gctx, selfSecrets, dropped };
}

export function onOpening(s: OpeningState, e: GroupEvent): StepFrom<'opening'> {
  switch (e.type) {
    case 'message':
      return stay(s, misplaced(s, e.rank, e.body, 'unmask'));
    case 'computed': {
      const fault = engineFault(s, e);
      if (fault !== undefined) return fail(s, fault);
      if (e.job !== s.job) return stay(s);
      const lie = s.screening === 'none' ? undefined : auditFault(s, s.screening, e.ok ? e.values : new Uint32Array());
      return lie === undefined ? finish(s, e.now) : fail(s, lie);
    }
    case 'back':
      return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
    case 'gone':
    case 'tick':
    case 'proceed':
    case 'selected':
      return stay(s);
    default:
      return e satisfies never;
  }
}

function finish(s: OpeningState, now: Millis): StepFrom<'opening'> {
  const { setup, refused, u2, u3, u4 } = s;
  return {
    state: {
      phase: 'done',
      setup,
      refused,
      excluded: s.screening === 'none' ? [] : s.screening.excluded,
      sets: { u2, u3, u4 },
      result: {
        group: setup.run.group,
        source: { type: 'sum', accumulator: setup.accumulator },
        survivors: u4.map((rank) => memberOf(setup, rank)),
      },
    },
    effects: [entered(setup, 'done', now)],
  };
}
