// A dealer that lies about the shares of its secrets (protocol.md §9.3). Not here: shares opened wrongly in R6 (unmask-lie.ts).

import { commitToB } from '../../protocol/secagg/keys.js';
import type { AttackOf } from './attack.js';
import { resigned, victimsOf } from './place.js';

/**
 * `one`: a box that does not open for one honest peer; it complains, which alone proves nothing, and the others rebuild the secrets.
 * `all`: for every peer; more complaints than there can be liars prove it. `commitment`: good shares of another secret than the one
 * committed to; caught when it is opened, and the sum is discarded.
 */
export type WrongShares = 'one' | 'all' | 'commitment';

/** Bytes of a sealed box: two shares, a salt and a tag (wire/messages.ts ShareBox). */
const BOX_BYTES = 96;

export function wrongShares(to: WrongShares): AttackOf<'protocol'> {
  return {
    name: `wrong shares (${to})`,
    knows: 'protocol',
    clips: true,
    tamper: (message, { place, random }) => {
      if (message.kind !== 'shares') return [message];
      if (to === 'commitment') {
        const commitB = commitToB(place.primitives, place.gctx, place.rank, random.bytes(32));
        return [resigned({ ...message, commitB }, place)];
      }
      const victims = victimsOf(place);
      const chosen = to === 'all' ? victims : victims.slice(0, 1);
      const boxes = message.boxes.map((box) =>
        chosen.includes(box.to) ? { ...box, box: random.bytes(BOX_BYTES) } : box,
      );
      return [resigned({ ...message, boxes }, place)];
    },
  };
}
