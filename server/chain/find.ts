// Looking things up in a chain of which only the newest records are at hand: no more of it is read than is asked for.
// Not here: the stores (store.ts).

import type { ChainView, Link } from './store.js';

/** The records from `from` on, oldest first, at most `limit`. */
export function linksFrom(chain: ChainView, from: number, limit = Number.POSITIVE_INFINITY): Link[] {
  const links: Link[] = [];
  for (let i = from; i < chain.length && links.length < limit; i++) {
    const link = chain.at(i);
    if (link !== undefined) links.push(link);
  }
  return links;
}

/** Where the record of this round stands, by halves; `undefined` where the round left none. */
export function indexOfRound(chain: ChainView, round: number): number | undefined {
  let [low, high] = [0, chain.length - 1];
  while (low <= high) {
    const middle = (low + high) >>> 1;
    const here = chain.at(middle)?.record.round ?? Number.NaN;
    if (here === round) return middle;
    if (here < round) low = middle + 1;
    else high = middle - 1;
  }
  return undefined;
}
