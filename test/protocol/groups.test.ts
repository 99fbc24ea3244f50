// Several groups in one round (protocol.md §4): barriers, void groups, what the round needs to go on, and over-selection in `cohort`.

import { describe, expect, it } from 'vitest';
import { sharesStatement } from '../../protocol/context.js';
import { merkleRoot } from '../../protocol/crypto/merkle.js';
import { nativeRng } from '../../protocol/native/index.js';
import { shareLeaves } from '../../protocol/secagg/shares.js';
import type { WaitingPhase } from '../../protocol/task.js';
import type { ClientRoundMessage } from '../../protocol/wire/messages.js';
import {
  dropAt,
  exactSurvivors,
  holding,
  makeMembers,
  numbersOf,
  primitives,
  seeded,
  sentBy,
  type Tamper,
  taskOf,
  World,
} from './world.js';

const TRIMMED_1 = { name: 'trimmed-mean', faulty: 1 } as const;
/** Groups of four: t = 3, so two lost members make a group void. */
const config = taskOf({ size: 4, count: 5, rule: TRIMMED_1 });
const lost = (groups: readonly number[], phase: WaitingPhase): Tamper =>
  dropAt(new Map(groups.flatMap((g) => [[4 * g, phase] as const, [4 * g + 1, phase] as const])));
const all = (groups: readonly number[]) => groups.map((g) => [0, 1, 2, 3].map((i) => 4 * g + i));

describe('barriers', () => {
  it('no survivor sets are named before R3 has closed in every group, and nothing is opened before every group has agreed', () => {
    for (let seed = 0; seed < 12; seed++) {
      const world: World = new World({
        config,
        pick: seeded(seed),
        tamper: {
          toClient: (_, m) => {
            const entered = (phase: string) =>
              new Set(world.facts.flatMap((f) => (f.type === 'phase' && f.phase === phase ? [f.group] : []))).size;
            if (m.kind === 'survivors') expect(entered('committed')).toBe(5);
            if (m.kind === 'unmaskRequest') expect(entered('agreed')).toBe(5);
            return [m];
          },
        },
      });
      world.start().run();
      expect(exactSurvivors(world)).toEqual(all([0, 1, 2, 3, 4]));
    }
  });

  it('one slow group keeps all the others closed until its deadline makes it void', () => {
    const slow = (from: number, m: ClientRoundMessage) => from < 4 && (m.kind === 'masked' || m.kind === 'inputChunk');
    const world = new World({ config, tamper: { toCoordinator: (from, m) => (slow(from, m) ? [] : [m]) } });
    world.start().drain();
    expect(world.coordinatorSent.some(({ message }) => message.kind === 'survivors')).toBe(false);
    expect(world.now).toBe(0);
    world.run();
    expect(exactSurvivors(world)).toEqual(all([1, 2, 3, 4]));
    expect(world.result?.voided).toMatchObject([{ group: 0, failure: { code: 'ROUND_QUORUM', phase: 'masked' } }]);
  });
});

