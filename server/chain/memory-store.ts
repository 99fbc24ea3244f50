// The chain in memory. Records stay; of their blobs only what somebody can still need: the newest two models and optimiser states
// (a slow client may still fetch the last but one) and the aggregates of the last MAX_KEPT_RECORDS records, for catching up.
// Not here: durability (audit/chain-store.ts).

import { SottoError } from '../../protocol/errors.js';
import { type Hash, hashOf, toHex } from '../../protocol/ids.js';
import { MAX_KEPT_RECORDS } from '../../protocol/limits.js';
import type { Blob } from '../engine/types.js';
import type { ChainStore, Link } from './store.js';

export class MemoryChainStore implements ChainStore {
  readonly #links: Link[] = [];
  readonly #index = new Map<Hash, number>();
  readonly #blobs = new Map<string, Blob>();

  async append(link: Link, blobs: readonly Blob[]): Promise<void> {
    this.#index.set(link.hash, this.#links.length);
    this.#links.push(link);
    for (const blob of blobs) this.#blobs.set(hashOf(blob.hash), blob);
    this.#prune();
  }

  head(): Link {
    const head = this.#links.at(-1);
    if (head === undefined) throw new SottoError('INTERNAL', 'the chain has no genesis record yet');
    return head;
  }

  get length(): number {
    return this.#links.length;
  }

  at(index: number): Link | undefined {
    return this.#links[index];
  }

  indexOf(hash: Hash): number | undefined {
    return this.#index.get(hash);
  }

  blob(hash: Hash): Blob | undefined {
    return this.#blobs.get(hash);
  }

  #prune(): void {
    const kept = new Set<string>();
    this.#links.slice(-MAX_KEPT_RECORDS).forEach(({ record }, i, recent) => {
      kept.add(toHex(record.aggregate));
      if (i < recent.length - 2) return;
      kept.add(toHex(record.modelAfter));
      kept.add(toHex(record.optimizerAfter));
    });
    for (const name of [...this.#blobs.keys()]) if (!kept.has(name)) this.#blobs.delete(name);
  }
}
