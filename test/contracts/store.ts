// What every Store must do. Run by lmdb and memory (test/store/store.test.ts).
import { describe, expect, it } from 'vitest';
import { eventHash, ORIGIN, verifyHead } from '../../protocol/audit/event.js';
import { hashOfBlob } from '../../protocol/chain/model.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import { utf8Encode } from '../../protocol/crypto/utf8.js';
import { hashOf } from '../../protocol/ids.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import type { EventDraft, Store, StoreFaults, WriteSet } from '../../server/store/types.js';
import { Random } from '../../simulations/random.js';

export interface StoreUnderTest {
  readonly identity: Identity;
  /** An empty one. */
  open(options?: { readonly limitBytes?: number; readonly faults?: StoreFaults }): Promise<Store>;
  /** The same data after `close`, or after a crash that lost what had not been flushed. */
  reopen(): Promise<Store>;
  /** A store over what `backup` wrote. */
  restore(directory: string): Promise<Store>;
  /** A directory for a backup that is not there yet. */
  freshDirectory(): string;
}

export const draft = (n: number): EventDraft => ({ type: 'admin', time: 1_000 + n, body: { by: 'test', n } });
export const write = (part: Partial<WriteSet>): WriteSet => ({
  events: [],
  put: [],
  del: [],
  blobs: [],
  dropBlobs: [],
  ...part,
});
const bytes = (text: string): Uint8Array => utf8Encode(text);
const nameOf = (blob: Uint8Array) => hashOf(hashOfBlob(nativePrimitives, blob));
const text = (value: Uint8Array | undefined): string | undefined =>
  value === undefined ? undefined : String.fromCharCode(...value);

