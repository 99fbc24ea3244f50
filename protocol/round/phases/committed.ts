// R3 has closed in this group; it waits until it has in every group. Then come the sketches (R4), or the survivors at once (R5).
// Not here: the barrier itself (round.ts).

import type { GroupEvent } from '../group.js';
import type { CommittedState, StepFrom } from '../group-state.js';
import { decline, engineFault, fail, misplaced, stay } from '../moves.js';
import { openConsistency } from './consistency.js';
import { openSketch } from './sketch.js';

export function onCommitted(s: CommittedState, e: GroupEvent): StepFrom<'committed'> {
  switch (e.type) {
    case 'message':
      return stay(s, misplaced(s, e.rank, e.body, 'masked'));
    case 'computed': {
      const fault = engineFault(s, e);
      return fault === undefined ? stay(s) : fail(s, fault);
    }
    case 'back':
      // After R3 a lost client is a dropout of R5 and R6; its input stays in the sum.
      s.absent.add(e.rank);
      return stay(s, [decline(s.setup, e.rank, 'ROUND_TOO_LATE')]);
    case 'gone':
    case 'tick':
      return stay(s);
    case 'proceed':
      return s.setup.config.integrity === 'none' ? openConsistency(s, s.u3, 'none', e.now) : openSketch(s, e.now);
    case 'selected':
      return stay(s);
    default:
      return e satisfies never;
  }
}
