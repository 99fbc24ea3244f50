// The durable state of a coordinator as an interface: audit events, state rows and blobs, written together or not at all.
// One implementation over two backends (lmdb and memory), one contract suite. Not here: which events and rows there are (audit/).

import type { AuditEvent, EventDraft, Head, SignedHead } from '../../protocol/audit/event.js';
import type { SottoError } from '../../protocol/errors.js';
import type { Hash } from '../../protocol/ids.js';

export type { AuditEvent, EventDraft, Head, SignedHead };

/** Name of a state row: 1 to MAX_ROW_KEY_BYTES printable ASCII characters, the first of them no `!`. */
export type Key = string;

/** One transaction. What is not named stays as it is. */
export interface WriteSet {
  /** Appended in this order; the store gives them their place and hash. */
  readonly events: readonly EventDraft[];
  readonly put: readonly (readonly [Key, Uint8Array])[];
  readonly del: readonly Key[];
  /** Stored under their hash (hashOfBlob), which is what records of the model chain name. Not copied, not to be changed. */
  readonly blobs: readonly Uint8Array[];
  readonly dropBlobs: readonly Hash[];
}

/** What was looked at, and what was found wrong. `firstBadEvent` and the lists are empty in a sound store. */
export interface StoreReport {
  readonly head: Head;
  /** First event that was recomputed. */
  readonly from: number;
  readonly events: number;
  readonly blobs: number;
  readonly firstBadEvent?: { readonly seq: number; readonly text: string };
  readonly badBlobs: readonly Hash[];
  /** Whether the rows have the digest that was written with them; `none`: none was, the store is of before there was one. */
  readonly rows: 'match' | 'differ' | 'none';
}

export interface Store {
  /**
   * Resolves when everything is on disk, in the order of the calls; what is queued meanwhile becomes one transaction.
   * Rejects with STORE_FULL or STORE_WRITE once, and then with STORE_LATCHED for ever: nobody knows what of it is on disk, so it is
   * for the next start to look. Nothing may be sent that depends on it before it resolves.
   */
  commit(write: WriteSet): Promise<Head>;
  /** The newest durable head with the coordinator's signature. `undefined` for an empty log. */
  head(): SignedHead | undefined;
  get(key: Key): Uint8Array | undefined;
  /** In the order of the keys' bytes. Do not keep it open: it is read at once. */
  range(prefix: Key): readonly (readonly [Key, Uint8Array])[];
  /** Events `from` to `to`, as they are stored: each is checked against the one before. @throws STORE_CORRUPT naming the first bad one */
  events(from: number, to?: number): Iterable<AuditEvent>;
  /** Hashed again on every read. @throws STORE_BLOB: missing or damaged; the caller names what it was for */
  blob(hash: Hash): Uint8Array;
  hasBlob(hash: Hash): boolean;
  blobs(): readonly Hash[];
  /** Recomputes the chain from event `from` on, the signature of the head, the digest of the rows, and every blob. */
  verify(from?: number): StoreReport;
  /** A consistent copy into an empty directory, made for this. @returns the head that is in it */
  backup(directory: string): Promise<Head>;
  /** Why nothing can be written any more; absent as long as it can. */
  readonly latched: SottoError | undefined;
  /** Waits for what is queued. Further calls reject with STORE_LATCHED. */
  close(): Promise<void>;
}

/** What a store stands on: bytes under names, written atomically. */
export interface Backend {
  /** Resolves when it is on disk. Must not change anything where it rejects, or leave it to the next start to find out. */
  write(batch: Batch): Promise<void>;
  event(seq: number): Uint8Array | undefined;
  row(key: string): Uint8Array | undefined;
  rows(prefix: string): readonly (readonly [string, Uint8Array])[];
  blob(hash: Hash): Uint8Array | undefined;
  blobs(): readonly Hash[];
  backup(directory: string): Promise<void>;
  close(): Promise<void>;
}
export interface Batch {
  readonly events: readonly (readonly [number, Uint8Array])[];
  /** In order: a later one wins. `undefined` deletes. */
  readonly rows: readonly (readonly [string, Uint8Array | undefined])[];
  readonly blobs: readonly (readonly [Hash, Uint8Array | undefined])[];
}

/** For tests and simulations: called before and after the `n`-th transaction (from 1) reaches the disk. Throwing makes it fail there. */
export interface StoreFaults {
  beforeCommit?(n: number): void | Promise<void>;
  /** It is committed and visible, and not yet safe from a power cut. */
  beforeFlush?(n: number): void | Promise<void>;
}