export function storeContract(name: string, make: () => Promise<StoreUnderTest>): void {
  describe(`store: ${name}`, () => {
    it('an empty store has no head, no event, no row and no blob', async () => {
      const store = await (await make()).open();
      expect(store.head()).toBeUndefined();
      expect([...store.events(1)]).toEqual([]);
      expect(store.range('')).toEqual([]);
      expect(store.get('a')).toBeUndefined();
      expect(store.blobs()).toEqual([]);
      expect(store.verify()).toMatchObject({ events: 0, badBlobs: [], rows: 'none', head: { seq: 0, hash: ORIGIN } });
      await store.close();
    });

    it('events get their place and hash in the order of the calls, and the head is signed by the coordinator', async () => {
      const under = await make();
      const store = await under.open();
      const heads = await Promise.all([
        store.commit(write({ events: [draft(1), draft(2)] })),
        store.commit(write({ events: [draft(3)] })),
      ]);
      const events = [...store.events(1)];
      expect(events.map(({ seq, body }) => [seq, body.n])).toEqual([
        [1, 1],
        [2, 2],
        [3, 3],
      ]);
      expect(events[0]?.prevHash).toBe(ORIGIN);
      // safe: three events were read above
      expect(events[2]?.prevHash).toBe(eventHash(nativePrimitives, events[1]!));
      const head = store.head();
      expect(head).toMatchObject({ seq: 3, hash: eventHash(nativePrimitives, events[2]!) });
      expect(heads[1]).toEqual({ seq: 3, hash: head?.hash });
      expect(head && verifyHead(nativePrimitives, under.identity.publicKey, head)).toBe(true);
      expect([...store.events(2, 2)].map(({ seq }) => seq)).toEqual([2]);
      await store.close();
    });

    it('rows are put, replaced and deleted, and a prefix finds its own in the order of their bytes', async () => {
      const store = await (await make()).open();
      const put = ['a/2', 'a/10', 'a', 'b/1', 'a/1'].map((key) => [key, bytes(key)] as const);
      await store.commit(write({ put }));
      await store.commit(write({ put: [['a/2', bytes('two')]], del: ['b/1', 'unknown'] }));
      expect(store.range('a/').map(([key, value]) => [key, text(value)])).toEqual([
        ['a/1', 'a/1'],
        ['a/10', 'a/10'],
        ['a/2', 'two'],
      ]);
      expect(store.range('').map(([key]) => key)).toEqual(['a', 'a/1', 'a/10', 'a/2']);
      expect(store.get('b/1')).toBeUndefined();
      await store.close();
    });

    it.each(['', '!head', 'ä', 'a\nb', 'x'.repeat(257)])('%j is no name for a row', async (key) => {
      const store = await (await make()).open();
      expect(() => store.commit(write({ put: [[key, bytes('x')]] }))).toThrow(RangeError);
      expect(() => store.get(key)).toThrow(RangeError);
      await store.close();
    });

    it('blobs have the name that the model chain gives them, and go when they are dropped', async () => {
      const store = await (await make()).open();
      const [one, two] = [new Uint8Array(300_000).fill(7), bytes('two')];
      await store.commit(write({ blobs: [one, two] }));
      expect([...store.blobs()].sort()).toEqual([nameOf(one), nameOf(two)].sort());
      expect(nameOf(store.blob(nameOf(one)))).toBe(nameOf(one));
      await store.commit(write({ dropBlobs: [nameOf(one)] }));
      expect(store.hasBlob(nameOf(one))).toBe(false);
      expect(() => store.blob(nameOf(one))).toThrow('STORE_BLOB');
      await store.close();
    });

    it('everything that was acknowledged is there after a restart, and the chain goes on', async () => {
      const under = await make();
      const store = await under.open();
      await store.commit(write({ events: [draft(1)], put: [['a', bytes('1')]], blobs: [bytes('blob')] }));
      await store.close();
      const again = await under.reopen();
      expect(again.head()).toEqual(store.head());
      expect(text(again.get('a'))).toBe('1');
      expect(text(again.blob(nameOf(bytes('blob'))))).toBe('blob');
      await again.commit(write({ events: [draft(2)] }));
      expect([...again.events(1)].map(({ body }) => body.n)).toEqual([1, 2]);
      expect(again.verify()).toMatchObject({ events: 2, blobs: 1, badBlobs: [] });
      expect(again.verify().firstBadEvent).toBeUndefined();
      await again.close();
    });

    it('what is queued while another transaction is flushed shares one transaction', async () => {
      let transactions = 0;
      const store = await (await make()).open({
        faults: {
          beforeCommit: (n) => {
            transactions = n;
          },
        },
      });
      const first = store.commit(write({ events: [draft(0)] }));
      await Promise.resolve();
      await Promise.resolve();
      await Promise.all([
        first,
        ...Array.from({ length: 50 }, (_, i) => store.commit(write({ events: [draft(i + 1)] }))),
      ]);
      expect(store.head()?.seq).toBe(51);
      expect(transactions).toBeLessThanOrEqual(2);
      await store.close();
    });

    it('nothing is acknowledged before it is flushed', async () => {
      let release = (): void => undefined;
      const flush = new Promise<void>((resolve) => {
        release = resolve;
      });
      const store = await (await make()).open({ faults: { beforeFlush: () => flush } });
      let acknowledged = false;
      const done = store.commit(write({ events: [draft(1)] })).then(() => {
        acknowledged = true;
      });
      for (let i = 0; i < 20; i++) await new Promise((resolve) => setImmediate(resolve));
      expect(acknowledged).toBe(false);
      expect(store.head()).toBeUndefined();
      release();
      await done;
      expect(store.head()?.seq).toBe(1);
      await store.close();
    });

    it.each([1, 2, 5])(
      'the %i-th commit fails: its callers are told why, and no write is taken any more',
      async (nth) => {
        const under = await make();
        const faults: StoreFaults = {
          beforeCommit: (n) => {
            if (n === nth) throw Object.assign(new Error('ENOSPC: no space left on device'), { code: 'ENOSPC' });
          },
        };
        const store = await under.open({ faults });
        for (let i = 1; i < nth; i++) await store.commit(write({ events: [draft(i)] }));
        const failed = await Promise.allSettled([
          store.commit(write({ events: [draft(nth)], put: [['a', bytes('x')]] })),
          store.commit(write({ events: [draft(nth + 1)] })),
        ]);
        for (const one of failed) expect(one).toMatchObject({ status: 'rejected', reason: { code: 'STORE_WRITE' } });
        await expect(store.commit(write({ events: [draft(9)] }))).rejects.toMatchObject({ code: 'STORE_LATCHED' });
        expect(store.get('a')).toBeUndefined();
        await store.close();
        const again = await under.reopen();
        expect([...again.events(1)].map(({ body }) => body.n)).toEqual(
          Array.from({ length: nth - 1 }, (_, i) => i + 1),
        );
        await again.close();
      },
    );

    it('a failed flush latches as well; what was acknowledged before is there after the restart', async () => {
      const under = await make();
      const faults: StoreFaults = {
        beforeFlush: (n) => {
          if (n === 2) throw new Error('EIO');
        },
      };
      const store = await under.open({ faults });
      await store.commit(write({ events: [draft(1)] }));
      await expect(store.commit(write({ events: [draft(2)] }))).rejects.toMatchObject({ code: 'STORE_WRITE' });
      await expect(store.commit(write({ events: [draft(3)] }))).rejects.toMatchObject({ code: 'STORE_LATCHED' });
      await store.close();
      const again = await under.reopen();
      // The second may be there or not; there is no third, and the chain holds.
      expect([1, 2]).toContain(again.head()?.seq);
      expect(again.verify().firstBadEvent).toBeUndefined();
      await again.close();
    });

    it('I fill the disk: above the limit nothing is written, STORE_FULL says the limit, and the store is read only', async () => {
      const under = await make();
      const store = await under.open({ limitBytes: 10_000 });
      await store.commit(write({ blobs: [new Uint8Array(9_000)] }));
      await expect(store.commit(write({ blobs: [new Uint8Array(1_001)] }))).rejects.toMatchObject({
        code: 'STORE_FULL',
        details: { limit: 10_000 },
      });
      await expect(store.commit(write({ put: [['a', bytes('x')]] }))).rejects.toMatchObject({ code: 'STORE_LATCHED' });
      expect(store.blobs()).toHaveLength(1);
      await store.close();
    });

    it('what is dropped or replaced no longer counts', async () => {
      const store = await (await make()).open({ limitBytes: 10_000 });
      for (let i = 0; i < 5; i++) {
        const blob = new Uint8Array(6_000).fill(i);
        await store.commit(write({ blobs: [blob], put: [['row', new Uint8Array(3_000)]] }));
        await store.commit(write({ dropBlobs: [nameOf(blob)] }));
      }
      await store.close();
    });

    it('its rows have their digest after any sequence of puts and deletes, alone and together, and after a restart', async () => {
      const under = await make();
      const random = Random.fromSeed(`digest ${name}`);
      let store = await under.open();
      const rows = new Map<string, string>();
      for (let i = 0; i < 60; i++) {
        // Up to four in one transaction, on six keys: the same one twice, deleted and put, put and deleted, with what it was before.
        const commits = Array.from({ length: 1 + random.integer(4) }, () => {
          const pick = (): string => `row/${random.integer(6)}`;
          const put = Array.from({ length: random.integer(4) }, () => [pick(), String(random.integer(3))] as const);
          const del = Array.from({ length: random.integer(3) }, pick);
          for (const [key, value] of put) rows.set(key, value);
          for (const key of del) rows.delete(key);
          return store.commit(write({ put: put.map(([key, value]) => [key, bytes(value)]), del }));
        });
        await Promise.all(commits);
        expect(store.range('').map(([key, value]) => [key, text(value)])).toEqual([...rows].sort());
        expect(store.verify().rows, `transaction ${i}`).toBe('match');
        if (i % 20 === 19) {
          await store.close();
          store = await under.reopen();
          expect(store.verify().rows).toBe('match');
        }
      }
      await store.close();
    });

    it('a backup is a store of its own that stays as it was', async () => {
      const under = await make();
      const store = await under.open();
      await store.commit(write({ events: [draft(1)], put: [['a', bytes('1')]], blobs: [bytes('blob')] }));
      const directory = under.freshDirectory();
      const head = await store.backup(directory);
      expect(head).toEqual({ seq: 1, hash: store.head()?.hash });
      await store.commit(write({ events: [draft(2)], put: [['a', bytes('2')]] }));
      const copy = await under.restore(directory);
      expect(copy.head()).toMatchObject(head);
      expect(text(copy.get('a'))).toBe('1');
      expect(copy.verify()).toMatchObject({ events: 1, blobs: 1, badBlobs: [] });
      await copy.close();
      await store.close();
    });

    it('a closed store takes nothing more, and closing waits for what is queued', async () => {
      const store = await (await make()).open();
      const last = store.commit(write({ events: [draft(1)] }));
      await store.close();
      await expect(last).resolves.toMatchObject({ seq: 1 });
      await expect(store.commit(write({ events: [draft(2)] }))).rejects.toMatchObject({ code: 'STORE_LATCHED' });
      await store.close();
    });
  });
}
