// One group's run at the coordinator: the dispatcher over its phases. Total and deterministic; never throws on remote input.
// Not here: the phases themselves (phases/*.ts), the barrier between groups and the end of the round (round.ts).

import type { Millis, Rank } from '../ids.js';
import type { ClientRoundMessage } from '../wire/messages.js';
import type { GroupState, GroupStep } from './group-state.js';
import { evicted } from './incoming.js';
import { stay } from './moves.js';
import { onCommitted } from './phases/committed.js';
import { onConsistency } from './phases/consistency.js';
import { onKeys } from './phases/keys.js';
import { onMasked } from './phases/masked.js';
import { onShares } from './phases/shares.js';
import { onScreened, onSketch } from './phases/sketch.js';
import { onAgreed, onOpening, onUnmask } from './phases/unmask.js';

export type GroupEvent =
  | { readonly type: 'message'; readonly rank: Rank; readonly body: ClientRoundMessage; readonly now: Millis }
  | { readonly type: 'gone'; readonly rank: Rank; readonly now: Millis }
  | { readonly type: 'back'; readonly rank: Rank; readonly now: Millis }
  | { readonly type: 'tick'; readonly now: Millis }
  | {
      readonly type: 'computed';
      readonly job: number;
      readonly ok: true;
      /** Words of a projection; empty for other work. */
      readonly values: Uint32Array;
      readonly now: Millis;
    }
  | {
      readonly type: 'computed';
      readonly job: number;
      readonly ok: false;
      readonly code: 'ROUND_BAD_VECTOR' | 'ENGINE_FAILED';
      readonly now: Millis;
    }
  /** Members to leave out by the rule in sketch space, worst first. */
  | { readonly type: 'selected'; readonly ranks: readonly Rank[]; readonly now: Millis }
  /** Every group has come as far as this one: go on. */
  | { readonly type: 'proceed'; readonly now: Millis };

/** See RoundEvent. */
export interface Evict {
  readonly type: 'evict';
  readonly rank: Rank;
  readonly now: Millis;
}

/** See RoundEvent. For every phase it is a loss; what is more, a phase that waits for the lost does not wait for this one. */
export interface Left {
  readonly type: 'left';
  readonly rank: Rank;
  readonly now: Millis;
}

/** Consumes `state`: afterwards only the returned one may be used. */
export function stepGroup(state: GroupState, event: GroupEvent | Evict | Left): GroupStep {
  if (state.phase === 'done' || state.phase === 'failed') return stay(state);
  if (event.type === 'evict') return stay(state, state.phase === 'masked' ? evicted(state, event.rank) : []);
  if (event.type === 'message' && state.refused.has(event.rank)) return stay(state); // told once, then silence
  if (event.type === 'left') {
    if ('left' in state) state.left.add(event.rank);
    return stepGroup(state, { ...event, type: 'gone' });
  }
  if (event.type === 'back' && 'left' in state && state.left.has(event.rank)) return stay(state);
  if (event.type === 'gone') state.absent.add(event.rank);
  if (event.type === 'back' && state.refused.has(event.rank)) return stay(state);
  if (event.type === 'back') state.absent.delete(event.rank);
  switch (state.phase) {
    case 'keys':
      return onKeys(state, event);
    case 'shares':
      return onShares(state, event);
    case 'masked':
      return onMasked(state, event);
    case 'committed':
      return onCommitted(state, event);
    case 'sketch':
      return onSketch(state, event);
    case 'screened':
      return onScreened(state, event);
    case 'consistency':
      return onConsistency(state, event);
    case 'agreed':
      return onAgreed(state, event);
    case 'unmask':
      return onUnmask(state, event);
    case 'opening':
      return onOpening(state, event);
    default:
      return state satisfies never;
  }
}
