// R4: k random projections of every input, bound to it by the masks that are already there (protocol.md §7, checks 1 and 2).
// Members that fail are left out like dropouts: their b stays closed, their update hidden, and nobody else loses anything.
// Not here: check 3, which needs the opened masks (audit.ts); the rule in sketch space (server/aggregate); A (sketch/matrix.ts).

import { sketchStatement } from '../../context.js';
import type { ErrorCode } from '../../errors.js';
import type { Millis, Rank } from '../../ids.js';
import type { Exclusion, Sketch } from '../../wire/messages.js';
import type { GroupEvent } from '../group.js';
import {
  type ClaimedSketch,
  type CommittedState,
  type GroupSetup,
  type GroupStep,
  memberOf,
  publicKeyOfRank,
  type ScreenedState,
  type SketchState,
  type StepFrom,
  slotOf,
} from '../group-state.js';
import {
  closing,
  decline,
  drop,
  droppedFacts,
  engineFault,
  entered,
  expel,
  fail,
  fold,
  misplaced,
  outstanding,
  quorum,
  send,
  stay,
} from '../moves.js';
import type { RoundEffect } from '../types.js';
import { openConsistency } from './consistency.js';

/** The settings of R4; only called where the task has them. */
function sketchOf({ config, derived }: GroupSetup) {
  if (config.integrity === 'none' || derived.sketch === 'none') throw new RangeError('the task has no sketches');
  return { spec: config.integrity, bounds: derived.sketch };
}

export function openSketch(s: CommittedState, now: Millis): GroupStep<SketchState> {
  const { setup, u3 } = s;
  const { spec } = sketchOf(setup);
  const { derived, config, matrixKey, nonce, run } = setup;
  const projects = u3.map((rank): RoundEffect => {
    const job = setup.jobs.next++;
    s.pending.set(job, { kind: 'project', rank });
    const work = {
      type: 'project',
      slot: slotOf(setup, rank),
      encoding: derived.encoding,
      prg: config.prg,
      matrixKey,
      rows: spec.rows,
    } as const;
    return { type: 'compute', job, work };
  });
  return {
    state: { ...s, phase: 'sketch', openedAt: now, sketches: new Map(), projections: new Map() },
    effects: [
      entered(setup, 'sketch', now),
      ...u3
        .filter((rank) => !s.absent.has(rank) && !s.refused.has(rank))
        .map((rank) => send(setup, rank, { kind: 'sketchRequest', run, nonce, u3 })),
      ...projects,
      { type: 'wakeAt', at: now },
    ],
  };
}

