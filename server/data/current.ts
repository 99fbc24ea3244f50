// Which blobs a coordinator needs to go on: the newest model, its optimiser state, and the aggregate that led to it (rules with a
// memory start from it); and which it keeps for whoever verifies. Pure. Not here: blobs that are kept for others (audit/chain-store.ts).

import type { Json } from '../../protocol/canonical-json.js';
import type { Hash } from '../../protocol/ids.js';
import { chainKey } from '../audit/project.js';

/** @param row reads a state row */
export function currentBlobs(row: (key: string) => Json | undefined): Hash[] {
  const chain = row('chain') as { readonly index: number } | undefined;
  if (chain === undefined) return [];
  const link = row(chainKey(chain.index)) as { readonly record: { readonly [field: string]: string } } | undefined;
  const { modelAfter = '', optimizerAfter = '', aggregate = '' } = link?.record ?? {};
  return [modelAfter, optimizerAfter, aggregate].filter((name) => name !== '') as Hash[];
}

/** Every aggregate of the chain: none is ever dropped, so one that is not there is damage. @param row reads a state row */
export function keptAggregates(row: (key: string) => Json | undefined): Hash[] {
  const chain = row('chain') as { readonly index: number } | undefined;
  const names: Hash[] = [];
  for (let i = 0; i <= (chain?.index ?? -1); i++) {
    const link = row(chainKey(i)) as { readonly record: { readonly aggregate?: string } } | undefined;
    if (link?.record.aggregate) names.push(link.record.aggregate as Hash);
  }
  return names;
}
