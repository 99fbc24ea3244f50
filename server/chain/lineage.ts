// Which link made a model, through roll-backs. Pure. Not here: making one (driver/roll-back.ts), checking one (audit/verify-chain.ts).

import { SottoError } from '../../protocol/errors.js';
import { hashOf } from '../../protocol/ids.js';
import type { ChainView, Link } from './store.js';

/** The link that made this model: behind a roll-back that of its ancestor. @throws STORE_CORRUPT where that is not there */
export function originIn(chain: ChainView, link: Link): Link {
  let at = link;
  while (at.record.type === 'rollback') {
    const ancestor = chain.indexOf(hashOf(at.record.transcript));
    const found = ancestor === undefined ? undefined : chain.at(ancestor);
    if (found === undefined)
      throw new SottoError('STORE_CORRUPT', `a roll-back names a record that is not in the chain`);
    at = found;
  }
  return at;
}

/**
 * The link of the model so many models before the newest, on the way that led to it: what a roll-back has left behind is not on it, or
 * the next one would bring back what somebody has thrown away. The first model where there are not so many.
 * @param chain at least its first link
 */
export function modelsBack(chain: ChainView, models: number): Link {
  let at = originIn(chain, chain.at(chain.length - 1) as Link); // safe: a chain has its first link
  for (let back = 0; back < models; back++) {
    const before = chain.at((chain.indexOf(at.hash) ?? 0) - 1);
    if (before === undefined) return at;
    at = originIn(chain, before);
  }
  return at;
}
