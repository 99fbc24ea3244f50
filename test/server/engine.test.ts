// The vector engine: the contract on both implementations, and what happens when a home is lost.
// Not here: the arithmetic (test/protocol, test/aggregate).

import { describe, expect, it } from 'vitest';
import { SpreadEngine } from '../../server/engine/engine.js';
import { type Home, localHome } from '../../server/engine/home.js';
import { inProcessEngine, workerEngine } from '../../server/index.js';
import { engineContract } from '../contracts/engine.js';

engineContract('in this process', () => inProcessEngine());
engineContract('in this process, three homes', () => inProcessEngine(3));
engineContract('worker threads', () => workerEngine(2));

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
