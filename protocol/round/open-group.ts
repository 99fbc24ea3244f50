// The run of profile `open`: no masks, no secrets. Clients send float32 updates in chunks; complete and finite ones become rows.
// Not here: the masked profiles (group.ts). Everything a client sends here is visible to the coordinator.

import { plainStatement, slices } from '../context.js';
import { bytesEqual } from '../crypto/enc.js';
import type { Millis, Rank } from '../ids.js';
import { CHUNK_BYTES } from '../limits.js';
import { chunkCount, chunkHash, vectorHash } from '../wire/chunks.js';
import type { InputChunk, Plain } from '../wire/messages.js';
import type { Evict, GroupEvent, Left } from './group.js';
import {
  type DoneState,
  type FailedState,
  type GroupStep,
  memberOf,
  publicKeyOfRank,
  type Run,
  slotOf,
  windowOf,
} from './group-state.js';
import { dropInput, evicted, missingOf, upload, uploaded, withoutRefused } from './incoming.js';
import { closing, decline, droppedFacts, entered, expel, misplaced, outstanding, send, sorted, stay } from './moves.js';
import type { RoundEffect, RoundFailure } from './types.js';

/** Same names as the masked run where the meaning is the same. */
export const OPEN_TRANSITIONS = { masked: ['done', 'failed'], done: [], failed: [] } as const;

export interface CollectingState extends Run {
  readonly phase: 'masked';
  readonly open: true;
  readonly openedAt: Millis;
  readonly incoming: Map<
    Rank,
    { readonly message: Plain; readonly taken: Set<number>; readonly checking: Set<number> }
  >;
  /** Complete and finite. */
  readonly rows: Map<Rank, Plain>;
}
export type OpenGroupState = CollectingState | DoneState | FailedState;
type Step = GroupStep<OpenGroupState>;

export function stepOpenGroup(s: OpenGroupState, e: GroupEvent | Evict | Left): Step {
  if (s.phase === 'done' || s.phase === 'failed') return stay(s);
  switch (e.type) {
    case 'message':
      if (s.refused.has(e.rank)) return stay(s);
      if (e.body.kind === 'plain') return closeIfDue(s, e.now, accept(s, e.rank, e.body));
      if (e.body.kind === 'inputChunk') return closeIfDue(s, e.now, takeChunk(s, e.rank, e.body));
      return closeIfDue(s, e.now, withoutRefused(s, e.rank, misplaced(s, e.rank, e.body, 'keys')));
    case 'computed':
      return computed(s, e);
    case 'gone':
    case 'left':
      s.absent.add(e.rank);
      return closeIfDue(s, e.now);
    case 'back': {
      if (s.refused.has(e.rank)) return stay(s);
      s.absent.delete(e.rank);
      const input = s.incoming.get(e.rank);
      const have = s.rows.has(e.rank) || input !== undefined ? (['masked'] as const) : [];
      return stay(s, [
        send(s.setup, e.rank, {
          kind: 'resume',
          run: s.setup.run,
          have,
          chunks: s.rows.has(e.rank)
            ? Array.from({ length: chunkCount(s.setup.derived.inputBytes) }, (_, i) => i)
            : sorted(input?.taken ?? []),
        }),
        ...(s.rows.has(e.rank) ? [send(s.setup, e.rank, { kind: 'inputTaken', run: s.setup.run })] : []),
        ...(input === undefined ? [] : [upload(s.setup, e.rank, input)]),
      ]);
    }
    case 'evict':
      return stay(s, evicted(s, e.rank));
    case 'tick':
    case 'proceed':
    case 'selected':
      return closeIfDue(s, e.now);
    default:
      return e satisfies never;
  }
}

function accept(s: CollectingState, rank: Rank, message: Plain): RoundEffect[] {
  const before = s.incoming.get(rank)?.message ?? s.rows.get(rank);
  if (before !== undefined)
    return bytesEqual(before.signature, message.signature) ? [] : out(s, rank, 'ROUND_DUPLICATE');
  const { primitives, gctx, derived } = s.setup;
  if (message.bytes !== derived.inputBytes || message.chunks.length !== 32 * Math.ceil(message.bytes / CHUNK_BYTES))
    return out(s, rank, 'ROUND_BAD_VECTOR');
  if (!(message.weight > 0 && message.weight <= 1)) return out(s, rank, 'ROUND_BAD_VECTOR');
  const statement = plainStatement(gctx, rank, vectorHash(primitives, message.bytes, message.chunks), message.weight);
  if (!primitives.verify(publicKeyOfRank(s.setup, rank), statement, message.signature))
    return out(s, rank, 'ROUND_BAD_SIGNATURE');
  const input = { message, taken: new Set<number>(), checking: new Set<number>() };
  s.incoming.set(rank, input);
  return [upload(s.setup, rank, input)];
}

