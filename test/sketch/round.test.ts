// Verified sketches over the real round (protocol.md §7): honest members pass and the sum is exact; liars are left out or proven.
// Real masks, real projections. The liars rewrite what an honest client would send, and sign it with their real keys.

import { describe, expect, it } from 'vitest';
import { sketchStatement } from '../../protocol/context.js';
import type { ClientId } from '../../protocol/ids.js';
import { nativeRng } from '../../protocol/native/index.js';
import type { MaskWork } from '../../protocol/secagg/jobs.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { MessageOf } from '../../protocol/wire/messages.js';
import type { Member, Outcome, Tamper } from '../protocol/arena.js';
import {
  dropAt,
  makeMembers,
  openedLevels,
  plainLevels,
  primitives,
  taskOf,
  World,
  type WorldOptions,
} from '../protocol/world.js';

const SPEC = {
  kind: 'sketch',
  rows: 24,
  securityBits: 20,
  malicious: 1,
  exclusions: 1,
  dropouts: 1,
  selection: [],
  window: { count: { min: 6, max: 8 }, time: { min: 0, max: 1000 } },
} as const;
const sketchTask = (patch: Partial<TaskConfig> = {}): TaskConfig => {
  const base = taskOf({ size: 8, dimension: 2000 });
  return { ...base, profile: 'sketch', integrity: SPEC, encoding: { ...base.encoding, clipNorm: 40 }, ...patch };
};
const config = sketchTask();
const { encoding } = deriveTask(config);
const everyone = [0, 1, 2, 3, 4, 5, 6, 7];
const without = (who: number): number[] => everyone.filter((i) => i !== who);

interface Played extends Outcome {
  readonly world: World;
}
function play(options: Partial<WorldOptions> = {}): Played {
  const world = new World({ config, ...options });
  return { ...world.start().run(), world };
}
function expectExactSum(outcome: Outcome, survivors: readonly number[], task = config): void {
  const [group] = outcome.result?.groups ?? [];
  expect(group?.survivors).toEqual(survivors.map((i) => outcome.members[i]?.identity.id));
  const sum = outcome.sums.get(group?.source.type === 'sum' ? group.source.accumulator : '') ?? new Uint32Array();
  expect(openedLevels(sum, deriveTask(task).encoding.ring)).toEqual(
    plainLevels(outcome.members, group?.survivors ?? []),
  );
}
const numberOf = (outcome: Outcome, client: ClientId): number =>
  outcome.members.findIndex((m) => m.identity.id === client);
const excluded = (outcome: Outcome) =>
  outcome.facts.flatMap((f) => (f.type === 'excluded' ? [[numberOf(outcome, f.client), f.code]] : []));
const culprits = (outcome: Outcome) => outcome.failure?.culprits.map((c) => [numberOf(outcome, c.client), c.code]);

const LIAR = 2;
/** A member's sketch, changed as words (v is the first `rows`, then p_ij by peer) and signed again with its own key. */
function resign(
  member: Member | undefined,
  rank: number,
  m: MessageOf<'sketch'>,
  change: (words: Uint32Array) => void,
): MessageOf<'sketch'> {
  const section = m.section.slice();
  change(new Uint32Array(section.buffer));
  if (!member?.state || !('challenge' in member.state)) throw new Error('not challenged');
  const { joined, challenge } = member.state;
  const statement = sketchStatement(joined.gctx, rank, challenge.nonce, primitives.sha256(section));
  return { ...m, section, signature: primitives.sign(member.identity.secret.exposeSecret(), statement) };
}
const lie = (members: readonly Member[], change: (words: Uint32Array) => void, who = LIAR): Tamper => ({
  toCoordinator: (from, m) => (from === who && m.kind === 'sketch' ? [resign(members[who], who, m, change)] : [m]),
});
const add = (at: number, value: number) => (words: Uint32Array) => {
  words[at] = (words[at] as number) + value;
};
/** Where p_{who,peer} starts in the words of `who`. */
const maskAt = (peer: number, who = LIAR): number => SPEC.rows * (1 + peer - (peer > who ? 1 : 0));

