// A coordinator that lies, one test per guard of protocol.md §6 and line of §9.2. It holds its real signing key: whatever a signature
// can make look right, it makes look right. The client must stop by itself, say which guard stopped it, and give nothing away.

import { describe, expect, it } from 'vitest';
import { allClauses } from '../../protocol/clauses/all.js';
import {
  announceStatement,
  contextOf,
  groupContextOf,
  groupRootOf,
  join,
  rosterRootOf,
  setsStatement,
} from '../../protocol/context.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import { fromHex, hashOf } from '../../protocol/ids.js';
import { nativeRng } from '../../protocol/native/index.js';
import { type ParticipantStep, startParticipant } from '../../protocol/participant/participant.js';
import type { GuardRecord, ParticipantEffect, Policy } from '../../protocol/participant/types.js';
import { canonicalJson, configHash, type Json, type TaskConfig } from '../../protocol/task.js';
import type { Announce, CoordinatorRoundMessage, MessageOf, Unmask } from '../../protocol/wire/messages.js';
import {
  dropAt,
  type Member,
  makeMembers,
  primitives,
  randomHash,
  type Tamper,
  taskOf,
  WEAK_POLICY,
  World,
} from './world.js';

const config = taskOf({ size: 8, colluders: 0 });

/** Runs a round in which the coordinator treats client 0 as `toClient` says, and returns what client 0 did. */
function victim(tamper: Tamper, members: readonly Member[] = makeMembers(config)): Member {
  new World({ config, tamper, members }).start().run();
  return members[0] as Member;
}
const guardOf = ({ effects }: Member): string | undefined =>
  effects.flatMap((e) => (e.type === 'guard' ? [e.code] : []))[0];
const sent = ({ effects }: Member, kind: string): ParticipantEffect[] =>
  effects.filter((e) => e.type === 'send' && e.message.kind === kind);
const only0 = (change: (message: CoordinatorRoundMessage) => readonly CoordinatorRoundMessage[]): Tamper => ({
  toClient: (to, message) => (to === 0 ? change(message) : [message]),
});
const edit = <K extends CoordinatorRoundMessage['kind']>(kind: K, change: (m: MessageOf<K>) => MessageOf<K>): Tamper =>
  only0((m) => [m.kind === kind ? (change(m as MessageOf<K>) as CoordinatorRoundMessage) : m]);
/** It stopped, named the guard, erased its run, and never opened a share. */
function expectStopped(m: Member, code: string): void {
  expect(guardOf(m)).toBe(code);
  expect(sent(m, 'unmask')).toEqual([]);
  expect(m.effects.some((e) => e.type === 'forget')).toBe(true);
  expect(m.state?.phase).toBe('ended');
}

// ---- R0: announcements signed by the real key ---------------------------------------------------------------------------
interface Forgery {
  readonly config?: TaskConfig;
  readonly round?: number;
  readonly attempt?: number;
  readonly guard?: Partial<GuardRecord>;
  readonly policy?: Partial<Policy>;
  readonly signer?: Identity;
  readonly change?: (announce: Announce) => Announce;
  readonly roster?: (own: Uint8Array, others: readonly Uint8Array[]) => readonly Uint8Array[];
}
const coordinator = generateIdentity(primitives, nativeRng);
const self = generateIdentity(primitives, nativeRng);
const others = Array.from({ length: 7 }, () => generateIdentity(primitives, nativeRng).publicKey);

