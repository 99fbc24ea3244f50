// The model chain behind its interface, on the audit log: a record, its blobs and the round that it ends are one transaction.
// Keeps every aggregate (whoever verifies recomputes each model from them), and of models the newest few, genesis and pinned ones.
// Not here: making records (driver/publisher.ts), going on from what is stored (resume.ts).

import { recordFromJson, recordToJson } from '../../protocol/audit/record-json.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, type Hash, hashOf } from '../../protocol/ids.js';
import type { Json } from '../../protocol/task.js';
import { chunkHashList } from '../../protocol/wire/chunks.js';
import type { ChainStore, Link, RoundOutcome } from '../chain/store.js';
import type { Blob } from '../engine/types.js';
import type { Fact } from './events.js';
import type { AuditLog } from './log.js';
import { chainKey, type Rows } from './project.js';

/** Blobs kept in memory with their chunk hashes: model, optimiser state and aggregate of the newest two records. */
const CACHED_BLOBS = 6;

export class DurableChainStore implements ChainStore {
  readonly #log: AuditLog;
  readonly #primitives: Primitives;
  readonly #keptModels: number;
  readonly #damaged: (hash: Hash) => void;
  readonly #links: Link[];
  readonly #index = new Map<Hash, number>();
  readonly #cache = new Map<Hash, Blob>();

  /** @param damaged told of a blob that is missing or has other bytes: it is not served @throws STORE_CORRUPT */
  constructor(log: AuditLog, primitives: Primitives, keptModels: number, damaged: (hash: Hash) => void) {
    this.#log = log;
    this.#primitives = primitives;
    this.#keptModels = keptModels;
    this.#damaged = damaged;
    this.#links = linksOf(log.rows);
    this.#links.forEach(({ hash }, i) => {
      this.#index.set(hash, i);
    });
  }

  async append(link: Link, blobs: readonly Blob[], outcome?: RoundOutcome): Promise<void> {
    const facts: Fact[] = [{ type: 'model-recorded', body: { hash: link.hash, record: recordToJson(link.record) } }];
    if (outcome !== undefined) {
      const { round, attempt } = link.record;
      const groups = outcome.groups.map(({ group, survivors }) => ({ group, survivors }));
      const voided = outcome.voided.map(({ group, failure }) => ({ group, code: failure.code }));
      const { commitNonce } = outcome;
      const transcript = { commitNonce, facts: outcome.facts as unknown as Json };
      facts.push({ type: 'round-committed', body: { round, attempt, groups, voided, transcript } });
    }
    const bytes = blobs.map((blob) => blob.bytes);
    await this.#log.record(facts, bytes, this.#surplus(link));
    this.#index.set(link.hash, this.#links.length);
    this.#links.push(link);
    for (const blob of blobs) this.#remember(hashOf(blob.hash), blob);
  }

  head(): Link {
    const head = this.#links.at(-1);
    if (head === undefined) throw new SottoError('INTERNAL', 'the chain has no genesis record yet');
    return head;
  }

  after(hash: Hash, limit: number): readonly Link[] | undefined {
    const at = this.#index.get(hash);
    return at === undefined ? undefined : this.#links.slice(at + 1, at + 1 + limit);
  }

  all(): readonly Link[] {
    return this.#links;
  }

  blob(hash: Hash): Blob | undefined {
    const known = this.#cache.get(hash);
    if (known !== undefined) return known;
    const { store } = this.#log;
    if (!store.hasBlob(hash)) return undefined;
    try {
      const bytes = store.blob(hash);
      const blob = { bytes, chunks: chunkHashList(this.#primitives, bytes), hash: fromHex(hash) };
      this.#remember(hash, blob);
      return blob;
    } catch (error) {
      if (!(error instanceof SottoError) || error.code !== 'STORE_BLOB') throw error;
      this.#damaged(hash);
      return undefined;
    }
  }

  #remember(hash: Hash, blob: Blob): void {
    this.#cache.delete(hash);
    this.#cache.set(hash, blob);
    for (const oldest of this.#cache.keys()) {
      if (this.#cache.size <= CACHED_BLOBS) return;
      this.#cache.delete(oldest);
    }
  }

  /** Models and optimiser states that nobody keeps once `next` is there. */
  #surplus(next: Link): Hash[] {
    const links = [...this.#links, next];
    const old = links[links.length - 1 - this.#keptModels];
    if (old === undefined || old === links[0]) return [];
    // One blob may be two things: the state of an optimiser without momentum is the aggregate.
    const kept = new Set(links.map(({ record }) => hashOf(record.aggregate)));
    const keeps = (link: Link, i: number): boolean =>
      i === 0 || i >= links.length - this.#keptModels || this.#isPinned(link);
    for (const name of links.filter(keeps).flatMap(modelsOf)) kept.add(name);
    const { store } = this.#log;
    return modelsOf(old).filter((name) => !kept.has(name) && !this.#isPinned(old) && store.hasBlob(name));
  }

  #isPinned({ record }: Link): boolean {
    return this.#log.rows.get(`pin/${record.round}`) === true;
  }
}

const modelsOf = ({ record }: Link): Hash[] =>
  [record.modelAfter, record.optimizerAfter].filter((hash) => hash.length > 0).map(hashOf);

/** @throws STORE_CORRUPT */
export function linksOf(rows: Rows): Link[] {
  const newest = rows.get('chain') as { readonly index: number } | undefined;
  return Array.from({ length: newest === undefined ? 0 : newest.index + 1 }, (_, i) => {
    const row = rows.get(chainKey(i)) as { readonly hash: Hash; readonly record: Json } | undefined;
    const record = row === undefined ? undefined : recordFromJson(row.record);
    if (row === undefined || record === undefined) {
      const text = `record ${i} of the model chain cannot be read; run: sotto doctor <data directory>`;
      throw new SottoError('STORE_CORRUPT', text, { record: i });
    }
    return { record, hash: row.hash };
  });
}
