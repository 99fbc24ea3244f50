// What the drivers do when something of ours breaks: the round machine, an effect, the engine, the aggregation.
// Not here: what clients do wrong (connections.test.ts).

import { describe, expect, it } from 'vitest';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { RoundFailure } from '../../protocol/round/types.js';
import type { Message } from '../../protocol/wire/messages.js';
import { Mailbox } from '../../server/driver/mailbox.js';
import { RoundRunner } from '../../server/driver/round-runner.js';
import { type Engine, inProcessEngine } from '../../server/index.js';
import { makeMembers, taskOf } from '../protocol/world.js';
import { ManualClock } from './manual-clock.js';
import { arrange } from './setting.js';

describe('a mailbox', () => {
  const counting = (run: (effect: string) => void, broken: (error: unknown) => void) =>
    new Mailbox<number, string, string>({
      first: { state: 0, effects: ['first'] },
      step: (state, event) => {
        if (event === 'throw') throw new Error('bug');
        return { state: state + 1, effects: [`${event} a`, `${event} b`] };
      },
      run,
      broken,
    });

  it('runs all effects of one event before the next event, also one that an effect has posted', () => {
    const seen: string[] = [];
    const box = counting(
      (effect) => {
        seen.push(effect);
        if (effect === 'one a') box.post('two');
      },
      () => {},
    );
    box.open();
    box.post('one');
    expect(seen).toEqual(['first', 'one a', 'one b', 'two a', 'two b']);
    expect(box.state).toBe(2);
  });

  it.each(['throw', 'one'])('takes nothing more after a throw (%s)', (event) => {
    const errors: unknown[] = [];
    const seen: string[] = [];
    const box = counting(
      (effect) => {
        if (effect === 'one a') throw new Error('bug');
        seen.push(effect);
      },
      (error) => errors.push(error),
    );
    box.open();
    box.post(event);
    box.post('two');
    expect(seen).toEqual(['first']);
    expect(errors).toHaveLength(1);
  });
});

describe('a round whose machinery breaks', () => {
  it('is void for good, its secrets are forgotten, its members are told, and the bug is shouted', () => {
    const config = taskOf({ size: 3 });
    const members = makeMembers(config);
    const forgotten: (readonly string[])[] = [];
    const engine: Engine = { ...inProcessEngine(), warm: () => {}, forget: async (keep) => void forgotten.push(keep) };
    const bugs: unknown[] = [];
    const failures: RoundFailure[] = [];
    const told: Message[] = [];
    const zero = '0'.repeat(64) as Hash;
    const runner = new RoundRunner(
      {
        config,
        round: 4,
        attempt: 2,
        model: zero,
        head: zero,
        clip: 0,
        groups: [{ id: 0, members: members.map(({ identity }) => identity.id) }],
        coordinator: generateIdentity(nativePrimitives, nativeRng),
        primitives: nativePrimitives,
        nonce: nativeRng(32),
      },
      engine,
      new ManualClock(),
      {
        send: (_, message) => {
          if (message.kind === 'announce') throw new Error('bug');
          told.push(message);
        },
        refuse: () => {},
        strayed: () => {},
        stalled: () => {},
        fact: () => {},
        done: () => {},
        select: async () => [],
        failed: (failure) => failures.push(failure),
        broken: (error) => bugs.push(error),
      },
    );
    runner.start();
    expect(bugs).toHaveLength(1);
    expect(failures).toEqual([expect.objectContaining({ code: 'INTERNAL', retry: 'next-round', culprits: [] })]);
    expect(told).toEqual(
      Array(3).fill(
        expect.objectContaining({ kind: 'abort', code: 'INTERNAL', run: { round: 4, attempt: 2, group: 0 } }),
      ),
    );
    expect(forgotten).toEqual([[]]);
    expect(runner.over).toBe(true);
  });
});