function announced(f: Forgery = {}): ParticipantStep {
  const task = f.config ?? config;
  const roster = f.roster?.(self.publicKey, others) ?? [self.publicKey, ...others];
  const model = randomHash();
  const text = canonicalJson(task as unknown as Json);
  const root = groupRootOf(primitives, 0, roster);
  const run = { round: f.round ?? 1, attempt: f.attempt ?? 1, group: 0 };
  const commitNonce = nativeRng(32);
  const ctx = contextOf(primitives, {
    task: task.task,
    round: run.round,
    attempt: run.attempt,
    model,
    config: configHash(primitives, text),
    rosterRoot: rosterRootOf(primitives, [0], [root]),
    commitNonce,
    clip: 0,
    coordinator: coordinator.publicKey,
  });
  const head = fromHex(randomHash());
  const announce: Announce = {
    kind: 'announce',
    run,
    task: task.task,
    config: text,
    model: fromHex(model),
    head,
    groupIds: [0],
    groupRoots: join([root]),
    roster: join(roster),
    commitNonce,
    deadlineMs: 1000,
    clip: 0,
    signature: primitives.sign((f.signer ?? coordinator).secret.exposeSecret(), announceStatement(ctx, head, 1000)),
  };
  return startParticipant({
    announce: f.change?.(announce) ?? announce,
    identity: self,
    coordinator: coordinator.publicKey,
    policy: { ...WEAK_POLICY, ...f.policy },
    guard: { task: 'test', round: 0, attempt: 0, answered: 0, contributed: 0, ...f.guard },
    ledger: [],
    clauses: allClauses,
    primitives,
    rng: nativeRng,
    rounding: nativeRng,
  });
}
function expectRefused(f: Forgery, code: string): void {
  const { effects, state } = announced(f);
  expect(effects.map((e) => e.type)).toEqual(['guard', 'ended']); // nothing was sent, stored or trained
  expect(effects[0]).toMatchObject({ code });
  expect(state.phase).toBe('ended');
}

describe('R0: I announce a round that this client must not join', () => {
  it('an honest announcement is joined, and (round, attempt) is stored before the keys leave', () => {
    expect(announced().effects.map((e) => e.type)).toEqual(['persist', 'send', 'train']);
  });
  it('I am not the pinned coordinator', () =>
    expectRefused({ signer: generateIdentity(primitives, nativeRng) }, 'GUARD_SIGNATURE'));
  it('I swap the model behind the signature', () =>
    expectRefused({ change: (a) => ({ ...a, model: fromHex(randomHash()) }) }, 'GUARD_SIGNATURE'));
  it('I replay the same round and attempt', () =>
    expectRefused({ round: 4, attempt: 2, guard: { round: 4, attempt: 2 } }, 'GUARD_STALE_ROUND'));
  it('I go back to an earlier attempt', () =>
    expectRefused({ round: 4, attempt: 1, guard: { round: 4, attempt: 2 } }, 'GUARD_STALE_ROUND'));
  it('I go back to an earlier round with a higher attempt', () =>
    expectRefused({ round: 3, attempt: 9, guard: { round: 4, attempt: 2 } }, 'GUARD_STALE_ROUND'));
  it('I retry a round that this client has already helped to open, one client less', () =>
    expectRefused({ round: 4, attempt: 3, guard: { round: 4, attempt: 2, answered: 4 } }, 'GUARD_ANSWERED'));
  it('I announce a group too small for its policy', () => expectRefused({ policy: { minGroup: 9 } }, 'GUARD_POLICY'));
  it('I announce a threshold too low for its policy', () =>
    expectRefused({ policy: { minThreshold: 7 } }, 'GUARD_POLICY'));
  it('I assume fewer colluders than it demands', () => expectRefused({ policy: { minColluders: 1 } }, 'GUARD_POLICY'));
  it('I ask for updates longer than it gives', () => expectRefused({ policy: { maxClipNorm: 1 } }, 'GUARD_POLICY'));
  it('I ask for its update in the clear', () =>
    expectRefused(
      { config: taskOf({ size: 8, profile: 'open' }), policy: { profiles: ['cohort', 'grouped'] } },
      'GUARD_POLICY',
    ));
  it('I use it up', () => expectRefused({ guard: { contributed: 1000 } }, 'GUARD_PARTICIPATION'));
  it('I slip in a setting it does not know', () =>
    expectRefused({ config: { ...config, backdoor: true } as unknown as TaskConfig }, 'GUARD_POLICY'));
  it('I write a contradiction into the settings', () =>
    expectRefused({ config: { ...config, rule: { name: 'median', faulty: 0 } } }, 'GUARD_POLICY'));
  it('I announce another task than it enrolled for', () =>
    expectRefused({ config: { ...config, task: 'other' } }, 'GUARD_POLICY'));
  it('I leave it out of its own roster', () =>
    expectRefused(
      { roster: (_, rest) => [...rest, generateIdentity(primitives, nativeRng).publicKey] },
      'GUARD_ROSTER',
    ));
  it('I list a member twice to fill the group', () =>
    expectRefused({ roster: (own, rest) => [own, ...rest.slice(0, 6), rest[0] as Uint8Array] }, 'GUARD_ROSTER'));
  it('I announce fewer members than the threshold', () =>
    expectRefused({ roster: (own, rest) => [own, ...rest.slice(0, 4)] }, 'GUARD_ROSTER'));
  const longer = (count: number) => (own: Uint8Array, rest: readonly Uint8Array[]) => [
    own,
    ...rest,
    ...Array.from({ length: count - 8 }, () => generateIdentity(primitives, nativeRng).publicKey),
  ];
  it('I make the roster so long that two sets of t survivors could share only my friends', () => {
    // N = 8 gives t = 6: two sets of 6 of 11 share an honest member (2t > n + a), two of 12 need not.
    expectRefused({ roster: longer(12) }, 'GUARD_ROSTER');
    expectRefused({ roster: longer(200) }, 'GUARD_ROSTER');
    expectRefused({ config: taskOf({ size: 8, colluders: 1 }), roster: longer(11) }, 'GUARD_ROSTER');
  });
  it('over-selection up to that length is joined', () => {
    const joined = (f: Forgery) => announced(f).effects.map((e) => e.type);
    expect(joined({ roster: longer(11) })).toEqual(['persist', 'send', 'train']);
    expect(joined({ config: taskOf({ size: 8, colluders: 1 }), roster: longer(10) })).toEqual([
      'persist',
      'send',
      'train',
    ]);
  });
  it('I show it a roster that is not the one under the signed root', () =>
    expectRefused(
      {
        change: (a) => ({
          ...a,
          roster: join([self.publicKey, ...others.slice(0, 6), generateIdentity(primitives, nativeRng).publicKey]),
        }),
      },
      'GUARD_ROSTER',
    ));
});

