// One attempt of one round at the coordinator: announces, routes events to the groups, holds the two barriers between them
// (after R3, before R6), and ends with a result or a failure. Total and deterministic; never throws on remote input.
// Not here: a group's phases (group.ts), choosing clients and retrying (server/campaign), aggregation.

import {
  announceStatement,
  contextOf,
  groupContextOf,
  groupRootOf,
  join,
  nonceCommitment,
  rosterRootOf,
} from '../context.js';
import { type ClientId, fromHex, type GroupId, type Millis, publicKeyOf, type Rank, toHex } from '../ids.js';
import { leastInputs } from '../rule.js';
import { matrixKey } from '../sketch/matrix.js';
import { configHash, type Derived, deriveTask, WAITING_PHASES } from '../task.js';
import type { Announce, RunRef } from '../wire/messages.js';
import { type Evict, type GroupEvent, type Left, stepGroup } from './group.js';
import { type ClaimedSketch, type GroupSetup, type GroupState, type GroupStep, memberOf } from './group-state.js';
import { entered, returnsUntil, sorted } from './moves.js';
import { type OpenGroupState, stepOpenGroup } from './open-group.js';
import { budgetOf } from './phases/sketch.js';
import { transcriptFacts, transcriptHash } from './transcript.js';
import type { Candidate, GroupPhase, RoundEffect, RoundEvent, RoundFailure, RoundSetup } from './types.js';

type AnyGroup = GroupState | OpenGroupState;
export type RoundState =
  | {
      readonly phase: 'running';
      readonly setup: RoundSetup;
      readonly derived: Derived;
      readonly groups: Map<GroupId, AnyGroup>;
      readonly seats: ReadonlyMap<ClientId, { readonly group: GroupId; readonly rank: Rank }>;
      /** What the driver was last asked for, and when it last rang: what falls due in between is not over before it has. */
      readonly wakeAt: { at: Millis; rang: Millis };
      readonly selection: { asked: boolean };
    }
  | { readonly phase: 'done' }
  | { readonly phase: 'failed' };
type Running = Extract<RoundState, { phase: 'running' }>;
export interface Step {
  readonly state: RoundState;
  readonly effects: readonly RoundEffect[];
}

/**
 * Announces a round to every member of the sampled groups.
 * @throws SottoError CONFIG_* if the settings contradict themselves (deriveTask): a programmer's or operator's error
 */
export function startRound(setup: RoundSetup, now: Millis): Step {
  const { config, primitives, coordinator, round, attempt } = setup;
  const derived = deriveTask(config);
  const rosters = setup.groups.map(({ id, members }) => {
    const publicKeys = members.map(publicKeyOf);
    return { id, members, publicKeys, root: groupRootOf(primitives, id, publicKeys) };
  });
  const groupIds = rosters.map(({ id }) => id);
  const groupRoots = rosters.map(({ root }) => root);
  const rosterRoot = rosterRootOf(primitives, groupIds, groupRoots);
  const commitNonce = nonceCommitment(primitives, setup.nonce);
  const ctx = contextOf(primitives, {
    task: config.task,
    round,
    attempt,
    model: setup.model,
    config: configHash(primitives, derived.text),
    rosterRoot,
    commitNonce,
    clip: setup.clip,
    coordinator: coordinator.publicKey,
  });
  const head = fromHex(setup.head);
  const deadlineMs = WAITING_PHASES.slice(0, 3).reduce((sum, phase) => sum + config.windows[phase].time.max, 0);
  const signature = primitives.sign(coordinator.secret.exposeSecret(), announceStatement(ctx, head, deadlineMs));
  const jobs = { next: 1 };
  const groups = new Map<GroupId, AnyGroup>();
  const seats = new Map<ClientId, { group: GroupId; rank: Rank }>();
  const effects: RoundEffect[] = [];
  for (const { id, members, publicKeys, root } of rosters) {
    const run: RunRef = { round, attempt, group: id };
    members.forEach((client, rank) => {
      seats.set(client, { group: id, rank });
    });
    const groupSetup: GroupSetup = {
      run,
      config,
      derived,
      gctx: groupContextOf(primitives, ctx, id, root),
      members,
      ranks: new Map(members.map((client, rank) => [client, rank])),
      publicKeys,
      nonce: setup.nonce,
      matrixKey: matrixKey(primitives, ctx, setup.nonce),
      primitives,
      accumulator: `${config.task}/${round}.${attempt}/${id}`,
      jobs,
    };
    const announce: Announce = {
      kind: 'announce',
      run,
      task: config.task,
      config: derived.text,
      model: fromHex(setup.model),
      head,
      groupIds,
      groupRoots: join(groupRoots),
      roster: join(publicKeys),
      commitNonce,
      deadlineMs,
      clip: setup.clip,
      signature,
    };
    groups.set(id, newGroup(groupSetup, now));
    effects.push(entered(groupSetup, config.profile === 'open' ? 'masked' : 'keys', now));
    for (const to of members) effects.push({ type: 'send', to, message: announce });
  }
  return finishStep(
    {
      phase: 'running',
      setup,
      derived,
      groups,
      seats,
      wakeAt: { at: Number.POSITIVE_INFINITY, rang: now },
      selection: { asked: false },
    },
    effects,
    now,
  );
}

