// The transition table of protocol/round/types.ts against what rounds really do. That no other edge is ever taken is checked in
// arena.ts, in every round that any test plays; here each edge of the table is witnessed, and the diagram is the table.

import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { type GroupPhase, TRANSITIONS } from '../../protocol/round/types.js';
import { type TaskConfig, WAITING_PHASES } from '../../protocol/task.js';
import { dropAt, type Outcome, taskOf, World, type WorldOptions } from './world.js';

const ALL = Object.entries(TRANSITIONS).flatMap(([from, targets]) => targets.map((to) => `${from} → ${to}`));

function edgesOf({ patch, ...options }: Scenario, count = 1): { edges: ReadonlySet<string>; outcome: Outcome } {
  const world = new World({
    config: { ...taskOf({ size: 4, count, dimension: patch?.dimension ?? 5 }), ...patch },
    ...options,
  });
  return { outcome: world.start().run(), edges: world.edges };
}

type Scenario = Omit<WorldOptions, 'config'> & { readonly patch?: Partial<TaskConfig> };
/** The same four members with verified sketches; 10 · k · n coordinates are the fewest. */
const SKETCHED: Partial<TaskConfig> = {
  profile: 'sketch',
  dimension: 960,
  encoding: { clipNorm: 30, range: 127 / 128, bits: 8, weighting: { by: 'uniform' } },
  integrity: {
    kind: 'sketch',
    rows: 24,
    securityBits: 20,
    malicious: 0,
    exclusions: 0,
    dropouts: 1,
    selection: [],
    window: { count: { min: 3, max: 4 }, time: { min: 0, max: 1000 } },
  },
};

const R3 = ['masked', 'inputChunk'];
const R5 = ['consistent'];
/** Group 0's folds wait until nothing else can happen, and then fail; client 4 of group 1 holds the barrier by its silence. */
const foldFailsBehindBarrier = (silent: readonly string[]): Scenario => ({
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
  const scenarios: [title: string, edge: `${GroupPhase} → ${GroupPhase}`, options: Scenario, groups?: number][] = [
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
    ['every input is in, and the task has sketches', 'committed → sketch', { patch: SKETCHED }],
    ['every sketch passes the checks', 'sketch → screened', { patch: SKETCHED }],
    ['the rule leaves nobody out', 'screened → consistency', { patch: SKETCHED }],
    [
      'everybody is lost in sketch',
      'sketch → failed',
      { patch: SKETCHED, tamper: { toCoordinator: (_, m) => (m.kind === 'sketch' ? 'lose' : [m]) } },
    ],
    [
      'the engine cannot project an input',
      'sketch → failed',
      {
        patch: SKETCHED,
        engine: (work) => (work.type === 'project' ? { ok: false, code: 'ENGINE_FAILED' } : undefined),
      },
    ],
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
