// How long R1-R3 wait for members who lost their connection, where they could close without them: a group that has only just enough
// members fails with the next loss. Not here: what a member sends again when it is back (reconnect.test.ts).

import { describe, expect, it } from 'vitest';
import { MAX_RETURN_MS } from '../../protocol/limits.js';
import { deriveTask, type TaskConfig, type WaitingPhase } from '../../protocol/task.js';
import { exactSurvivors, type Member, taskOf, World } from './world.js';

/** t = 6. Seven are comfortable: half of the two that may be lost. */
const SIZE = 8;
const OPEN_MS = 60_000;
const config: TaskConfig = (() => {
  const task = taskOf({ size: SIZE });
  const longer = Object.entries(task.windows).map(([phase, one]) => [
    phase,
    { ...one, time: { min: 0, max: OPEN_MS } },
  ]);
  return { ...task, windows: Object.fromEntries(longer) as TaskConfig['windows'] };
})();
/** What members say in a phase. */
const KINDS = { keys: ['keys'], shares: ['shares'], masked: ['masked', 'inputChunk'] } as const;
type Phase = keyof typeof KINDS;

const phaseOf = (world: World): WaitingPhase | string | undefined =>
  world.facts.filter((fact) => fact.type === 'phase').at(-1)?.phase;

const idOf = ({ members }: World, i: number) => (members[i] as Member).identity.id;

/**
 * Clients `lost` are lost as soon as `phase` begins, the others answer after `ms`.
 * @returns the world at the moment at which everybody connected has answered
 */
function afterAnswers(phase: Phase, lost: readonly number[], ms: number): World {
  const held: (() => void)[] = [];
  const world: World = new World({
    config,
    tamper: {
      toCoordinator: (from, m) => {
        if (world.now >= ms || !(KINDS[phase] as readonly string[]).includes(m.kind)) return [m];
        if (lost.includes(from)) return 'lose';
        held.push(() => world.inject(from, m));
        return [];
      },
    },
  });
  world.start().drain();
  expect(phaseOf(world)).toBe(phase);
  world.now = ms;
  for (const release of held) release();
  world.drain();
  return world;
}

describe.each<[Phase]>([['keys'], ['shares'], ['masked']])('in %s', (phase) => {
  it('a phase with only just enough waits for those who are away as long again as it has taken, then closes', () => {
    const world = afterAnswers(phase, [0, 1], 3_000);
    expect(phaseOf(world)).toBe(phase);
    expect(world.wakeAt).toBe(6_000);
    world.now = 5_999;
    world.tick();
    expect(phaseOf(world)).toBe(phase);
    world.run();
    expect(world.now).toBe(6_000);
    expect(exactSurvivors(world)).toEqual([[2, 3, 4, 5, 6, 7]]);
  });

  it(`but never longer than ${MAX_RETURN_MS} ms`, () => {
    const world = afterAnswers(phase, [0, 1], 20_000);
    expect(world.wakeAt).toBe(20_000 + MAX_RETURN_MS);
  });

  it('it closes as soon as enough of them are back: with one of two, the group can lose as many again', () => {
    const world = afterAnswers(phase, [0, 1], 3_000);
    world.now = 4_000;
    world.reconnect(0);
    world.drain();
    expect(phaseOf(world)).not.toBe(phase);
    world.run();
    expect(exactSurvivors(world)).toEqual([[0, 2, 3, 4, 5, 6, 7]]);
  });

  it('with one away of two that may be lost it does not wait', () => {
    const world = afterAnswers(phase, [0], 3_000);
    expect(phaseOf(world)).not.toBe(phase);
  });

  it('whoever has left for good is not waited for, nor heard again', () => {
    const world = afterAnswers(phase, [0, 1], 3_000);
    world.event({ type: 'left', client: idOf(world, 0), now: world.now });
    expect(phaseOf(world)).toBe(phase);
    world.event({ type: 'left', client: idOf(world, 1), now: world.now });
    expect(phaseOf(world)).not.toBe(phase);
  });

  it('a member that has left and connects again is not asked to go on', () => {
    const world = afterAnswers(phase, [0, 1], 3_000);
    world.event({ type: 'left', client: idOf(world, 0), now: world.now });
    world.reconnect(0);
    world.drain();
    expect(world.coordinatorSent.some(({ to, message }) => to === 0 && message.kind === 'resume')).toBe(false);
    expect(phaseOf(world)).toBe(phase);
  });

  it('it fails at once where too many have left, and not where as many are only away', () => {
    const world = afterAnswers(phase, [0, 1, 2], 3_000);
    for (const i of [0, 1]) world.event({ type: 'left', client: idOf(world, i), now: world.now });
    expect(world.failure).toBeUndefined();
    world.event({ type: 'left', client: idOf(world, 2), now: world.now });
    expect(world.failure).toMatchObject({ code: 'ROUND_QUORUM', retry: 'next-attempt' });
  });

  it('whoever is lost again in the meantime does not prolong it', () => {
    const world = afterAnswers(phase, [0, 1], 3_000);
    world.now = 5_000;
    world.reconnect(0);
    world.lose(0);
    world.run();
    expect(world.now).toBe(6_000);
  });
});

it('the numbers that these tests count with', () => {
  expect(deriveTask(config).threshold).toBe(6);
});

it('a group whose time has come is not forgotten when something of another group comes before its alarm', () => {
  const two = { ...config, profile: 'grouped', group: { ...config.group, count: 2 } } as const;
  const held: { readonly from: number; readonly release: () => void }[] = [];
  const world: World = new World({
    config: two,
    tamper: {
      toCoordinator: (from, m) => {
        if (world.now > 0 || m.kind !== 'keys') return [m];
        // Two of each group are lost; the others answer when they are let.
        if (from % SIZE < 2) return 'lose';
        held.push({ from, release: () => world.inject(from, m) });
        return [];
      },
    },
  });
  world.start().drain();
  const answer = (group: number, at: number): void => {
    world.now = at;
    for (const { from, release } of held) if (Math.floor(from / SIZE) === group) release();
    world.drain();
  };
  answer(0, 3_000);
  expect(world.wakeAt).toBe(6_000);
  // The alarm for 6,000 is late: the other group is heard first, whose own time is 11,500.
  answer(1, 6_500);
  expect(world.wakeAt).toBe(6_000);
  world.run();
  expect(world.now).toBe(6_500 + MAX_RETURN_MS);
  expect(exactSurvivors(world)).toEqual([
    [2, 3, 4, 5, 6, 7],
    [10, 11, 12, 13, 14, 15],
  ]);
});
