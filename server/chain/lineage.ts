// Which link made a model, through roll-backs. Pure. Not here: making one (driver/roll-back.ts), checking one (audit/verify-chain.ts).

import { SottoError } from '../../protocol/errors.js';
import { hashOf } from '../../protocol/ids.js';
import type { Link } from './store.js';

/** The link that made this model: behind a roll-back that of its ancestor. @throws STORE_CORRUPT where that is not there */
export function originIn(links: readonly Link[], link: Link): Link {
  let at = link;
  while (at.record.type === 'rollback') {
    const ancestor = hashOf(at.record.transcript);
    const found = links.find(({ hash }) => hash === ancestor);
    if (found === undefined)
      throw new SottoError('STORE_CORRUPT', `a roll-back names a record that is not in the chain`);
    at = found;
  }
  return at;
}

/**
 * The link of the model so many models before the newest, on the way that led to it: what a roll-back has left behind is not on it, or
 * the next one would bring back what somebody has thrown away. The first model where there are not so many.
 * @param links the whole chain, at least its first
 */
export function modelsBack(links: readonly Link[], models: number): Link {
  let at = originIn(links, links[links.length - 1] as Link); // safe: a chain has its first link
  for (let back = 0; back < models; back++) {
    const before = links[links.indexOf(at) - 1];
    if (before === undefined) return at;
    at = originIn(links, before);
  }
  return at;
}
