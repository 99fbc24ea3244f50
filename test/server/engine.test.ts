// The vector engine: the contract on both implementations, and what happens when a home is lost.
// Not here: the arithmetic (test/protocol, test/aggregate).

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { chunkHash } from '../../protocol/wire/chunks.js';
import { SpreadEngine } from '../../server/engine/engine.js';
import { type Home, localHome } from '../../server/engine/home.js';
import { Inbox } from '../../server/engine/inbox.js';
import { inProcessEngine, workerEngine } from '../../server/index.js';
import { engineContract } from '../contracts/engine.js';

engineContract('in this process', () => inProcessEngine());
engineContract('in this process, three homes', () => inProcessEngine(3));
engineContract('worker threads', () => workerEngine(2));

describe('the section of a chunk', () => {
  it('is no longer needed once `run` has returned: whoever lent the memory fills it anew at once', async () => {
    const engine = workerEngine(1);
    const lent = new Uint8Array(CHUNK_BYTES);
    const bytes = 2 * CHUNK_BYTES;
    const slot = 't/1.1/0/0';
    const encoding = { dimension: bytes / 4, clipNorm: 1e6, range: 1, levels: 1, ring: 32, weighted: false } as const;
    try {
      const jobs = [0.5, 0.25].map((value, index) => {
        new Float32Array(lent.buffer).fill(value);
        const hash = chunkHash(nativePrimitives, lent);
        const job = engine.run({ type: 'chunk', slot, bytes, index, section: lent, hash });
        lent.fill(9);
        return job;
      });
      expect(await Promise.all(jobs)).toEqual([{ ok: true }, { ok: true }]);
      expect(await engine.run({ type: 'keep', slot, encoding })).toEqual({ ok: true });
      const result = await engine.aggregate({
        encoding,
        rule: { name: 'mean' },
        groups: [
          {
            group: 0,
            source: { type: 'rows', slots: [{ client: 'a' as ClientId, slot, weight: 1 }] },
            survivors: ['a' as ClientId],
          },
        ],
        state: [],
        seed: [1, 2, 3, 4],
      });
      const expected = new Float32Array(bytes / 4).fill(0.5).fill(0.25, CHUNK_BYTES / 4);
      expect(result.ok && Buffer.from(result.aggregate.buffer).equals(Buffer.from(expected.buffer))).toBe(true);
    } finally {
      await engine.close();
    }
  });
});

it('memory that waits for the next inputs is told as shared, and can be given up', () => {
  const inbox = new Inbox(nativePrimitives);
  const section = new Uint8Array(1_000);
  const hash = chunkHash(nativePrimitives, section);
  const fill = (slot: string) => {
    inbox.chunk({ type: 'chunk', slot, bytes: 1_000, index: 0, section, hash });
    const bytes = inbox.take(slot);
    if (bytes === undefined) throw new Error('it is not there');
    return bytes;
  };
  const first = fill('a');
  expect(inbox.bytes).toBe(1_000);
  inbox.giveBack(first);
  expect(fill('b').buffer).toBe(first.buffer);
  expect(inbox.bytes).toBe(1_000);
  inbox.giveBack(first);
  inbox.rest();
  expect(fill('c').buffer).not.toBe(first.buffer);
});

it('chunks are not answered while a home has two complete inputs before it: no credit follows, and memory stays as it is', async () => {
  const done: (() => void)[] = [];
  const slow: Home = {
    lost: false,
    ask: (request) => new Promise((resolve) => done.push(() => resolve(answerOf(request)))),
    close: async () => {},
  };
  const answerOf = (request: unknown) => ({ result: { ok: true }, request }) as never;
  const engine = new SpreadEngine(() => slow, 1);
  const encoding = { dimension: 2, clipNorm: 1, range: 1, levels: 127, ring: 16, weighted: false } as const;
  const section = new Uint8Array(4);
  const hash = chunkHash(nativePrimitives, section);
  const chunk = (slot: string) => engine.run({ type: 'chunk', slot, bytes: 4, index: 0, section, hash });
  // One after the other: each is complete and handed over before the next begins.
  for (const slot of ['t/1.1/0/0', 't/1.1/0/1']) {
    await chunk(slot);
    void engine.run({ type: 'fold', slot, accumulator: 't/1.1/0', encoding });
  }
  const late = chunk('t/1.1/0/2').then(() => 'late');
  const soon = new Promise((resolve) => setTimeout(resolve, 20, 'soon'));
  expect(await Promise.race([late, soon])).toBe('soon');
  done[0]?.();
  expect(await late).toBe('late');
});

