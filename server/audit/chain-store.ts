// The model chain behind its interface, on the audit log: a record, its blobs and the round that it ends are one transaction.
// Keeps every aggregate (whoever verifies recomputes each model from them), and of models the newest few, genesis and pinned ones.
// In memory are the newest records, and of each old one two hashes: a campaign may have a million.
// Not here: making records (driver/publisher.ts), going on from what is stored (resume.ts).

import { recordFromJson, recordToJson } from '../../protocol/audit/record-json.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, type Hash, hashOf } from '../../protocol/ids.js';
import { MAX_KEPT_RECORDS } from '../../protocol/limits.js';
import type { Json } from '../../protocol/task.js';
import { chunkHashList } from '../../protocol/wire/chunks.js';
import { indexOfRound, linksFrom } from '../chain/find.js';
import type { ChainStore, Link, RoundOutcome } from '../chain/store.js';
import type { Blob } from '../engine/types.js';
import type { Store } from '../store/types.js';
import type { Fact } from './events.js';
import { type AuditLog, parseRow } from './log.js';
import { chainKey } from './project.js';

/** Blobs kept in memory with their chunk hashes: model, optimiser state and aggregate of the newest two records. */
const CACHED_BLOBS = 6;

export class DurableChainStore implements ChainStore {
  readonly #log: AuditLog;
  readonly #primitives: Primitives;
  readonly #keptModels: number;
  readonly #damaged: (hash: Hash) => void;
  readonly #index = new Map<Hash, number>();
  readonly #aggregates = new Set<Hash>();
  /** The newest records, oldest first. */
  readonly #recent: Link[] = [];
  readonly #cache = new Map<Hash, Blob>();

  /** @param damaged told of a blob that is missing or has other bytes: it is not served @throws STORE_CORRUPT */
  constructor(log: AuditLog, primitives: Primitives, keptModels: number, damaged: (hash: Hash) => void) {
    this.#log = log;
    this.#primitives = primitives;
    this.#keptModels = keptModels;
    this.#damaged = damaged;
    for (let i = 0, newest = newestIndex(log); i <= newest; i++) this.#push(readLink(log.store, i));
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
    this.#push(link);
    for (const blob of blobs) this.#remember(hashOf(blob.hash), blob);
  }

  head(): Link {
    const head = this.#recent.at(-1);
    if (head === undefined) throw new SottoError('INTERNAL', 'the chain has no genesis record yet');
    return head;
  }

  get length(): number {
    return this.#index.size;
  }

  /** @throws STORE_CORRUPT where an old record can no longer be read */
  at(index: number): Link | undefined {
    if (!Number.isInteger(index) || index < 0 || index >= this.length) return undefined;
    return this.#recent[index - (this.length - this.#recent.length)] ?? readLink(this.#log.store, index);
  }

  indexOf(hash: Hash): number | undefined {
    return this.#index.get(hash);
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

  #push(link: Link): void {
    this.#index.set(link.hash, this.#index.size);
    this.#aggregates.add(hashOf(link.record.aggregate));
    this.#recent.push(link);
    if (this.#recent.length > Math.max(MAX_KEPT_RECORDS, this.#keptModels)) this.#recent.shift();
  }

  /** Models and optimiser states that nobody keeps once `next` is there. */
  #surplus(next: Link): Hash[] {
    const at = this.length - this.#keptModels;
    const old = at > 0 ? this.at(at) : undefined;
    const pins = this.#pins();
    if (old === undefined || pins.has(old.record.round)) return [];
    const pinned = [...pins].flatMap((round) => this.#ofRound(round));
    const newest = linksFrom(this, Math.max(0, at + 1));
    // One blob may be two things: the state of an optimiser without momentum is the aggregate.
    const kept = new Set([...linksFrom(this, 0, 1), ...pinned, ...newest, next].flatMap(modelsOf));
    const goes = (name: Hash): boolean =>
      !kept.has(name) && !this.#aggregates.has(name) && name !== hashOf(next.record.aggregate);
    return modelsOf(old).filter((name) => goes(name) && this.#log.store.hasBlob(name));
  }

  /** Rounds whose models stay whatever their age. */
  #pins(): Set<number> {
    const keys = [...this.#log.rows.keys()].filter((key) => key.startsWith(PIN));
    return new Set(keys.map((key) => Number(key.slice(PIN.length))));
  }

  #ofRound(round: number): Link[] {
    const link = this.at(indexOfRound(this, round) ?? -1);
    return link === undefined ? [] : [link];
  }
}

const PIN = 'pin/';
const modelsOf = ({ record }: Link): Hash[] =>
  [record.modelAfter, record.optimizerAfter].filter((hash) => hash.length > 0).map(hashOf);

/** Of the model chain on this log; `undefined` before genesis. @throws STORE_CORRUPT */
export function newestLink(log: AuditLog): Link | undefined {
  const newest = newestIndex(log);
  return newest < 0 ? undefined : readLink(log.store, newest);
}

/** −1 before genesis. */
const newestIndex = ({ rows }: AuditLog): number =>
  (rows.get('chain') as { readonly index: number } | undefined)?.index ?? -1;

function readLink(store: Pick<Store, 'get'>, index: number): Link {
  const bytes = store.get(chainKey(index));
  const row = bytes && (parseRow(bytes) as { readonly hash: Hash; readonly record: Json } | undefined);
  const record = row && recordFromJson(row.record);
  if (row !== undefined && record !== undefined) return { record, hash: row.hash };
  const text = `record ${index} of the model chain cannot be read; run: sotto doctor <data directory>`;
  throw new SottoError('STORE_CORRUPT', text, { record: index });
}
