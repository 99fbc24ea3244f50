// The campaign machine: waits for clients, starts attempts, retries, blames, pauses, stops. Pure: step(state, event) → {state, effects}.
// A round is protocol/round's business; making and publishing the model the driver's. Who may take part is seats.ts.
// Not here: any clock, socket or vector.

import type { ErrorCode } from '../../protocol/errors.js';
import { ERRORS } from '../../protocol/errors.js';
import type { ClientId, Millis } from '../../protocol/ids.js';
import {
  MAX_POOL,
  MAX_RETRY_AFTER_MS,
  MAX_SETBACK_PAUSE_MS,
  MIN_RETRY_AFTER_MS,
  MIN_SETBACK_PAUSE_MS,
  SETBACKS_BEFORE_PAUSE,
} from '../../protocol/limits.js';
import type { RoundFailure, RoundResult } from '../../protocol/round/types.js';
import { openSpending, reserveAttempt, settleAttempt, settleFailure } from './budget.js';
import { rotate } from './rotate.js';
import { enough, planAttempt } from './seats.js';
import type {
  AttemptRef,
  CAMPAIGN_TRANSITIONS,
  CampaignEffect,
  CampaignEvent,
  CampaignOutcome,
  CampaignPhase,
  CampaignSetup,
  CampaignState,
  CampaignStep,
  Common,
  Hold,
  WantedRollBack,
} from './types.js';

type In<P extends CampaignPhase> = Extract<CampaignState, { phase: P }>;
/** What a handler of phase P may return: P again, or a phase that the table lists for P. */
type StepFrom<P extends CampaignPhase> = CampaignStep<In<P | (typeof CAMPAIGN_TRANSITIONS)[P][number]>>;

/** Waits for the clients of the first round. @param now the driver's clock */
export function startCampaign(setup: CampaignSetup, now: Millis): CampaignStep<In<'waiting' | 'ended'>> {
  const { resumed } = setup;
  const common: Common = {
    setup,
    pool: new Set(),
    seating: resumed?.seating ?? (setup.config.profile === 'grouped' ? { type: 'undealt' } : { type: 'sampled' }),
    blamed: new Map(resumed?.blamed),
    quarantined: new Map(resumed?.quarantined),
    sittingOut: new Set(resumed?.quarantined.keys()),
    // A restart is somebody's answer to what went wrong.
    setbacks: 0,
    hold: resumed?.hold ?? { type: 'none' },
    rollBack: 'none',
    spending: openSpending(setup.config, setup.spent),
    // The first guess: the phase that holds the training.
    roundMs: setup.config.windows.masked.time.max,
  };
  if (setup.lastRound >= setup.settings.rounds) return end(common, { type: 'rounds', round: setup.lastRound });
  return wait(common, { round: setup.lastRound + 1, attempt: 1 + (resumed?.attempts ?? 0) }, now);
}

/** Total and deterministic. Consumes `state`: afterwards only the returned one may be used. */
export function stepCampaign(state: CampaignState, event: CampaignEvent): CampaignStep {
  switch (event.type) {
    case 'left':
      state.pool.delete(event.client);
      return stay(state);
    case 'joined':
      return join(state, event.client, event.now);
    case 'offended':
      // Only what is the client's own fault; who was late or dropped may be in the next attempt.
      if (ERRORS[event.code].blame === 'remote') state.sittingOut.add(event.client);
      return stay(state);
    case 'quarantined':
      state.quarantined.set(event.client, event.until);
      state.sittingOut.add(event.client);
      return stay(state);
    case 'released':
      state.quarantined.delete(event.client);
      // In the middle of a round it may sit out for another reason; `nextRound` asks anew.
      if (state.phase !== 'waiting' || state.attempt > 1) return stay(state);
      state.sittingOut.delete(event.client);
      return stay(state, ...(enough(state) ? [{ type: 'wakeAt', at: event.now } as const] : []));
    case 'rotated':
      return stay(rotate(state, event.from, event.to));
    case 'hold':
      return hold(state, event.hold, event.now);
    case 'rollBack':
      return rollBack(state, event.wanted, event.now);
    default:
  }
  switch (state.phase) {
    case 'waiting':
      return onWaiting(state, event);
    case 'running':
      return onRunning(state, event);
    case 'publishing':
      return onPublishing(state, event);
    case 'judging':
      return onJudging(state, event);
    case 'pausing':
      return onPausing(state, event);
    case 'rollingBack':
      return onRollingBack(state, event);
    case 'stopping':
      return onStopping(state, event);
    case 'ended':
      return stay(state);
    default:
      return state satisfies never;
  }
}

