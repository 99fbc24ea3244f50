// Clients that hold their real keys and shares, some of them together with the coordinator: what needs more than a forged byte.
// Each is the only test that goes red without one check of ours. Not here: forgeries by one side alone (hostile-*.test.ts).

import { describe, expect, it } from 'vitest';
import { keysStatement, sharesStatement } from '../../protocol/context.js';
import { concat } from '../../protocol/crypto/bytes.js';
import { merkleRoot } from '../../protocol/crypto/merkle.js';
import { nativeRng } from '../../protocol/native/index.js';
import type { ParticipantState } from '../../protocol/participant/participant.js';
import { boxData, channelKeys } from '../../protocol/secagg/keys.js';
import { shareLeaves } from '../../protocol/secagg/shares.js';
import type { KeyEntry, Keys, Shares } from '../../protocol/wire/messages.js';
import { exactSurvivors, makeMembers, numbersOf, primitives, sentBy, taskOf, World } from './world.js';

const config = taskOf({ size: 8, colluders: 1 });
const EVERYONE = [0, 1, 2, 3, 4, 5, 6, 7];
const gctxOf = (state: ParticipantState | undefined): Uint8Array => {
  if (state === undefined || !('joined' in state)) throw new Error('not joined');
  return state.joined.gctx;
};
const guards = (world: World, i: number): string[] =>
  (world.members[i]?.effects ?? []).flatMap((e) => (e.type === 'guard' ? [`${e.code}: ${e.text}`] : []));

