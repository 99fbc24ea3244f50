// The dropout plan: what it promises for every request. Not here: whether real clients follow it (fleet.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { PHASES as ALL, dropoutsOf, type PlanRequest, planDropouts } from '../../simulations/fleet/plan.js';
import { Random } from '../../simulations/random.js';

/** Of a task without sketches. */
const PHASES = ALL.filter((phase) => phase !== 'sketch');
const requests = fc
  .record({
    groups: fc.integer({ min: 1, max: 7 }),
    size: fc.integer({ min: 2, max: 9 }),
    rounds: fc.integer({ min: 5, max: 15 }),
    perRound: fc.integer({ min: 1, max: 6 }),
    maxPerGroup: fc.integer({ min: 1, max: 3 }),
    seed: fc.integer(),
    honest: fc.integer({ min: 2, max: 63 }),
  })
  .map(({ groups, size, honest, seed, ...rest }) => {
    const clients = groups * size;
    const candidates = Random.fromSeed(seed).sample(clients, Math.min(clients, honest));
    const request: PlanRequest = {
      ...rest,
      firstRound: 1,
      phases: PHASES,
      candidates: [...candidates],
      groupOf: (client) => client % groups,
    };
    return { request, seed };
  });
const check = (holds: (request: PlanRequest, seed: number) => void): void =>
  fc.assert(
    fc.property(requests, ({ request, seed }) => holds(request, seed)),
    { seed: 20_261_123, numRuns: 200 },
  );

describe('the dropout plan', () => {
  it('loses no client twice in a round, none that may not leave, and no group more than allowed', () => {
    check((request, seed) => {
      const plan = planDropouts(request, Random.fromSeed(seed));
      for (let round = 1; round <= request.rounds; round++) {
        const lost = plan.filter((one) => one.round === round).map(({ client }) => client);
        expect(new Set(lost).size).toBe(lost.length);
        expect(lost.length).toBeLessThanOrEqual(request.perRound);
        for (const client of lost) expect(request.candidates).toContain(client);
        for (const client of lost) {
          const group = lost.filter((other) => request.groupOf(other) === request.groupOf(client));
          expect(group.length).toBeLessThanOrEqual(request.maxPerGroup);
        }
      }
    });
  });

  it('shows every phase, and none of them twice more often than another', () => {
    check((request, seed) => {
      const plan = planDropouts(request, Random.fromSeed(seed));
      const counts = PHASES.map((phase) => plan.filter((one) => one.phase === phase).length);
      expect(Math.min(...counts)).toBeGreaterThanOrEqual(1);
      expect(Math.max(...counts) - Math.min(...counts)).toBeLessThanOrEqual(1);
    });
  });

  it('loses exactly perRound where the groups have room for it', () => {
    const request: PlanRequest = {
      rounds: 6,
      firstRound: 2,
      perRound: 5,
      maxPerGroup: 1,
      phases: PHASES,
      candidates: Array.from({ length: 48 }, (_, i) => i),
      groupOf: (client) => client % 6,
    };
    const plan = planDropouts(request, Random.fromSeed(3));
    expect([1, 2, 3, 4, 5, 6].map((round) => plan.filter((one) => one.round === round).length)).toEqual([
      0, 5, 5, 5, 5, 5,
    ]);
  });

  it('is the same for the same seed and another for another', () => {
    const request: PlanRequest = {
      rounds: 8,
      firstRound: 1,
      perRound: 3,
      maxPerGroup: 2,
      phases: PHASES,
      candidates: Array.from({ length: 24 }, (_, i) => i),
      groupOf: (client) => client % 3,
    };
    const draw = (seed: number) => planDropouts(request, Random.fromSeed(seed));
    expect(draw(1)).toEqual(draw(1));
    expect(draw(1)).not.toEqual(draw(2));
  });

  it('refuses a run too short to show every phase, and says what to change', () => {
    const request: PlanRequest = {
      rounds: 2,
      firstRound: 1,
      perRound: 2,
      maxPerGroup: 2,
      phases: PHASES,
      candidates: [0, 1, 2, 3],
      groupOf: () => 0,
    };
    expect(() => planDropouts(request, Random.fromSeed(1))).toThrow(/4 dropouts cannot show 5 phases; raise/);
  });

  it('gives each client its own rounds only', () => {
    const plan = [
      { round: 1, client: 4, phase: 'keys' },
      { round: 3, client: 4, phase: 'unmask' },
      { round: 3, client: 5, phase: 'masked' },
    ] as const;
    expect([...dropoutsOf(plan, 4)]).toEqual([
      [1, 'keys'],
      [3, 'unmask'],
    ]);
  });
});
