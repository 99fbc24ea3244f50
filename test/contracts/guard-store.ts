// What every GuardStore must do. Run by memory and files (test/client/guard-stores.test.ts), later by IndexedDB.
import { describe, expect, it } from 'vitest';
import { Emitter } from '../../client/emitter.js';
import { type GuardStore, lineageName } from '../../client/guards.js';
import { follow } from '../../client/hand-over.js';
import type { ClientEvents } from '../../client/options.js';
import { handOverBytes, makeHandOver } from '../../protocol/chain/hand-over.js';
import { answerWith, type Question } from '../../protocol/crypto/asking.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import type { ClientId } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { GuardRecord } from '../../protocol/participant/types.js';

const COORDINATOR = 'a1'.repeat(32) as ClientId;
const OTHER = 'b2'.repeat(32) as ClientId;
const fresh = () => generateIdentity(nativePrimitives, nativeRng);
const record: GuardRecord = { task: 'digits', round: 7, attempt: 2, answered: 6, contributed: 5 };

/** @param make an empty store @param reopen the same store as another process would see it; absent where it does not outlive one */
export function guardStoreContract(
  name: string,
  make: () => Promise<GuardStore>,
  reopen?: (store: GuardStore) => Promise<GuardStore>,
): void {
  describe(`guard store: ${name}`, () => {
    it('an empty store has no record and no pin', async () => {
      const store = await make();
      expect(await store.load(COORDINATOR, 'digits')).toBeUndefined();
      expect(await store.pinned('wss://a')).toBeUndefined();
    });

    it('gives back what was saved last, field by field', async () => {
      const store = await make();
      await store.save(COORDINATOR, { ...record, attempt: 1 });
      await store.save(COORDINATOR, record);
      expect(await store.load(COORDINATOR, 'digits')).toEqual(record);
    });

    it('keeps coordinators and tasks apart, also where names are pieced together differently', async () => {
      const store = await make();
      await store.save(COORDINATOR, record);
      await store.save(OTHER, { ...record, round: 9 });
      await store.save(COORDINATOR, { ...record, task: 'digits-2', round: 11 });
      expect((await store.load(COORDINATOR, 'digits'))?.round).toBe(7);
      expect((await store.load(OTHER, 'digits'))?.round).toBe(9);
      expect((await store.load(COORDINATOR, 'digits-2'))?.round).toBe(11);
      expect(await store.load(OTHER, 'digits-2')).toBeUndefined();
    });

    it.each([
      ['an earlier round', { round: 6, attempt: 9 }],
      ['an earlier attempt of the round', { attempt: 1 }],
      ['an answer that is forgotten', { round: 8, answered: 5 }],
      ['a contribution that is forgotten', { round: 8, contributed: 4 }],
    ])('I put %s over the last record and am refused; the record stays', async (_what, back) => {
      const store = await make();
      await store.save(COORDINATOR, record);
      await expect(store.save(COORDINATOR, { ...record, ...back })).rejects.toMatchObject({ code: 'STORE_WRITE' });
      expect(await store.load(COORDINATOR, 'digits')).toEqual(record);
    });

    it('pins other names beside addresses, each for itself: keys that were handed over', async () => {
      const store = await make();
      const [first, second] = [new Uint8Array(32).fill(3), new Uint8Array(32).fill(4)];
      await store.pin(lineageName('digits', COORDINATOR), first);
      await store.pin(lineageName('digits-2', COORDINATOR), second);
      expect(await store.pinned(lineageName('digits', COORDINATOR))).toEqual(first);
      expect(await store.pinned(lineageName('digits-2', COORDINATOR))).toEqual(second);
      expect(await store.pinned(lineageName('digits', OTHER))).toBeUndefined();
    });

    it('pins an address for ever: the same key again is fine, another one is refused', async () => {
      const store = await make();
      const key = new Uint8Array(32).fill(3);
      await store.pin('wss://a', key);
      await store.pin('wss://a', key.slice());
      await expect(store.pin('wss://a', new Uint8Array(32).fill(4))).rejects.toMatchObject({ code: 'STORE_WRITE' });
      expect(await store.pinned('wss://a')).toEqual(new Uint8Array(32).fill(3));
      expect(await store.pinned('wss://b')).toBeUndefined();
    });

    it('does not share memory with what it was given', async () => {
      const store = await make();
      const key = new Uint8Array(32).fill(3);
      await store.pin('wss://a', key);
      key.fill(9);
      expect(await store.pinned('wss://a')).toEqual(new Uint8Array(32).fill(3));
    });

    it.skipIf(reopen === undefined)(
      'another process finds everything (skipped where a store does not outlive its process)',
      async () => {
        const store = await make();
        await store.save(COORDINATOR, record);
        await store.pin('wss://a', new Uint8Array(32).fill(3));
        const again = await reopen?.(store);
        expect(await again?.load(COORDINATOR, 'digits')).toEqual(record);
        expect(await again?.pinned('wss://a')).toEqual(new Uint8Array(32).fill(3));
      },
    );

    it.skipIf(reopen === undefined)(
      'another process takes the key to which the coordinator has handed over, and finds its record (skipped as above)',
      async () => {
        const [old, next] = [fresh(), fresh()];
        const store = await make();
        await store.save(old.id, record);
        const at = { round: 7, head: new Uint8Array(32) };
        const handOver = makeHandOver(nativePrimitives, 'digits', old, next, at);
        const setup = {
          task: 'digits',
          policy: {},
          primitives: nativePrimitives,
          answerer: (question: Question) => answerWith(nativePrimitives, question),
          events: new Emitter<ClientEvents>(),
        };
        await follow({ ...setup, guards: store }, next.publicKey, handOverBytes([handOver]), old.publicKey);
        const again = await reopen?.(store);
        if (again === undefined) throw new Error('skipped');
        expect(await again.pinned(lineageName('digits', old.id))).toBeDefined();
        const found = await follow({ ...setup, guards: again }, old.publicKey, undefined);
        expect(found).toMatchObject({ key: next.publicKey, name: old.id });
        expect(await again.load(found.name, 'digits')).toEqual(record);
      },
    );
  });
}
