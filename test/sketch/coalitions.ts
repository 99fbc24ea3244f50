// Coalitions that lie at random in R4, and what must hold of them. Real rounds, real masks, real signatures. Not a test: coalition.test.ts
// plays few, test/slow many. Not here: single, named lies (round.test.ts), what a coalition gains (docs/verified-sketches.md).

import fc from 'fast-check';
import { expect } from 'vitest';
import { sketchStatement } from '../../protocol/context.js';
import { deriveTask, type TaskConfig } from '../../protocol/task.js';
import type { MessageOf } from '../../protocol/wire/messages.js';
import { makeMembers, openedLevels, plainLevels, primitives, taskOf, World } from '../protocol/world.js';

const ROWS = 24;
const SIZE = 8;
const base = taskOf({ size: SIZE, dimension: 2000 });
const config: TaskConfig = {
  ...base,
  profile: 'sketch',
  encoding: { ...base.encoding, clipNorm: 40 },
  integrity: {
    kind: 'sketch',
    rows: ROWS,
    securityBits: 20,
    malicious: 1,
    exclusions: 2,
    dropouts: 0,
    selection: [],
    window: { count: { min: 6, max: 8 }, time: { min: 0, max: 1000 } },
  },
};
const width = deriveTask(config).encoding.ring / 8;

/** What one member does to what it would have sent. `peer`: a member's number; itself means the next one. */
type Lie =
  | { readonly type: 'v'; readonly row: number; readonly by: number }
  | { readonly type: 'p'; readonly peer: number; readonly row: number; readonly by: number }
  /** p and v by opposite amounts, so that the sum of check 3 still holds. */
  | { readonly type: 'shift'; readonly peer: number; readonly row: number; readonly by: number }
  | { readonly type: 'noise' }
  | { readonly type: 'damage'; readonly at: number; readonly bit: number };
const small = fc.integer({ min: 1, max: 100 });
const rowOf = fc.nat(ROWS - 1);
const lie: fc.Arbitrary<Lie> = fc.oneof(
  fc.record({ type: fc.constant('v' as const), row: rowOf, by: small }),
  fc.record({ type: fc.constant('p' as const), peer: fc.nat(SIZE - 1), row: rowOf, by: small }),
  fc.record({ type: fc.constant('shift' as const), peer: fc.nat(SIZE - 1), row: rowOf, by: small }),
  fc.constant({ type: 'noise' as const }),
  fc.record({ type: fc.constant('damage' as const), at: fc.nat(1999), bit: fc.nat(8 * width - 1) }),
);
const coalition = (most: number) =>
  fc
    .uniqueArray(fc.tuple(fc.nat(SIZE - 1), lie), { minLength: 1, maxLength: most, selector: ([who]) => who })
    .map((pairs) => new Map(pairs));

function falsify(words: Uint32Array, who: number, one: Lie): void {
  const add = (at: number, by: number) => {
    words[at] = (words[at] as number) + by;
  };
  if (one.type === 'noise') for (let i = ROWS; i < words.length; i++) words[i] = Math.imul(i + 1, 0x9e3779b1);
  if (one.type === 'v') add(one.row, one.by);
  if (one.type !== 'p' && one.type !== 'shift') return;
  const peer = one.peer === who ? (who + 1) % SIZE : one.peer;
  add(ROWS * (1 + peer - (peer > who ? 1 : 0)) + one.row, one.by);
  if (one.type === 'shift') add(one.row, peer > who ? -one.by : one.by);
}

function play(lies: ReadonlyMap<number, Lie>, dropping: ReadonlySet<number>) {
  const members = makeMembers(config);
  const world = new World({
    config,
    members,
    damage: (who, vector) => {
      const one = lies.get(who);
      if (one?.type !== 'damage') return;
      const at = one.at * width + (one.bit >> 3);
      vector[at] = (vector[at] as number) ^ (1 << (one.bit & 7));
    },
    tamper: {
      toCoordinator: (from, m) => {
        const one = lies.get(from);
        if (m.kind !== 'sketch' || one === undefined) return [m];
        if (dropping.has(from)) return 'lose';
        if (one.type === 'damage') return [m];
        return [resign(from, m, one)];
      },
    },
  });
  function resign(who: number, m: MessageOf<'sketch'>, one: Lie): MessageOf<'sketch'> {
    const member = members[who];
    if (member?.state === undefined || !('joined' in member.state) || !('challenge' in member.state))
      throw new Error('it sent a sketch out of turn');
    const words = new Uint32Array(m.section.slice().buffer);
    falsify(words, who, one);
    const section = new Uint8Array(words.buffer);
    const { gctx } = member.state.joined;
    const statement = sketchStatement(gctx, who, member.state.challenge.nonce, primitives.sha256(section));
    return { ...m, section, signature: primitives.sign(member.identity.secret.exposeSecret(), statement) };
  }
  const outcome = world.start().run();
  const numberOf = (client: string) => members.findIndex(({ identity }) => identity.id === client);
  const excluded = outcome.facts.flatMap((f) =>
    f.type === 'excluded' ? [{ who: numberOf(f.client), code: f.code }] : [],
  );
  const culprits = (outcome.failure?.culprits ?? []).map(({ client }) => numberOf(client));
  return { outcome, excluded, culprits };
}

/** No transcript names an honest member, and an honest one is left out for a disagreement or the rule alone. */
export function coalitionsAreHarmless(seed: number, numRuns: number): void {
  fc.assert(
    fc.property(coalition(3), fc.subarray([0, 1, 2, 3, 4, 5, 6, 7], { maxLength: 1 }), (lies, drop) => {
      const { excluded, culprits, outcome } = play(lies, new Set(drop));
      expect(culprits.filter((who) => !lies.has(who))).toEqual([]);
      for (const { who, code } of excluded)
        if (!lies.has(who)) expect(['SKETCH_MISMATCH', 'SKETCH_OUTLIER']).toContain(code);
      // What comes out is what its members have put in: a lie in R4 alone never changes a sum.
      const [group] = outcome.result?.groups ?? [];
      if (group === undefined) return;
      const sum = outcome.sums.get(group.source.type === 'sum' ? group.source.accumulator : '') ?? new Uint32Array();
      expect(openedLevels(sum, deriveTask(config).encoding.ring)).toEqual(
        plainLevels(outcome.members, group.survivors),
      );
    }),
    { seed, numRuns },
  );
}

/** Who lies alone is left out, or proven a liar. */
export function loneLiarsAreExposed(seed: number, numRuns: number): void {
  fc.assert(
    fc.property(coalition(1), (lies) => {
      const { excluded, culprits } = play(lies, new Set());
      const [liar] = lies.keys();
      expect(new Set([...culprits, ...excluded.map(({ who }) => who)]).has(liar as number)).toBe(true);
    }),
    { seed, numRuns },
  );
}
