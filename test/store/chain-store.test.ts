// The model chain in memory and on an audit log: one contract; and what the durable one keeps of old records, in memory and of blobs.
// Not here: signatures and the hash chain (protocol), roll-backs of whole coordinators (data.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { utf8Encode } from '../../protocol/crypto/utf8.js';
import { type Hash, hashOf } from '../../protocol/ids.js';
import { MAX_KEPT_RECORDS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import { DurableChainStore } from '../../server/audit/chain-store.js';
import { AuditLog } from '../../server/audit/log.js';
import { indexOfRound, linksFrom } from '../../server/chain/find.js';
import { MemoryChainStore } from '../../server/chain/memory-store.js';
import type { ChainStore, Link } from '../../server/chain/store.js';
import { blobOf } from '../../server/engine/combine.js';
import type { Blob } from '../../server/engine/types.js';
import { MemoryDisk, memoryBackend } from '../../server/store/memory-backend.js';
import { openAuditStore } from '../../server/store/store.js';

const identity = generateIdentity(nativePrimitives, nativeRng);
const EMPTY = new Uint8Array(0);
const blob = (name: string): Blob => blobOf(nativePrimitives, utf8Encode(name));
const hash = (name: string): Hash => hashOf(blob(name).hash);

interface Wanted {
  readonly round: number;
  readonly model: string;
  readonly aggregate: string;
  readonly optimizer: string;
}
/** A record without a right signature: nobody here checks it. */
function linkOf({ round, model, aggregate, optimizer }: Wanted): Link {
  const record: ChainRecordBody = {
    task: 'test',
    type: round === 0 ? 'genesis' : 'update',
    round,
    attempt: Number(round > 0),
    previous: EMPTY,
    config: new Uint8Array(32),
    modelBefore: EMPTY,
    aggregate: blob(aggregate).hash,
    modelAfter: blob(model).hash,
    optimizerAfter: blob(optimizer).hash,
    step: round,
    transcript: new Uint8Array(32),
    clip: 0,
    fraction: 0,
    signature: new Uint8Array(64),
  };
  return { record, hash: hash(`record ${round}`) };
}
const plain = (round: number): Wanted => ({
  round,
  model: `model ${round}`,
  aggregate: `aggregate ${round}`,
  optimizer: `optimizer ${round}`,
});
const append = (store: ChainStore, one: Wanted): Promise<void> =>
  store.append(linkOf(one), [blob(one.model), blob(one.aggregate), blob(one.optimizer)]);

function onDisk(disk: MemoryDisk, keptModels = 3) {
  const store = openAuditStore({
    backend: memoryBackend(disk),
    primitives: nativePrimitives,
    identity,
    limitBytes: 1e9,
  });
  const log = new AuditLog({ store, identity, primitives: nativePrimitives, wallClock: () => 0 });
  return { log, chain: new DurableChainStore(log, nativePrimitives, keptModels, () => {}) };
}

/** Void rounds leave gaps. */
const ROUNDS = [0, ...Array.from({ length: 3 * MAX_KEPT_RECORDS }, (_, i) => 2 + i + Math.floor(i / 5))];

describe.each([
  ['in memory', () => new MemoryChainStore()],
  ['on an audit log', () => onDisk(new MemoryDisk()).chain],
] as const)('a chain %s', (_, make) => {
  it('finds every record, old ones too, by place, hash and round, and nothing that is not there', async () => {
    const store: ChainStore = make();
    for (const round of ROUNDS) await append(store, plain(round));
    expect(store.length).toBe(ROUNDS.length);
    ROUNDS.forEach((round, i) => {
      expect(store.at(i)).toEqual(linkOf(plain(round)));
      expect(store.indexOf(hash(`record ${round}`))).toBe(i);
      expect(indexOfRound(store, round)).toBe(i);
    });
    expect([-1, 0.5, ROUNDS.length, Number.NaN].map((i) => store.at(i))).toEqual(Array(4).fill(undefined));
    const gaps = Array.from({ length: 60 }, (__, i) => i).filter((round) => !ROUNDS.includes(round));
    expect(gaps.length).toBeGreaterThan(5);
    for (const round of [...gaps, -1, 1e6, Number.NaN]) expect(indexOfRound(store, round)).toBeUndefined();
    expect(store.indexOf(hash('record 1'))).toBeUndefined();
    expect(store.head()).toEqual(store.at(ROUNDS.length - 1));
  });

  it('gives a run of records from any place', async () => {
    const store: ChainStore = make();
    for (const round of ROUNDS) await append(store, plain(round));
    const rounds = (links: readonly Link[]): number[] => links.map(({ record }) => record.round);
    expect(rounds(linksFrom(store, 0))).toEqual(ROUNDS);
    expect(rounds(linksFrom(store, 3, 4))).toEqual(ROUNDS.slice(3, 7));
    expect(rounds(linksFrom(store, ROUNDS.length - 2, 4))).toEqual(ROUNDS.slice(-2));
    expect(linksFrom(store, ROUNDS.length)).toEqual([]);
  });
});

describe('a chain on an audit log', () => {
  it('keeps no old record in memory: neither as a row nor as a link', async () => {
    const { log, chain } = onDisk(new MemoryDisk());
    for (const round of ROUNDS) await append(chain, plain(round));
    expect([...log.rows.keys()].filter((key) => key.startsWith('chain'))).toEqual(['chain']);
    const old = chain.at(2);
    // A fresh one each time: it comes from the store.
    expect(chain.at(2)).not.toBe(old);
    expect(chain.at(ROUNDS.length - MAX_KEPT_RECORDS)).toBe(chain.at(ROUNDS.length - MAX_KEPT_RECORDS));
  });

  it('is the same chain when it is opened again', async () => {
    const disk = new MemoryDisk();
    const { chain } = onDisk(disk);
    for (const round of ROUNDS) await append(chain, plain(round));
    const { chain: again, log } = onDisk(disk);
    expect(linksFrom(again, 0)).toEqual(linksFrom(chain, 0));
    expect([...log.rows.keys()].filter((key) => key.startsWith('chain'))).toEqual(['chain']);
    await append(again, plain(1_000));
    expect(indexOfRound(again, 1_000)).toBe(ROUNDS.length);
  });

  it('does not open where an old record cannot be read, and names it', async () => {
    const disk = new MemoryDisk();
    const { chain } = onDisk(disk);
    for (const round of ROUNDS) await append(chain, plain(round));
    disk.flushed.rows.set('chain/0000000002', utf8Encode('{"hash":"00","record":{}}'));
    const bad = expect.objectContaining({ code: 'STORE_CORRUPT', details: { record: 2 } });
    expect(() => onDisk(disk)).toThrow(bad);
  });

  it('drops a model or optimiser state only when no record that needs it is left', async () => {
    const short = fc.record({
      model: fc.integer({ min: 0, max: 6 }),
      optimizer: fc.constantFrom('own', 'aggregate', 'shared'),
      aggregate: fc.integer({ min: 0, max: 6 }),
      pin: fc.boolean(),
    });
    await fc.assert(
      fc.asyncProperty(
        fc.array(short, { minLength: 4, maxLength: 14 }),
        fc.integer({ min: 1, max: 4 }),
        async (list, kept) => {
          const { log, chain } = onDisk(new MemoryDisk(), kept);
          const wanted = list.map(({ model, optimizer, aggregate }, round): Wanted => {
            const aggregateName = `aggregate ${aggregate}`;
            const optimizerName = { own: `optimizer ${round}`, aggregate: aggregateName, shared: 'optimizer' }[
              optimizer
            ];
            return { round, model: `model ${model}`, aggregate: aggregateName, optimizer: optimizerName };
          });
          for (const [round, one] of wanted.entries()) {
            await append(chain, one);
            if (list[round]?.pin)
              await log.record([{ type: 'model-pinned', body: { by: 'test', reason: 'a test', round } }]);
          }
          const needed = (i: number): boolean => i === 0 || i >= wanted.length - kept || list[i]?.pin === true;
          const keeps = new Set(
            wanted.flatMap((one, i) => [one.aggregate, ...(needed(i) ? [one.model, one.optimizer] : [])]),
          );
          for (const name of keeps) expect(log.store.hasBlob(hash(name)), name).toBe(true);
          const once = wanted.flatMap((one) => [one.model, one.optimizer]).filter((name) => !keeps.has(name));
          for (const name of once) expect(log.store.hasBlob(hash(name)), name).toBe(false);
        },
      ),
      { seed: 7, numRuns: 100 },
    );
  });
});