describe('an honest round with sketches', () => {
  for (const [bits, prg] of [
    [8, 'aes256ctr'],
    [3, 'chacha20'],
  ] as const)
    it(`opens the exact sum and shows A·q to the rule (${bits} bits, ${prg})`, () => {
      const base = sketchTask({ prg });
      const range = (2 ** (bits - 1) - 1) / 128;
      const task = { ...base, encoding: { ...base.encoding, bits, range, clipNorm: 1 } };
      const members = makeMembers(task).map((m) => ({ ...m, update: m.update.map((x) => Math.sign(x) / 128) }));
      const outcome = play({ config: task, members, wire: true });
      expectExactSum(outcome, everyone, task);
      expect(outcome.world.candidates).toHaveLength(8);
      // Johnson-Lindenstrauss: the squares of k rows of an honest update of norm √2000 add up to about k/2 · 2000.
      for (const { sketch } of outcome.world.candidates) {
        const ratio = sketch.reduce((sum, x) => sum + x * x, 0) / ((SPEC.rows / 2) * 2000);
        expect(ratio).toBeGreaterThan(0.1);
        expect(ratio).toBeLessThan(4);
      }
      expect(outcome.refused).toEqual([]);
    });
  it('survives a dropout in every phase, R4 among them', () => {
    for (const phase of ['keys', 'shares', 'masked'] as const)
      expectExactSum(play({ tamper: dropAt(new Map([[7, phase]])) }), without(7));
    for (const phase of ['consistency', 'unmask'] as const)
      expectExactSum(play({ tamper: dropAt(new Map([[7, phase]])) }), everyone);
    const lost = play({ tamper: { toCoordinator: (from, m) => (from === 7 && m.kind === 'sketch' ? 'lose' : [m]) } });
    expectExactSum(lost, without(7));
    expect(lost.facts.flatMap((f) => (f.type === 'dropped' ? [f.phase] : []))).toEqual(['sketch']);
  });
  it('shows the nonce to nobody before every input is fixed, in any order of messages', () => {
    const { coordinatorSent } = play({ pick: (n) => n - 1 });
    const kinds = coordinatorSent.map(({ message }) => message.kind);
    expect(kinds.lastIndexOf('inputTaken')).toBeLessThan(kinds.indexOf('sketchRequest'));
  });
});

describe('the rule in sketch space decides membership', () => {
  it('whom it leaves out is an ordinary dropout: the others keep their exact sum, and its update stays hidden', () => {
    const members = makeMembers(config);
    const outcome = play({ members, select: (c) => c.slice(4, 5).map(({ client }) => client) });
    expectExactSum(outcome, without(4));
    expect(excluded(outcome)).toEqual([[4, 'SKETCH_OUTLIER']]);
    const opened = members
      .flatMap((m) => m.effects)
      .flatMap((e) => (e.type === 'send' && e.message.kind === 'unmask' ? e.message.opened : []));
    expect(new Set(opened.filter(({ of }) => of === 4).map(({ type }) => type))).toEqual(new Set(['s']));
  });
  it('never leaves out more than the budget, and takes the worst first', () => {
    const outcome = play({ select: (c) => [5, 1, 3].flatMap((i) => c[i]?.client ?? []) });
    expect(outcome.world.candidates[0]?.budget).toBe(1);
    expect(excluded(outcome)).toEqual([[5, 'SKETCH_OUTLIER']]);
    expectExactSum(outcome, without(5));
  });
});

