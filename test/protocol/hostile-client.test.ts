// Clients that lie (protocol.md §9.3, sketches excepted): the offender is named with a code, never an honest client, and the others
// get their exact sum or an attributed abort. All through the real machines; the liars rewrite what an honest client would send.

import { describe, expect, it } from 'vitest';
import { maskedStatement, sharesStatement } from '../../protocol/context.js';
import { merkleRoot } from '../../protocol/crypto/merkle.js';
import { nativeRng } from '../../protocol/native/index.js';
import type { RoundEffect } from '../../protocol/round/types.js';
import { commitToB, shareHash } from '../../protocol/secagg/keys.js';
import { shareLeaves } from '../../protocol/secagg/shares.js';
import { deriveTask } from '../../protocol/task.js';
import { vectorHash } from '../../protocol/wire/chunks.js';
import type { ClientRoundMessage, MessageOf, RunRef, Shares } from '../../protocol/wire/messages.js';
import {
  dropAt,
  type Member,
  makeMembers,
  type Outcome,
  openedLevels,
  plainLevels,
  primitives,
  type Tamper,
  taskOf,
  World,
} from './world.js';

const config = taskOf({ size: 8, colluders: 1 });
const { threshold, encoding } = deriveTask(config);
const LIAR = 2;

const names = (outcome: Outcome) =>
  outcome.refused
    .filter((r) => r.fatal)
    .map((r) => [outcome.members.findIndex((m) => m.identity.id === r.client), r.code]);
const culprits = (outcome: Outcome) =>
  outcome.failure?.culprits.map((c) => [outcome.members.findIndex((m) => m.identity.id === c.client), c.code]);
const liar = (change: (message: ClientRoundMessage) => readonly ClientRoundMessage[] | 'lose'): Tamper => ({
  toCoordinator: (from, message) => (from === LIAR ? change(message) : [message]),
});
const edit = <K extends ClientRoundMessage['kind']>(kind: K, change: (m: MessageOf<K>) => ClientRoundMessage): Tamper =>
  liar((m) => [m.kind === kind ? change(m as MessageOf<K>) : m]);
const play = (tamper: Tamper, members: readonly Member[] = makeMembers(config)): Outcome =>
  new World({ config, members, tamper }).start().run();

function expectExactSum(outcome: Outcome, survivors: readonly number[]): void {
  const [group] = outcome.result?.groups ?? [];
  expect(group?.survivors).toEqual(survivors.map((i) => outcome.members[i]?.identity.id));
  const sum = outcome.sums.get(group?.source.type === 'sum' ? group.source.accumulator : '') ?? new Uint32Array();
  expect(openedLevels(sum, encoding.ring)).toEqual(plainLevels(outcome.members, group?.survivors ?? []));
}
const everyone = [0, 1, 2, 3, 4, 5, 6, 7];
const honest = everyone.filter((i) => i !== LIAR);

