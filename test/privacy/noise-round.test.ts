// Noise in whole rounds, over the real machines, masks and shares: enough of it in every sum that is opened, and no sum opened with less.

import { describe, expect, it } from 'vitest';
import type { Rank } from '../../protocol/ids.js';
import { eventsInForce, ledgerOf } from '../../protocol/privacy/ledger.js';
import { deriveTask, type TaskConfig, type WaitingPhase } from '../../protocol/task.js';
import type { CoordinatorRoundMessage } from '../../protocol/wire/messages.js';
import { dropAt, type Member, makeMembers, openedLevels, World } from '../protocol/world.js';
import { privateTask } from './tasks.js';

const LOSSES: readonly WaitingPhase[] = ['keys', 'shares', 'masked'];
const silent = (config: TaskConfig): Member[] =>
  makeMembers(config).map((m) => ({ ...m, update: new Float32Array(config.dimension) }));
const planOf = (config: TaskConfig) => {
  const { noise } = deriveTask(config);
  if (noise === 'none') throw new Error('no noise');
  return noise;
};
const guards = (m: Member | undefined): string[] =>
  (m?.effects ?? []).flatMap((e) => (e.type === 'guard' ? [e.code] : []));
const sent = (m: Member | undefined, kind: string): number =>
  (m?.effects ?? []).filter((e) => e.type === 'send' && e.message.kind === kind).length;

describe('the noise in an opened sum', () => {
  // 2,048 coordinates of zero: the sum is noise alone, and its variance is known to 3.1 %. Eight rounds, each at 5 deviations: false alarm 1e-5.
  const config = privateTask({ size: 8, dimension: 2_048, losses: 2, noiseless: 1 });
  const { localVariance, l2 } = planOf(config);
  const patterns: readonly (readonly [Rank, WaitingPhase][])[] = [
    [],
    ...LOSSES.map((phase): [Rank, WaitingPhase][] => [[3, phase]]),
    [
      [0, 'keys'],
      [7, 'keys'],
    ],
    [
      [0, 'shares'],
      [1, 'masked'],
    ],
    [
      [2, 'masked'],
      [5, 'masked'],
    ],
    [
      [4, 'keys'],
      [6, 'masked'],
    ],
  ];
  it.each(
    patterns.map(
      (pattern) => [pattern.map(([rank, phase]) => `${rank} in ${phase}`).join(', ') || 'nobody', pattern] as const,
    ),
  )('is at least what was promised, without the one who may add none, when it loses: %s', (_, pattern) => {
    const world = new World({ config, members: silent(config), tamper: dropAt(new Map(pattern)) });
    const { result, sums } = world.start().run();
    expect(result?.groups[0]?.survivors).toHaveLength(8 - pattern.length);
    const levels = openedLevels([...sums.values()][0] as Uint16Array<ArrayBuffer>, deriveTask(config).encoding.ring);
    const variance = levels.reduce((sum, x) => sum + x * x, 0) / levels.length;
    const honest = (variance * (7 - pattern.length)) / (8 - pattern.length);
    const slack = 5 * Math.sqrt(2 / levels.length);
    expect(honest).toBeGreaterThan(l2 ** 2 * (1 - slack));
    expect(variance).toBeLessThan((8 - pattern.length) * localVariance * (1 + slack));
  });

  it('would be seen to miss a share: one client that leaves its noise out', () => {
    const tight = privateTask({ size: 8, dimension: 2_048 });
    const world = new World({
      config: tight,
      members: silent(tight),
      rewrite: (client, { noise: _, ...work }) => (client === 0 ? work : { ...work, ...(_ && { noise: _ }) }),
    });
    const { sums } = world.start().run();
    const levels = openedLevels([...sums.values()][0] as Uint16Array<ArrayBuffer>, deriveTask(tight).encoding.ring);
    const variance = levels.reduce((sum, x) => sum + x * x, 0) / levels.length;
    expect(variance).toBeLessThan(planOf(tight).l2 ** 2 * 0.95);
  });

  it('is drawn anew for each group, and each group sum has all of it', () => {
    const grouped = privateTask({ size: 5, count: 2, dimension: 1_024 });
    const { sums } = new World({ config: grouped, members: silent(grouped) }).start().run();
    const [a, b] = [...sums.values()].map((sum) => openedLevels(sum, deriveTask(grouped).encoding.ring)) as [
      number[],
      number[],
    ];
    const target = planOf(grouped).l2 ** 2;
    for (const levels of [a, b])
      expect(levels.reduce((s, x) => s + x * x, 0) / levels.length).toBeGreaterThan(target * 0.75);
    const product = a.reduce((s, x, i) => s + x * (b[i] as number), 0) / a.length;
    expect(Math.abs(product)).toBeLessThan((5 * target) / Math.sqrt(a.length));
  });
});