describe('I lie in R4', () => {
  it('my update is fifty times too long: its sketch shows it, and I am out', () => {
    const task = { ...config, encoding: { ...config.encoding, clipNorm: 1 } };
    const members = makeMembers(task).map((m) => ({ ...m, update: m.update.map((x) => Math.sign(x) / 128) }));
    // A hostile engine: no clip, fifty steps of the grid instead of one.
    const rewrite = (client: number, work: MaskWork): MaskWork =>
      client === LIAR ? { ...work, encoding: { ...work.encoding, clipNorm: 1e9 }, weight: 50 } : work;
    const outcome = play({ config: task, members, rewrite });
    expect(excluded(outcome)).toEqual([[LIAR, 'SKETCH_NORM']]);
    expectExactSum(outcome, without(LIAR), task);
  });
  it('I claim the sketch of another update: my own signed messages prove it, the sum is discarded, I am named', () => {
    const members = makeMembers(config);
    const outcome = play({ members, tamper: lie(members, add(3, 1)) });
    expect(outcome.failure).toMatchObject({ code: 'SKETCH_LIE', retry: 'next-round' });
    expect(culprits(outcome)).toEqual([[LIAR, 'SKETCH_LIE']]);
    expect(outcome.sums.size).toBe(0);
  });
  it('I lie about one mask: one of us two goes, and its rebuilt mask shows that it was me', () => {
    const members = makeMembers(config);
    const outcome = play({ members, tamper: lie(members, add(maskAt(5), 1)) });
    expect(excluded(outcome)).toEqual([[5, 'SKETCH_MISMATCH']]);
    expect(culprits(outcome)).toEqual([[LIAR, 'SKETCH_LIE']]);
  });
  it('I lie about all my masks: I disagree with everybody and go; the others lose nothing', () => {
    const members = makeMembers(config);
    const outcome = play({
      members,
      tamper: lie(members, (words) => {
        for (let i = SPEC.rows; i < words.length; i++) words[i] = (words[i] as number) ^ 1;
      }),
    });
    expect(excluded(outcome)).toEqual([[LIAR, 'SKETCH_MISMATCH']]);
    expectExactSum(outcome, without(LIAR));
  });
  /** +p for a higher peer, −p for a lower one: v takes the opposite, so that check 3 still holds for each of us. */
  const shift = (who: number, peer: number, by: number) => (words: Uint32Array) => {
    add(maskAt(peer, who) + 1, by)(words);
    add(1, peer > who ? -by : by)(words);
  };
  it('we collude about our common mask: it moves weight between our two sketches, never into the sum', () => {
    const members = makeMembers(config);
    const tamper: Tamper = {
      toCoordinator: (from, m) => {
        if (m.kind !== 'sketch' || (from !== 2 && from !== 6)) return [m];
        return [resign(members[from], from, m, from === 2 ? shift(2, 6, 7) : shift(6, 2, 7))];
      },
    };
    expectExactSum(play({ members, tamper }), everyone);
  });
  it('one of us then drops: its mask is rebuilt and proves the other a liar', () => {
    const members = makeMembers(config);
    const tamper: Tamper = {
      toCoordinator: (from, m) => {
        if (m.kind !== 'sketch') return [m];
        if (from === 6) return 'lose';
        return from === 2 ? [resign(members[2], 2, m, shift(2, 6, 7))] : [m];
      },
    };
    expect(culprits(play({ members, tamper }))).toEqual([[2, 'SKETCH_LIE']]);
  });
  it('I send a section of another size', () => {
    const short: Tamper = {
      toCoordinator: (from, m) =>
        from === LIAR && m.kind === 'sketch' ? [{ ...m, section: m.section.slice(4) }] : [m],
    };
    const outcome = play({ tamper: short });
    expect(outcome.refused.filter((r) => r.fatal).map((r) => r.code)).toEqual(['SKETCH_MALFORMED']);
    expectExactSum(outcome, without(LIAR));
  });
  it('I sign another sketch than I send', () => {
    const forged: Tamper = {
      toCoordinator: (from, m) => (from === LIAR && m.kind === 'sketch' ? [{ ...m, signature: nativeRng(64) }] : [m]),
    };
    const outcome = play({ tamper: forged });
    expect(outcome.refused.filter((r) => r.fatal).map((r) => r.code)).toEqual(['ROUND_BAD_SIGNATURE']);
    expectExactSum(outcome, without(LIAR));
  });
  it('I add half of the ring to two coordinates of y: rows that touch only one of them show it', () => {
    const width = encoding.ring / 8;
    const damage = (client: number, vector: Uint8Array): void => {
      if (client !== LIAR) return;
      for (const at of [10, 900]) vector[at * width + width - 1] = (vector[at * width + width - 1] as number) ^ 0x80;
    };
    const outcome = play({ damage });
    expect(outcome.result).toBeUndefined();
    expect(culprits(outcome)).toEqual([[LIAR, 'SKETCH_LIE']]);
  });
});