type PhaseEvent = Exclude<
  CampaignEvent,
  { type: 'joined' | 'left' | 'offended' | 'quarantined' | 'released' | 'rotated' | 'hold' | 'rollBack' }
>;

// ---- the pool --------------------------------------------------------------------------------------------------------

function join(state: CampaignState, client: ClientId, now: Millis): CampaignStep {
  if (state.phase === 'ended') return stay(state, goodbye(state, client));
  const blame = state.blamed.get(client);
  if (blame !== undefined) return stay(state, reject(state, client, 'SESSION_EXCLUDED'));
  if (!state.pool.has(client) && !hasRoom(state, client)) return stay(state, reject(state, client, 'SESSION_BUSY'));
  state.pool.add(client);
  const over = state.phase === 'pausing' || state.phase === 'judging' || state.phase === 'rollingBack';
  const round = over ? state.round + 1 : state.round;
  const accept: CampaignEffect = { type: 'accept', client, round };
  if (state.phase === 'waiting' && enough(state)) return { state, effects: [accept, { type: 'wakeAt', at: now }] };
  return stay(state, accept);
}

/** Groups that are dealt take their members only: the others are reserve until the next roster epoch (types.ts, Seating). */
function hasRoom(state: Common, client: ClientId): boolean {
  if (state.seating.type === 'dealt') return state.seating.groups.some((team) => team.members.includes(client));
  return state.pool.size < MAX_POOL;
}

/** Pace steering: about one round from now, spread over another one, so that those turned away do not come back together. */
function reject(state: Common, client: ClientId, code: ErrorCode): CampaignEffect {
  const base = Math.min(
    Math.max(state.roundMs + state.setup.settings.pauseMs, MIN_RETRY_AFTER_MS),
    MAX_RETRY_AFTER_MS / 2,
  );
  return { type: 'reject', client, code, retryAfterMs: Math.round(base * (1 + spread(client))) };
}

/** In [0, 1), from the id: the draws of the setup's `random` belong to the sampling, or a seed would not fix the cohorts. */
const spread = (client: ClientId): number => Number.parseInt(client.slice(0, 8), 16) / 2 ** 32;

function goodbye(state: In<'ended'>, client: ClientId): CampaignEffect {
  // A coordinator that was stopped comes back; all other ends are ends.
  if (state.outcome.type === 'stopped') return reject(state, client, 'SESSION_BUSY');
  return { type: 'farewell', client, rounds: state.outcome.round };
}

/**
 * Between rounds draining is stopping; a wait that was paused begins anew, since nobody is to blame for the time that passed. Whoever lets
 * it go on has looked at what went wrong before: that no longer counts, and nobody waits for the rest of a long pause.
 */
function hold(state: CampaignState, wanted: Hold, now: Millis): CampaignStep {
  if (state.phase === 'ended' || state.phase === 'stopping' || state.hold.type === 'draining') return stay(state);
  const held: CampaignState = { ...state, hold: wanted, setbacks: wanted.type === 'none' ? 0 : state.setbacks };
  const between =
    held.phase === 'pausing' || held.phase === 'judging' || (held.phase === 'waiting' && held.attempt === 1);
  if (wanted.type === 'draining' && between) return stepCampaign(held, { type: 'stop', reason: wanted.reason, now });
  if (held.phase === 'waiting' && wanted.type !== 'paused') return wait(held, held, now);
  if (held.phase !== 'pausing' || wanted.type !== 'none') return stay(held);
  const until = Math.min(held.until, now + held.setup.settings.pauseMs);
  return { state: { ...held, until }, effects: [{ type: 'wakeAt', at: until }] };
}

/** Whether an operator's roll-back can still be taken: not twice, and not where it ends anyway. */
export const canRollBack = (state: CampaignState): boolean =>
  state.rollBack === 'none' &&
  state.phase !== 'ended' &&
  state.phase !== 'stopping' &&
  state.phase !== 'rollingBack' &&
  state.hold.type !== 'draining';

/**
 * At once between rounds, whoever paused it. What clients are still masking for would be built on a model that nobody wants: such an
 * attempt is cancelled and its round given up; one whose sum is being opened is finished first.
 */
