// The client's machine of one run: `start` checks the announcement, `step` takes it through R1-R6. Total; never throws on remote input.
// Both come twice: as generators that ask for public-key operations (crypto/asking.ts), and answered at once from primitives.
// Not here: the checks and answers of each phase (the files beside), the connection and training (client/).

import type { SketchClause } from '../clauses/clauses.js';
import { answered } from '../crypto/asking.js';
import type { ErrorCode } from '../errors.js';
import { hashOf } from '../ids.js';
import type { CoordinatorRoundMessage, Resume } from '../wire/messages.js';
import { checkAnnounce } from './announce.js';
import { end, runOf, stopBy } from './ending.js';
import { makeKeys, onKeyBook, onSecondBook } from './keys.js';
import { onOpenTrained, onPlainComputed } from './open.js';
import { allChunks, onMaskedComputed, onShareBook, startMasking } from './shares.js';
import { type AskingStep, type ParticipantState, type ParticipantStep, stay } from './state.js';
import type { ParticipantEffect, ParticipantEvent, ParticipantSetup } from './types.js';
import { onSecondSurvivors, onSurvivors, onUnmaskRequest } from './unmask.js';

export type { AskingStep, ParticipantState, ParticipantStep } from './state.js';

/** Joins a run, or refuses it with a `guard` effect. The (round, attempt) is durable before anything of this client leaves. */
export const startParticipant = (setup: ParticipantSetup): ParticipantStep =>
  answered(startAsking(setup), setup.primitives);

/** Consumes `state`: afterwards only the returned one may be used. */
export const stepParticipant = (state: ParticipantState, event: ParticipantEvent): ParticipantStep =>
  state.phase === 'ended' ? stay(state) : answered(stepAsking(state, event), state.joined.primitives);

/** As startParticipant. */
export function* startAsking(setup: ParticipantSetup): AskingStep {
  const { announce } = setup;
  const verdict = yield* checkAnnounce(setup);
  if (!verdict.ok) {
    const { code, text } = verdict;
    return {
      state: { phase: 'ended', run: announce.run },
      effects: [
        { type: 'guard', code, text },
        { type: 'ended', run: announce.run, how: 'guarded', code },
      ],
    };
  }
  const { joined } = verdict;
  const { run, config, model } = joined;
  const persist: ParticipantEffect = { type: 'persist', guard: joined.guard };
  const train: ParticipantEffect = {
    type: 'train',
    task: config.task,
    run,
    config,
    model,
    head: hashOf(announce.head),
    clip: announce.clip,
  };
  if (config.profile === 'open') return { state: { phase: 'openTraining', joined }, effects: [persist, train] };
  const keyed = yield* makeKeys(joined);
  return {
    state: { phase: 'keys', joined, training: { state: 'running' }, ...keyed },
    effects: [persist, { type: 'send', message: keyed.keys }, train],
  };
}

/** As stepParticipant. One at a time: the next event waits until this one has been answered to its end. */
export function* stepAsking(state: ParticipantState, event: ParticipantEvent): AskingStep {
  if (state.phase === 'ended') return stay(state);
  switch (event.type) {
    case 'message':
      return sameRun(state, event.body) ? yield* onMessage(state, event.body) : stay(state);
    case 'trained':
      return yield* onTrained(state, event.examples);
    case 'untrained':
      return end(state, 'left', event.code);
    case 'refused':
      return end(state, 'refused', event.code);
    case 'computed':
      if (state.phase === 'masking') return yield* onMaskedComputed(state, event.result);
      if (state.phase === 'openEncoding') return yield* onPlainComputed(state, event.result);
      return stay(state);
    case 'sketched':
      return state.phase === 'sketching' ? yield* sketches(state).onSketched(state, event.section) : stay(state);
    case 'gone':
      // R1-R3 survive a lost connection; R4 to R6 do not (protocol.md §4).
      return state.phase === 'agreed' || 'challenge' in state
        ? end(state, 'contributed', 'TRANSPORT_CLOSED')
        : stay(state);
    default:
      return event satisfies never;
  }
}

