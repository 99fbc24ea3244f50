// Lost connections that come back (protocol.md §4): R1-R3 go on where they were, byte for byte; after R3 a lost client is a dropout
// whose input stays in the sum; an input that comes after R3 has closed is harmless.

import { describe, expect, it } from 'vitest';
import { sharesStatement } from '../../protocol/context.js';
import { merkleRoot } from '../../protocol/crypto/merkle.js';
import { nativeRng } from '../../protocol/native/index.js';
import { shareLeaves } from '../../protocol/secagg/shares.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { ClientRoundMessage, MessageOf } from '../../protocol/wire/messages.js';
import { dropAt, exactSurvivors, holding, primitives, sentBy, taskOf, World } from './world.js';

const EVERYONE = [0, 1, 2, 3, 4, 5, 6, 7];
const OTHERS = [1, 2, 3, 4, 5, 6, 7];
/** 600,002 bytes at ρ = 16: three chunks. */
const THREE_CHUNKS = 300_001;

/** A world in which client 0 loses its connection, once, where it would send what `when` accepts. */
function losing(config: TaskConfig, when: (m: ClientRoundMessage) => boolean): World {
  let lost = false;
  return new World({
    config,
    wire: true,
    tamper: {
      toCoordinator: (from, m) => {
        if (from !== 0 || lost || !when(m)) return [m];
        lost = true;
        return 'lose';
      },
    },
  });
}
const resumes = (world: World): MessageOf<'resume'>[] =>
  world.coordinatorSent.flatMap(({ to, message }) => (to === 0 && message.kind === 'resume' ? [message] : []));
const chunksFrom0 = (world: World): number[] => {
  const taken: number[] = [];
  for (const { to, message } of world.coordinatorSent)
    if (to === 0 && message.kind === 'resume') taken.push(...message.chunks);
  return taken;
};

