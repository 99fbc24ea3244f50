// Answers what clients ask of the chain: records behind one they have, blobs by hash. Not here: sending (blob-sender.ts, driver/).

import { hashOf } from '../../protocol/ids.js';
import { MAX_CHAIN_RECORDS } from '../../protocol/limits.js';
import type { Chain, Want, WantChain } from '../../protocol/wire/messages.js';
import type { Blob } from '../engine/types.js';
import { linksFrom } from './find.js';
import type { ChainStore } from './store.js';

/** An empty `after` asks for the newest record only, to join there. `undefined`: no record has that hash. */
export function chainAfter(store: ChainStore, { task, after }: WantChain): Chain | undefined {
  if (after.length === 0) return { kind: 'chain', task, records: [store.head().record], complete: true };
  const known = store.indexOf(hashOf(after));
  if (known === undefined) return undefined;
  const links = linksFrom(store, known + 1, MAX_CHAIN_RECORDS);
  const last = links.at(-1);
  const complete = last === undefined || last.hash === store.head().hash;
  return { kind: 'chain', task, records: links.map(({ record }) => record), complete };
}

export const wantedBlob = (store: ChainStore, { blob }: Want): Blob | undefined => store.blob(hashOf(blob));
