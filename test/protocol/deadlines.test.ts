// When phases close, and what must not be able to stop or end a round: timers that fire early, work that ends late, empty answers.

import { describe, expect, it } from 'vitest';
import { deriveTask, type TaskConfig, WAITING_PHASES, type Window } from '../../protocol/task.js';
import { dropAt, exactSurvivors, holding, numbersOf, taskOf, World } from './world.js';

const config = taskOf({ size: 8 });
const EVERYONE = [0, 1, 2, 3, 4, 5, 6, 7];
const withWindow = (phase: (typeof WAITING_PHASES)[number], window: Window): TaskConfig => ({
  ...config,
  windows: { ...config.windows, [phase]: window },
});

describe('timers', () => {
  it('a timer that fires early is asked for again, in every phase: the round never waits for nothing', () => {
    for (const phase of WAITING_PHASES) {
      const world = new World({ config: holding(config, [phase], 100) });
      world.start().drain();
      const { wakeAt } = world;
      expect(wakeAt).toBeGreaterThan(world.now);
      world.now = wakeAt - 1;
      world.tick();
      expect(world.wakeAt).toBe(wakeAt);
      world.run();
      expect(exactSurvivors(world)).toEqual([EVERYONE]);
    }
  });

  it('a full phase waits for its minimum time, and no longer', () => {
    const world = new World({ config: holding(config, ['shares'], 40) });
    world.start().run();
    expect(world.now).toBe(40);
  });

  it('a phase whose minimum is in and whose missing members are gone closes at once; with one only silent it waits for the deadline', () => {
    const gone = new World({ config, tamper: dropAt(new Map([[3, 'masked']])) });
    gone.start().run();
    expect(gone.now).toBe(0);
    const silent = new World({
      config,
      tamper: { toCoordinator: (from, m) => (from === 3 && m.kind === 'consistent' ? [] : [m]) },
    });
    silent.start().run();
    expect(silent.now).toBe(1000);
    expect(exactSurvivors(silent)).toEqual([EVERYONE]);
  });

  it('R5 and R6, to which nobody comes back, end with the first loss too many, and name nobody who was still there', () => {
    for (const phase of ['consistency', 'unmask'] as const) {
      const lost = new Map([0, 1, 2].map((client) => [client, phase] as const)); // t = 6 of 8
      const world = new World({ config, tamper: dropAt(lost) });
      const outcome = world.start().run();
      expect([world.now, world.failure?.code, world.failure?.phase]).toEqual([0, 'ROUND_QUORUM', phase]);
      const named = world.facts.flatMap((fact) => (fact.type === 'dropped' ? numbersOf(outcome, [fact.client]) : []));
      expect(named.sort()).toEqual([0, 1, 2]);
    }
  });

  it('R1-R3 wait for lost members as long as they may still make up the minimum: until the deadline', () => {
    for (const phase of ['keys', 'shares', 'masked'] as const) {
      const lost = new Map([0, 1, 2].map((client) => [client, phase] as const));
      const world = new World({ config, tamper: dropAt(lost) });
      world.start().run();
      expect([world.now, world.failure?.phase]).toEqual([1_000, phase]);
    }
  });

  it('count.max closes a phase while others could still come; they are told', () => {
    const world = new World({
      config: withWindow('masked', { count: { min: 6, max: 6 }, time: { min: 0, max: 1000 } }),
    });
    const outcome = world.start().run();
    const [survivors = []] = exactSurvivors(world);
    expect(survivors).toHaveLength(6);
    const told = outcome.refused.flatMap(({ client, code }) =>
      code === 'ROUND_TOO_LATE' ? numbersOf(outcome, [client]) : [],
    );
    expect([...new Set([...survivors, ...told])].sort()).toEqual(EVERYONE);
  });

  it('the last wake-up of a round is its own: nothing is asked for after the end', () => {
    const world = new World({ config });
    world.start().run();
    const { wakeAt } = world;
    world.event({ type: 'tick', now: 1e9 });
    expect(world.wakeAt).toBe(wakeAt);
  });
});

