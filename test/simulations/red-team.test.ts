// Mixed attackers through real clients over real sockets: those that need omniscience get it, the report says who did what, how far a
// backdoor got, and what the monitor noticed. Small and seeded. Not here: what a defence is worth on real data (the battery).

import { describe, expect, it } from 'vitest';
import { parseSimulationConfig } from '../../simulations/config.js';
import { rehearse } from '../../simulations/rehearsal.js';
import type { SimulationReport } from '../../simulations/report.js';
import { runSimulation } from '../../simulations/run.js';
import { quick } from './quick.js';

const MINUTE = 60_000;
const SINGLE = 'malicious: { count: 1, attack: { kind: sign-flip, boost: 30 } }';
const withMalicious = (malicious: string, rounds = 3): string =>
  quick({ rounds })
    .replace(SINGLE, `malicious: ${malicious.replaceAll('\n', ' ')}`)
    .replace('faulty: 1', 'faulty: 2');
const settings = (malicious: string, rounds?: number) =>
  parseSimulationConfig(withMalicious(malicious, rounds), 'quick');

const MIXED = `[
  { clients: [3, 9], attack: { kind: opt-ipm } },
  { count: 2, attack: { kind: min-max, direction: std, knowledge: partial } },
  { count: 1, attack: { kind: label-flip, mode: targeted, from: 1, to: 2 }, from: 2 },
]`;

describe('a fleet of mixed attackers', () => {
  it(
    'sends the same over sockets as in a rehearsal that hands everything round in one process',
    async () => {
      const parsed = settings(MIXED);
      const config = { ...parsed, fleet: { ...parsed.fleet, processes: 1 } };
      const warnings: string[] = [];
      const report: SimulationReport = await runSimulation(config, { warn: (text) => warnings.push(text) });
      const rehearsed = await rehearse(config, { workers: 1 });
      expect(report.outcome).toBe('finished');
      expect(warnings).toEqual([]);
      report.rounds.forEach((entry, i) => {
        // Rounding to the grid is all that the protocol adds.
        expect(Math.abs(entry.loss - (rehearsed[i]?.loss ?? Number.NaN))).toBeLessThan(0.01);
        expect(entry.attackSuccessRate?.['label flip 1→2']).toBeCloseTo(
          rehearsed[i]?.attackSuccessRate?.['label flip 1→2'] ?? -1,
          1,
        );
      });
      expect(report.attackSuccessRate).toBeDefined();
      expect(report.malicious).toHaveLength(5);
      expect(report.malicious.find(({ client }) => client === 'client-03')?.attack).toEqual({ kind: 'opt-ipm' });
      expect(report.malicious.map(({ attack }) => attack.kind).sort()).toEqual([
        'during',
        'min-max',
        'min-max',
        'opt-ipm',
        'opt-ipm',
      ]);
    },
    2 * MINUTE,
  );

  it(
    'shows in the groups: the monitor says which, and never whom',
    async () => {
      const report = await runSimulation(parseSimulationConfig(quick({ rounds: 3, boost: 300 }), 'quick'));
      const events = report.rounds.flatMap(({ monitor }) => monitor);
      const bad = report.roster.find(({ name }) => name === report.malicious[0]?.client)?.group;
      const groups = new Set(events.flatMap((event) => (event.type === 'group' ? [event.group] : [])));
      expect([...groups]).toEqual([bad]);
      expect(events.filter((event) => 'client' in event)).toEqual([]);
    },
    MINUTE,
  );
});

describe('what is refused before a run', () => {
  it.each([
    ['{ count: 1, attack: { kind: alie } }', 'fleet.malicious.attack is no attack: attack alie: z is'],
    ['[{ count: 1, attack: { kind: alie } }]', 'fleet.malicious.0.attack is no attack'],
    ['{ count: 1, attack: { kind: alie, z: 1.5, knowledge: partial } }', 'use at least 2'],
    ['[{ clients: [1], attack: { kind: opt-alie } }, { clients: [1], attack: { kind: opt-ipm } }]', 'has 1 twice'],
    ['{ count: 1, attack: { kind: label-flip, mode: targeted, from: 1 } }', 'needs from and to'],
    ['{ count: 1, attack: { kind: free-rider, send: noise } }', 'needs deviation'],
    ['{ count: 1, attack: { kind: ipm, epsilon: 1 }, from: 3, until: 2 }', 'until is 2; it must be at least from, 3'],
    ['{ count: 1, attack: { kind: backdoor, ratio: 0 } }', 'ratio is 0; it must be above 0'],
  ])('%s', (malicious, says) => {
    expect(() => settings(malicious)).toThrow(says);
  });
});
