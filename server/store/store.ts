// The one implementation of Store: queue, group commit, hash chain, byte limit, latch. What lies below is a Backend.
// Not here: bytes on disk (lmdb-backend.ts, memory-backend.ts), opening a data directory (open.ts).

import {
  EMPTY_HEAD,
  eventBytes,
  eventHash,
  ORIGIN,
  readEvent,
  signHead,
  verifyHead,
} from '../../protocol/audit/event.js';
import { askHandOver } from '../../protocol/chain/hand-over.js';
import { answered } from '../../protocol/crypto/asking.js';
import { bytesEqual } from '../../protocol/crypto/bytes.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Primitives } from '../../protocol/crypto/primitives.js';
import { utf8Encode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import { fromHex, type Hash, hashOf } from '../../protocol/ids.js';
import { MAX_EVENT_BYTES, MAX_ROW_KEY_BYTES } from '../../protocol/limits.js';
import { hashOfBlob } from '../../protocol/wire/chunks.js';
import { HAND_OVER_EVENT, type HandOverFact, handOverOf } from '../audit/coordinator-keys.js';
import { compareDigest, digestAfter, digestBytes, digestIn, digestOfRows } from './row-digest.js';
import { BYTES_ROW, bytesOf, DIGEST_ROW, HEAD_ROW, headBytes, headOf, numberBytes } from './rows.js';
import type { AuditEvent, Backend, Head, Key, SignedHead, Store, StoreFaults, StoreReport, WriteSet } from './types.js';

export interface StoreSetup {
  readonly backend: Backend;
  readonly primitives: Primitives;
  /** Signs every head. */
  readonly identity: Identity;
  /** Most live bytes: values and their names. The file is larger by what the engine keeps free. */
  readonly limitBytes: number;
  readonly faults?: StoreFaults;
}

interface Waiting {
  readonly write: WriteSet;
  readonly resolve: (head: Head) => void;
  readonly reject: (error: SottoError) => void;
}

const KEY = /^[\x22-\x7e][\x20-\x7e]*$/;

/** @throws STORE_CORRUPT where the head does not fit the last event; STORE_FORMAT where it is not signed by this identity, or no more */
export function openAuditStore(setup: StoreSetup): Store {
  const { backend, identity, primitives } = setup;
  const row = backend.row(HEAD_ROW);
  const head = row === undefined ? undefined : headOf(row);
  if (row !== undefined && head === undefined) throw damaged('its head row cannot be read');
  if (head !== undefined) {
    const last = readStored(backend, head.seq);
    const handOver = handedOverIn(last);
    if (handOver?.from === identity.id) {
      throw new SottoError(
        'STORE_FORMAT',
        `the audit log was handed over from ${identity.id} to ${handOver.to}; start with the identity file of that key, after \`sotto keys hand-over\` has ended`,
        { handedTo: handOver.to },
      );
    }
    if (!isHeadOf(primitives, identity.publicKey, head, last)) {
      throw new SottoError(
        'STORE_FORMAT',
        `the head of the audit log is not signed by ${identity.id}; use the identity file that this data directory was made with`,
      );
    }
    if (last === undefined || eventHash(primitives, last) !== head.hash) {
      throw damaged(`event ${head.seq} is not the one that its head names`, head.seq);
    }
  }
  return new AuditStore(setup, head);
}

class AuditStore implements Store {
  readonly #setup: StoreSetup;
  /** Durable. */
  #head: SignedHead | undefined;
  #bytes: number;
  /** Of all rows as they are on disk. */
  #digest: bigint;
  #queue: Waiting[] = [];
  #pump: Promise<void> | undefined;
  #latched: SottoError | undefined;
  #transactions = 0;

  constructor(setup: StoreSetup, head: SignedHead | undefined) {
    this.#setup = setup;
    this.#head = head;
    this.#bytes = bytesOf(setup.backend.row(BYTES_ROW)) ?? 0;
    const digest = setup.backend.row(DIGEST_ROW);
    // Of before there was one: whoever checked it compared its rows with its events. Else as it was written, also where rows differ from it:
    // a digest of what is there now would hide that.
    const kept = digest === undefined ? digestOfRows(setup.primitives, setup.backend.rows('')) : digestIn(digest);
    if (kept === undefined) throw damaged('the digest of its state rows cannot be read');
    this.#digest = kept;
  }

  commit(write: WriteSet): Promise<Head> {
    for (const key of [...write.put.map(([name]) => name), ...write.del]) requireKey(key);
    return new Promise((resolve, reject) => {
      if (this.#latched !== undefined) return reject(this.#latched);
      this.#queue.push({ write, resolve, reject });
      // What comes in the same turn shares the first transaction; what comes while it is flushed shares the next.
      this.#pump ??= Promise.resolve().then(() => this.#run());
    });
  }

  async #run(): Promise<void> {
    while (this.#queue.length > 0 && this.#latched === undefined) {
      const batch = this.#queue;
      this.#queue = [];
      try {
        const head = await this.#transact(batch.map(({ write }) => write));
        for (const { resolve } of batch) resolve(head);
      } catch (error) {
        const why = asStoreError(error);
        this.#latched = new SottoError(
          'STORE_LATCHED',
          `the store takes no more writes since one failed (${why.message}); free space or repair the disk, then restart`,
        );
        for (const { reject } of batch) reject(why);
      }
    }
    const latched = this.#latched;
    if (latched !== undefined) for (const { reject } of this.#queue.splice(0)) reject(latched);
    this.#pump = undefined;
  }

  async #transact(writes: readonly WriteSet[]): Promise<Head> {
    const { backend, faults, identity, primitives, limitBytes } = this.#setup;
    const n = ++this.#transactions;
    let { seq, hash } = this.#head ?? EMPTY_HEAD;
    const events: [number, Uint8Array][] = [];
    const rows: [string, Uint8Array | undefined][] = [];
    const blobs: [Hash, Uint8Array | undefined][] = [];
    for (const { events: drafts, put, del, blobs: added, dropBlobs } of writes) {
      for (const { type, time, body } of drafts) {
        const event: AuditEvent = { seq: seq + 1, prevHash: hash, type, time, body };
        const bytes = eventBytes(event);
        if (bytes.length > MAX_EVENT_BYTES) {
          throw new SottoError('STORE_WRITE', `an event ${type} of ${bytes.length} bytes is above ${MAX_EVENT_BYTES}`);
        }
        events.push([event.seq, bytes]);
        seq = event.seq;
        hash = eventHash(primitives, event);
      }
      for (const [key, value] of put) rows.push([key, value]);
      for (const key of del) rows.push([key, undefined]);
      for (const bytes of added) blobs.push([hashOf(hashOfBlob(primitives, bytes)), bytes]);
      for (const name of dropBlobs) blobs.push([name, undefined]);
    }
    const bytes = this.#bytes + growth(backend, events, rows, blobs);
    if (bytes > limitBytes) {
      throw new SottoError(
        'STORE_FULL',
        `${bytes} bytes would be above the limit of ${limitBytes}; raise data.limitBytes (a log is kept whole), or keep fewer models (data.keptModels)`,
        { bytes, limit: limitBytes },
      );
    }
    const head: SignedHead | undefined =
      seq === 0 ? undefined : { seq, hash, signature: signHead(primitives, identity, { seq, hash }) };
    if (head !== undefined) rows.push([HEAD_ROW, headBytes(head)]);
    rows.push([BYTES_ROW, numberBytes(bytes)]);
    const digest = digestAfter(primitives, this.#digest, rows, (key) => backend.row(key));
    rows.push([DIGEST_ROW, digestBytes(digest)]);
    await faults?.beforeCommit?.(n);
    await backend.write({ events, rows, blobs });
    this.#head = head;
    this.#bytes = bytes;
    this.#digest = digest;
    return { seq, hash };
  }

  get latched(): SottoError | undefined {
    return this.#latched;
  }

  head(): SignedHead | undefined {
    return this.#head;
  }

  get(key: Key): Uint8Array | undefined {
    requireKey(key);
    return this.#setup.backend.row(key);
  }

  range(prefix: Key): readonly (readonly [Key, Uint8Array])[] {
    return this.#setup.backend.rows(prefix).filter(([key]) => !key.startsWith('!'));
  }

  *events(from: number, to: number = this.#head?.seq ?? 0): Iterable<AuditEvent> {
    const { backend, primitives } = this.#setup;
    let before: AuditEvent | undefined = from > 1 ? readStored(backend, from - 1) : undefined;
    if (from > 1 && before === undefined) throw damaged(`event ${from - 1} cannot be read`, from - 1);
    for (let seq = from; seq <= to; seq++) {
      const event = readStored(backend, seq);
      if (event === undefined) throw damaged(`event ${seq} cannot be read`, seq);
      const expected = before === undefined ? ORIGIN : eventHash(primitives, before);
      if (event.prevHash !== expected) throw damaged(`event ${seq} does not follow event ${seq - 1}`, seq);
      yield event;
      before = event;
    }
  }

  blob(hash: Hash): Uint8Array {
    const { backend, primitives } = this.#setup;
    const bytes = readBlob(backend, hash);
    if (bytes === undefined) throw new SottoError('STORE_BLOB', `blob ${hash} is not in the store`, { blob: hash });
    if (hashOf(hashOfBlob(primitives, bytes)) !== hash) {
      throw new SottoError('STORE_BLOB', `the bytes of blob ${hash} do not have its hash; they are not served`, {
        blob: hash,
      });
    }
    return bytes;
  }

  hasBlob(hash: Hash): boolean {
    return readBlob(this.#setup.backend, hash) !== undefined;
  }

  blobs(): readonly Hash[] {
    return this.#setup.backend.blobs();
  }

  verify(from = 1): StoreReport {
    const { backend, identity, primitives } = this.#setup;
    return verifyBackend(backend, primitives, identity.publicKey, from);
  }

  async backup(directory: string): Promise<Head> {
    // Queued writes are not in it, and need not be: nobody has been told of them.
    const { seq, hash } = this.#head ?? EMPTY_HEAD;
    await this.#setup.backend.backup(directory);
    return { seq, hash };
  }

  async close(): Promise<void> {
    while (this.#pump !== undefined) await this.#pump;
    if (this.#latched?.message.includes('is closed')) return;
    this.#latched = new SottoError('STORE_LATCHED', 'the store is closed');
    await this.#setup.backend.close();
  }
}

/** Signed by this coordinator; or by the one that hands over to it in the very last event: then the new key has signed nothing yet. */
function isHeadOf(
  primitives: Primitives,
  coordinator: Uint8Array,
  head: SignedHead,
  last: AuditEvent | undefined,
): boolean {
  if (verifyHead(primitives, coordinator, head)) return true;
  const fact = handedOverIn(last);
  const handOver = fact && handOverOf(fact);
  return (
    fact !== undefined &&
    handOver !== undefined &&
    bytesEqual(handOver.to, coordinator) &&
    answered(askHandOver(fact.task, handOver), primitives) &&
    verifyHead(primitives, handOver.from, head)
  );
}

function handedOverIn(event: AuditEvent | undefined): HandOverFact | undefined {
  return event?.type === HAND_OVER_EVENT ? (event.body as unknown as HandOverFact) : undefined;
}

/** Chain from event `from`, head, and blobs: all of them, or those that are named. Reads only. Never throws for what it finds. */
export function verifyBackend(
  backend: Backend,
  primitives: Primitives,
  coordinator: Uint8Array,
  from: number,
  names: readonly Hash[] = backend.blobs(),
): StoreReport {
  const row = backend.row(HEAD_ROW);
  const head = row === undefined ? undefined : headOf(row);
  const bad = (seq: number, text: string) => ({ seq, text });
  let firstBadEvent: StoreReport['firstBadEvent'];
  const last = head?.seq ?? 0;
  let before = from > 1 ? readStored(backend, from - 1) : undefined;
  let events = 0;
  if (row !== undefined && head === undefined) firstBadEvent = bad(0, 'the head row cannot be read');
  else if (head !== undefined && !isHeadOf(primitives, coordinator, head, readStored(backend, last)))
    firstBadEvent = bad(head.seq, 'the signature of the head is not that of the coordinator');
  else if (from > 1 && before === undefined) firstBadEvent = bad(from - 1, 'it cannot be read');
  for (let seq = from; seq <= last && firstBadEvent === undefined; seq++) {
    const event = readStored(backend, seq);
    if (event === undefined) firstBadEvent = bad(seq, 'it cannot be read');
    else if (event.prevHash !== (before === undefined ? ORIGIN : eventHash(primitives, before)))
      firstBadEvent = bad(seq, 'it does not follow the event before it');
    else {
      events++;
      before = event;
    }
  }
  if (firstBadEvent === undefined && head !== undefined && before !== undefined && head.seq >= from) {
    if (eventHash(primitives, before) !== head.hash) firstBadEvent = bad(head.seq, 'the head names another event');
  }
  if (firstBadEvent === undefined && backend.event(last + 1) !== undefined)
    firstBadEvent = bad(last + 1, 'it is behind the head');
  const badBlobs = names.filter((name) => {
    const bytes = readBlob(backend, name);
    return bytes === undefined || hashOf(hashOfBlob(primitives, bytes)) !== name;
  });
  const { seq, hash } = head ?? EMPTY_HEAD;
  return {
    head: { seq, hash },
    from,
    events,
    blobs: names.length,
    ...(firstBadEvent !== undefined && { firstBadEvent }),
    badBlobs,
    rows: compareDigest(primitives, backend.rows('')),
  };
}

/** Bytes on damaged pages are no bytes: whoever asks for them gets none, and everybody else goes on. */
function readBlob(backend: Backend, hash: Hash): Uint8Array | undefined {
  try {
    return backend.blob(hash);
  } catch (error) {
    if (error instanceof SottoError && error.code === 'STORE_CORRUPT') return undefined;
    throw error;
  }
}

function readStored(backend: Backend, seq: number): AuditEvent | undefined {
  const bytes = backend.event(seq);
  const event = bytes === undefined ? undefined : readEvent(bytes);
  return event?.seq === seq ? event : undefined;
}

/** How much larger the store becomes. What is written twice in one batch counts once. */
function growth(
  backend: Backend,
  events: readonly (readonly [number, Uint8Array])[],
  rows: readonly (readonly [string, Uint8Array | undefined])[],
  blobs: readonly (readonly [Hash, Uint8Array | undefined])[],
): number {
  let bytes = 0;
  for (const [, event] of events) bytes += 4 + event.length;
  for (const [key, value] of new Map(rows)) {
    bytes += sizeOf(utf8Encode(key).length, value) - sizeOf(key.length, backend.row(key));
  }
  for (const [name, value] of new Map(blobs)) {
    const length = fromHex(name).length;
    bytes += sizeOf(length, value) - sizeOf(length, backend.blob(name));
  }
  return bytes;
}
const sizeOf = (key: number, value: Uint8Array | undefined): number => (value === undefined ? 0 : key + value.length);

function requireKey(key: Key): void {
  if (!KEY.test(key) || key.length > MAX_ROW_KEY_BYTES)
    throw new RangeError(`${JSON.stringify(key)} is no key of a state row`);
}

const damaged = (what: string, seq?: number): SottoError =>
  new SottoError(
    'STORE_CORRUPT',
    `the audit log is damaged: ${what}; look at it with: sotto doctor <data directory>`,
    seq === undefined ? {} : { event: seq },
  );

function asStoreError(error: unknown): SottoError {
  if (error instanceof SottoError) return error;
  return new SottoError(
    'STORE_WRITE',
    `durable state could not be written: ${message(error)}; free space or repair the disk, then start again`,
  );
}
const message = (error: unknown): string => (error instanceof Error ? error.message : String(error));