function newGroup(setup: GroupSetup, now: Millis): AnyGroup {
  const run = { setup, absent: new Set<Rank>(), refused: new Map(), pending: new Map(), openedAt: now };
  return setup.config.profile === 'open'
    ? { ...run, phase: 'masked', open: true, incoming: new Map(), rows: new Map() }
    : { ...run, phase: 'keys', closableAt: Number.POSITIVE_INFINITY, left: new Set(), keys: new Map() };
}

/** Consumes `state`: afterwards only the returned one may be used. */
export function stepRound(state: RoundState, event: RoundEvent): Step {
  if (state.phase !== 'running') return { state, effects: [] };
  const effects: RoundEffect[] = [];
  const apply = (id: GroupId, e: GroupEvent | Evict | Left) => effects.push(...stepIn(state, id, e));
  switch (event.type) {
    case 'tick':
      // The driver's timer is spent, perhaps a hair too early: it is asked for again even if the time is the same.
      state.wakeAt.at = Number.POSITIVE_INFINITY;
      state.wakeAt.rang = event.now;
      for (const id of state.groups.keys()) apply(id, { type: 'tick', now: event.now });
      break;
    case 'cancel':
      return endFailed(state, effects, { code: 'ROUND_CANCELLED', text: 'the coordinator gave the round up' });
    case 'computed': {
      const { result, job, now } = event;
      for (const [id, group] of state.groups)
        if ('pending' in group && group.pending.has(job))
          apply(
            id,
            result.ok
              ? { type: 'computed', job, ok: true, values: result.values ?? new Uint32Array(0), now }
              : { type: 'computed', job, ok: false, code: result.code, now },
          );
      break;
    }
    case 'message': {
      const { round, attempt } = state.setup;
      const { run } = event.body;
      const seat = state.seats.get(event.from);
      if (seat === undefined || run.round !== round || run.attempt !== attempt || run.group !== seat.group) {
        const code = seat === undefined ? 'ROUND_NOT_IN_ROSTER' : 'ROUND_WRONG_ROUND';
        return { state, effects: [{ type: 'refuse', client: event.from, code, run, fatal: false, stray: true }] };
      }
      apply(seat.group, { type: 'message', rank: seat.rank, body: event.body, now: event.now });
      for (const [i, effect] of effects.entries())
        if (effect.type === 'refuse' && effect.client === event.from && !effect.fatal)
          effects[i] = { ...effect, stray: true };
      break;
    }
    case 'selected': {
      const ranks = (id: GroupId): Rank[] =>
        event.excluded.flatMap((client) => {
          const seat = state.seats.get(client);
          return seat?.group === id ? [seat.rank] : [];
        });
      for (const [id, group] of state.groups)
        if (group.phase === 'screened') apply(id, { type: 'selected', ranks: ranks(id), now: event.now });
      break;
    }
    case 'gone':
    case 'left':
    case 'evict':
    case 'back': {
      const seat = state.seats.get(event.client);
      if (seat === undefined) return { state, effects: [] };
      apply(seat.group, { type: event.type, rank: seat.rank, now: event.now });
      break;
    }
    default:
      return event satisfies never;
  }
  return finishStep(state, effects, event.now);
}

