// The campaign machine under any order of events. Not here: single stories, and that they take every edge (campaign.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import type { ErrorCode } from '../../protocol/errors.js';
import { CAMPAIGN_TRANSITIONS, type CampaignEvent } from '../../server/campaign/types.js';
import { client, clients, cohort, grouped, Play, resultOf } from './campaign-play.js';

describe('any order of events', () => {
  const anEvent: fc.Arbitrary<CampaignEvent> = fc.oneof(
    {
      weight: 12,
      arbitrary: fc.record({
        type: fc.constantFrom('joined' as const, 'left' as const),
        client: fc.nat(15).map(client),
        now: fc.constant(0),
      }),
    },
    {
      weight: 1,
      arbitrary: fc.record({
        type: fc.constant('offended' as const),
        client: fc.nat(15).map(client),
        code: fc.constantFrom<ErrorCode>('ROUND_BAD_VECTOR', 'ROUND_TOO_LATE'),
        now: fc.constant(0),
      }),
    },
    { weight: 12, arbitrary: fc.constant<CampaignEvent>({ type: 'tick', now: 0 }) },
    { weight: 3, arbitrary: fc.constant<CampaignEvent>({ type: 'done', result: resultOf(), now: 0 }) },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('failed' as const),
        failure: fc.record({
          code: fc.constant<ErrorCode>('ROUND_QUORUM'),
          phase: fc.constant('masked' as const),
          text: fc.constant('x'),
          culprits: fc.array(
            fc.record({ client: fc.nat(15).map(client), code: fc.constant<ErrorCode>('ROUND_BAD_UNMASK') }),
            { maxLength: 1 },
          ),
          retry: fc.constantFrom('next-attempt' as const, 'next-round' as const),
        }),
        now: fc.constant(0),
      }),
    },
    { weight: 3, arbitrary: fc.constant<CampaignEvent>({ type: 'published', now: 0 }) },
    {
      weight: 1,
      arbitrary: fc.constant<CampaignEvent>({ type: 'unpublished', code: 'ENGINE_FAILED', text: 'x', now: 0 }),
    },
    {
      weight: 2,
      arbitrary: fc.record({
        type: fc.constant('evaluated' as const),
        round: fc.nat(3),
        accuracy: fc.constantFrom(0.1, 0.95, Number.NaN),
        now: fc.constant(0),
      }),
    },
    { weight: 1, arbitrary: fc.constant<CampaignEvent>({ type: 'stop', reason: 'x', now: 0 }) },
    {
      weight: 1,
      arbitrary: fc.constant<CampaignEvent>({
        type: 'rollBack',
        wanted: { to: 0, by: 'anna', reason: 'poisoned' },
        now: 0,
      }),
    },
    {
      weight: 2,
      arbitrary: fc.record({ type: fc.constant('rolledBack' as const), done: fc.boolean(), now: fc.constant(0) }),
    },
  );

  it('keeps to the table; (round, attempt) only grows; nobody blamed or absent is ever started with; it ends once', () => {
    fc.assert(
      fc.property(fc.boolean(), fc.boolean(), fc.array(anEvent, { maxLength: 120 }), (inGroups, goal, events) => {
        const play = new Play(inGroups ? grouped(4, 3) : cohort(4), {
          rounds: 4,
          ...(goal ? { stopAt: { accuracy: 0.9 } } : {}),
        }).join(...clients(14));
        let last = 0;
        let ends = 0;
        let wantedRound = 0;
        const backs: number[] = [];
        for (const event of events) {
          const before = play.state;
          play.now += 300;
          play.do({ ...event, now: play.now });
          if (before.phase !== play.state.phase) {
            expect(CAMPAIGN_TRANSITIONS[before.phase] as readonly string[]).toContain(play.state.phase);
          }
          const back = play.effect('rollBack');
          if (back !== undefined) {
            // A number of its own: behind every attempt, and no attempt that is announced later has it.
            expect(back.round * 1_000).toBeGreaterThan(last);
            expect(back.round).toBeGreaterThan(backs.at(-1) ?? 0);
            wantedRound = back.round;
          }
          if (before.phase === 'rollingBack' && event.type === 'rolledBack' && event.done) backs.push(wantedRound);
          const start = play.effect('start');
          if (start !== undefined) expect(backs).not.toContain(start.round);
          if (start !== undefined) {
            const at = start.round * 1_000 + start.attempt;
            expect(at).toBeGreaterThan(last);
            last = at;
            expect(start.attempt).toBeLessThanOrEqual(2);
            const { pool, blamed } = play.state;
            expect(new Set(play.members).size).toBe(play.members.length);
            for (const one of play.members) expect(pool.has(one) && !blamed.has(one)).toBe(true);
          }
          if (play.effect('ended') !== undefined) ends++;
        }
        expect(ends).toBe(play.state.phase === 'ended' ? 1 : 0);
      }),
      { seed: 20, numRuns: 400 },
    );
  });
});