describe('members that take no further part', () => {
  const play = (go: (runner: RoundRunner, member: ClientId) => void): readonly RoundFailure[] => {
    const members = makeMembers(taskOf({ size: 3 })).map(({ identity }) => identity.id);
    const failures: RoundFailure[] = [];
    const zero = '0'.repeat(64) as Hash;
    const runner = new RoundRunner(
      {
        config: taskOf({ size: 3 }),
        round: 4,
        attempt: 2,
        model: zero,
        head: zero,
        clip: 0,
        groups: [{ id: 0, members }],
        coordinator: generateIdentity(nativePrimitives, nativeRng),
        primitives: nativePrimitives,
        nonce: nativeRng(32),
      },
      inProcessEngine(),
      new ManualClock(),
      {
        send: () => {},
        refuse: () => {},
        strayed: () => {},
        stalled: () => {},
        fact: () => {},
        done: () => {},
        select: async () => [],
        failed: (failure) => failures.push(failure),
        broken: (error) => {
          throw error;
        },
      },
    );
    runner.start();
    for (const member of members) go(runner, member);
    return failures;
  };

  it('are not waited for: with too few left the attempt ends at once, not at the deadline of the phase', () => {
    const failures = play((runner, member) => runner.withdraw(member, { round: 4, attempt: 2, group: 0 }));
    expect(failures).toMatchObject([{ code: 'ROUND_QUORUM', retry: 'next-attempt' }]);
  });

  it.each<[string, (runner: RoundRunner, member: ClientId) => void]>([
    ['lose their connection', (runner, member) => runner.gone(member)],
    ['speak of another attempt', (runner, member) => runner.withdraw(member, { round: 4, attempt: 1, group: 0 })],
  ])('but those who only %s are', (_, go) => {
    expect(play(go)).toEqual([]);
  });
});

/** An engine that does as the real one but for some methods. */
const engineWith = (change: Partial<Engine>): Engine => {
  const real = inProcessEngine();
  return {
    run: (work) => real.run(work),
    aggregate: (work) => real.aggregate(work),
    nextModel: (work) => real.nextModel(work),
    direction: (work) => real.direction(work),
    forget: (keep) => real.forget(keep),
    sharedBytes: () => real.sharedBytes(),
    held: () => real.held(),
    warm: () => real.warm(),
    rest: () => real.rest(),
    close: () => real.close(),
    ...change,
  };
};

describe('an engine that fails', () => {
  it('in the aggregation: the round is void, the model stays, nobody is blamed, the next round goes well', async () => {
    let calls = 0;
    const real = inProcessEngine();
    const engine: Engine = {
      ...engineWith({}),
      run: (work) => real.run(work),
      forget: (keep) => real.forget(keep),
      aggregate: async (work) =>
        calls++ === 0 ? { ok: false, code: 'ENGINE_FAILED', text: 'x' } : real.aggregate(work),
    };
    const setting = await arrange({ config: taskOf({ size: 3 }), campaign: { rounds: 2 }, coordinator: { engine } });
    const result = await setting.run();
    expect(result.rounds.map(({ outcome }) => outcome.type)).toEqual(['void', 'committed']);
    expect(result.rounds[0]?.outcome).toMatchObject({ code: 'ENGINE_FAILED' });
    expect(result.blamed).toEqual([]);
    expect(setting.coordinator.chain().map(({ round }) => round)).toEqual([0, 2]);
  });

  it('in a fold: the attempt fails without blame and the next one goes well', async () => {
    let failed = false;
    const real = inProcessEngine();
    const engine: Engine = {
      ...engineWith({}),
      aggregate: (work) => real.aggregate(work),
      forget: (keep) => real.forget(keep),
      run: async (work) => {
        if (work.type !== 'fold' || failed) return real.run(work);
        failed = true;
        return { ok: false, code: 'ENGINE_FAILED' };
      },
    };
    const setting = await arrange({ config: taskOf({ size: 3 }), coordinator: { engine } });
    const result = await setting.run();
    expect(result.rounds[0]).toMatchObject({ attempts: 2, outcome: { type: 'committed' }, excluded: [] });
  });
});
