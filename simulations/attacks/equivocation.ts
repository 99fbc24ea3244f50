// One client, two stories: after a message a second one of the same phase that says something else, signed as well. Not here: one
// story that is a lie (wrong-shares.ts, sketch-lie.ts).

import { setsStatement } from '../../protocol/context.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import type { AttackOf } from './attack.js';
import { type MessageView, resigned } from './place.js';

/** The message that is told twice. */
export type Equivocation = 'keys' | 'shares' | 'masked' | 'sketch' | 'consistent';

/** ROUND_DUPLICATE wherever it happens: the second signed message is the proof. */
export function equivocation(of: Equivocation): AttackOf<'protocol'> {
  return {
    name: `equivocation (${of})`,
    knows: 'protocol',
    clips: true,
    tamper: (message, view) => (message.kind === of ? [message, otherStory(message, view)] : [message]),
  };
}

function otherStory(message: ClientRoundMessage, { place, random }: MessageView): ClientRoundMessage {
  switch (message.kind) {
    case 'keys':
      return resigned({ ...message, mask: place.primitives.agreementPublic(random.bytes(32)) }, place);
    case 'shares':
      return resigned({ ...message, commitB: random.bytes(message.commitB.length) }, place);
    case 'masked':
      return resigned({ ...message, chunks: random.bytes(message.chunks.length) }, place);
    case 'sketch':
      return resigned({ ...message, section: random.bytes(message.section.length) }, place);
    case 'consistent': {
      const { gctx, u3, u4, sign } = place;
      return { ...message, signature: sign(setsStatement(gctx, u3, u4.slice(1))) };
    }
    default:
      return message;
  }
}