describe('a connection that comes back in R1-R3 goes on where it was', () => {
  it('R1: the keys were lost; the same keys are sent again', () => {
    const world = losing(holding(taskOf({ size: 8 }), ['keys']), (m) => m.kind === 'keys')
      .start()
      .drain();
    world.reconnect(0);
    world.run();
    expect(resumes(world).map(({ have, chunks }) => [have, chunks])).toEqual([[[], []]]);
    const keys = sentBy(world.members[0], 'keys');
    expect(keys).toHaveLength(2);
    expect(keys[1]).toEqual(keys[0]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R1: the keys arrived; nothing is sent again', () => {
    const world = new World({ config: holding(taskOf({ size: 8 }), ['keys']) }).start().drain();
    world.lose(0);
    world.drain().reconnect(0);
    world.run();
    expect(resumes(world).map(({ have }) => have)).toEqual([['keys']]);
    expect(sentBy(world.members[0], 'keys')).toHaveLength(1);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R2: the shares were lost; the same shares are sent again, to the same book', () => {
    const world = losing(holding(taskOf({ size: 8 }), ['shares']), (m) => m.kind === 'shares')
      .start()
      .drain();
    world.reconnect(0);
    world.run();
    expect(resumes(world).map(({ have }) => have)).toEqual([['keys']]);
    const shares = sentBy(world.members[0], 'shares');
    expect(shares).toHaveLength(2);
    expect(shares[1]).toEqual(shares[0]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R2: the key book never arrived; it comes with the resume', () => {
    const config = holding(taskOf({ size: 8 }), ['shares']);
    let lost = false;
    const world: World = new World({
      config,
      tamper: {
        toClient: (to, m) => {
          if (to === 0 && m.kind === 'keyBook' && !lost) {
            lost = true;
            world.lose(0);
          }
          return [m];
        },
      },
    });
    world.start().drain().reconnect(0);
    world.run();
    expect(lost).toBe(true);
    expect(sentBy(world.members[0], 'shares')).toHaveLength(1);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R3: of three chunks one arrived; only the other two are sent again', () => {
    const config = holding(taskOf({ size: 8, dimension: THREE_CHUNKS }), ['masked']);
    const sent: number[] = [];
    const world = losing(config, (m) => m.kind === 'inputChunk' && m.index === 1)
      .start()
      .drain();
    expect(world.members[0]?.connected).toBe(false);
    world.reconnect(0);
    for (const { message } of world.heads()) if (message?.kind === 'inputChunk') sent.push(message.index);
    world.runUntil(() => resumes(world).length > 0);
    world.runUntil(() => world.queue.some(({ pair, message }) => pair === 'c0' && message?.kind === 'inputChunk'));
    for (const { pair, message } of world.queue)
      if (pair === 'c0' && message?.kind === 'inputChunk') sent.push(message.index);
    world.run();
    expect(chunksFrom0(world)).toEqual([0]);
    expect(resumes(world)[0]?.have).toEqual(['keys', 'shares', 'masked']);
    expect(sent).toEqual([1, 2]);
    expect(sentBy(world.members[0], 'masked')).toHaveLength(1);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R3: the announcement of the input was lost with all its chunks; both are sent again, the same bytes', () => {
    const config = holding(taskOf({ size: 8, dimension: THREE_CHUNKS }), ['masked']);
    const world = losing(config, (m) => m.kind === 'masked')
      .start()
      .drain();
    world.reconnect(0);
    world.run();
    const masked = sentBy(world.members[0], 'masked');
    expect(masked).toHaveLength(2);
    expect(masked[1]).toEqual(masked[0]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R3: everything had arrived; the client is told so and sends nothing', () => {
    const config = holding(taskOf({ size: 8, dimension: THREE_CHUNKS }), ['masked']);
    const world = new World({ config }).start();
    world.drain();
    world.lose(0);
    world.drain().reconnect(0);
    world.drain();
    expect(chunksFrom0(world)).toEqual([0, 1, 2]);
    expect(sentBy(world.members[0], 'masked')).toHaveLength(1);
    world.run();
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('R3: lost three times in a row', () => {
    const config = holding(taskOf({ size: 8, dimension: THREE_CHUNKS }), ['masked']);
    const cuts = [0, 1, 2];
    const world = new World({
      config,
      tamper: {
        toCoordinator: (from, m) => {
          if (from !== 0 || m.kind !== 'inputChunk' || m.index !== cuts[0]) return [m];
          cuts.shift();
          return 'lose';
        },
      },
    });
    world.start();
    for (let i = 0; i < 3; i++) world.drain().reconnect(0);
    world.run();
    expect(cuts).toEqual([]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('an echo of keys, shares, input or chunk within its phase is ignored, and nobody is blamed', () => {
    const config = holding(taskOf({ size: 8, dimension: THREE_CHUNKS }), ['keys', 'shares', 'masked']);
    const world = new World({ config, tamper: { toCoordinator: (_, m) => (m.kind === 'unmask' ? [m] : [m, m]) } });
    world.start().run();
    expect(world.refused.filter(({ code }) => code !== 'ROUND_TOO_LATE')).toEqual([]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('an echo of an input that is already complete is ignored; another input is refused, and the first one stays in the sum', () => {
    for (const [change, codes] of [
      [(m: MessageOf<'masked'>) => m, []],
      [(m: MessageOf<'masked'>) => ({ ...m, signature: nativeRng(64) }), ['ROUND_DUPLICATE']],
    ] as const) {
      const world = new World({ config: holding(taskOf({ size: 8 }), ['masked']) }).start().drain();
      world.inject(0, change(sentBy(world.members[0], 'masked')[0] as MessageOf<'masked'>));
      world.run();
      expect(world.refused.map(({ code }) => code)).toEqual(codes);
      expect(exactSurvivors(world)).toEqual([EVERYONE]);
    }
  });

  it('a complaint that was lost with the connection is made again', () => {
    const config = holding(taskOf({ size: 8, colluders: 1 }), ['masked']);
    const lost = new Set<number>();
    const world: World = new World({
      config,
      tamper: {
        toCoordinator: (from, m) => {
          if (m.kind === 'complaint' && !lost.has(from)) {
            lost.add(from);
            return 'lose';
          }
          if (from !== 2 || m.kind !== 'shares') return [m];
          const { identity, state } = world.members[2] as (typeof world.members)[0];
          if (state === undefined || !('joined' in state)) throw new Error('not joined');
          const bad = { ...m, boxes: m.boxes.map((box) => (box.to < 2 ? { ...box, box: nativeRng(96) } : box)) };
          const root = merkleRoot(primitives, shareLeaves(EVERYONE, 2, bad));
          const statement = sharesStatement(state.joined.gctx, 2, m.commitB, root);
          return [{ ...bad, signature: primitives.sign(identity.secret.exposeSecret(), statement) }];
        },
      },
    });
    world.start().drain();
    expect([...lost].sort()).toEqual([0, 1]);
    world.reconnect(0);
    world.reconnect(1);
    world.run();
    expect(world.failure?.culprits.map(({ code }) => code)).toEqual(['ROUND_BAD_SHARES']); // two voices, one colluder assumed
  });
});

describe('a client lost after R3 is a dropout whose input stays', () => {
  for (const phase of ['consistency', 'unmask'] as const)
    it(`lost in ${phase}: its update is in the sum`, () => {
      const world = new World({ config: taskOf({ size: 8 }), tamper: dropAt(new Map([[0, phase]])) });
      world.start().run();
      expect(exactSurvivors(world)).toEqual([EVERYONE]);
    });

  it('back in R5 it is told that it is too late, and still is in the sum', () => {
    const config = holding(taskOf({ size: 8 }), ['consistency']);
    const world = losing(config, (m) => m.kind === 'consistent')
      .start()
      .drain();
    world.reconnect(0);
    world.run();
    expect(world.refused.map(({ code, fatal }) => [code, fatal])).toEqual([['ROUND_TOO_LATE', false]]);
    expect(sentBy(world.members[0], 'unmask')).toEqual([]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });
});

describe('an input that comes after R3 has closed', () => {
  it('is not added, and its b is never opened: the late y stays masked', () => {
    const late: ClientRoundMessage[] = [];
    const world = new World({
      config: holding(taskOf({ size: 8 }), ['consistency']),
      tamper: {
        toCoordinator: (from, m) => {
          if (from !== 0 || (m.kind !== 'masked' && m.kind !== 'inputChunk')) return [m];
          late.push(m);
          return [];
        },
      },
    });
    world.start().runUntil(() => world.facts.some((f) => f.type === 'phase' && f.phase === 'consistency'));
    for (const m of late) world.inject(0, m);
    world.run();
    expect(late.map(({ kind }) => kind)).toEqual(['masked', 'inputChunk']);
    expect(exactSurvivors(world)).toEqual([OTHERS]);
    const opened = OTHERS.flatMap((i) => sentBy(world.members[i], 'unmask').flatMap((m) => m.opened));
    expect(opened.filter(({ of }) => of === 0).map(({ type }) => type)).toEqual(OTHERS.map(() => 's'));
    expect([...world.engine.inputs.keys()]).not.toContain('test/1.1/0/0');
  });
});
