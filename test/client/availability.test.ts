// A device that takes part only when it wants to: asked before each connection, each round and in the pool. Virtual time.
import { describe, expect, it } from 'vitest';
import { start } from './harness.js';
import { settle } from './virtual-timers.js';

const RUN = { round: 1, attempt: 0, group: 0 };

describe('a client with a rule of its own', () => {
  it('does not connect while the answer is no, says so once, and asks again after recheckMs', async () => {
    let idle = false;
    let asked = 0;
    const available = (): boolean => {
      asked++;
      return idle;
    };
    const { coordinator, seen, timers, client } = await start({ available, recheckMs: 30_000 });
    await timers.advance(89_999);
    expect([coordinator.sessions.length, asked, seen.unavailable]).toEqual([0, 3, [{ recheckMs: 30_000 }]]);
    idle = true;
    await timers.advance(1);
    expect(seen.accepted).toHaveLength(1);
    await client.stop();
  });

  it('wake() asks at once', async () => {
    let idle = false;
    const { seen, client } = await start({ available: () => idle });
    idle = true;
    client.wake();
    await settle();
    expect(seen.accepted).toHaveLength(1);
    await client.stop();
  });

  it('leaves the pool when the answer turns to no, and comes back when it is yes again', async () => {
    let idle = true;
    const { coordinator, seen, timers, client } = await start({ available: async () => idle, recheckMs: 10_000 });
    idle = false;
    await timers.advance(10_000);
    expect(coordinator.session.received.map(({ kind }) => kind)).toContain('leave');
    await timers.advance(30_000);
    expect([coordinator.sessions.length, seen.unavailable.length]).toEqual([1, 1]);
    idle = true;
    await timers.advance(10_000);
    expect([coordinator.sessions.length, seen.accepted.length]).toEqual([2, 2]);
    await client.stop();
  });

  it.each([
    ['no', () => false],
    ['a rejection', () => Promise.reject(new Error('no battery API here'))],
  ])('declines an announced round on %s: it leaves, no key and no fault is sent', async (_what, answer) => {
    let available: () => boolean | Promise<boolean> = () => true;
    const { coordinator, seen, client } = await start({ available: () => available() });
    available = answer;
    coordinator.session.send(coordinator.announce(RUN));
    await settle();
    const kinds = coordinator.session.received.map(({ kind }) => kind);
    expect(kinds.slice(kinds.indexOf('checkIn'))).toEqual(['checkIn', 'leave']);
    expect([seen.round, seen.guard, seen.error]).toEqual([[], [], []]);
    await client.stop();
  });

  it('what the coordinator sends while the host thinks about a round is handled after it, in order', async () => {
    let decide = (_yes: boolean): void => undefined;
    let slow = false;
    const available = (): boolean | Promise<boolean> =>
      slow
        ? new Promise((resolve) => {
            decide = resolve;
          })
        : true;
    const { coordinator, seen, client } = await start({ available });
    slow = true;
    coordinator.session.send(coordinator.announce(RUN));
    coordinator.session.send({
      kind: 'abort',
      run: RUN,
      code: 'ROUND_QUORUM',
      culprits: [],
      retryAfterMs: 0,
    });
    await settle();
    expect(seen.round).toEqual([]);
    decide(true);
    await settle();
    expect(seen.round.map(({ stage }) => stage).filter((stage) => stage !== 'training')).toEqual(['joined', 'ended']);
    await client.stop();
  });

  it('stopping while it waits to be available ends it', async () => {
    const { client, result } = await start({ available: () => false });
    await client.stop();
    expect(await result).toMatchObject({ how: 'stopped', contributed: 0 });
  });
});

describe('wake()', () => {
  it('cuts the wait for the next try short, and does nothing while connected', async () => {
    const { coordinator, client } = await start({ reconnect: { minMs: 60_000, maxMs: 60_000 } });
    client.wake();
    await settle();
    expect(coordinator.sessions).toHaveLength(1);
    coordinator.session.peer.close(1006, 'the train is in a tunnel');
    await settle();
    expect(coordinator.sessions).toHaveLength(1);
    client.wake();
    await settle();
    expect(coordinator.sessions).toHaveLength(2);
    await client.stop();
  });
});