describe('R1: I forge the key book', () => {
  const book = (change: (m: MessageOf<'keyBook'>) => MessageOf<'keyBook'>) => edit('keyBook', change);
  const replace = (rank: number, patch: object) =>
    book((m) => ({ ...m, entries: m.entries.map((e) => (e.rank === rank ? { ...e, ...patch } : e)) }));
  it('I give a member my own mask key', () =>
    expectStopped(victim(replace(3, { mask: primitives.agreementPublic(nativeRng(32)) })), 'GUARD_KEYS'));
  it('I show this client another key under its own name', () =>
    expectStopped(victim(replace(0, { channel: primitives.agreementPublic(nativeRng(32)) })), 'GUARD_KEYS'));
  it('I leave it out', () => expectStopped(victim(book((m) => ({ ...m, entries: m.entries.slice(1) }))), 'GUARD_KEYS'));
  it('I show it fewer members than the threshold', () =>
    expectStopped(victim(book((m) => ({ ...m, entries: m.entries.slice(0, 5) }))), 'GUARD_KEYS'));
  it('I repeat a member under another rank', () =>
    expectStopped(
      victim(
        book((m) => ({
          ...m,
          entries: m.entries.map((e) => (e.rank === 5 ? { ...(m.entries[4] as (typeof m.entries)[0]), rank: 5 } : e)),
        })),
      ),
      'GUARD_KEYS',
    ));
  it('I invent a rank outside of the roster', () => expectStopped(victim(replace(7, { rank: 200 })), 'GUARD_KEYS'));
  it('I send a second book with a member less', () =>
    expectStopped(
      victim(only0((m) => (m.kind === 'keyBook' ? [m, { ...m, entries: m.entries.slice(0, 7) }] : [m]))),
      'GUARD_KEYS',
    ));
  it('the same book sent twice is harmless', () => {
    const m = victim(only0((message) => (message.kind === 'keyBook' ? [message, message] : [message])));
    expect(guardOf(m)).toBeUndefined();
    expect(sent(m, 'unmask')).toHaveLength(1);
  });
});