function stepIn(state: Running, id: GroupId, event: GroupEvent | Evict | Left): readonly RoundEffect[] {
  const group = state.groups.get(id);
  if (group === undefined) return [];
  const step: GroupStep<AnyGroup> = isOpen(group, state)
    ? stepOpenGroup(group as OpenGroupState, event)
    : stepGroup(group as GroupState, event);
  state.groups.set(id, step.state);
  return step.effects.filter((effect) => effect.type !== 'wakeAt'); // wake-ups are computed for all groups together
}
const isOpen = (_: AnyGroup, state: Running): boolean => state.setup.config.profile === 'open';

/** Barriers, the end of the round, and the next wake-up. */
function finishStep(state: Running, effects: RoundEffect[], now: Millis): Step {
  for (const barrier of ['committed', 'agreed'] as const) {
    const lost = lostCause(state);
    if (lost !== undefined) return endFailed(state, effects, lost);
    const live = [...state.groups].filter(([, g]) => g.phase !== 'failed');
    if (live.length > 0 && live.every(([, g]) => reached(g.phase, barrier)))
      for (const [id, g] of live) if (g.phase === barrier) effects.push(...stepIn(state, id, { type: 'proceed', now }));
  }
  askForSelection(state, effects);
  const lost = lostCause(state);
  if (lost !== undefined) return endFailed(state, effects, lost);
  const groups = [...state.groups.values()];
  if (groups.every((g) => g.phase === 'done' || g.phase === 'failed')) return endDone(state, effects);
  const at = Math.min(...groups.map((group) => deadlineOf(group, state.wakeAt.rang)));
  if (at !== state.wakeAt.at && at !== Number.POSITIVE_INFINITY) {
    state.wakeAt.at = at;
    effects.push({ type: 'wakeAt', at });
  }
  return { state, effects };
}

/** Once, when every group's sketches are judged by the protocol: one matrix for all groups, so the rule sees all of them together. */
function askForSelection(state: Running, effects: RoundEffect[]): void {
  const live = [...state.groups.values()].filter((g) => g.phase !== 'failed');
  const screened = live.filter((g) => g.phase === 'screened');
  const [first] = screened;
  if (state.selection.asked || first === undefined || screened.length < live.length) return;
  state.selection.asked = true;
  const candidates = screened.flatMap((g) =>
    g.candidates.map(
      (rank): Candidate => ({
        client: memberOf(g.setup, rank),
        group: g.setup.run.group,
        sketch: (g.screening.sketches.get(rank) as ClaimedSketch).v, // safe: candidates have claimed
        budget: budgetOf(g),
      }),
    ),
  );
  effects.push({ type: 'select', candidates, matrixKey: first.setup.matrixKey });
}

const PROGRESS: readonly GroupPhase[] = [
  'keys',
  'shares',
  'masked',
  'committed',
  'sketch',
  'screened',
  'consistency',
  'agreed',
  'unmask',
  'opening',
  'done',
];
const reached = (phase: GroupPhase, barrier: GroupPhase): boolean =>
  PROGRESS.indexOf(phase) >= PROGRESS.indexOf(barrier);

/**
 * Earliest time at which a tick can change something: the end of the minimum (a full phase waits for it), of the wait for members who may
 * come back, or of the maximum. It may lie in the past: an event of another group can come between a time and the alarm for it, and the
 * next alarm replaces that one.
 * @param rang the last tick
 */
