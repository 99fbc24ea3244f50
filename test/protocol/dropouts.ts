// Loses clients of a round in memory by plan and checks how it ends against an oracle that knows nothing of the machines: it only
// counts. Real masks, real shares, real signatures. Not a test: dropout-matrix.test.ts has the everyday part, test/slow the whole.

import { expect } from 'vitest';
import { deriveTask, type TaskConfig, WAITING_PHASES, type WaitingPhase } from '../../protocol/task.js';
import { dropAt, type Outcome, openedLevels, plainLevels, seeded, taskOf, World } from './world.js';

type Plan = ReadonlyMap<number, WaitingPhase>;

/** Who survives, or which phase runs short, by counting alone. */
function oracle(n: number, t: number, plan: Plan): { survivors: number[] } | { short: WaitingPhase } {
  let alive = Array.from({ length: n }, (_, i) => i);
  let survivors: number[] = [];
  for (const phase of WAITING_PHASES) {
    alive = alive.filter((i) => plan.get(i) !== phase);
    if (alive.length < t) return { short: phase };
    if (phase === 'masked') survivors = alive; // lost later, they still are in the sum
  }
  return { survivors };
}

function check(config: TaskConfig, plan: Plan, outcome: Outcome): void {
  const { threshold, encoding } = deriveTask(config);
  const expected = oracle(config.group.size, threshold, plan);
  const label = JSON.stringify([...plan]);
  if ('short' in expected) {
    expect(outcome.result, label).toBeUndefined();
    expect(outcome.failure?.code, label).toBe('ROUND_QUORUM');
    expect(outcome.failure?.phase, label).toBe(expected.short);
    expect(outcome.failure?.culprits, label).toEqual([]);
    expect(outcome.sums.size, label).toBe(0); // nothing is kept, let alone opened
  } else {
    const [group] = outcome.result?.groups ?? [];
    const names = expected.survivors.map((i) => outcome.members[i]?.identity.id);
    expect(group?.survivors, label).toEqual(names);
    const sum = outcome.sums.get(group?.source.type === 'sum' ? group.source.accumulator : '');
    expect(openedLevels(sum ?? new Uint32Array(), encoding.ring), label).toEqual(
      plainLevels(outcome.members, group?.survivors ?? []),
    );
  }
  const dropped = outcome.facts.flatMap((f) =>
    f.type === 'dropped' ? [[outcome.members.findIndex((m) => m.identity.id === f.client), f.phase] as const] : [],
  );
  // Everyone who dropped out before the round ended is named with its phase, and nobody else is.
  const ended = 'short' in expected ? WAITING_PHASES.indexOf(expected.short) : WAITING_PHASES.length;
  const due = [...plan].filter(([, phase]) => WAITING_PHASES.indexOf(phase) <= ended);
  const atOnce = 'short' in expected && (expected.short === 'consistency' || expected.short === 'unmask');
  if (atOnce) {
    // Nobody comes back to these, so they end with the first loss too many: whoever was to be lost after it never was.
    const named = due.filter(([client, phase]) => phase !== expected.short || new Map(dropped).has(client));
    expect(new Map(dropped), label).toEqual(new Map(named));
    expect(named.length, label).toBeGreaterThan(config.group.size - threshold);
  } else expect(new Map(dropped), label).toEqual(new Map(due));
  expect(outcome.refused, label).toEqual([]);
}

const run = (config: TaskConfig, plan: Plan, seed?: number): Outcome =>
  new World({ config, tamper: dropAt(plan), ...(seed === undefined ? {} : { pick: seeded(seed) }) }).start().run();

/** Every subset of n clients lost at every single phase. */
export function everySubset(n: number): void {
  const config = taskOf({ size: n });
  for (const phase of WAITING_PHASES)
    for (let subset = 0; subset < 2 ** n; subset++) {
      const plan = new Map([...Array(n).keys()].filter((i) => (subset >> i) & 1).map((i) => [i, phase] as const));
      check(config, plan, run(config, plan));
    }
}

/** Every assignment of n clients to phases, each lost at its own, or one in `stride` of them. @returns different runs */
export function everyAssignment(n: number, stride = 1): number {
  const config = taskOf({ size: n });
  const { threshold } = deriveTask(config);
  let found = 0;
  let ran = 0;
  for (let code = 0; code < 6 ** n; code++) {
    const plan = new Map<number, WaitingPhase>();
    for (let i = 0, rest = code; i < n; i++, rest = Math.floor(rest / 6)) {
      const phase = WAITING_PHASES[rest % 6];
      if (phase !== undefined) plan.set(i, phase);
    }
    // Who would be lost only after the round has run short is not lost: that plan is run without it, under another code.
    const expected = oracle(n, threshold, plan);
    const last = 'short' in expected ? WAITING_PHASES.indexOf(expected.short) : WAITING_PHASES.length;
    if ([...plan.values()].some((phase) => WAITING_PHASES.indexOf(phase) > last)) continue;
    if (found++ % stride !== 0) continue;
    check(config, plan, run(config, plan, code));
    ran++;
  }
  return ran;
}

/** N = 8 … 40: rings 16, 24 and 32, in the first of ten trials several chunks, any message order. */
export function atRandom(trials: number): void {
  const random = seeded(20_261_123);
  for (let trial = 0; trial < trials; trial++) {
    const n = 8 + random(33);
    const bits = [8, 8, 12, 16, 26][random(5)] as number;
    const base = taskOf({ size: n, colluders: random(2), dimension: trial % 10 === 0 ? 150_001 : 1 + random(40) });
    // Keep the grid step 2^-7: levels grow, the range with them.
    const config: TaskConfig = {
      ...base,
      encoding: { ...base.encoding, bits, range: (2 ** (bits - 1) - 1) / 128 },
      prg: trial % 4 === 3 ? 'chacha20' : 'aes256ctr',
    };
    const { threshold } = deriveTask(config);
    const plan = new Map<number, WaitingPhase>();
    const losses = random(n - threshold + 2); // now and then one more than the group can bear
    while (plan.size < losses) plan.set(random(n), WAITING_PHASES[random(5)] as WaitingPhase);
    check(config, plan, run(config, plan, trial));
  }
}
