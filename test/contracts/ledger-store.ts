// What every LedgerStore must do. Run by memory and files (test/privacy/ledger-stores.test.ts) and by IndexedDB in a browser.
import { describe, expect, it } from 'vitest';
import type { LedgerStore } from '../../client/ledger-store.js';
import type { ClientId } from '../../protocol/ids.js';
import type { LedgerEntry } from '../../protocol/privacy/ledger-entry.js';

export const COORDINATOR = 'a1'.repeat(32) as ClientId;
const OTHER = 'b2'.repeat(32) as ClientId;

export const reservation = (id: string): LedgerEntry => ({
  type: 'reserved',
  id,
  events: [
    {
      task: 'digits',
      round: 7,
      attempt: 2,
      group: 0,
      unit: 'record',
      neighbours: 'add-or-remove',
      observer: 'coordinator',
      arithmetic: 'exact',
      type: 'poissonGaussian',
      // Neither is a short decimal: a store that rounds would change the price.
      samplingRate: 1 / 3,
      noiseMultiplier: 1.1 + 2 ** -50,
      count: 3,
    },
  ],
});
export const settlement = (id: string): LedgerEntry => ({ type: 'settled', id, events: [] });

/** @param make an empty store @param reopen the same store as another process would see it; absent where it does not outlive one */
export function ledgerStoreContract(
  name: string,
  make: () => Promise<LedgerStore>,
  reopen?: (store: LedgerStore) => Promise<LedgerStore>,
): void {
  describe(`ledger store: ${name}`, () => {
    it('an empty store has no entries', async () => {
      expect(await (await make()).load(COORDINATOR, 'digits')).toEqual([]);
    });

    it('gives back every entry in order, bit for bit', async () => {
      const store = await make();
      const entries = [reservation('1'), settlement('1'), reservation('2'), reservation('3'), settlement('2')];
      for (const entry of entries) await store.append(COORDINATOR, 'digits', entry);
      expect(await store.load(COORDINATOR, 'digits')).toEqual(entries);
    });

    it('keeps the order of calls that nobody waited for', async () => {
      const store = await make();
      const entries = Array.from({ length: 20 }, (_, i) => reservation(`${i}`));
      await Promise.all(entries.map((entry) => store.append(COORDINATOR, 'digits', entry)));
      expect(await store.load(COORDINATOR, 'digits')).toEqual(entries);
    });

    it('keeps coordinators and tasks apart', async () => {
      const store = await make();
      await store.append(COORDINATOR, 'digits', reservation('a'));
      await store.append(OTHER, 'digits', reservation('b'));
      await store.append(COORDINATOR, 'digits-2', reservation('c'));
      expect(await store.load(COORDINATOR, 'digits')).toEqual([reservation('a')]);
      expect(await store.load(OTHER, 'digits')).toEqual([reservation('b')]);
      expect(await store.load(COORDINATOR, 'digits-2')).toEqual([reservation('c')]);
      expect(await store.load(OTHER, 'digits-2')).toEqual([]);
    });

    it('an append that is tried again after a failure is one entry', async () => {
      const store = await make();
      await store.append(COORDINATOR, 'digits', reservation('1'));
      await store.append(COORDINATOR, 'digits', reservation('1'));
      expect(await store.load(COORDINATOR, 'digits')).toEqual([reservation('1')]);
    });

    it('does not share memory: neither what it was given nor what it gave', async () => {
      const store = await make();
      const entry = structuredClone(reservation('1')) as unknown as { id: string; events: unknown[] };
      await store.append(COORDINATOR, 'digits', entry as unknown as LedgerEntry);
      entry.id = 'changed';
      entry.events.length = 0;
      const [first] = (await store.load(COORDINATOR, 'digits')) as unknown as { events: unknown[] }[];
      first?.events.splice(0);
      expect(await store.load(COORDINATOR, 'digits')).toEqual([reservation('1')]);
    });

    it.skipIf(reopen === undefined)(
      'another process finds everything and goes on (skipped where a store does not outlive its process)',
      async () => {
        const store = await make();
        await store.append(COORDINATOR, 'digits', reservation('1'));
        const again = await reopen?.(store);
        await again?.append(COORDINATOR, 'digits', settlement('1'));
        expect(await again?.load(COORDINATOR, 'digits')).toEqual([reservation('1'), settlement('1')]);
      },
    );
  });
}