describe('the inbox', () => {
  const inbox = new Inbox(nativePrimitives);
  const chunk = (slot: string, value: number, bytes = 8) => {
    const section = new Uint8Array(bytes).fill(value);
    return inbox.chunk({ type: 'chunk', slot, bytes, index: 0, section, hash: chunkHash(nativePrimitives, section) });
  };

  it('erases what is dropped or forgotten, and its memory serves the next input', () => {
    chunk('a', 7);
    const a = inbox.take('a');
    if (a === undefined) throw new Error('nothing came');
    expect([...a]).toEqual(Array(8).fill(7));
    expect(inbox.held()).toEqual([]);
    chunk('b', 5);
    chunk('c', 6);
    inbox.drop('b');
    inbox.forget(new Set(['d']));
    expect(inbox.held()).toEqual([]);
    chunk('e', 1);
    chunk('f', 2);
    // No other memory than that of b and c, of which nothing is left.
    expect([inbox.take('e'), inbox.take('f')].map((one) => [...(one ?? [])])).toEqual([
      Array(8).fill(1),
      Array(8).fill(2),
    ]);
    inbox.giveBack(a.fill(0));
    chunk('g', 3);
    expect(inbox.take('g')?.buffer).toBe(a.buffer);
  });
});

describe('a lost home', () => {
  const encoding = { dimension: 2, clipNorm: 1, range: 1, levels: 127, ring: 16, weighted: false } as const;
  const chunk = (slot: string) => {
    const section = new Uint8Array(4);
    return { type: 'chunk', slot, bytes: 4, index: 0, section, hash: HASH_OF_ZEROS } as const;
  };
  const HASH_OF_ZEROS = Uint8Array.from(
    Buffer.from('df3f619804a92fdb4057192dc43dd748ea778adc52bc498ce80524c014b81119', 'hex'),
  );
  const setting = () => {
    const homes: Home[] = [];
    const engine = new SpreadEngine(() => {
      const home = localHome();
      homes.push(home);
      return home;
    }, 2);
    return { homes, engine };
  };

  it('fails all that it held; it never starts a second, smaller sum under the same name', async () => {
    const { homes, engine } = setting();
    expect(await engine.run(chunk('t/1.1/0/0'))).toEqual({ ok: true });
    expect(await engine.run({ type: 'fold', slot: 't/1.1/0/0', accumulator: 't/1.1/0', encoding })).toEqual({
      ok: true,
    });
    await homes[0]?.close();
    for (let i = 0; i < 3; i++)
      expect(await engine.run(chunk(`t/1.1/0/${i}`))).toEqual({ ok: false, code: 'ENGINE_FAILED' });
  });

  it('does not take the groups of other homes with it, and a new one takes its place for new groups', async () => {
    const { homes, engine } = setting();
    await engine.run(chunk('t/1.1/0/0'));
    await engine.run(chunk('t/1.1/1/0'));
    await homes[0]?.close();
    expect(await engine.run(chunk('t/1.1/1/1'))).toEqual({ ok: true });
    expect(await engine.run(chunk('t/1.2/0/0'))).toEqual({ ok: true });
    expect(homes).toHaveLength(3);
    await engine.forget([]);
    expect(await engine.run(chunk('t/1.1/0/0'))).toEqual({ ok: true });
  });

  it('a worker that dies in the middle of a job fails the job', async () => {
    const engine = workerEngine(1);
    expect(await engine.run(chunk('t/1.1/0/0'))).toEqual({ ok: true });
    const job = engine.run({ type: 'fold', slot: 't/1.1/0/0', accumulator: 't/1.1/0', encoding });
    await engine.close();
    expect(await job).toEqual({ ok: false, code: 'ENGINE_FAILED' });
    expect(await engine.run(chunk('t/1.1/0/0'))).toEqual({ ok: false, code: 'ENGINE_FAILED' });
  });

  it('an engine of no homes is refused by name', () => {
    expect(() => inProcessEngine(0)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