describe('R2: I forge the share book', () => {
  const packets = (change: (p: MessageOf<'shareBook'>['packets']) => MessageOf<'shareBook'>['packets']) =>
    edit('shareBook', (m) => ({ ...m, packets: change(m.packets) }));
  it('I hand it fewer dealers than the threshold', () =>
    expectStopped(victim(packets((p) => p.slice(0, 4))), 'GUARD_SHARES'));
  it('I swap the boxes of two dealers', () =>
    expectStopped(
      victim(packets((p) => p.map((one, i) => (i < 2 ? { ...one, box: (p[1 - i] as typeof one).box } : one)))),
      'GUARD_SHARES',
    ));
  it('I damage a box to have its dealer blamed', () => {
    const m = victim(
      packets((p) =>
        p.map((one, i) => (i === 0 ? { ...one, box: one.box.map((b, at) => (at === 0 ? b ^ 1 : b)) } : one)),
      ),
    );
    expectStopped(m, 'GUARD_SHARES');
    expect(sent(m, 'complaint')).toEqual([]); // the dealer signed the box: it is the coordinator who is caught
  });
  it('I reflect its own box to it', () => {
    let own: Uint8Array | undefined;
    const tamper: Tamper = {
      toCoordinator: (from, m) => {
        if (from === 0 && m.kind === 'shares') own = m.boxes[0]?.box;
        return [m];
      },
      ...packets((p) => p.map((one, i) => (i === 0 && own ? { ...one, box: own } : one))),
    };
    expectStopped(victim(tamper), 'GUARD_SHARES');
  });
  it('I say that it dealt to itself', () =>
    expectStopped(victim(packets((p) => p.map((one, i) => (i === 0 ? { ...one, from: 0 } : one)))), 'GUARD_SHARES'));
  it('I repeat a dealer', () => expectStopped(victim(packets((p) => [p[0] as (typeof p)[0], ...p])), 'GUARD_SHARES'));
  it('I forge a commitment', () =>
    expectStopped(victim(packets((p) => p.map((one) => ({ ...one, commitB: nativeRng(32) })))), 'GUARD_SHARES'));
});

describe('R5: I lie about the survivors', () => {
  const sets = (change: (m: MessageOf<'survivors'>) => MessageOf<'survivors'>) => edit('survivors', change);
  it('I name fewer survivors than the threshold', () =>
    expectStopped(
      victim(
        sets((m) => ({
          ...m,
          u4: m.u4.slice(0, 5),
          excluded: m.u3.slice(5).map((rank) => ({ rank, code: 'ROUND_BAD_VECTOR' as const })),
        })),
      ),
      'GUARD_SETS',
    ));
  it('I put a member into U4 that is not in U3', () =>
    expectStopped(victim(sets((m) => ({ ...m, u3: m.u3.filter((r) => r !== 2) }))), 'GUARD_SETS'));
  it('I exclude without a reason', () =>
    expectStopped(victim(sets((m) => ({ ...m, u4: m.u4.filter((r) => r !== 2) }))), 'GUARD_SETS'));
  it('I name a member that never dealt', () =>
    expectStopped(victim(sets((m) => ({ ...m, u3: [...m.u3, 99], u4: [...m.u4, 99] }))), 'GUARD_SETS'));
  it('I send it a second, different pair of sets', () =>
    expectStopped(
      victim(only0((m) => (m.kind === 'survivors' ? [m, { ...m, u3: m.u3.slice(0, 7), u4: m.u4.slice(0, 7) }] : [m]))),
      'GUARD_SETS',
    ));
  it('I leave it out of U4: it just ends, and opens nothing', () => {
    const m = victim(
      sets((s) => ({ ...s, u4: s.u4.filter((r) => r !== 0), excluded: [{ rank: 0, code: 'ROUND_BAD_VECTOR' }] })),
    );
    expect(guardOf(m)).toBeUndefined();
    expect(sent(m, 'consistent')).toEqual([]);
    expect(sent(m, 'unmask')).toEqual([]);
  });
  it('I show half of the clients U4 and the others U4 less one: nobody opens, so both of its secrets stay closed', () => {
    const members = makeMembers(config);
    const tamper: Tamper = {
      toClient: (to, m) => [
        to < 4 || m.kind !== 'survivors'
          ? m
          : { ...m, u4: m.u4.filter((r) => r !== 3), excluded: [{ rank: 3, code: 'ROUND_BAD_VECTOR' }] },
      ],
    };
    const outcome = new World({ config, tamper, members }).start().run();
    expect(outcome.failure?.code).toBe('ROUND_QUORUM');
    expect(members.flatMap((m) => sent(m, 'unmask'))).toEqual([]);
  });
});

