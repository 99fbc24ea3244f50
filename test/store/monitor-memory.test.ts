// The monitor's state out of the audit log. Not here: what it makes of rounds (test/server/monitor.test.ts).

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import type { Json } from '../../protocol/task.js';
import { monitorFacts, monitorOf } from '../../server/audit/monitor-facts.js';
import { applyChange, project } from '../../server/audit/project.js';
import { MONITOR_DEFAULTS, openMonitor, stepMonitor } from '../../server/monitor/index.js';

describe("the monitor's memory", () => {
  it('comes back from the log as it was: suspicion, findings, quarantines, and who is banned', () => {
    const [one, two] = ['a1'.repeat(32), 'b2'.repeat(32)] as ClientId[];
    let state = openMonitor(MONITOR_DEFAULTS);
    const rows = new Map<string, Json>();
    const out = { type: 'excluded', phase: 'masked', code: 'ROUND_BAD_SIGNATURE', offence: true } as const;
    for (let round = 1; round <= 7; round++) {
      const step = stepMonitor(state, {
        round,
        // safe: both are named above
        clients: [
          { id: one!, group: 0, outcome: out },
          { id: two!, group: 0, outcome: round % 2 === 0 ? { type: 'survived' } : { type: 'dropped', phase: 'keys' } },
        ],
        groups: [],
        room: 2,
        proofs: round === 3 ? [{ client: two!, code: 'ROUND_BAD_UNMASK' }] : [],
        disagreement: 0.1 * round,
      });
      for (const fact of monitorFacts(state, step.state, step.events))
        for (const change of project(rows, { ...fact, seq: round })) applyChange(rows, change);
      state = step.state;
    }
    const suspect = state.clients.get(one!);
    expect([suspect?.quarantines, state.clients.get(two!)?.banned]).toEqual([1, true]);
    expect(
      monitorOf(
        JSON.parse(JSON.stringify([...rows])).reduce(
          (map: Map<string, Json>, [key, value]: [string, Json]) => map.set(key, value),
          new Map(),
        ),
        MONITOR_DEFAULTS,
      ),
    ).toEqual(state);
    expect(rows.get(`client/${one}`)).toMatchObject({ quarantinedUntil: suspect?.quarantinedUntil });
    expect(rows.get(`client/${two}`)).toMatchObject({ banned: true });
  });
});
