// Who is left out before a sum is opened: filters first, then the monitor, each group on its own budget. Real filters, real monitor.
// Not here: the tests of either (selection.test.ts, monitor.test.ts), the round that carries it out (simulations/monitor-path.test.ts).

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import type { Candidate } from '../../protocol/round/types.js';
import type { SelectionSpec } from '../../protocol/selection.js';
import { decideMembership } from '../../server/driver/membership.js';
import { MONITOR_DEFAULTS, openMonitor, screen } from '../../server/monitor/index.js';
import { Random } from '../../simulations/random.js';

const id = (i: number): ClientId => i.toString(16).padStart(64, '0') as ClientId;
const K = 48;
const FILTERS: SelectionSpec = [
  { name: 'norm', bound: 1e9, slack: 1 },
  { name: 'distance', faulty: 2, centre: { name: 'median' }, factor: 8 },
];

interface Scene {
  readonly factor: (client: number) => number;
  readonly budget: number;
  readonly groups?: number;
  readonly clients?: number;
}
/** Sketches of updates that share a direction; client i's is `factor(i)` times as long as it would be. */
function candidates({ factor, budget, groups = 1, clients = 48 }: Scene): Candidate[] {
  const random = Random.fromSeed('membership');
  const common = Float64Array.from({ length: K }, () => random.normal());
  return Array.from({ length: clients }, (_, i) => {
    const own = random.fork(i);
    const sketch = Int32Array.from(common, (x) => Math.round(1000 * factor(i) * (x + 0.4 * own.normal())));
    return { client: id(i), group: i % groups, sketch, budget };
  });
}
const decide = (scene: Scene, exclude = true) =>
  decideMembership(candidates(scene), FILTERS, (seen) =>
    screen(openMonitor({ ...MONITOR_DEFAULTS, exclude }), { round: 1, ...seen }),
  );

describe('membership of a round', () => {
  it('has one reason for each who is out, in plain words with what was measured', () => {
    // 3: ten times as long, for the filter. 7: backwards, near the centre as lengths go, for the monitor.
    const { out, why, screening } = decide({ factor: (i) => (i === 3 ? 10 : i === 7 ? -1 : 1), budget: 5 });
    expect(out).toEqual([id(3), id(7)]);
    expect(why.get(id(3))).toMatch(
      /^its update is \d+\.\d times as far from the centre of all as usual \(at most 8\)$/,
    );
    expect(why.get(id(7))).toMatch(/its cosine with the centre is -0\.\d+/);
    expect(screening.events.map(({ client }) => client)).toEqual([id(7)]);
    // Both are findings, whoever acted: the ledger is the monitor's.
    expect(new Set(screening.findings.map(({ client }) => client))).toEqual(new Set([id(3), id(7)]));
  });

  it('never loses more of a group than it can: filters have the first claim, the monitor what is left, the rest is named', () => {
    const bad = (i: number): number => (i === 0 || i === 2 ? 10 * (i + 1) : i === 4 || i === 1 ? -1 : 1);
    // Group 0: 0 and 2 for the filter, 4 for the monitor; group 1: 1 for the monitor. One of each group may go.
    const { out, selection, screening } = decide({ factor: bad, budget: 1, groups: 2 });
    expect(out).toEqual([id(2), id(1)]);
    expect(selection.excluded.map((one) => one.id)).toEqual([id(2)]);
    expect(selection.spared.map((one) => one.id)).toEqual([id(0)]);
    expect(selection.accepted).toContain(id(0));
    // The monitor would leave 0 out as well, and says so; what the filter could not it cannot either.
    const spared = screening.events.filter(({ type }) => type === 'spared').map(({ client }) => client);
    expect(spared).toContain(id(4));
    expect(spared).not.toContain(id(2));
  });

  it('is everybody where no budget is left, and where the monitor may only look the filters alone decide', () => {
    const factor = (i: number): number => (i === 3 ? 10 : i === 7 ? -1 : 1);
    expect(decide({ factor, budget: 0 }).out).toEqual([]);
    const looking = decide({ factor, budget: 5 }, false);
    expect(looking.out).toEqual([id(3)]);
    expect(looking.screening.findings.some(({ client }) => client === id(7))).toBe(true);
  });
});
