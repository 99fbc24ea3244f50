// The vector engine: the contract on both implementations, and what happens when a home is lost.
// Not here: the arithmetic (test/protocol, test/aggregate).

import { describe, expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { chunkHash } from '../../protocol/wire/chunks.js';
import { SpreadEngine } from '../../server/engine/engine.js';
import { type Home, localHome } from '../../server/engine/home.js';
import { inProcessEngine, workerEngine } from '../../server/index.js';
import { engineContract } from '../contracts/engine.js';

engineContract('in this process', () => inProcessEngine());
engineContract('in this process, three homes', () => inProcessEngine(3));
engineContract('worker threads', () => workerEngine(2));

describe('a chunk that is given away', () => {
  it('goes to the thread without a copy where its buffer is its own; what may be shared, or is not given, stays as it was', async () => {
    const engine = workerEngine(1);
    const run = (section: Uint8Array, given: boolean) =>
      engine.run(
        {
          type: 'chunk',
          slot: `t/1.1/0/${section.length}${given}`,
          bytes: section.length,
          index: 0,
          section,
          hash: chunkHash(nativePrimitives, section),
        },
        given,
      );
    // As it lies in a frame.
    const section = (length: number) => new Uint8Array(72 + length).fill(3).subarray(72);
    const [large, small, kept] = [section(CHUNK_BYTES), section(65_536), section(CHUNK_BYTES)];
    const slab = new Uint8Array(CHUNK_BYTES + 65_536).subarray(0, CHUNK_BYTES);
    try {
      const jobs = [run(large, true), run(small, true), run(slab, true), run(kept, false)];
      expect([large, small, slab, kept].map(({ byteLength }) => byteLength)).toEqual([
        0,
        65_536,
        CHUNK_BYTES,
        CHUNK_BYTES,
      ]);
      expect(await Promise.all(jobs)).toEqual(Array(4).fill({ ok: true }));
    } finally {
      await engine.close();
    }
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
    const job = engine.run(chunk('t/1.1/0/0'));
    await engine.close();
    expect(await job).toEqual({ ok: false, code: 'ENGINE_FAILED' });
    expect(await engine.run(chunk('t/1.1/0/0'))).toEqual({ ok: false, code: 'ENGINE_FAILED' });
  });

  it('an engine of no homes is refused by name', () => {
    expect(() => inProcessEngine(0)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID' }));
  });
});