describe('below the survivor floor', () => {
  const config = privateTask({ size: 8, dimension: 16, losses: 1 });
  it('the coordinator opens nothing, though the threshold is met', () => {
    expect(deriveTask(config)).toMatchObject({ threshold: 6, survivorFloor: 7 });
    const plan = new Map<Rank, WaitingPhase>([
      [2, 'masked'],
      [6, 'masked'],
    ]);
    const { failure, coordinatorSent } = new World({ config, tamper: dropAt(plan) }).start().run();
    expect(failure?.code).toBe('ROUND_QUORUM');
    expect(coordinatorSent.some(({ message }) => message.kind === 'unmaskRequest')).toBe(false);
  });
  it('a client gives no share for survivors that I have cut to six of seven, and says why', () => {
    const members = makeMembers(config);
    const cut = (message: CoordinatorRoundMessage): CoordinatorRoundMessage =>
      message.kind === 'survivors'
        ? {
            ...message,
            u4: message.u4.slice(0, 6),
            excluded: message.u4.slice(6).map((rank) => ({ rank, code: 'SKETCH_OUTLIER' as const })),
          }
        : message;
    new World({ config, members, tamper: { toClient: (_, message) => [cut(message)] } }).start().run();
    for (const member of members.slice(0, 6)) {
      expect(guards(member)).toEqual(['GUARD_PRIVACY']);
      expect(sent(member, 'consistent') + sent(member, 'unmask')).toBe(0);
    }
  });
});

