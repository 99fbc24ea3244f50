// Small simulations with everything real in them: coordinator, processes, sockets, keys, masks, dropouts, an attacker. Made-up
// points and a linear model keep them short. Not here: MNIST (the main job of npm start), the parts one by one.

import { beforeAll, describe, expect, it } from 'vitest';
import type { ClientPhase } from '../../protocol/task.js';
import { parseSimulationConfig, type SimulationConfig } from '../../simulations/config.js';
import { rehearse } from '../../simulations/rehearsal.js';
import type { SimulationEvent, SimulationReport } from '../../simulations/report.js';
import { runSimulation } from '../../simulations/run.js';
import { quick } from './quick.js';

const MINUTE = 60_000;
const config: SimulationConfig = parseSimulationConfig(quick({ boost: 60 }), 'quick');
const withProcesses = (processes: number): SimulationConfig => ({ ...config, fleet: { ...config.fleet, processes } });

interface Run {
  readonly report: SimulationReport;
  readonly events: readonly SimulationEvent[];
  readonly warnings: readonly string[];
}
async function run(settings: SimulationConfig): Promise<Run> {
  const events: SimulationEvent[] = [];
  const warnings: string[] = [];
  const report = await runSimulation(settings, {
    onEvent: (event) => events.push(event),
    warn: (text) => warnings.push(text),
  });
  return { report, events, warnings };
}

describe('a simulation over real sockets', () => {
  let one: Run;
  beforeAll(async () => {
    one = await run(withProcesses(2));
  }, MINUTE);

  it('learns far above chance with an attacker in it and a loss in every phase', () => {
    const { report } = one;
    expect(report.outcome).toBe('finished');
    expect(report.rounds.map(({ round, void: lost, attempts }) => [round, lost, attempts])).toEqual([
      [1, false, 1],
      [2, false, 1],
      [3, false, 1],
    ]);
    // Chance is 0.25 for four equal classes.
    expect(report.finalAccuracy).toBeGreaterThan(0.8);
    expect(report.finalAccuracy).toBe(report.rounds.at(-1)?.accuracy);
    const phases = new Set(report.rounds.flatMap(({ dropped }) => dropped.map(({ phase }) => phase)));
    expect([...phases].sort()).toEqual(['consistency', 'keys', 'masked', 'shares', 'unmask']);
  });

  it('counts exactly those who had sent their masked input as survivors', () => {
    const early: readonly ClientPhase[] = ['keys', 'shares', 'masked'];
    for (const { cohort, survivors, dropped, excluded } of one.report.rounds) {
      expect(cohort).toHaveLength(20);
      expect(excluded).toEqual([]);
      const lost = dropped.filter(({ phase }) => early.includes(phase)).map(({ client }) => client);
      expect(survivors).toEqual(cohort.filter((client) => !lost.includes(client)));
    }
  });

  it('reports who is who, what was sent, and that it claims no privacy', () => {
    const { report } = one;
    expect(report).toMatchObject({
      stamp: 'seeded: no privacy claim',
      task: 'quick',
      seed: 1,
      profile: 'grouped',
      clients: 20,
      malicious: [{ attack: { kind: 'sign-flip', boost: 60 } }],
      versions: { protocol: 'sotto/1' },
    });
    expect(report.roster.map(({ name }) => name)).toContain(report.malicious[0]?.client);
    expect(new Set(report.roster.map(({ id }) => id)).size).toBe(20);
    const sizes = [0, 1, 2, 3, 4].map((group) => report.roster.filter((client) => client.group === group).length);
    expect(sizes).toEqual([4, 4, 4, 4, 4]);
    // The plan and the report deal groups by themselves: they must be those of the coordinator.
    const groups = new Map(report.roster.map(({ name, group }) => [name, group]));
    const told = one.events.flatMap((event) => (event.type === 'dropped' ? [event] : []));
    expect(told.map(({ client }) => groups.get(client))).toEqual(told.map(({ group }) => group));
    // 68 coordinates of 3 bytes from each, and the messages around them.
    for (const { bytesUp, bytesDown } of report.rounds) {
      expect(bytesUp).toBeGreaterThan(20 * 68 * 3);
      expect(bytesDown).toBeGreaterThan(20 * 68 * 4);
    }
    expect(JSON.parse(JSON.stringify(report))).toEqual(report);
  });

  it('tells the same story while it runs', () => {
    const rounds = one.events.flatMap((event) => (event.type === 'round' ? [event.entry] : []));
    expect(rounds).toEqual(one.report.rounds);
    const dropped = one.events.flatMap((event) => (event.type === 'dropped' ? [event.client] : []));
    expect(dropped.sort()).toEqual(one.report.rounds.flatMap((row) => row.dropped.map(({ client }) => client)).sort());
  });

  it(
    'comes to the same model again, under the same names, with another number of processes',
    async () => {
      const again = await run(withProcesses(1));
      expect(again.report.roster.map(({ id }) => id)).toEqual(one.report.roster.map(({ id }) => id));
      expect(again.report.modelHash).toBe(one.report.modelHash);
      expect(again.report.rounds.map(({ modelHash }) => modelHash)).toEqual(
        one.report.rounds.map(({ modelHash }) => modelHash),
      );
    },
    MINUTE,
  );

  it('adds nothing to the rehearsal but rounding to the grid', async () => {
    const rehearsed = await rehearse(config, { workers: 1 });
    rehearsed.forEach(({ accuracy, loss }, i) => {
      // 300 test points; a rounding error of 10 / 2^15 a coordinate moves a few of them at most.
      expect(Math.abs((one.report.rounds[i]?.accuracy ?? 0) - accuracy)).toBeLessThan(0.02);
      expect(Math.abs((one.report.rounds[i]?.loss ?? 0) - loss)).toBeLessThan(0.01);
    });
  });

  it(
    'ends early when asked to, with what it has',
    async () => {
      const stop = new AbortController();
      const long = { ...withProcesses(1), campaign: { ...config.campaign, rounds: 50 } };
      const report = await runSimulation(long, {
        signal: stop.signal,
        onEvent: (event) => {
          if (event.type === 'round') stop.abort();
        },
      });
      expect(report.outcome).toBe('stopped');
      expect(report.rounds.length).toBeGreaterThanOrEqual(1);
      expect(report.rounds.length).toBeLessThan(5);
    },
    MINUTE,
  );
});