function sameRun(state: ParticipantState, { run }: CoordinatorRoundMessage): boolean {
  const own = runOf(state);
  return run.round === own.round && run.attempt === own.attempt && run.group === own.group;
}

type Live = Exclude<ParticipantState, { phase: 'ended' }>;

function* onTrained(s: Live, examples: number): AskingStep {
  switch (s.phase) {
    case 'keys':
    case 'shares':
      return stay({ ...s, training: { state: 'finished', examples } });
    case 'training':
      return yield* startMasking(s, examples);
    case 'openTraining':
      return onOpenTrained(s, examples);
    default:
      return stay(s);
  }
}

function* onMessage(s: Live, body: CoordinatorRoundMessage): AskingStep {
  switch (body.kind) {
    case 'keyBook':
      if (s.phase === 'keys') return yield* onKeyBook(s, body);
      return 'bookDigest' in s ? onSecondBook(s, body) : early(s, 'GUARD_KEYS', body.kind);
    case 'shareBook':
      if (s.phase === 'shares') return yield* onShareBook(s, body);
      // A book sent again after a reconnect adds nothing: U2 is fixed by the first one.
      return 'u2' in s ? stay(s) : early(s, 'GUARD_SHARES', body.kind);
    case 'survivors':
      // A task with sketches has its survivors after R4 only.
      if (s.phase === 'sketched' || (s.phase === 'masked' && s.keep === 'nothing')) return yield* onSurvivors(s, body);
      // Whose sketch takes too long is left out, and may hear so before it is done.
      if (s.phase === 'sketching' && !body.u4.includes(s.joined.rank)) return yield* onSurvivors(s, body);
      return s.phase === 'agreed' ? onSecondSurvivors(s, body) : early(s, 'GUARD_SETS', body.kind);
    case 'sketchRequest':
      if (s.phase === 'masked' && s.keep !== 'nothing') return sketches(s).onRequest(s, body);
      return 'challenge' in s ? sketches(s).onSecondRequest(s, body) : early(s, 'GUARD_SKETCH', body.kind);
    case 'unmaskRequest':
      return s.phase === 'agreed' ? yield* onUnmaskRequest(s, body) : early(s, 'GUARD_CONSISTENCY', body.kind);
    case 'abort':
      return end(s, 'aborted', body.code);
    case 'outcome':
      return end(s, 'contributed');
    case 'resume':
      return stay(s, resend(s, body));
    case 'announce':
    case 'inputTaken':
      return stay(s);
    default:
      return body satisfies never;
  }
}

/** safe: the settings of a task with sketches could not have been read without the clause, and only such a task keeps masks. */
const sketches = ({ joined }: Live): SketchClause => joined.clauses.sketches!;

/** A coordinator that asks for the second thing before the first is broken or hostile; either way this run is over for us. */
const early = (s: Live, code: ErrorCode, kind: string): ParticipantStep =>
  stopBy(s, code, `${kind} came before its phase`);

/** After a reconnect: whatever this client has sent and the coordinator has not, byte for byte the same. */
function resend(s: Live, { have, chunks }: Resume): ParticipantEffect[] {
  const effects: ParticipantEffect[] = [];
  if ('keys' in s && !have.includes('keys')) effects.push({ type: 'send', message: s.keys });
  if ('shares' in s && !have.includes('shares')) effects.push({ type: 'send', message: s.shares });
  if ('complaints' in s) for (const message of s.complaints) effects.push({ type: 'send', message });
  const input = 'masked' in s ? s.masked : 'plain' in s ? s.plain : undefined;
  if (input === undefined) return effects;
  if (!have.includes('masked')) effects.push({ type: 'send', message: input });
  const missing = allChunks(input.chunks).filter((index) => !chunks.includes(index));
  if (missing.length > 0) effects.push({ type: 'upload', run: s.joined.run, chunks: missing });
  return effects;
}
