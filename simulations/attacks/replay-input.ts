// A client that sends the announcement of an input of an earlier round once more. Its signature is bound to that round's context.
// Not here: sending the last step of the model as an update, which breaks no rule of the protocol (free-rider.ts).

import type { MessageOf } from '../../protocol/wire/messages.js';
import type { AttackOf } from './attack.js';

/** Honest in its first round: there is nothing to replay. One value for each attacker: it remembers. */
export function replayInput(): AttackOf<'protocol'> {
  let before: MessageOf<'masked'> | undefined;
  return {
    name: 'replayed input',
    knows: 'protocol',
    clips: true,
    tamper: (message) => {
      if (message.kind !== 'masked') return [message];
      const old = before;
      before ??= message;
      return old === undefined || old.run.round === message.run.round ? [message] : [{ ...old, run: message.run }];
    },
  };
}