function rollBack(state: CampaignState, wanted: WantedRollBack, now: Millis): CampaignStep {
  if (!canRollBack(state)) return stay(state);
  const asked: CampaignState = { ...state, rollBack: wanted };
  switch (asked.phase) {
    case 'running':
      return stay(asked, { type: 'cancel' });
    case 'waiting':
      if (asked.attempt === 1) return goBack(asked, asked.round);
      // The attempt before failed, and no other follows.
      return giveUpRound(
        { ...asked, attempt: asked.attempt - 1 },
        'ROUND_CANCELLED',
        'the coordinator goes back to an earlier model',
        now,
      );
    case 'judging':
    case 'pausing':
      return goBack(asked, asked.round + 1);
    default:
      return stay(asked);
  }
}

function goBack(s: Common, round: number): CampaignStep<In<'rollingBack'>> {
  const { rollBack: wanted } = s;
  const state: In<'rollingBack'> = { ...common(s), phase: 'rollingBack', rollBack: 'none', round };
  return { state, effects: wanted === 'none' ? [] : [{ type: 'rollBack', round, wanted }] };
}

// ---- phases ----------------------------------------------------------------------------------------------------------

function onWaiting(s: In<'waiting'>, e: PhaseEvent): StepFrom<'waiting'> {
  if (e.type === 'stop') return end(s, { type: 'stopped', round: s.round - 1, reason: e.reason });
  if (e.type !== 'tick' || s.hold.type === 'paused') return stay(s);
  if (e.now < s.until && !enough(s)) return { state: s, effects: [{ type: 'wakeAt', at: s.until }] };
  const plan = planAttempt(s);
  if (plan.ok) {
    const { phase: _, until: __, ...rest } = s;
    const { spending, round, attempt } = s;
    // Clients whose budget is used up are not in the plan, so this cannot be refused.
    const reservation = spending === 'none' ? 'none' : reserveAttempt(spending, s, plan.groups);
    return {
      state: { ...rest, phase: 'running', seating: plan.seating, startedAt: e.now },
      effects: [{ type: 'start', round, attempt, groups: plan.groups, reservation }],
    };
  }
  if (s.spending !== 'none' && s.spending.exhausted.size > 0) {
    const { exhausted, budget } = s.spending;
    const text = `${exhausted.size} clients have used up their privacy budget (ε = ${budget.epsilon} at δ = ${budget.delta}), and ${plan.text}`;
    const over = (round: number, ...before: CampaignEffect[]) =>
      end(s, { type: 'budget', round, code: 'PRIVACY_BUDGET', text }, ...before);
    if (s.attempt === 1) return over(s.round - 1);
    // It was announced, so it has an end of its own.
    return over(s.round, voidEffect({ round: s.round, attempt: s.attempt - 1 }, 'PRIVACY_BUDGET', text));
  }
  // As many as were hoped for, and not those of one group: the others have the rest of the time.
  if (e.now < s.until) return { state: s, effects: [{ type: 'wakeAt', at: s.until }] };
  // The attempt before failed and there are too few for another: those who sit this round out may be in the next one.
  if (s.attempt > 1) return giveUpRound({ ...s, attempt: s.attempt - 1 }, 'ROUND_QUORUM', plan.text, e.now);
  // Nothing was announced, so the round keeps its number; but somebody has to be told that nobody comes.
  const after = { ...s, setbacks: s.setbacks + 1 };
  if (givesUp(after)) return stall(after, s.round - 1, plan.text);
  const { state, effects } = wait(after, s, e.now);
  return { state, effects: [setback(after, 0, plan.text), ...effects] };
}

function onRunning(s: In<'running'>, e: PhaseEvent): StepFrom<'running'> {
  switch (e.type) {
    case 'done':
      return publish(s, e.result);
    case 'failed':
      return retry(s, e.failure, e.now);
    case 'stop':
      return { state: stopping(s, e.reason), effects: [{ type: 'cancel' }] };
    default:
      return stay(s);
  }
}

function onPublishing(s: In<'publishing'>, e: PhaseEvent): StepFrom<'publishing'> {
  switch (e.type) {
    case 'published': {
      const done = { ...s, setbacks: 0, roundMs: blend(s.roundMs, e.now - s.startedAt) };
      if (s.setup.settings.stopAt === undefined || s.rollBack !== 'none') return nextRound(done, e.now);
      return { state: { ...common(done), phase: 'judging', round: s.round }, effects: [] };
    }
    case 'unpublished':
      // The sums are open, so this round is over (protocol.md §6.6): never another attempt.
      return giveUpRound(s, e.code, e.text, e.now);
    case 'stop':
      return { state: stopping(s, e.reason), effects: [] };
    default:
      return stay(s);
  }
}

