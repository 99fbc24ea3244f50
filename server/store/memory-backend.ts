// The twin of lmdb in memory: same order, same atomicity, and a "disk" that a simulated crash leaves as it was last flushed.
// For tests and simulations. Not here: the rules of a store (store.ts).

import { SottoError } from '../../protocol/errors.js';
import type { Hash } from '../../protocol/ids.js';
import type { Backend, Batch, StoreFaults } from './types.js';

interface Tables {
  readonly events: Map<number, Uint8Array>;
  readonly rows: Map<string, Uint8Array>;
  readonly blobs: Map<Hash, Uint8Array>;
}
const empty = (): Tables => ({ events: new Map(), rows: new Map(), blobs: new Map() });
const copy = ({ events, rows, blobs }: Tables): Tables => ({
  events: new Map(events),
  rows: new Map(rows),
  blobs: new Map(blobs),
});

/** What outlives a store in memory. Open it again after a crash, or damage it to see what is found. */
export class MemoryDisk {
  flushed: Tables = empty();
  readonly backups = new Map<string, Tables>();
}

/** @param flush called before each flush; throwing loses the transaction as a power cut would */
export function memoryBackend(disk: MemoryDisk, flush?: StoreFaults['beforeFlush']): Backend {
  let live = copy(disk.flushed);
  let closed = false;
  let transactions = 0;
  return {
    async write(batch) {
      if (closed) throw new SottoError('STORE_WRITE', 'the store is closed');
      live = apply(live, batch);
      await flush?.(++transactions);
      disk.flushed = copy(live);
    },
    event: (seq) => live.events.get(seq),
    row: (key) => live.rows.get(key),
    rows: (prefix) =>
      [...live.rows].filter(([key]) => key.startsWith(prefix)).sort(([a], [b]) => (a < b ? -1 : a > b ? 1 : 0)),
    blob: (hash) => live.blobs.get(hash),
    blobs: () => [...live.blobs.keys()].sort(),
    async backup(directory) {
      disk.backups.set(directory, copy(live));
    },
    async close() {
      closed = true;
    },
  };
}

function apply(before: Tables, { events, rows, blobs }: Batch): Tables {
  const after = copy(before);
  for (const [seq, bytes] of events) after.events.set(seq, bytes.slice());
  for (const [key, bytes] of rows) {
    if (bytes === undefined) after.rows.delete(key);
    else after.rows.set(key, bytes.slice());
  }
  for (const [hash, bytes] of blobs) {
    if (bytes === undefined) after.blobs.delete(hash);
    else after.blobs.set(hash, bytes.slice());
  }
  return after;
}
