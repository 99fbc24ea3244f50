// Clients that spend the dropouts a round can stand: they leave in the phase where it hurts, or stay and say nothing, so that
// everybody waits for the deadline. Nobody can tell them from clients with a bad line; participation scores add up over rounds.

import type { ClientPhase } from '../../protocol/task.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import type { AttackOf } from './attack.js';
import { requirePositive } from './require.js';

export interface DropoutAbuse {
  readonly phase: ClientPhase;
  /** `leave`: the connection is cut. `silent`: it stays, and the answer never comes. */
  readonly how: 'leave' | 'silent';
}

/** Whether this message answers the phase. */
export function answers(phase: ClientPhase, { kind }: Pick<ClientRoundMessage, 'kind'>): boolean {
  switch (kind) {
    case 'keys':
    case 'shares':
    case 'masked':
    case 'sketch':
    case 'unmask':
      return kind === phase;
    case 'plain':
    case 'inputChunk':
      return phase === 'masked';
    case 'consistent':
      return phase === 'consistency';
    case 'complaint':
      return false;
    default:
      return kind satisfies never;
  }
}

export function dropoutAbuse({ phase, how }: DropoutAbuse): AttackOf<'protocol'> {
  return {
    name: `dropout abuse (${how} in ${phase})`,
    knows: 'protocol',
    clips: true,
    ...(how === 'leave'
      ? { leaves: () => phase }
      : { tamper: (message: ClientRoundMessage) => (answers(phase, message) ? [] : [message]) }),
  };
}

/** A line that holds the input back: late ones count as dropouts, and nothing of them is kept. */
export function lateInput(delayMs: number): AttackOf<'protocol'> {
  requirePositive('delayMs', delayMs);
  return { name: `late input (${delayMs} ms)`, knows: 'protocol', clips: true, inputDelayMs: delayMs };
}