describe('R6: I ask for more than I may', () => {
  it('I ask for both shares of one peer and get neither: the request carries no choice, the sets I had signed decide', () => {
    const members = makeMembers(config);
    new World({ config, members, tamper: dropAt(new Map([[7, 'masked']])) }).start().run();
    for (const m of members.slice(0, 7)) {
      const [effect] = sent(m, 'unmask');
      const { opened } = (effect as unknown as { message: Unmask }).message;
      expect(new Set(opened.map(({ of }) => of)).size).toBe(opened.length);
      for (const one of opened) expect(one.type).toBe(one.of === 7 ? 's' : 'b');
    }
  });
  it('I ask with fewer signatures than the threshold', () =>
    expectStopped(
      victim(edit('unmaskRequest', (m) => ({ ...m, signatures: m.signatures.slice(0, 5) }))),
      'GUARD_CONSISTENCY',
    ));
  it('I repeat one signature to reach the threshold', () =>
    expectStopped(
      victim(edit('unmaskRequest', (m) => ({ ...m, signatures: Array(6).fill(m.signatures[0]) }))),
      'GUARD_CONSISTENCY',
    ));
  it('I sign the sets myself', () =>
    expectStopped(
      victim(
        edit('unmaskRequest', (m) => ({
          ...m,
          signatures: m.signatures.map(({ rank }) => ({
            rank,
            signature: primitives.sign(
              coordinator.secret.exposeSecret(),
              setsStatement(groupContextOf(primitives, nativeRng(32), 0, nativeRng(32)), [], []),
            ),
          })),
        })),
      ),
      'GUARD_CONSISTENCY',
    ));
  it('I ask twice: the second request is answered by silence, and its secrets are gone', () => {
    const m = victim(only0((message) => (message.kind === 'unmaskRequest' ? [message, message] : [message])));
    expect(sent(m, 'unmask')).toHaveLength(1);
    expect(m.guard.answered).toBe(1);
  });
  it('I ask before anything was agreed', () => {
    let early: CoordinatorRoundMessage | undefined;
    const m = victim(
      only0((message) => {
        if (message.kind === 'shareBook') early = { kind: 'unmaskRequest', run: message.run, signatures: [] };
        return early && message.kind === 'shareBook' ? [message, early] : [message];
      }),
    );
    expectStopped(m, 'GUARD_CONSISTENCY');
  });
  it('the answered flag is durable before the first share leaves', () => {
    const m = victim({});
    const kinds = m.effects.map((e) => (e.type === 'send' ? e.message.kind : e.type));
    expect(kinds.indexOf('unmask')).toBeGreaterThan(0);
    expect(kinds[kinds.indexOf('unmask') - 1]).toBe('persist');
    expect(m.effects.flatMap((e) => (e.type === 'persist' ? [e.guard.answered] : [])).at(-1)).toBe(1);
  });
});

describe('forked views: I show two halves different things', () => {
  /** Client 0-3 see `a`, the others `b`; both halves are told a world that is consistent in itself. */
  it('different models: the contexts differ, so nobody accepts the other half and nothing is opened', () => {
    const model = randomHash();
    const members = makeMembers(config);
    const world = new World({
      config,
      members,
      tamper: {
        toClient: (to, m) => {
          if (to < 4 || m.kind !== 'announce') return [m];
          const keys = members.map(({ identity }) => identity.publicKey);
          const root = groupRootOf(primitives, 0, keys);
          const ctx = contextOf(primitives, {
            task: 'test',
            round: 1,
            attempt: 1,
            model,
            config: configHash(primitives, m.config),
            rosterRoot: rosterRootOf(primitives, [0], [root]),
            commitNonce: m.commitNonce,
            clip: 0,
            coordinator: world.coordinator.publicKey,
          });
          return [
            {
              ...m,
              model: fromHex(model),
              signature: primitives.sign(
                world.coordinator.secret.exposeSecret(),
                announceStatement(ctx, m.head, m.deadlineMs),
              ),
            },
          ];
        },
      },
    });
    const outcome = world.start().run();
    expect(outcome.result).toBeUndefined();
    expect(members.flatMap((m) => sent(m, 'unmask'))).toEqual([]);
    expect(hashOf(fromHex(model))).toBe(model);
  });
});
