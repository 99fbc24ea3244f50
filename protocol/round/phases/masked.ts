// R3: members of U2 send their masked inputs in chunks, hashed and signed. A complete input is added to the group's accumulator.
// Closes into U3. Complaints about dealt shares come in here too: more than `a` of them prove that a dealer lied.
// Not here: the vectors; they pass through to the engine and never stay in the state.

import { complaintStatement, maskedStatement, slices } from '../../context.js';
import { bytesEqual } from '../../crypto/enc.js';
import type { Millis, Rank } from '../../ids.js';
import { CHUNK_BYTES } from '../../limits.js';
import { chunkCount, chunkHash, vectorHash } from '../../wire/chunks.js';
import type { Complaint, InputChunk, Masked } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import {
  type Incoming,
  type MaskedState,
  memberOf,
  publicKeyOfRank,
  type StepFrom,
  slotOf,
  windowOf,
} from '../group-state.js';
import { dropInput, missingOf, upload, uploaded, withoutRefused } from '../incoming.js';
import {
  closingWithReturns,
  decline,
  droppedFacts,
  entered,
  expel,
  fail,
  fold,
  misplaced,
  outstanding,
  quorum,
  send,
  sorted,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';
import { keyBook } from './keys.js';
import { shareBooks } from './shares.js';

export function onMasked(s: MaskedState, e: GroupEvent): StepFrom<'masked'> {
  switch (e.type) {
    case 'message': {
      if (!s.u2.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      if (e.body.kind === 'masked') return closeIfDue(s, e.now, accept(s, e.rank, e.body));
      if (e.body.kind === 'inputChunk') return closeIfDue(s, e.now, takeChunk(s, e.rank, e.body));
      if (e.body.kind === 'complaint') return hear(s, e.rank, e.body, e.now);
      return closeIfDue(
        s,
        e.now,
        withoutRefused(s, e.rank, misplaced(s, e.rank, e.body, e.body.kind === 'plain' ? 'shares' : 'masked')),
      );
    }
    case 'computed': {
      const job = s.pending.get(e.job);
      if (job === undefined) return stay(s);
      s.pending.delete(e.job);
      if (job.kind === 'chunk' && e.ok) return closeIfDue(s, e.now, chunkTaken(s, job.rank, job.index));
      if (job.kind === 'chunk' && !e.ok && e.code === 'ROUND_BAD_VECTOR')
        return closeIfDue(s, e.now, expelSender(s, job.rank, 'ROUND_BAD_VECTOR'));
      // Anything else is our own failure: nobody is blamed for it.
      if (!e.ok) return fail(s, { code: 'ENGINE_FAILED', text: `the engine could not ${job.kind} an input` });
      return closeIfDue(s, e.now);
    }
    case 'back': {
      if (!s.u2.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      return stay(s, resume(s, e.rank));
    }
    case 'gone':
    case 'tick':
    case 'proceed':
    case 'selected':
      return closeIfDue(s, e.now);
    default:
      return e satisfies never;
  }
}

function accept(s: MaskedState, rank: Rank, message: Masked): RoundEffect[] {
  const before = s.incoming.get(rank)?.message.signature ?? s.u3.get(rank);
  if (before !== undefined) return bytesEqual(before, message.signature) ? [] : expelSender(s, rank, 'ROUND_DUPLICATE');
  const { primitives, gctx, derived } = s.setup;
  if (message.bytes !== derived.inputBytes || message.chunks.length !== 32 * Math.ceil(message.bytes / CHUNK_BYTES))
    return expelSender(s, rank, 'ROUND_BAD_VECTOR');
  const statement = maskedStatement(gctx, rank, vectorHash(primitives, message.bytes, message.chunks), message.u2);
  if (!primitives.verify(publicKeyOfRank(s.setup, rank), statement, message.signature))
    return expelSender(s, rank, 'ROUND_BAD_SIGNATURE');
  if (message.u2.length !== s.u2.length || message.u2.some((peer, at) => peer !== s.u2[at]))
    return expelSender(s, rank, 'ROUND_DISAGREE');
  const input: Incoming = { message, taken: new Set(), checking: new Set() };
  s.incoming.set(rank, input);
  return [upload(s.setup, rank, input)];
}

function takeChunk(s: MaskedState, rank: Rank, chunk: InputChunk): RoundEffect[] {
  const input = s.incoming.get(rank);
  if (input === undefined) return s.u3.has(rank) ? [] : expelSender(s, rank, 'ROUND_WRONG_PHASE');
  const hash = slices(input.message.chunks, 32)[chunk.index];
  const expected = Math.min(CHUNK_BYTES, input.message.bytes - chunk.index * CHUNK_BYTES);
  if (hash === undefined || chunk.section.length !== expected) return expelSender(s, rank, 'ROUND_BAD_VECTOR');
  if (input.taken.has(chunk.index) || input.checking.has(chunk.index)) {
    // The same again after a reconnect is nothing; other bytes at a place that was filled are a lie.
    const same = bytesEqual(chunkHash(s.setup.primitives, chunk.section), hash);
    return same ? [uploaded(s.setup, rank, missingOf(input).length)] : expelSender(s, rank, 'ROUND_BAD_VECTOR');
  }
  input.checking.add(chunk.index);
  const job = s.setup.jobs.next++;
  s.pending.set(job, { kind: 'chunk', rank, index: chunk.index });
  const work = {
    type: 'chunk',
    slot: slotOf(s.setup, rank),
    bytes: input.message.bytes,
    index: chunk.index,
    section: chunk.section,
    hash,
  } as const;
  return [{ type: 'compute', job, work }];
}

/** One more chunk is in; the last one makes the input complete: it is folded, and its sender is in U3 from here on. */
function chunkTaken(s: MaskedState, rank: Rank, index: number): RoundEffect[] {
  const input = s.incoming.get(rank);
  if (input === undefined) return []; // expelled meanwhile
  input.checking.delete(index);
  input.taken.add(index);
  const progress = uploaded(s.setup, rank, missingOf(input).length);
  if (input.taken.size < chunksOf(input)) return [progress];
  s.incoming.delete(rank);
  s.u3.set(rank, input.message.signature);
  const taken = send(s.setup, rank, { kind: 'inputTaken', run: s.setup.run });
  // With sketches the input stays by itself until R4 has decided whether it goes into the sum.
  return s.setup.config.integrity === 'none' ? [progress, fold(s, rank), taken] : [progress, taken];
}
const chunksOf = (input: Incoming): number => input.message.chunks.length / 32;

/** Out, and what it has sent so far is dropped. A member of U3 stays in the sum: its input is already folded. */
function expelSender(s: MaskedState, rank: Rank, code: Parameters<typeof expel>[3]): RoundEffect[] {
  return withoutRefused(s, rank, expel(s, rank, 'masked', code));
}

/**
 * At most `a` members are malicious, so a+1 complaints against one dealer hold at least one honest witness: the dealer lied.
 * Its secrets cannot be rebuilt for sure, and the others have already masked with it: the run ends, and names it.
 */
function hear(s: MaskedState, rank: Rank, complaint: Complaint, now: Millis): StepFrom<'masked'> {
  const { primitives, gctx, config } = s.setup;
  const before = s.complained.get(rank);
  if (before !== undefined)
    return closeIfDue(s, now, bytesEqual(before, complaint.signature) ? [] : expelSender(s, rank, 'ROUND_DUPLICATE'));
  if (
    !primitives.verify(
      publicKeyOfRank(s.setup, rank),
      complaintStatement(gctx, rank, complaint.dealers),
      complaint.signature,
    )
  )
    return closeIfDue(s, now, expelSender(s, rank, 'ROUND_BAD_SIGNATURE'));
  s.complained.set(rank, complaint.signature);
  for (const dealer of complaint.dealers) {
    if (dealer === rank || !s.u2.includes(dealer)) continue;
    const by = s.complaints.get(dealer) ?? new Set();
    s.complaints.set(dealer, by.add(rank));
    if (by.size > config.group.colluders)
      return fail(s, {
        code: 'ROUND_BAD_SHARES',
        text: `${by.size} members could not use the shares of one dealer, more than the ${config.group.colluders} assumed to lie`,
        culprits: [{ client: memberOf(s.setup, dealer), code: 'ROUND_BAD_SHARES' }],
      });
  }
  return closeIfDue(s, now);
}

function resume(s: MaskedState, rank: Rank): RoundEffect[] {
  const { run, primitives } = s.setup;
  const input = s.incoming.get(rank);
  const have =
    s.u3.has(rank) || input !== undefined ? (['keys', 'shares', 'masked'] as const) : (['keys', 'shares'] as const);
  // After a lost connection chunks under check count as not taken: their frames may have been cut. A second copy is ignored.
  const taken = s.u3.has(rank)
    ? Array.from({ length: chunkCount(s.setup.derived.inputBytes) }, (_, i) => i)
    : sorted(input?.taken ?? []);
  const book = shareBooks(primitives, run, s.u1, s.u2, s.shares).find(({ to }) => to === rank);
  return [
    send(s.setup, rank, { kind: 'resume', run, have, chunks: taken }),
    ...(input === undefined && !s.u3.has(rank)
      ? [
          send(s.setup, rank, keyBook(run, s.u1, s.keys)),
          ...(book === undefined ? [] : [send(s.setup, rank, book.book)]),
        ]
      : []),
    ...(s.u3.has(rank) ? [send(s.setup, rank, { kind: 'inputTaken', run })] : []),
    ...(input === undefined ? [] : [upload(s.setup, rank, input)]),
  ];
}

function closeIfDue(before: MaskedState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'masked'> {
  const window = windowOf(before.setup, 'masked');
  const { state: s, verdict } = closingWithReturns(before, window, now, before.u2, before.u3);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, s.u2, s.u3, 'masked', verdict);
  if (verdict !== 'closed') {
    const failed = fail(s, quorum(s, s.u3.size, window.count.min));
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  const { setup, absent, refused, pending, u1, u2, keys, shares, complaints } = s;
  return {
    state: {
      phase: 'committed',
      setup,
      absent,
      refused,
      pending,
      u1,
      u2,
      keys,
      shares,
      complaints,
      u3: sorted(s.u3.keys()),
    },
    effects: [
      ...effects,
      ...dropped,
      ...outstanding(s, s.u2, s.u3).map((rank) => decline(setup, rank, 'ROUND_TOO_LATE')),
      ...[...s.incoming.keys()].flatMap((rank) => dropInput(setup, rank)),
      entered(setup, 'committed', now),
    ],
  };
}