describe('what one client does late or badly does not end the round of the others', () => {
  for (const later of ['consistency', 'unmask', 'opening'] as const)
    it(`a damaged chunk whose check ends in ${later}: its sender is only late, and the round goes on`, () => {
      // The check of client 0's chunk waits in the engine until R3 has closed by its deadline; then it says that the chunk is bad.
      const SLOT = 'etest/1.1/0/0';
      let said = false;
      const world: World = new World({
        config,
        pick: (_, pairs) =>
          Math.max(
            0,
            pairs.findIndex((pair) => pair !== SLOT),
          ),
        engine: (work) => {
          if (work.type !== 'chunk' || work.slot !== 'test/1.1/0/0') return undefined;
          said = true;
          return { ok: false, code: 'ROUND_BAD_VECTOR' };
        },
      });
      world.start();
      const phase = () => world.facts.filter((f) => f.type === 'phase').at(-1)?.phase;
      world.runUntil(() => phase() === 'masked' && world.heads().every(({ pair }) => pair === SLOT));
      world.advance(); // the deadline of R3
      world.runUntil(() => phase() === later);
      const [check] = world.heads().filter(({ pair }) => pair === SLOT);
      if (check !== undefined) world.take(check).run();
      expect(said).toBe(true);
      world.run();
      expect(world.refused.map(({ code, fatal }) => [code, fatal])).toEqual([['ROUND_TOO_LATE', false]]);
      expect(exactSurvivors(world)).toEqual([[1, 2, 3, 4, 5, 6, 7]]);
    });

  it('an answer in R6 that opens nothing is refused by name: it cannot use up the quorum', () => {
    // count.max = t: with the empty answer counted, the phase would close one answer short of every secret.
    const tight = withWindow('unmask', { count: { min: 6, max: 6 }, time: { min: 0, max: 1000 } });
    const world = new World({
      config: tight,
      tamper: { toCoordinator: (from, m) => [from === 0 && m.kind === 'unmask' ? { ...m, opened: [] } : m] },
    });
    const outcome = world.start().run();
    expect(
      outcome.refused.filter(({ fatal }) => fatal).map((r) => [...numbersOf(outcome, [r.client]), r.code]),
    ).toEqual([[0, 'ROUND_BAD_UNMASK']]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('leaving out a single dealer is refused as well', () => {
    const world = new World({
      config,
      tamper: {
        toCoordinator: (from, m) => [from === 0 && m.kind === 'unmask' ? { ...m, opened: m.opened.slice(1) } : m],
      },
    });
    const outcome = world.start().run();
    expect(outcome.refused.map(({ code }) => code)).toEqual(['ROUND_BAD_UNMASK']);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('a fold that fails is our own fault: the round ends, nobody is blamed', () => {
    const world = new World({
      config,
      engine: (work) => (work.type === 'fold' ? { ok: false, code: 'ENGINE_FAILED' } : undefined),
    });
    expect(world.start().run().failure).toMatchObject({ code: 'ENGINE_FAILED', culprits: [] });
    expect(world.refused).toEqual([]);
  });
});

describe('the campaign gives a round up', () => {
  it('before anything is opened: next attempt; after: next round; members are told, nothing is kept', () => {
    for (const [phase, retry] of [
      ['keys', 'next-attempt'],
      ['masked', 'next-attempt'],
      ['consistency', 'next-attempt'],
      ['unmask', 'next-round'],
    ] as const) {
      const world = new World({ config: holding(config, [phase]) });
      world.start().drain();
      world.event({ type: 'cancel', now: world.now });
      expect(world.failure).toMatchObject({ code: 'ROUND_CANCELLED', phase, retry });
      world.drain();
      expect(world.sums.size).toBe(0);
      expect(world.members.every(({ state }) => state?.phase === 'ended')).toBe(true);
    }
    expect(deriveTask(config).threshold).toBe(6);
  });
});