function onJudging(s: In<'judging'>, e: PhaseEvent): StepFrom<'judging'> {
  if (e.type === 'stop') return end(s, { type: 'stopped', round: s.round, reason: e.reason });
  if (e.type !== 'evaluated' || e.round !== s.round) return stay(s);
  const goal = s.setup.settings.stopAt?.accuracy ?? Number.POSITIVE_INFINITY;
  if (e.accuracy >= goal) return end(s, { type: 'accuracy', round: s.round, accuracy: e.accuracy });
  return nextRound(s, e.now);
}

function onPausing(s: In<'pausing'>, e: PhaseEvent): StepFrom<'pausing'> {
  if (e.type === 'stop') return end(s, { type: 'stopped', round: s.round, reason: e.reason });
  if (e.type !== 'tick' || e.now < s.until) return stay(s);
  return wait(s, { round: s.round + 1, attempt: 1 }, e.now);
}

function onRollingBack(s: In<'rollingBack'>, e: PhaseEvent): StepFrom<'rollingBack'> {
  // What is being written is written; then it ends.
  if (e.type === 'stop') return stay({ ...s, hold: { type: 'draining', reason: e.reason } });
  if (e.type !== 'rolledBack') return stay(s);
  const over = nextRound(e.done ? s : { ...s, round: s.round - 1 }, e.now);
  return over as CampaignStep<In<'pausing' | 'ended'>>; // safe: `goBack` has taken the wish away
}

function onStopping(s: In<'stopping'>, e: PhaseEvent): StepFrom<'stopping'> {
  const stopped = (round: number, ...before: CampaignEffect[]): StepFrom<'stopping'> =>
    end(s, { type: 'stopped', round, reason: s.reason }, ...before);
  switch (e.type) {
    case 'done':
      // It was faster than the cancel. The clients have done their part: finish it.
      return { state: s, effects: [publishEffect(s, e.result)] };
    case 'failed':
      return stopped(s.round - 1, voidEffect(s, e.failure.code, e.failure.text, e.failure.retry === 'next-attempt'));
    case 'published':
      return stopped(s.round);
    case 'unpublished':
      return stopped(s.round - 1, voidEffect(s, e.code, e.text));
    default:
      return stay(s);
  }
}

// ---- moves -----------------------------------------------------------------------------------------------------------

function stay<S extends CampaignState>(state: S, ...effects: CampaignEffect[]): CampaignStep<S> {
  return { state, effects };
}

/** The fields of every phase, and no other: a new phase is built on these. */
function common(s: Common): Common {
  const { setup, pool, seating, blamed, quarantined, sittingOut, setbacks, spending, hold, rollBack, roundMs } = s;
  return { setup, pool, seating, blamed, quarantined, sittingOut, setbacks, spending, hold, rollBack, roundMs };
}

function wait(s: Common, next: AttemptRef, now: Millis): CampaignStep<In<'waiting'>> {
  const until = now + s.setup.settings.clients.waitMs;
  const { round, attempt } = next;
  return {
    state: { ...common(s), phase: 'waiting', round, attempt, until },
    effects: [{ type: 'wakeAt', at: enough(s) ? now : until }],
  };
}

function publish(s: In<'running'>, result: RoundResult): CampaignStep<In<'publishing'>> {
  const { round, attempt, startedAt } = s;
  const effects = result.voided.flatMap((group) => blame(s, group.failure));
  effects.push(publishEffect(s, result));
  return { state: { ...common(s), phase: 'publishing', round, attempt, startedAt }, effects };
}

const publishEffect = (s: Common & AttemptRef, result: RoundResult): CampaignEffect => ({
  type: 'publish',
  round: s.round,
  attempt: s.attempt,
  result,
  settlement: s.spending === 'none' ? 'none' : settleAttempt(s.spending, s, result),
});

const voidEffect = (s: AttemptRef, code: ErrorCode, text: string, handedBack = false): CampaignEffect => ({
  type: 'void',
  round: s.round,
  attempts: s.attempt,
  code,
  text,
  handedBack,
});

