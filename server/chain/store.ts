// What the coordinator remembers of a task: the signed records of the model chain and the blobs they name. An interface, so that
// a durable one fits behind it (audit/chain-store.ts); memory-store.ts is the twin that forgets with the process.
// Not here: making records (driver/publisher.ts), sending blobs (blob-sender.ts).

import type { Hash } from '../../protocol/ids.js';
import type { RoundResult } from '../../protocol/round/types.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import type { Blob } from '../engine/types.js';

export interface Link {
  readonly record: ChainRecordBody;
  readonly hash: Hash;
}

/** What a round came to, for stores that keep it with the model: names and codes, no vector. */
export type RoundOutcome = Pick<RoundResult, 'groups' | 'voided' | 'facts' | 'commitNonce'>;

/** The records of a chain, oldest first; rounds only grow along it. */
export interface ChainView {
  readonly length: number;
  /** `undefined` outside of it. A durable chain may read it from the disk. */
  at(index: number): Link | undefined;
  /** Where the record with this hash stands; `undefined` for an unknown one. */
  indexOf(hash: Hash): number | undefined;
}

export interface ChainStore extends ChainView {
  /** Resolves when the record and its blobs are as durable as this store makes them: only then may anybody be told of them. */
  append(link: Link, blobs: readonly Blob[], outcome?: RoundOutcome): Promise<void>;
  /** The newest record. @throws SottoError INTERNAL before genesis */
  head(): Link;
  /** `undefined` where it is unknown or no longer kept. */
  blob(hash: Hash): Blob | undefined;
}
