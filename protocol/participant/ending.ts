// How a client's part in a run ends: every way erases its secrets. Not here: why (the phase files).

import type { ErrorCode } from '../errors.js';
import type { MaskWork } from '../secagg/jobs.js';
import type { ParticipantState, ParticipantStep } from './state.js';
import type { ParticipantEffect } from './types.js';

export type Ending = Extract<ParticipantEffect, { type: 'ended' }>['how'];

export const runOf = (s: ParticipantState) => (s.phase === 'ended' ? s.run : s.joined.run);

/** Wipes what JavaScript lets us wipe, and asks the driver to do the same with the vectors. */
export function end(
  s: ParticipantState,
  how: Ending,
  code?: ErrorCode,
  before: readonly ParticipantEffect[] = [],
): ParticipantStep {
  if ('channel' in s) s.channel.wipe();
  if ('mask' in s) s.mask.wipe();
  if ('b' in s) s.b.wipe();
  if ('openKeys' in s) for (const key of s.openKeys.values()) key.wipe();
  if ('held' in s) {
    for (const share of s.held.values()) {
      share.b.wipe();
      share.s.wipe();
    }
    s.held.clear();
  }
  if ('keep' in s && s.keep !== 'nothing') wipeMasks(s.keep);
  const run = runOf(s);
  return {
    state: { phase: 'ended', run },
    effects: [...before, { type: 'forget' }, { type: 'ended', run, how, ...(code === undefined ? {} : { code }) }],
  };
}

/** Mask keys kept for R4: as good as the secrets they came from. */
export function wipeMasks({ selfKey, roundingKey, noise, pairs }: MaskWork): void {
  selfKey.fill(0);
  roundingKey.fill(0);
  noise?.key.fill(0);
  for (const { key } of pairs) key.fill(0);
}

/** A guard stops the coordinator: this client takes no further part in the run, and says so. */
export const stopBy = (s: ParticipantState, code: ErrorCode, text: string): ParticipantStep =>
  end(s, 'guarded', code, [{ type: 'guard', code, text }]);