function deadlineOf(group: AnyGroup, rang: Millis): Millis {
  if (!('openedAt' in group)) return Number.POSITIVE_INFINITY;
  const seen = Math.max(rang, group.openedAt);
  const { windows, integrity } = group.setup.config;
  const time = group.phase === 'sketch' ? integrity !== 'none' && integrity.window.time : windows[group.phase].time;
  // Past its maximum a phase waits for our own engine only, which reports by itself.
  if (time === false || seen >= group.openedAt + time.max) return Number.POSITIVE_INFINITY;
  const at = group.openedAt + (seen < group.openedAt + time.min ? time.min : time.max);
  const returns = 'closableAt' in group ? returnsUntil(group) : Number.POSITIVE_INFINITY;
  return seen < returns ? Math.min(at, returns) : at;
}

/** Why the round cannot go on any more, if so: fewer groups left than the rule needs. */
function lostCause(state: Running): { code: RoundFailure['code']; text: string } | undefined {
  const failed = [...state.groups.values()].filter((g) => g.phase === 'failed');
  if (failed.length === 0) return undefined;
  const { config } = state.setup;
  const left = state.groups.size - failed.length;
  if (config.profile === 'grouped' && left >= leastInputs(config.rule)) return undefined;
  const [first] = failed;
  // safe: a failed group has its failure
  const failure = (first as Extract<AnyGroup, { phase: 'failed' }>).failure;
  if (config.profile !== 'grouped') return { code: failure.code, text: failure.text };
  return {
    code: 'ROUND_TOO_FEW_GROUPS',
    text: `${left} of ${state.groups.size} groups are left, rule ${config.rule.name} needs ${leastInputs(config.rule)}; first lost: ${failure.text}`,
  };
}

function endFailed(
  state: Running,
  effects: RoundEffect[],
  { code, text }: { code: RoundFailure['code']; text: string },
): Step {
  const { setup } = state;
  const groups = [...state.groups.values()];
  const failures = groups.flatMap((g) => (g.phase === 'failed' ? [g.failure] : []));
  // Once anyone was asked to unmask, a second attempt of this round could reveal a client: the next round, with fresh updates.
  const opened =
    groups.some((g) => reached(g.phase, 'unmask') && g.phase !== 'failed') ||
    failures.some((f) => f.retry === 'next-round');
  const failure: RoundFailure = {
    code,
    phase: failures[0]?.phase ?? groups[0]?.phase ?? 'keys',
    text,
    culprits: failures.flatMap((f) => f.culprits),
    retry: opened && setup.config.profile !== 'open' ? 'next-round' : 'next-attempt',
  };
  for (const group of groups) effects.push(...abortMembers(group, code));
  effects.push({ type: 'failed', failure }, { type: 'forget', keepAccumulators: false });
  return { state: { phase: 'failed' }, effects };
}

function abortMembers(group: AnyGroup, code: RoundFailure['code']): RoundEffect[] {
  const { setup } = group;
  const named =
    group.phase === 'failed' ? group.failure.culprits.flatMap(({ client }) => setup.ranks.get(client) ?? []) : [];
  const culprits = sorted(new Set(named));
  return setup.members
    .filter((_, rank) => !group.refused.has(rank))
    .map((to) => ({ type: 'send', to, message: { kind: 'abort', run: setup.run, code, culprits, retryAfterMs: 0 } }));
}

function endDone(state: Running, effects: RoundEffect[]): Step {
  const groups = [...state.groups.values()];
  const done = groups.filter((g) => g.phase === 'done');
  const voided = groups.filter((g) => g.phase === 'failed');
  const { primitives, nonce } = state.setup;
  const facts = transcriptFacts(done, voided);
  const gctxOf = (id: GroupId): Uint8Array => state.groups.get(id)?.setup.gctx ?? new Uint8Array(0);
  for (const group of voided) effects.push(...abortMembers(group, group.failure.code));
  effects.push(
    {
      type: 'done',
      result: {
        groups: done.map(({ result }) => result),
        voided: voided.map(({ setup, failure }) => ({ group: setup.run.group, failure })),
        transcript: transcriptHash(primitives, facts, gctxOf),
        facts,
        commitNonce: toHex(nonceCommitment(primitives, nonce)),
      },
    },
    { type: 'forget', keepAccumulators: true },
  );
  return { state: { phase: 'done' }, effects };
}
