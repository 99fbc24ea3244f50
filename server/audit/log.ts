// The audit log of a running coordinator: facts in, each stored in one transaction with the rows and blobs that it changes.
// Not here: what facts mean (project.ts), transactions (store/), when the coordinator records what (journal.ts).

import { signHead } from '../../protocol/audit/event.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { utf8Decode, utf8Encode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import { type Hash, toHex } from '../../protocol/ids.js';
import { canonicalJson, type Json } from '../../protocol/task.js';
import type { Head, Store } from '../store/types.js';
import type { Fact } from './events.js';
import { applyChange, CHAIN, project, type Rows } from './project.js';

export interface LogSetup {
  readonly store: Store;
  readonly identity: Identity;
  readonly primitives: Primitives;
  /** Milliseconds since 1970, for people. */
  readonly wallClock: () => number;
}

export class AuditLog {
  readonly store: Store;
  readonly #setup: LogSetup;
  readonly #rows: Map<string, Json>;
  /** Of the last fact that was handed in, durable or not. */
  #seq: number;

  /** @throws STORE_CORRUPT where a row cannot be read */
  constructor(setup: LogSetup) {
    this.#setup = setup;
    this.store = setup.store;
    this.#rows = readRows(setup.store);
    for (const key of [...this.#rows.keys()]) if (isCold(key)) this.#rows.delete(key);
    this.#seq = setup.store.head()?.seq ?? 0;
  }

  /**
   * With everything that was handed in: they run ahead of the disk by what is being written. Without the records of the model chain,
   * of which there is one for each round for ever: the store has them.
   */
  get rows(): Rows {
    return this.#rows;
  }

  /** Resolves when all of it is durable. Rejects with STORE_*; then nothing that depends on it may happen. */
  record(facts: readonly Fact[], blobs: readonly Uint8Array[] = [], dropBlobs: readonly Hash[] = []): Promise<Head> {
    const time = this.#setup.wallClock();
    const put = new Map<string, Uint8Array>();
    const del = new Set<string>();
    const events = facts.map(({ type, body }) => {
      // Numbers that JSON cannot hold become null here, and not only in what is read back.
      const plain = JSON.parse(JSON.stringify(body)) as { readonly [field: string]: Json };
      for (const change of project(this.#rows, { type, seq: ++this.#seq, body: plain })) {
        const [key, value] = change;
        if (!isCold(key)) applyChange(this.#rows, change);
        if (value === undefined) {
          put.delete(key);
          del.add(key);
        } else {
          del.delete(key);
          put.set(key, utf8Encode(canonicalJson(value)));
        }
      }
      return { type, time, body: plain };
    });
    return this.store.commit({ events, put: [...put], del: [...del], blobs, dropBlobs });
  }

  /** Signs what is durable by now into the log itself: the next start checks from here. */
  async checkpoint(): Promise<void> {
    const { identity, primitives, store } = this.#setup;
    const head = store.head();
    if (head === undefined) return;
    const signature = toHex(signHead(primitives, identity, head));
    await this.record([{ type: 'checkpoint', body: { seq: head.seq, hash: head.hash, signature } }]);
  }
}

/** @throws STORE_CORRUPT */
export function readRows(store: Pick<Store, 'range'>): Map<string, Json> {
  const rows = new Map<string, Json>();
  for (const [key, bytes] of store.range('')) {
    const value = parseRow(bytes);
    if (value === undefined) {
      throw new SottoError('STORE_CORRUPT', `state row ${key} cannot be read; run: sotto doctor <data directory>`, {
        row: key,
      });
    }
    rows.set(key, value);
  }
  return rows;
}

/** Rows that nothing but a look at old rounds needs. */
const isCold = (key: string): boolean => key.startsWith(CHAIN);

/** `undefined` where it is no JSON. */
export function parseRow(bytes: Uint8Array): Json | undefined {
  try {
    return JSON.parse(utf8Decode(bytes) ?? '') as Json;
  } catch {
    return undefined;
  }
}