describe('a client that breaks the protocol is refused by name and the others finish with their exact sum', () => {
  const cases: [title: string, tamper: Tamper, code: string][] = [
    [
      'I sign my keys with a wrong signature',
      edit('keys', (m) => ({ ...m, signature: nativeRng(64) })),
      'ROUND_BAD_SIGNATURE',
    ],
    [
      'I send a mask key of low order',
      edit('keys', (m) => ({ ...m, mask: new Uint8Array(32), signature: m.signature })),
      'ROUND_BAD_SIGNATURE',
    ],
    [
      'I send other keys the second time',
      liar((m) => (m.kind === 'keys' ? [m, { ...m, mask: primitives.agreementPublic(nativeRng(32)) }] : [m])),
      'ROUND_DUPLICATE',
    ],
    ['I leave out a box', edit('shares', (m) => ({ ...m, boxes: m.boxes.slice(1) })), 'ROUND_BAD_SHARES'],
    [
      'I deal twice to one peer',
      edit('shares', (m) => ({ ...m, boxes: [m.boxes[0] as (typeof m.boxes)[0], ...m.boxes.slice(0, 6)] })),
      'ROUND_BAD_SHARES',
    ],
    [
      'I change a hash after signing',
      edit('shares', (m) => ({ ...m, own: { ...m.own, hashB: nativeRng(32) } })),
      'ROUND_BAD_SIGNATURE',
    ],
    ['I announce a vector that is too long', edit('masked', (m) => ({ ...m, bytes: m.bytes + 2 })), 'ROUND_BAD_VECTOR'],
    [
      'I announce a vector that is too short',
      edit('masked', (m) => ({ ...m, bytes: m.bytes - 2 })),
      'ROUND_BAD_VECTOR',
    ],
    [
      'I send a chunk that does not fit its hash',
      edit('inputChunk', (m) => ({ ...m, section: m.section.map((b) => b ^ 1) })),
      'ROUND_BAD_VECTOR',
    ],
    [
      'I send a chunk of another length',
      edit('inputChunk', (m) => ({ ...m, section: new Uint8Array(m.section.length + 8) })),
      'ROUND_BAD_VECTOR',
    ],
    [
      'I send a chunk again with other bytes',
      liar((m) => (m.kind === 'inputChunk' ? [m, { ...m, section: m.section.map((b) => b ^ 1) }] : [m])),
      'ROUND_BAD_VECTOR',
    ],
    ['I send a chunk number that does not exist', edit('inputChunk', (m) => ({ ...m, index: 7 })), 'ROUND_BAD_VECTOR'],
    [
      'I send chunks before I have announced them',
      liar((m) =>
        m.kind === 'masked' ? [{ kind: 'inputChunk', run: m.run, index: 0, section: new Uint8Array(10) }] : [m],
      ),
      'ROUND_WRONG_PHASE',
    ],
    [
      'I claim to have masked with other peers',
      liar((m) => (m.kind === 'masked' ? [resign(m, m.u2.slice(1))] : [m])),
      'ROUND_DISAGREE',
    ],
    [
      'I answer the unmasking request at once',
      liar((m) => (m.kind === 'keys' ? [{ kind: 'unmask', run: m.run, opened: [] }] : [m])),
      'ROUND_WRONG_PHASE',
    ],
    [
      'I sign survivors before there are any',
      liar((m) => (m.kind === 'shares' ? [{ kind: 'consistent', run: m.run, signature: nativeRng(64) }] : [m])),
      'ROUND_WRONG_PHASE',
    ],
    [
      'I send my update in the clear',
      liar((m) =>
        m.kind === 'shares'
          ? [{ kind: 'plain', run: m.run, chunks: nativeRng(32), bytes: 20, weight: 1, signature: nativeRng(64) }]
          : [m],
      ),
      'ROUND_WRONG_PHASE',
    ],
    [
      'I ask for the unmasking while the last chunk of my input is being checked',
      liar((m) => (m.kind === 'inputChunk' ? [m, { kind: 'unmask', run: m.run, opened: [] }] : [m])),
      'ROUND_WRONG_PHASE',
    ],
  ];
  let members: readonly Member[] = [];
  const resign = (m: MessageOf<'masked'>, u2: readonly number[]): MessageOf<'masked'> => {
    const { identity, state } = members[LIAR] as Member;
    const gctx = state && 'joined' in state ? state.joined.gctx : new Uint8Array();
    const statement = maskedStatement(gctx, LIAR, vectorHash(primitives, m.bytes, m.chunks), u2);
    return { ...m, u2, signature: primitives.sign(identity.secret.exposeSecret(), statement) };
  };
  for (const [title, tamper, code] of cases)
    it(`${title}: ${code}`, () => {
      members = makeMembers(config);
      const outcome = play(tamper, members);
      expect(names(outcome)).toEqual([[LIAR, code]]);
      expectExactSum(outcome, honest);
      expect(outcome.facts.filter((f) => f.type === 'excluded')).toHaveLength(1);
    });

  it('whoever is refused in R3 for a message of another phase loses its unfinished input at once, not when R3 ends', () => {
    const steps: (readonly RoundEffect[])[] = [];
    const tamper = liar((m) =>
      m.kind === 'masked' ? [m, { kind: 'consistent', run: m.run, signature: nativeRng(64) }] : [m],
    );
    new World({ config, tamper, stepped: (_, { effects }) => steps.push(effects) }).start().run();
    const step = steps.find((effects) => effects.some((e) => e.type === 'refuse' && e.fatal)) ?? [];
    expect(step.flatMap((e) => (e.type === 'compute' ? [e.work.type] : []))).toEqual(['drop']);
    expect(step.filter((e) => e.type === 'uploaded')).toMatchObject([{ missing: 0 }]);
  });

  it('a replayed y of the round before is refused: its signature is bound to another context', () => {
    members = makeMembers(config);
    let old: MessageOf<'masked'> | undefined;
    const record = liar((m) => {
      if (m.kind === 'masked') old = m;
      return [m];
    });
    new World({ config, members, tamper: record }).start().run();
    const replay = edit('masked', (m) => ({ ...(old as MessageOf<'masked'>), run: m.run }));
    const outcome = new World({ config, members, round: 2, tamper: replay }).start().run();
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_BAD_SIGNATURE']]);
    expectExactSum(outcome, honest);
  });

  it('a message of another round, group or attempt is refused without harm to its sender', () => {
    const stray = (change: Partial<RunRef>) =>
      liar((m) => [{ ...m, run: { ...m.run, ...change } } as ClientRoundMessage, m]);
    for (const change of [{ round: 9 }, { attempt: 9 }, { group: 9 }]) {
      const outcome = play(stray(change));
      expect(new Set(outcome.refused.map((r) => r.code))).toEqual(new Set(['ROUND_WRONG_ROUND']));
      expect(outcome.refused.every((r) => !r.fatal)).toBe(true);
    }
  });
});