describe('a void group', () => {
  for (const phase of ['keys', 'shares', 'masked', 'consistency', 'unmask'] as const)
    it(`lost in ${phase}: the others go on while the rule has inputs enough, and give their exact sums`, () => {
      const world = new World({ config, tamper: lost([1, 3], phase) });
      world.start().run();
      expect(exactSurvivors(world)).toEqual(all([0, 2, 4]));
      expect(world.result?.voided.map(({ group }) => group)).toEqual([1, 3]);
      expect([...world.sums.keys()].sort()).toEqual(['test/1.1/0', 'test/1.1/2', 'test/1.1/4']); // nothing is kept of the void ones
    });

  for (const phase of ['keys', 'shares', 'masked', 'consistency'] as const)
    it(`one group too many lost in ${phase}: the round ends before anything is opened, and may be tried again`, () => {
      const world = new World({ config, tamper: lost([1, 2, 3], phase) });
      world.start().run();
      expect(world.failure).toMatchObject({ code: 'ROUND_TOO_FEW_GROUPS', phase, retry: 'next-attempt', culprits: [] });
      expect(world.members.flatMap((m) => sentBy(m, 'unmask'))).toEqual([]);
      expect(world.sums.size).toBe(0);
    });

  it('one group too many lost in unmask: shares have been opened, so only the next round may follow', () => {
    const world = new World({ config, tamper: lost([1, 2, 3], 'unmask') });
    world.start().run();
    expect(world.failure).toMatchObject({ code: 'ROUND_TOO_FEW_GROUPS', phase: 'unmask', retry: 'next-round' });
    expect(world.sums.size).toBe(0);
  });

  it('a group lost early and another after opening began: the next round too', () => {
    const plan = lost([1, 2], 'keys').toCoordinator;
    const late = lost([3], 'unmask').toCoordinator;
    const tamper: Tamper = {
      toCoordinator: (from, m) => (from < 12 ? plan?.(from, m) : late?.(from, m)) ?? [m],
    };
    const world = new World({ config, tamper });
    world.start().run();
    expect(world.failure).toMatchObject({ code: 'ROUND_TOO_FEW_GROUPS', retry: 'next-round' });
  });

  it('the median with f = 2 bears no void group among five: 2f < groups left', () => {
    const strict = taskOf({ size: 4, count: 5, rule: { name: 'median', faulty: 2 } });
    const world = new World({ config: strict, tamper: lost([4], 'masked') });
    world.start().run();
    expect(world.failure?.code).toBe('ROUND_TOO_FEW_GROUPS');
    expect(world.failure?.text).toContain('4 of 5 groups are left, rule median needs 5');
  });

  it('members of a void group are told, and every client ends with its secrets erased', () => {
    const world = new World({ config, tamper: lost([1], 'masked') });
    world.start().run();
    const aborted = world.coordinatorSent.flatMap(({ to, message }) => (message.kind === 'abort' ? [to] : []));
    expect(aborted).toEqual([4, 5, 6, 7]);
    for (const i of [6, 7]) expect(world.members[i]?.state?.phase).toBe('ended');
  });

  it('culprits of all failed groups are collected', () => {
    /** Members 0 of groups 0, 1 and 2 deal boxes that nobody can open. */
    const members = makeMembers(config);
    const tamper: Tamper = {
      toCoordinator: (from, m) => {
        if (![0, 4, 8].includes(from) || m.kind !== 'shares') return [m];
        const { identity, state } = members[from] as (typeof members)[0];
        if (state === undefined || !('joined' in state)) throw new Error('not joined');
        const bad = { ...m, boxes: m.boxes.map((box) => ({ ...box, box: nativeRng(96) })) };
        const root = merkleRoot(primitives, shareLeaves([0, 1, 2, 3], 0, bad));
        const statement = sharesStatement(state.joined.gctx, 0, m.commitB, root);
        return [{ ...bad, signature: primitives.sign(identity.secret.exposeSecret(), statement) }];
      },
    };
    const world = new World({ config, members, tamper });
    const outcome = world.start().run();
    expect(outcome.failure).toMatchObject({ code: 'ROUND_TOO_FEW_GROUPS', retry: 'next-attempt' });
    const named = outcome.failure?.culprits.map(({ client, code }) => [...numbersOf(outcome, [client]), code]);
    expect(named?.sort()).toEqual([0, 4, 8].map((i) => [i, 'ROUND_BAD_SHARES']).sort());
  });
});

describe('over-selection in profile cohort', () => {
  const cohort = taskOf({ size: 8 });

  it('eleven invited for eight places (the most that a client joins: 2t − a − 1): the first eight are in, three are told that they came too late, t is that of eight', () => {
    for (let seed = 0; seed < 6; seed++) {
      const world = new World({ config: cohort, members: makeMembers(cohort, 11), pick: seeded(seed) });
      const outcome = world.start().run();
      const [survivors = []] = exactSurvivors(world);
      expect(survivors).toHaveLength(8);
      const late = outcome.refused.filter(({ code, fatal }) => code === 'ROUND_TOO_LATE' && !fatal);
      const surplus = new Set(late.flatMap(({ client }) => numbersOf(outcome, [client])));
      expect([...survivors, ...surplus].sort((a, b) => a - b)).toEqual([...Array(11).keys()]);
    }
  });

  it('ranks beyond the size of the group hold and deal shares like the others', () => {
    const early = dropAt(new Map([0, 1, 2].map((i) => [i, 'keys' as const])));
    const world = new World({ config: cohort, members: makeMembers(cohort, 11), tamper: early });
    world.start().run();
    expect(exactSurvivors(world)[0]).toEqual([3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('while the minimum time of R1 runs, a ninth key is turned away: threshold and ring are made for eight', () => {
    const world = new World({ config: holding(cohort, ['keys']), members: makeMembers(cohort, 11) });
    const outcome = world.start().run();
    const books = outcome.coordinatorSent.flatMap(({ message }) => (message.kind === 'keyBook' ? [message] : []));
    expect(books.map(({ entries }) => entries.length)).toEqual(Array(8).fill(8));
    expect(outcome.members.flatMap(({ effects }) => effects.filter((e) => e.type === 'guard'))).toEqual([]);
    expect(exactSurvivors(world)[0]).toHaveLength(8);
  });

  it('one of the eight is lost after R1: the surplus does not come back, the threshold of eight decides', () => {
    const plan = new Map([0, 1].map((i) => [i, 'masked' as const]));
    const world = new World({ config: cohort, members: makeMembers(cohort, 11), tamper: dropAt(plan) });
    world.start().run();
    expect(exactSurvivors(world)[0]).toEqual([2, 3, 4, 5, 6, 7]);
    const more = new Map([0, 1, 2].map((i) => [i, 'masked' as const]));
    const short = new World({ config: cohort, members: makeMembers(cohort, 11), tamper: dropAt(more) });
    expect(short.start().run().failure).toMatchObject({ code: 'ROUND_QUORUM', phase: 'masked' });
  });
});