export function onSketch(s: SketchState, e: GroupEvent): StepFrom<'sketch'> {
  switch (e.type) {
    case 'message':
      if (!s.u3.includes(e.rank)) return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
      if (e.body.kind !== 'sketch') return closeIfDue(s, e.now, misplaced(s, e.rank, e.body, 'sketch'));
      return closeIfDue(s, e.now, accept(s, e.rank, e.body));
    case 'computed': {
      const job = s.pending.get(e.job);
      const fault = engineFault(s, e);
      if (fault !== undefined) return fail(s, fault);
      if (job?.kind === 'project' && e.ok) s.projections.set(job.rank, reduced(e.values, s.setup));
      return closeIfDue(s, e.now);
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

function accept(s: SketchState, rank: Rank, message: Sketch): RoundEffect[] {
  if (s.sketches.has(rank)) return expel(s, rank, 'sketch', 'ROUND_DUPLICATE');
  const { spec } = sketchOf(s.setup);
  const { primitives, gctx, nonce } = s.setup;
  if (message.section.length !== 4 * spec.rows * s.u2.length) return expel(s, rank, 'sketch', 'SKETCH_MALFORMED');
  const statement = sketchStatement(gctx, rank, nonce, primitives.sha256(message.section));
  if (!primitives.verify(publicKeyOfRank(s.setup, rank), statement, message.signature))
    return expel(s, rank, 'sketch', 'ROUND_BAD_SIGNATURE');
  s.sketches.set(rank, parse(s, rank, message.section));
  return [];
}

function parse(s: SketchState, rank: Rank, section: Uint8Array): ClaimedSketch {
  const { rows } = sketchOf(s.setup).spec;
  const bytes = section.slice(); // aligned, and not the receive buffer
  const words = new Uint32Array(bytes.buffer);
  const peers = s.u2.filter((peer) => peer !== rank);
  return {
    v: new Int32Array(bytes.buffer, 0, rows),
    p: new Map(peers.map((peer, at) => [peer, reduced(words.subarray((at + 1) * rows, (at + 2) * rows), s.setup)])),
  };
}

/** Words mod 2^ρ, in place. */
export function reduced(words: Uint32Array, { derived }: GroupSetup): Uint32Array {
  const spare = 32 - derived.encoding.ring;
  for (let i = 0; i < words.length; i++) words[i] = ((words[i] as number) << spare) >>> spare; // safe: i < length
  return words;
}

function closeIfDue(s: SketchState, now: Millis, effects: readonly RoundEffect[] = []): StepFrom<'sketch'> {
  const { spec } = sketchOf(s.setup);
  const verdict = closing(spec.window, s.openedAt, now, s.sketches.size, outstanding(s, s.u3, s.sketches).length);
  if (verdict === 'open') return stay(s, effects);
  const dropped = droppedFacts(s, s.u3, s.sketches, 'sketch', verdict);
  if (verdict !== 'closed') {
    const failed = fail(s, quorum(s, s.sketches.size, spec.window.count.min));
    return { state: failed.state, effects: [...effects, ...dropped, ...failed.effects] };
  }
  if (s.projections.size < s.u3.length) return stay(s, effects); // our own engine is not done: nobody can be late for that
  return screen(s, now, [...effects, ...dropped]);
}

/** Checks 1 and 2: norms, and the agreement of every pair on its common mask. */
function screen(s: SketchState, now: Millis, effects: readonly RoundEffect[]): StepFrom<'sketch'> {
  const { setup, u3, sketches, projections } = s;
  const { bounds } = sketchOf(setup);
  const out = new Map<Rank, ErrorCode>();
  for (const rank of u3) {
    const claimed = sketches.get(rank);
    if (claimed === undefined) out.set(rank, s.refused.get(rank) ?? 'SKETCH_MISSING');
    else if (squareOf(claimed.v) > bounds.maxSquare) out.set(rank, 'SKETCH_NORM');
  }
  for (const rank of disagreeing(
    s,
    u3.filter((one) => !out.has(one)),
  ))
    out.set(rank, 'SKETCH_MISMATCH');
  const candidates = u3.filter((rank) => !out.has(rank));
  const { openedAt: _o, sketches: _s, projections: _p, ...rest } = s;
  const facts = [...out]
    .filter(([rank, code]) => code !== 'SKETCH_MISSING' && !s.refused.has(rank))
    .map(([rank, code]) => excludedFact(setup, rank, code));
  if (candidates.length < setup.derived.survivorFloor) {
    const failed = fail(s, {
      code: 'ROUND_QUORUM',
      text: `${candidates.length} members passed the checks of their sketches, ${setup.derived.survivorFloor} are needed`,
    });
    return { state: failed.state, effects: [...effects, ...facts, ...failed.effects] };
  }
  const screening = { sketches, projections, excluded: exclusions(out) };
  return {
    state: { ...rest, phase: 'screened', screening, candidates },
    effects: [...effects, ...facts, entered(setup, 'screened', now)],
  };
}

const excludedFact = (setup: GroupSetup, rank: Rank, code: ErrorCode): RoundEffect => ({
  type: 'measure',
  fact: { type: 'excluded', group: setup.run.group, client: memberOf(setup, rank), phase: 'sketch', code },
});
const exclusions = (out: ReadonlyMap<Rank, ErrorCode>): Exclusion[] =>
  [...out].map(([rank, code]) => ({ rank, code })).sort((a, b) => a.rank - b.rank);

/** ‖v‖² in float64: exact enough, as entries have at most 31 bits and there are at most 366. */
const squareOf = (v: Int32Array): number => v.reduce((sum, x) => sum + x * x, 0);

/**
 * While two members claim different projections of their common mask, the one with more such pairs goes (the higher rank where
 * they are even). It is not blamed: whether it lied shows when its mask secret is rebuilt, and then by signed messages.
 */
function disagreeing(s: SketchState, ranks: readonly Rank[]): Rank[] {
  const conflicts = new Map<Rank, Set<Rank>>(ranks.map((rank) => [rank, new Set()]));
  for (const [at, i] of ranks.entries())
    for (const j of ranks.slice(at + 1)) {
      const ij = s.sketches.get(i)?.p.get(j);
      const ji = s.sketches.get(j)?.p.get(i);
      if (ij?.every((word, r) => word === ji?.[r]) === true) continue;
      conflicts.get(i)?.add(j);
      conflicts.get(j)?.add(i);
    }
  const gone: Rank[] = [];
  for (;;) {
    const [worst] = [...conflicts].sort(([a, x], [b, y]) => y.size - x.size || b - a);
    if (worst === undefined || worst[1].size === 0) return gone;
    const [rank] = worst;
    gone.push(rank);
    conflicts.delete(rank);
    for (const others of conflicts.values()) others.delete(rank);
  }
}

/** How many more may be left out: what the task allows, and never below the threshold. Dropouts are not counted against it. */
export function budgetOf({ setup, screening, candidates }: ScreenedState): number {
  const used = screening.excluded.filter(({ code }) => code !== 'SKETCH_MISSING').length;
  return Math.max(0, Math.min(sketchOf(setup).spec.exclusions - used, candidates.length - setup.derived.survivorFloor));
}

export function onScreened(s: ScreenedState, e: GroupEvent): StepFrom<'screened'> {
  switch (e.type) {
    case 'message':
      return stay(s, misplaced(s, e.rank, e.body, 'sketch'));
    case 'computed':
      s.pending.delete(e.job); // a late chunk of a client that is out: projections are complete, folds come after the selection
      return stay(s);
    case 'back':
      s.absent.add(e.rank);
      return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
    case 'gone':
    case 'tick':
    case 'proceed':
      return stay(s);
    case 'selected':
      return select(s, e.ranks, e.now);
    default:
      return e satisfies never;
  }
}

/** Leaves the worst out, as far as the budget goes, and folds the inputs of all others into the sum. */
function select(s: ScreenedState, worst: readonly Rank[], now: Millis): StepFrom<'screened'> {
  const { setup, screening, candidates, u3 } = s;
  const left = [...new Set(worst)].filter((rank) => candidates.includes(rank)).slice(0, budgetOf(s));
  const u4 = candidates.filter((rank) => !left.includes(rank));
  const out = new Map<Rank, ErrorCode>(screening.excluded.map(({ rank, code }) => [rank, code]));
  for (const rank of left) out.set(rank, 'SKETCH_OUTLIER');
  const work = [
    ...u4.map((rank) => fold(s, rank)),
    ...u3.filter((rank) => out.has(rank)).map((rank) => drop(setup, slotOf(setup, rank))),
  ];
  const step = openConsistency(s, u4, { ...screening, excluded: exclusions(out) }, now);
  return {
    state: step.state,
    effects: [...left.map((rank) => excludedFact(setup, rank, 'SKETCH_OUTLIER')), ...work, ...step.effects],
  };
}