describe('a client with its real shares', () => {
  it('I open my true s share of a survivor instead of its b share: refused by name, though the share is right', () => {
    let share: { readonly share: Uint8Array; readonly salt: Uint8Array } | undefined;
    const world = new World({
      config,
      clientState: (i, state) => {
        const held = 'held' in state ? state.held.get(4) : undefined;
        if (i === 2 && held !== undefined) share = { share: held.s.exposeSecret().slice(), salt: held.salt };
      },
      tamper: {
        toCoordinator: (from, m) => {
          if (from !== 2 || m.kind !== 'unmask' || share === undefined) return [m];
          const own = share;
          return [{ ...m, opened: m.opened.map((o) => (o.of === 4 ? { of: 4, type: 's' as const, ...own } : o)) }];
        },
      },
    });
    const outcome = world.start().run();
    expect(share).toBeDefined();
    expect(outcome.refused.map((r) => [...numbersOf(outcome, [r.client]), r.code])).toEqual([[2, 'ROUND_BAD_UNMASK']]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
  });

  it('I seal a share for one peer that is not the one I hashed and signed: the box opens, and the peer complains all the same', () => {
    let channel: { readonly secret: Uint8Array; readonly publicKey: Uint8Array } | undefined;
    const world: World = new World({
      config,
      clientState: (i, state) => {
        if (i === 2 && state.phase === 'keys')
          channel = { secret: state.channel.exposeSecret().slice(), publicKey: state.keys.channel };
      },
      tamper: {
        toCoordinator: (from, m) => {
          const state = world.members[2]?.state;
          if (from !== 2 || m.kind !== 'shares' || state?.phase !== 'shares' || channel === undefined) return [m];
          const gctx = gctxOf(state);
          const peer = { rank: 5, publicKey: state.peers.get(5)?.channel ?? new Uint8Array() };
          const shared = primitives.agree(channel.secret, peer.publicKey) ?? new Uint8Array();
          const keys = channelKeys(primitives, gctx, shared, { rank: 2, publicKey: channel.publicKey }, peer);
          const wrong = concat(nativeRng(32), nativeRng(32), nativeRng(16));
          const box = primitives.seal(keys.seal, new Uint8Array(12), boxData(gctx, 2, 5), wrong);
          const changed: Shares = { ...m, boxes: m.boxes.map((b) => (b.to === 5 ? { ...b, box } : b)) };
          const root = merkleRoot(primitives, shareLeaves(EVERYONE, 2, changed));
          const { secret } = (world.members[2] as (typeof world.members)[0]).identity;
          const signature = primitives.sign(secret.exposeSecret(), sharesStatement(gctx, 2, m.commitB, root));
          return [{ ...changed, signature }];
        },
      },
    });
    world.start().run();
    expect(sentBy(world.members[5], 'complaint').map(({ dealers }) => dealers)).toEqual([[2]]);
    expect(exactSurvivors(world)).toEqual([EVERYONE]);
    expect(world.refused).toEqual([]);
  });
});

describe('a client that signs bad keys of its own', () => {
  const keysOf2 = (change: (own: Keys, others: readonly Keys[]) => Partial<Keys>): World => {
    const others: Keys[] = [];
    const world: World = new World({
      config,
      tamper: {
        toCoordinator: (from, m) => {
          if (m.kind === 'keys' && from < 2) others.push(m);
          if (from !== 2 || m.kind !== 'keys') return [m];
          const { identity, state } = world.members[2] as (typeof world.members)[0];
          const bad = { ...m, ...change(m, others) };
          const statement = keysStatement(gctxOf(state), 2, bad.channel, bad.mask);
          return [{ ...bad, signature: primitives.sign(identity.secret.exposeSecret(), statement) }];
        },
      },
    });
    world.start().run();
    return world;
  };
  const cases: [title: string, change: (own: Keys, others: readonly Keys[]) => Partial<Keys>][] = [
    ['a mask key of low order', () => ({ mask: new Uint8Array(32) })],
    ['a channel key of low order', () => ({ channel: Uint8Array.of(1, ...Array(31).fill(0)) })],
    ['the mask key of another client', (_, others) => ({ mask: others[0]?.mask ?? new Uint8Array() })],
    ["another client's channel key as its mask key", (_, others) => ({ mask: others[1]?.channel ?? new Uint8Array() })],
    ['one key for both uses', (own) => ({ mask: own.channel })],
  ];
  for (const [title, change] of cases)
    it(`${title}: ROUND_BAD_KEYS, and the others finish`, () => {
      const world = keysOf2(change);
      expect(world.refused.map(({ code, fatal }) => [code, fatal])).toEqual([['ROUND_BAD_KEYS', true]]);
      expect(exactSurvivors(world)).toEqual([[0, 1, 3, 4, 5, 6, 7]]);
    });
});

describe('a coordinator with a client of its own', () => {
  it('we show a client one mask key under two names, the second one signed by its colluder: it stops', () => {
    const world: World = new World({
      config,
      tamper: {
        toClient: (to, m) => {
          if (to !== 0 || m.kind !== 'keyBook') return [m];
          const colluder = world.members[5] as (typeof world.members)[0];
          const copied = m.entries[4] as KeyEntry;
          const statement = keysStatement(gctxOf(colluder.state), 5, copied.channel, copied.mask);
          const signature = primitives.sign(colluder.identity.secret.exposeSecret(), statement);
          return [{ ...m, entries: m.entries.map((e) => (e.rank === 5 ? { ...copied, rank: 5, signature } : e)) }];
        },
      },
    });
    world.start().run();
    expect(guards(world, 0)).toEqual(['GUARD_KEYS: a key of rank 5 appears twice']);
    expect(sentBy(world.members[0], 'shares')).toEqual([]);
  });

  it('we show it more members than its threshold was made for: it stops', () => {
    const cohort = taskOf({ size: 8 });
    const keys: Keys[] = [];
    const world = new World({
      config: cohort,
      members: makeMembers(cohort, 11),
      tamper: {
        toCoordinator: (from, m) => {
          if (m.kind === 'keys') keys[from] = m;
          return [m];
        },
        toClient: (to, m) => {
          if (to !== 0 || m.kind !== 'keyBook') return [m];
          const entries = keys.map(({ channel, mask, signature }, rank) => ({ rank, channel, mask, signature }));
          return [{ ...m, entries }];
        },
      },
    });
    world.start().run();
    expect(keys).toHaveLength(11);
    expect(guards(world, 0)).toEqual(['GUARD_KEYS: 11 members are more than the 8 that the threshold was made for']);
  });
});
