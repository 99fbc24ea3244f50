// The coordinator's disk in a world: the memory twin of the store behind a process that can die before, between and after each write,
// with delays and failures. What was flushed outlives the process; a start looks at it as a data directory does. Not here: the rules of a store (server/store), lmdb.

import type { Identity } from '../../protocol/crypto/identity.js';
import { utf8Decode } from '../../protocol/crypto/utf8.js';
import { SottoError } from '../../protocol/errors.js';
import type { Millis } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { OpenPlace } from '../../server/audit/durable.js';
import { currentBlobs } from '../../server/data/current.js';
import { type MemoryDisk, memoryBackend } from '../../server/store/memory-backend.js';
import { openAuditStore } from '../../server/store/store.js';
import type { Backend, Batch, Head, Store } from '../../server/store/types.js';
import { inOrder, type Life, type Range } from './life.js';

export type DiskFailure = 'full' | 'broken before' | 'broken after';

/** Which write: the n-th from now on (from 1) of those that are meant. */
export interface DeadlyWrite {
  readonly what: 'any' | 'model';
  readonly writes: number;
}

/** What the world does to the disk, read at each write. */
export interface DiskState {
  readonly disk: MemoryDisk;
  extraMs: Millis;
  extraUntil: Millis;
  /** Of the next write, once. */
  fails: DiskFailure | undefined;
  /** The process dies in it: what was flushed before is there, of this nothing. */
  deadly: DeadlyWrite | undefined;
}

const LIMIT_BYTES = 64 * 2 ** 20;

/** @param acknowledged told of each head that the coordinator was promised is durable */
export function placeOn(
  state: DiskState,
  life: Life,
  ms: Range,
  acknowledged: (head: Head) => void,
  wrap: (backend: Backend) => Backend = (backend) => backend,
): OpenPlace {
  return async ({ identity }) => {
    await life.wait(ms, 'opens the store');
    const backend = wrap(gated(memoryBackend(state.disk), state, life, ms));
    requireNewestModel(backend);
    const store = openAuditStore({ backend, primitives: nativePrimitives, identity, limitBytes: LIMIT_BYTES });
    return {
      store: watched(store, acknowledged),
      restored: undefined,
      begun: () => {},
      backup: async () => {},
      close: async () => {
        await store.close();
      },
    };
  };
}

/** As the check before a start has it (server/data/check.ts). @throws STORE_CORRUPT */
function requireNewestModel(backend: Backend): void {
  const names = currentBlobs((key) => {
    const bytes = backend.row(key);
    return bytes === undefined ? undefined : JSON.parse(utf8Decode(bytes) ?? 'null');
  });
  const missing = names.find((name) => backend.blob(name) === undefined);
  if (missing !== undefined)
    throw new SottoError('STORE_CORRUPT', `the newest model cannot be used: blob ${missing} is missing`);
}

/** What is on the disk, as the next start would find it. */
export function storeOn(disk: MemoryDisk, identity: Identity): Store {
  const backend = memoryBackend(disk);
  return openAuditStore({ backend, primitives: nativePrimitives, identity, limitBytes: LIMIT_BYTES });
}

function gated(inner: Backend, state: DiskState, life: Life, ms: Range): Backend {
  const queue = inOrder();
  const isDeadly = ({ blobs }: Batch): boolean => {
    const { deadly } = state;
    if (deadly === undefined) return false;
    if (deadly.what === 'model' && blobs.every(([, bytes]) => bytes === undefined)) return false;
    state.deadly = deadly.writes > 1 ? { ...deadly, writes: deadly.writes - 1 } : undefined;
    return state.deadly === undefined;
  };
  return {
    ...inner,
    write: (batch) =>
      queue(async () => {
        await life.wait(ms, 'writes');
        if (isDeadly(batch)) {
          life.die();
          await new Promise(() => {});
        }
        const failure = state.fails;
        state.fails = undefined;
        if (failure === 'full') throw new SottoError('STORE_FULL', 'ENOSPC: no space left on device');
        if (failure === 'broken before') throw new Error('EIO: i/o error, write');
        await inner.write(batch);
        // On the disk, and nobody knows yet.
        if (failure === 'broken after') throw new Error('EIO: i/o error, fsync');
        const extra = life.scheduler.now < state.extraUntil ? state.extraMs : 0;
        await life.wait([ms[0] + extra, ms[1] + extra], 'has flushed');
      }),
  };
}

const watched = (store: Store, acknowledged: (head: Head) => void): Store => ({
  commit: async (write) => {
    const head = await store.commit(write);
    acknowledged(head);
    return head;
  },
  head: () => store.head(),
  get: (key) => store.get(key),
  range: (prefix) => store.range(prefix),
  events: (from, to) => store.events(from, to),
  blob: (hash) => store.blob(hash),
  hasBlob: (hash) => store.hasBlob(hash),
  blobs: () => store.blobs(),
  verify: (from) => store.verify(from),
  backup: (directory) => store.backup(directory),
  close: () => store.close(),
  get latched() {
    return store.latched;
  },
});
