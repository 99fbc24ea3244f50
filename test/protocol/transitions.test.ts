// The transition table of protocol/round/types.ts against what rounds really do. That no other edge is ever taken is checked in
// arena.ts, in every round that any test plays; here each edge of the table is witnessed, and the diagram is the table.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GroupPhase, TRANSITIONS } from '../../protocol/round/types.js';
import { WAITING_PHASES } from '../../protocol/task.js';
import { dropAt, type Outcome, taskOf, World, type WorldOptions } from './world.js';

const ALL = Object.entries(TRANSITIONS).flatMap(([from, targets]) => targets.map((to) => `${from} → ${to}`));

function edgesOf(options: Omit<WorldOptions, 'config'>, count = 1): { edges: ReadonlySet<string>; outcome: Outcome } {
  const world = new World({ config: taskOf({ size: 4, count }), ...options });
  return { outcome: world.start().run(), edges: world.edges };
}

const R3 = ['masked', 'inputChunk'];
const R5 = ['consistent'];
/** Group 0's folds wait until nothing else can happen, and then fail; client 4 of group 1 holds the barrier by its silence. */
const foldFailsBehindBarrier = (silent: readonly string[]): Omit<WorldOptions, 'config'> => ({
  pick: (_, pairs) =>
    Math.max(
      0,
      pairs.findIndex((pair) => pair !== 'etest/1.1/0'),
    ),
  tamper: { toCoordinator: (from, m) => (from === 4 && silent.includes(m.kind) ? [] : [m]) },
  engine: (work) =>
    work.type === 'fold' && work.accumulator === 'test/1.1/0' ? { ok: false, code: 'ENGINE_FAILED' } : undefined,
});

describe('the transition table', () => {
  const scenarios: [
    title: string,
    edge: `${GroupPhase} → ${GroupPhase}`,
    options: Omit<WorldOptions, 'config'>,
    groups?: number,
  ][] = [
    ...WAITING_PHASES.map((phase): (typeof scenarios)[number] => [
      `everybody is lost in ${phase}`,
      `${phase} → failed`,
      { tamper: dropAt(new Map([0, 1, 2, 3].map((i) => [i, phase]))) },
    ]),
    ['a fold fails while the group waits for the others', 'committed → failed', foldFailsBehindBarrier(R3), 2],
    ['a fold fails when the group has agreed', 'agreed → failed', foldFailsBehindBarrier(R5), 2],
    [
      'the engine cannot take the masks off',
      'opening → failed',
      { engine: (work) => (work.type === 'unmask' ? { ok: false, code: 'ENGINE_FAILED' } : undefined) },
    ],
    ['nothing goes wrong', 'opening → done', {}],
  ];
  const witnessed = new Set<string>();
  for (const [title, edge, options, groups] of scenarios)
    it(`${title}: ${edge}`, () => {
      const { edges } = edgesOf(options, groups);
      expect([...edges]).toContain(edge);
      for (const one of edges) witnessed.add(one);
    });

  it('every edge of the table is witnessed above, and no other edge happens', () => {
    expect([...witnessed].sort()).toEqual([...ALL].sort());
  });

  it('a group that fails behind a barrier is void; the other one gives its sum', () => {
    for (const silent of [R3, R5]) {
      const { outcome } = edgesOf(foldFailsBehindBarrier(silent), 2);
      expect(outcome.result?.voided.map(({ group, failure }) => [group, failure.code])).toEqual([[0, 'ENGINE_FAILED']]);
      expect(outcome.result?.groups.map(({ group }) => group)).toEqual([1]);
    }
  });

  it('done and failed are ends', () => {
    expect([TRANSITIONS.done, TRANSITIONS.failed]).toEqual([[], []]);
  });
});

describe('PROTOCOL.md', () => {
  it('shows the diagram that the table gives (node tools/transitions-diagram.mjs)', () => {
    const text = readFileSync('protocol/PROTOCOL.md', 'utf8');
    const diagram = /```mermaid\n([\s\S]*?)```/.exec(text)?.[1] ?? '';
    const drawn = [...diagram.matchAll(/^ {2}(\w+) --> (\w+)$/gm)].map(([, from, to]) => `${from} → ${to}`);
    expect(drawn.sort()).toEqual([...ALL].sort());
    expect(diagram).toContain('[*] --> keys');
    for (const end of ['done', 'failed']) expect(diagram).toContain(`${end} --> [*]`);
  });
});