function retry(s: In<'running'>, failure: RoundFailure, now: Millis): StepFrom<'running'> {
  const blamed = blame(s, failure);
  const settled = s.spending === 'none' ? 'none' : settleFailure(s.spending, s, failure);
  if (settled !== 'none') blamed.push({ type: 'record', entry: settled });
  const again =
    failure.retry === 'next-attempt' && s.rollBack === 'none' && s.attempt < s.setup.settings.attemptsPerRound;
  const next = again
    ? wait(s, { round: s.round, attempt: s.attempt + 1 }, now)
    : giveUpRound(s, failure.code, failure.text, now);
  return { state: next.state, effects: [...blamed, ...next.effects] };
}

/** Collects proven culprits. They leave the pool: they are told so when they check in again. */
function blame(s: Common, failure: RoundFailure): CampaignEffect[] {
  return failure.culprits.map(({ client, code }) => {
    s.blamed.set(client, code);
    s.pool.delete(client);
    return { type: 'blame', client, code };
  });
}

function giveUpRound(
  s: Common & AttemptRef,
  code: ErrorCode,
  text: string,
  now: Millis,
): CampaignStep<In<'pausing' | 'rollingBack' | 'ended'>> {
  // Whoever wants another model has given the round up: that says nothing about the clients.
  const after = { ...s, setbacks: s.rollBack === 'none' ? s.setbacks + 1 : 0 };
  const says = `round ${s.round} is void: ${code}, ${text}`;
  const next = givesUp(after) ? stall(after, s.round, says) : nextRound(after, now);
  const effects: CampaignEffect[] = [voidEffect(s, code, text)];
  if (next.state.phase === 'pausing' && after.setbacks >= SETBACKS_BEFORE_PAUSE)
    effects.push(setback(after, next.state.until - now, says));
  return { state: next.state, effects: [...effects, ...next.effects] };
}

const givesUp = ({ setbacks, setup }: Common): boolean =>
  setup.settings.giveUpAfter !== undefined && setbacks >= setup.settings.giveUpAfter;

const setback = (s: Common & { readonly round: number }, pauseMs: Millis, text: string): CampaignEffect => ({
  type: 'setback',
  round: s.round,
  inARow: s.setbacks,
  pauseMs,
  text,
});

/** Each void round costs everybody who trains for it: the longer it has gone wrong, the longer until the next try. */
function pauseOf({ setup, setbacks }: Common): Millis {
  const { pauseMs } = setup.settings;
  if (setbacks < SETBACKS_BEFORE_PAUSE) return pauseMs;
  const doubled = MIN_SETBACK_PAUSE_MS * 2 ** Math.min(setbacks - SETBACKS_BEFORE_PAUSE, 32);
  return Math.max(pauseMs, Math.min(doubled, MAX_SETBACK_PAUSE_MS));
}

/** The round is over. `pausing` even where there is no pause: one way from round to round. */
function nextRound(
  s: Common & { readonly round: number },
  now: Millis,
): CampaignStep<In<'pausing' | 'rollingBack' | 'ended'>> {
  if (s.rollBack !== 'none') return goBack(s, s.round + 1);
  const { settings } = s.setup;
  s.sittingOut.clear();
  for (const [client, until] of s.quarantined) {
    if (until > s.round) s.sittingOut.add(client);
    else s.quarantined.delete(client);
  }
  if (s.round >= settings.rounds) return end(s, { type: 'rounds', round: s.round });
  if (s.hold.type === 'draining') return end(s, { type: 'stopped', round: s.round, reason: s.hold.reason });
  const until = now + pauseOf(s);
  return { state: { ...common(s), phase: 'pausing', round: s.round, until }, effects: [{ type: 'wakeAt', at: until }] };
}

function stall(s: Common, round: number, text: string): CampaignStep<In<'ended'>> {
  const says = `nothing came of ${s.setbacks} tries in a row; the last one: ${text}`;
  return end(s, { type: 'stalled', round, code: 'CAMPAIGN_STALLED', text: says });
}

function stopping(s: Common & AttemptRef, reason: string): In<'stopping'> {
  return { ...common(s), phase: 'stopping', round: s.round, attempt: s.attempt, reason };
}

function end(s: Common, outcome: CampaignOutcome, ...before: CampaignEffect[]): CampaignStep<In<'ended'>> {
  const state: In<'ended'> = { ...common(s), phase: 'ended', outcome };
  const farewells = outcome.type === 'stopped' ? [] : [...s.pool].map((client) => goodbye(state, client));
  return { state, effects: [...before, ...farewells, { type: 'ended', outcome }] };
}

/** Moving mean that forgets half of the past in each round. */
const blend = (before: Millis, latest: Millis): Millis => (before + latest) / 2;
