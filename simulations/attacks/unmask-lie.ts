// A survivor that opens something else than it holds (R6). Its update is in the sum; what it can hope for is to spoil the opening.
// Not here: saying nothing (dropout-abuse.ts).

import type { Opened } from '../../protocol/wire/messages.js';
import type { AttackOf } from './attack.js';

/** `share`: other bytes for a share. `key`: of a survivor the share of its mask key, which nobody may have beside that of b. */
export type UnmaskLie = 'share' | 'key';

export function unmaskLie(how: UnmaskLie): AttackOf<'protocol'> {
  return {
    name: `unmask lie (${how})`,
    knows: 'protocol',
    clips: true,
    tamper: (message, { random }) => {
      if (message.kind !== 'unmask') return [message];
      const at = message.opened.findIndex(({ type }) => type === 'b');
      const opened = message.opened.map((one, i): Opened => {
        if (i !== at) return one;
        return how === 'share' ? { ...one, share: random.bytes(one.share.length) } : { ...one, type: 's' };
      });
      return [{ ...message, opened }];
    },
  };
}
