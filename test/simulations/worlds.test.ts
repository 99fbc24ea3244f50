// Bar 1 of operations.md in short: worlds of real coordinators and clients on virtual time, with faults from a seed. Long: npm run sim.

import { describe, expect, it } from 'vitest';
import { REPRODUCTIONS } from '../../simulations/reproductions.js';
import { type Plan, planOf, shrink, simulate } from '../../simulations/world/index.js';
import { hunt, PLANTED } from '../sim/planted.js';

/** A violation shows its plan, to be shrunk with: npm run sim -- --seed N --shrink. */
async function verdict(plan: Plan): Promise<string> {
  const { violations } = await simulate(plan);
  return violations.length === 0 ? 'nothing broke' : `${JSON.stringify(violations)} in ${JSON.stringify(plan)}`;
}

const SEEDS = 20;

describe('a federation in which everything goes wrong', () => {
  it(`breaks no promise in ${SEEDS} worlds`, { timeout: 120_000 }, async () => {
    for (let seed = 1; seed <= SEEDS; seed++) expect(await verdict(planOf(seed)), `seed ${seed}`).toBe('nothing broke');
  });

  it.each(REPRODUCTIONS)('no longer: $found', { timeout: 60_000 }, async ({ plan }) => {
    expect(await verdict(plan)).toBe('nothing broke');
  });

  it('is the same to the byte whenever it is played again, and another one with another seed', async () => {
    const prints = [];
    for (const seed of [3, 3, 4]) prints.push((await simulate(planOf(seed))).fingerprint);
    expect(prints[1]).toBe(prints[0]);
    expect(prints[2]).not.toBe(prints[0]);
  });

  it('commits every round with everybody in it while nothing goes wrong', async () => {
    const { settings } = planOf(5);
    const { committed, void: voided, violations } = await simulate({ settings, ops: [] });
    expect([committed, voided, violations]).toEqual([settings.rounds, 0, []]);
  });
});

describe('a bad night', () => {
  /** Everybody is cut off for five minutes of the world's time, soon after the start. */
  const night = (patient: boolean): Plan => {
    const { settings } = planOf(5);
    const clients = Array.from({ length: settings.clients }, (_, i) => i);
    const op = { at: 200, op: 'partition', clients, forMs: 300_000 } as const;
    return { settings: { ...settings, rounds: 40, attemptsPerRound: 1, windowMs: 4_000, patient }, ops: [op] };
  };

  it('ends a campaign that gives up after three setbacks', async () => {
    const { outcome, violations } = await simulate(night(false));
    expect([outcome, violations]).toEqual(['stalled', []]);
  });

  it('is outlived by one that does not: when the clients are back it commits every round that is left', {
    timeout: 60_000,
  }, async () => {
    const played = await simulate(night(true));
    expect([played.outcome, played.violations]).toEqual(['rounds', []]);
    // Pauses of 10, 20, 40… s: few rounds are spent on five minutes.
    expect(played.void).toBeGreaterThanOrEqual(3);
    expect(played.void).toBeLessThan(12);
    expect(played.committed).toBe(40 - played.void);
  });
});

describe('a bug that is there on purpose', () => {
  // All of them: npm run sim -- --planted.
  const quick = PLANTED.filter(({ bug }) =>
    /flushed|before its guard record|wiped|both shares|keeps nothing|after the record/.test(bug),
  );

  it.each(quick)('is found: $bug', { timeout: 60_000 }, async (planted) => {
    const { found, as } = await hunt(planted, 5);
    expect(found, as).toBeDefined();
  });

  it('breaks a seed in the same way whenever it is played, and shrinks to a plan that breaks so', {
    timeout: 60_000,
  }, async () => {
    const early = PLANTED.find(({ bug }) => /acknowledges a write/.test(bug));
    const { found = 1 } = await hunt(early ?? { bug: 'none' }, 5);
    const plan = planOf(found);
    const played = await simulate(plan, early?.seams?.());
    const [violation] = played.violations;
    expect(violation).toBeDefined();
    expect(await simulate(plan, early?.seams?.())).toEqual(played);
    const small = await shrink(plan, violation?.kind ?? '', early?.seams?.(), 20);
    expect(small.plan.ops.length).toBeLessThanOrEqual(2);
    expect(small.played.violations[0]?.kind).toBe(violation?.kind);
  });
});