describe('a client that lies in R5 or R6 is named, and its own update stays in the sum', () => {
  it('I sign other survivor sets', () => {
    const outcome = play(edit('consistent', (m) => ({ ...m, signature: nativeRng(64) })));
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_DISAGREE']]);
    expectExactSum(outcome, everyone);
  });
  it('I sign the survivor sets, and before the others have answered I sign other ones', () => {
    const outcome = play(liar((m) => (m.kind === 'consistent' ? [m, { ...m, signature: nativeRng(64) }] : [m])));
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_DUPLICATE']]);
    expectExactSum(outcome, everyone);
  });
  it('I open a wrong share', () => {
    const outcome = play(
      edit('unmask', (m) => ({ ...m, opened: m.opened.map((o, i) => (i === 0 ? { ...o, share: nativeRng(32) } : o)) })),
    );
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_BAD_UNMASK']]);
    expectExactSum(outcome, everyone);
  });
  it('I open the s share of a survivor', () => {
    const outcome = play(
      edit('unmask', (m) => ({ ...m, opened: m.opened.map((o, i) => (i === 0 ? { ...o, type: 's' as const } : o)) })),
    );
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_BAD_UNMASK']]);
    expectExactSum(outcome, everyone);
  });
});

describe('a dealer that lies about its shares', () => {
  /** Rewrites what LIAR deals: the hashes and boxes for `victims` are made for other shares, and everything is signed again. */
  const wrongBoxes = (members: readonly Member[], victims: readonly number[], more: Tamper = {}): Tamper => ({
    ...more,
    toCoordinator: (from, m) => {
      if (from !== LIAR || m.kind !== 'shares') return more.toCoordinator?.(from, m) ?? [m];
      const { identity, state } = members[LIAR] as Member;
      const joined = state && 'joined' in state ? state.joined : undefined;
      if (joined === undefined) throw new Error('not joined');
      const boxes = m.boxes.map((b) => (victims.includes(b.to) ? { ...b, box: nativeRng(96) } : b));
      const changed: Shares = { ...m, boxes };
      const root = merkleRoot(primitives, shareLeaves(everyone, LIAR, changed));
      return [
        {
          ...changed,
          signature: primitives.sign(
            identity.secret.exposeSecret(),
            sharesStatement(joined.gctx, LIAR, m.commitB, root),
          ),
        },
      ];
    },
  });

  it('wrong share to one: one complaint is not proof against it, the others rebuild its secrets, the sum is exact', () => {
    const members = makeMembers(config);
    const outcome = play(wrongBoxes(members, [5]), members);
    expect(outcome.members[5]?.effects.some((e) => e.type === 'send' && e.message.kind === 'complaint')).toBe(true);
    expectExactSum(outcome, everyone);
    expect(names(outcome)).toEqual([]);
  });
  it('wrong shares to all: more complaints than there can be liars prove the lie; the abort names it and nothing is opened', () => {
    const members = makeMembers(config);
    const outcome = play(wrongBoxes(members, honest), members);
    expect(outcome.failure).toMatchObject({ code: 'ROUND_BAD_SHARES', retry: 'next-attempt' });
    expect(culprits(outcome)).toEqual([[LIAR, 'ROUND_BAD_SHARES']]);
    expect(members.flatMap((m) => m.effects).some((e) => e.type === 'send' && e.message.kind === 'unmask')).toBe(false);
  });
  it('wrong share to one, then gone: its mask secret is rebuilt from the others', () => {
    const members = makeMembers(config);
    const outcome = play(wrongBoxes(members, [5], dropAt(new Map([[LIAR, 'masked']]))), members);
    expectExactSum(outcome, honest);
  });
  it('a client that falsely complains about an honest dealer harms nobody: one voice is not more than the colluders assumed', () => {
    const members = makeMembers(config);
    const tamper = liar((m) =>
      m.kind === 'masked' ? [{ kind: 'complaint', run: m.run, dealers: [0], signature: nativeRng(64) }, m] : [m],
    );
    const outcome = play(tamper, members);
    expect(names(outcome)).toEqual([[LIAR, 'ROUND_BAD_SIGNATURE']]);
    expectExactSum(outcome, honest);
  });
  it('wrong b: consistent shares of another secret than the committed one are caught when they are opened, and the sum is discarded', () => {
    const members = makeMembers(config);
    const tamper: Tamper = {
      toCoordinator: (from, m) => {
        if (from !== LIAR || m.kind !== 'shares') return [m];
        const { identity, state } = members[LIAR] as Member;
        const joined = state && 'joined' in state ? state.joined : undefined;
        if (joined === undefined) throw new Error('not joined');
        const commitB = commitToB(primitives, joined.gctx, LIAR, nativeRng(32));
        const root = merkleRoot(primitives, shareLeaves(everyone, LIAR, m));
        return [
          {
            ...m,
            commitB,
            signature: primitives.sign(
              identity.secret.exposeSecret(),
              sharesStatement(joined.gctx, LIAR, commitB, root),
            ),
          },
        ];
      },
    };
    const outcome = play(tamper, members);
    expect(outcome.failure).toMatchObject({ code: 'ROUND_LYING_COMMITMENT', retry: 'next-round' });
    expect(culprits(outcome)).toEqual([[LIAR, 'ROUND_LYING_COMMITMENT']]);
    expect(outcome.sums.size).toBe(0);
  });
  it('hashes of shares bind type, dealer, holder, context and salt', () => {
    const [gctx, share, salt] = [nativeRng(32), nativeRng(32), nativeRng(16)] as const;
    const base = shareHash(primitives, gctx, 'b', 1, 2, share, salt);
    for (const other of [
      shareHash(primitives, gctx, 's', 1, 2, share, salt),
      shareHash(primitives, gctx, 'b', 2, 1, share, salt),
      shareHash(primitives, nativeRng(32), 'b', 1, 2, share, salt),
      shareHash(primitives, gctx, 'b', 1, 2, share, nativeRng(16)),
    ])
      expect(other).not.toEqual(base);
  });
});

describe('too many liars end the round with an attributed abort, not a wrong sum', () => {
  it('three of eight refuse to open: below the threshold nothing comes out', () => {
    const outcome = play({
      toCoordinator: (from, m) =>
        from < 3 && m.kind === 'unmask'
          ? [{ ...m, opened: m.opened.map((o) => ({ ...o, share: nativeRng(32) })) }]
          : [m],
    });
    expect(outcome.failure).toMatchObject({ code: 'ROUND_QUORUM', phase: 'unmask', retry: 'next-round' });
    expect(names(outcome)).toEqual([0, 1, 2].map((i) => [i, 'ROUND_BAD_UNMASK']));
    expect(threshold).toBe(6);
  });
});