describe('a hostile coordinator in R4', () => {
  const guard = (m: Member | undefined) => m?.effects.flatMap((e) => (e.type === 'guard' ? [e.code] : []))[0];
  /** Client 0 gets something else in place of one kind of message. */
  const instead = (kind: 'sketchRequest' | 'survivors', change: (m: never) => unknown[]): Tamper => ({
    toClient: (to, m) => (to === 0 && m.kind === kind ? (change(m as never) as never) : [m]),
  });
  it('I challenge one input with two nonces: the client stops me, and no second sketch is made', () => {
    const members = makeMembers(config);
    play({
      members,
      tamper: instead('sketchRequest', (m: MessageOf<'sketchRequest'>) => [m, { ...m, nonce: nativeRng(32) }]),
    });
    expect(guard(members[0])).toBe('GUARD_SKETCH');
    expect(members[0]?.effects.filter((e) => e.type === 'sketch')).toHaveLength(1);
  });
  it('I see the inputs first and then choose another nonce than I announced: nobody sketches under it', () => {
    const members = makeMembers(config);
    play({
      members,
      tamper: instead('sketchRequest', (m: MessageOf<'sketchRequest'>) => [{ ...m, nonce: nativeRng(32) }]),
    });
    expect(guard(members[0])).toBe('GUARD_SKETCH');
    expect(members[0]?.effects.filter((e) => e.type === 'sketch')).toEqual([]);
    expect(guard(members[1])).toBeUndefined();
  });
  it('I commit to different nonces before different members: their masks do not fit, and no sum comes out', () => {
    const members = makeMembers(config);
    const split: Tamper = {
      toClient: (to, m) => (to === 0 && m.kind === 'announce' ? [{ ...m, commitNonce: nativeRng(32) }] : [m]),
    };
    play({ members, tamper: split });
    expect(guard(members[0])).toBe('GUARD_SIGNATURE');
  });
  it('I skip R4 and ask for the survivors at once', () => {
    const members = makeMembers(config);
    const skip = ({ run, u3 }: MessageOf<'sketchRequest'>) => [{ kind: 'survivors', run, u3, u4: u3, excluded: [] }];
    play({ members, tamper: instead('sketchRequest', skip) });
    expect(guard(members[0])).toBe('GUARD_SETS');
  });
  it('I ask for a sketch in a task that has none', () => {
    const plain = taskOf({ size: 8 });
    const members = makeMembers(plain);
    const ask = ({ run, u3 }: MessageOf<'survivors'>) => [{ kind: 'sketchRequest', run, nonce: nativeRng(32), u3 }];
    new World({ config: plain, members, tamper: instead('survivors', ask) }).start().run();
    expect(guard(members[0])).toBe('GUARD_SKETCH');
  });
  it('I show other inputs than I had sketched', () => {
    const members = makeMembers(config);
    const fewer = (m: MessageOf<'survivors'>) => [{ ...m, u3: m.u3.slice(0, 7), u4: m.u4.slice(0, 7) }];
    play({ members, tamper: instead('survivors', fewer) });
    expect(guard(members[0])).toBe('GUARD_SETS');
  });
});
