// Clients that complain of dealers who did nothing wrong. As long as they are no more than the colluders that the task assumes, a
// complaint of theirs proves nothing; one more, and an honest dealer is blamed: that assumption is what the threshold rests on, too.

import type { AttackOf } from './attack.js';
import { resigned, victimsOf } from './place.js';

/** Each conspirator complains of every honest member of its group. */
export const falseComplaint = (): AttackOf<'protocol'> => ({
  name: 'false complaint',
  knows: 'protocol',
  clips: true,
  tamper: (message, { place }) => {
    if (message.kind !== 'masked') return [message];
    const complaint = {
      kind: 'complaint',
      run: message.run,
      dealers: victimsOf(place),
      signature: new Uint8Array(64),
    } as const;
    return [resigned(complaint, place), message];
  },
});