describe("a client's own budget", () => {
  const free = { budget: { epsilon: 1_000, delta: 1e-5 } };
  /** One client with a limit of its own; the others have none. */
  const limited = (config: TaskConfig, epsilon: number, ledger = makeMembers(config)[0]?.ledger): Member[] =>
    makeMembers(config).map((m, i) =>
      i === 0 && ledger ? { ...m, ledger, policy: { ...m.policy, privacy: { client: { epsilon, delta: 1e-5 } } } } : m,
    );
  const joins = (config: TaskConfig, epsilon: number): boolean => {
    const members = limited(config, epsilon);
    new World({ config, members }).start().run();
    const [own] = members;
    if (guards(own).length === 0) return true;
    expect(guards(own)).toEqual(['GUARD_PRIVACY']);
    expect(sent(own, 'keys')).toBe(0);
    expect(own?.ledger).toEqual([]);
    return false;
  };

  it('is priced from what is signed: ε of z = 1 is 4.73, so 4.8 lets a round in and 4.6 does not', () => {
    const config = privateTask({ ...free, losses: 2, noiseless: 1, dimension: 64 });
    expect(joins(config, 4.8)).toBe(true);
    expect(joins(config, 4.6)).toBe(false);
  });
  it('I announce half of the noise with a budget of a thousand, and it does not join', () => {
    expect(joins(privateTask({ ...free, dimension: 64, noiseMultiplier: 0.5 }), 4.8)).toBe(false);
  });
  it.each([
    ['many tolerated losses', { losses: 2 }],
    ['many colluders', { noiseless: 3 }],
    ['another group size', { size: 10 }],
    ['a coarser grid', { clipSteps: 16 }],
  ])('%s: the shares are made for it, so it is no dearer and no cheaper', (_, patch) => {
    expect(joins(privateTask({ ...free, dimension: 64, ...patch }), 4.8)).toBe(true);
  });
  it('I announce no noise at all, or noise of my own, and it does not join', () => {
    const config = privateTask({ dimension: 64 });
    expect(joins({ ...config, privacy: 'none' }, 1_000)).toBe(false);
    const { noiseMultiplier, clipSteps, rotation, neighbours, budget } = config.privacy as Exclude<
      typeof config.privacy,
      'none'
    >;
    expect(
      joins(
        { ...config, privacy: { placement: 'central', noiseMultiplier, clipSteps, rotation, neighbours, budget } },
        1_000,
      ),
    ).toBe(false);
  });
  it('is written before the masked input leaves, and settled at the survivors that were signed', () => {
    const config = privateTask({ ...free, losses: 2, dimension: 64 });
    const members = limited(config, 5);
    new World({ config, members, tamper: dropAt(new Map([[5, 'keys']])) }).start().run();
    const own = members[0] as Member;
    const order = own.effects.flatMap((e) =>
      e.type === 'ledger'
        ? [e.entry.type]
        : e.type === 'send'
          ? [e.message.kind]
          : e.type === 'persist'
            ? ['persist']
            : [],
    );
    expect(order).toEqual([
      'persist',
      'keys',
      'shares',
      'persist',
      'reserved',
      'masked',
      'consistent',
      'persist',
      'unmask',
      'settled',
    ]);
    expect(eventsInForce(ledgerOf(own.ledger))).toMatchObject([{ type: 'distributedGaussian', honestShares: 7 }]);
    expect(own.ledger[0]?.events).toMatchObject([{ honestShares: 6 }]);
  });
  it('counts a round that I abort after its input came, at the worst, and the next one no longer fits', () => {
    const config = privateTask({ ...free, dimension: 64 });
    const members = limited(config, 4.8);
    const world = new World({ config, members }).start();
    world.runUntil(() => sent(members[0], 'masked') > 0);
    world.event({ type: 'cancel', now: world.now });
    world.drain();
    const own = members[0] as Member;
    expect(eventsInForce(ledgerOf(own.ledger))).toHaveLength(1);
    const again = limited(config, 4.8, own.ledger).map((m, i) => (i === 0 ? { ...m, guard: own.guard } : m));
    new World({ config, members: again, round: 2 }).start().run();
    expect(guards(again[0])).toEqual(['GUARD_PRIVACY']);
  });
  it("holds the task's own budget too, where it has no limit of its own", () => {
    const config = privateTask({ budget: { epsilon: 1, delta: 1e-5 }, dimension: 64 });
    const members = makeMembers(config);
    new World({ config, members }).start().run();
    expect(guards(members[0])).toEqual(['GUARD_PRIVACY']);
  });
});

describe('the clipping norm of a round', () => {
  it('is part of what is signed: an adaptive task without one, or a fixed task with one, is refused', () => {
    for (const [clipping, clip] of [
      ['quantile', 0],
      ['fixed', 5],
    ] as const) {
      const config = privateTask({ dimension: 16, clipping });
      const members = makeMembers(config);
      const world = new World({ config, members, clip });
      world.start().run();
      expect(guards(members[0])).toEqual(['GUARD_POLICY']);
    }
  });
  it('changes the context: two clients that are shown different norms do not share a mask', () => {
    const config = privateTask({ dimension: 16, clipping: 'quantile' });
    const members = makeMembers(config);
    const world = new World({
      config,
      members,
      clip: 1_000_000,
      tamper: { toClient: (to, m) => [m.kind === 'announce' && to === 0 ? { ...m, clip: 2_000_000 } : m] },
    });
    world.start().run();
    expect(guards(members[0])).toEqual(['GUARD_SIGNATURE']);
  });
});