function takeChunk(s: CollectingState, rank: Rank, chunk: InputChunk): RoundEffect[] {
  const input = s.incoming.get(rank);
  if (input === undefined) return s.rows.has(rank) ? [] : out(s, rank, 'ROUND_WRONG_PHASE');
  const hash = slices(input.message.chunks, 32)[chunk.index];
  if (
    hash === undefined ||
    chunk.section.length !== Math.min(CHUNK_BYTES, input.message.bytes - chunk.index * CHUNK_BYTES)
  )
    return out(s, rank, 'ROUND_BAD_VECTOR');
  if (input.taken.has(chunk.index) || input.checking.has(chunk.index)) {
    const same = bytesEqual(chunkHash(s.setup.primitives, chunk.section), hash);
    return same ? [uploaded(s.setup, rank, missingOf(input).length)] : out(s, rank, 'ROUND_BAD_VECTOR');
  }
  input.checking.add(chunk.index);
  const job = s.setup.jobs.next++;
  s.pending.set(job, { kind: 'chunk', rank, index: chunk.index });
  return [
    {
      type: 'compute',
      job,
      work: {
        type: 'chunk',
        slot: slotOf(s.setup, rank),
        bytes: input.message.bytes,
        index: chunk.index,
        section: chunk.section,
        hash,
      },
    },
  ];
}

function computed(s: CollectingState, e: Extract<GroupEvent, { type: 'computed' }>): Step {
  const job = s.pending.get(e.job);
  if (job === undefined || job.kind === 'unmask' || job.kind === 'audit') return stay(s);
  s.pending.delete(e.job);
  const input = s.incoming.get(job.rank);
  if (input === undefined) return stay(s);
  if (!e.ok && e.code === 'ENGINE_FAILED')
    return failOpen(s, { code: 'ENGINE_FAILED', text: `the engine could not ${job.kind} an input` });
  if (!e.ok) return closeIfDue(s, e.now, out(s, job.rank, 'ROUND_BAD_VECTOR'));
  if (job.kind === 'chunk') {
    input.checking.delete(job.index);
    input.taken.add(job.index);
    const progress = uploaded(s.setup, job.rank, missingOf(input).length);
    if (input.taken.size < input.message.chunks.length / 32) return stay(s, [progress]);
    const keep = s.setup.jobs.next++;
    s.pending.set(keep, { kind: 'keep', rank: job.rank });
    return stay(s, [
      progress,
      {
        type: 'compute',
        job: keep,
        work: { type: 'keep', slot: slotOf(s.setup, job.rank), encoding: s.setup.derived.encoding },
      },
    ]);
  }
  s.incoming.delete(job.rank);
  s.rows.set(job.rank, input.message);
  return closeIfDue(s, e.now, [send(s.setup, job.rank, { kind: 'inputTaken', run: s.setup.run })]);
}

function out(s: CollectingState, rank: Rank, code: Parameters<typeof expel>[3]): RoundEffect[] {
  return withoutRefused(s, rank, expel(s, rank, 'masked', code));
}

function failOpen(s: CollectingState, { code, text }: Pick<RoundFailure, 'code' | 'text'>): Step {
  const { setup, refused } = s;
  const failure: RoundFailure = { code, phase: 'masked', text, culprits: [], retry: 'next-attempt' };
  const slots = [...s.incoming.keys(), ...s.rows.keys()];
  return {
    state: { phase: 'failed', setup, failure, refused },
    effects: slots.flatMap((rank) => dropInput(setup, rank)),
  };
}

function closeIfDue(s: CollectingState, now: Millis, effects: readonly RoundEffect[] = []): Step {
  const window = windowOf(s.setup, 'masked');
  const everyone = s.setup.members.map((_, rank) => rank);
  const verdict = closing(window, s.openedAt, now, s.rows.size, outstanding(s, everyone, s.rows).length);
  if (verdict === 'open') return stay(s, effects);
  const facts = droppedFacts(s, everyone, s.rows, 'masked', verdict);
  if (verdict !== 'closed') {
    const failed = failOpen(s, {
      code: 'ROUND_QUORUM',
      text: `${s.rows.size} of at least ${window.count.min} clients sent an update`,
    });
    return { state: failed.state, effects: [...effects, ...facts, ...failed.effects] };
  }
  const { setup, refused } = s;
  const ranks = sorted(s.rows.keys());
  return {
    state: {
      phase: 'done',
      setup,
      refused,
      excluded: [],
      sets: { u2: everyone, u3: ranks, u4: ranks },
      result: {
        group: setup.run.group,
        source: {
          type: 'rows',
          slots: ranks.map((rank) => ({
            client: memberOf(setup, rank),
            slot: slotOf(setup, rank),
            weight: (s.rows.get(rank) as Plain).weight,
          })),
        }, // safe: the map's own keys
        survivors: ranks.map((rank) => memberOf(setup, rank)),
      },
    },
    effects: [
      ...effects,
      ...facts,
      ...outstanding(s, everyone, s.rows).map((rank) => decline(setup, rank, 'ROUND_TOO_LATE')),
      ...[...s.incoming.keys()].flatMap((rank) => dropInput(setup, rank)),
      entered(setup, 'done', now),
    ],
  };
}
