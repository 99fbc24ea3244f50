// The privacy budget in the campaign machine: reserved before a round is announced, settled before its model is published, and a hard
// stop before the round that would exceed it.

import { describe, expect, it } from 'vitest';
import type { ClientId, Hash } from '../../protocol/ids.js';
import { eventsInForce } from '../../protocol/privacy/ledger.js';
import type { RoundFailure } from '../../protocol/round/types.js';
import { deriveTask } from '../../protocol/task.js';
import { openSpending } from '../../server/campaign/budget.js';
import { startCampaign, stepCampaign } from '../../server/campaign/campaign.js';
import { checkCampaign } from '../../server/campaign/check.js';
import type { CampaignEffect, CampaignSetup, CampaignState } from '../../server/campaign/types.js';
import { privateTask } from '../privacy/tasks.js';
import { seeded } from '../protocol/world.js';

const client = (i: number): ClientId => i.toString(16).padStart(2, '0').repeat(32) as ClientId;
const setupOf = (epsilon: number, z = 2, spent: CampaignSetup['spent'] = []): CampaignSetup => {
  const config = privateTask({ size: 8, losses: 1, noiseMultiplier: z, budget: { epsilon, delta: 1e-5 } });
  const next = seeded(1);
  return {
    config,
    threshold: deriveTask(config).threshold,
    settings: { rounds: 50, attemptsPerRound: 2, clients: { min: 8, waitMs: 1_000 }, overSelection: 1, pauseMs: 0 },
    random: () => next(1_000) / 1_000,
    lastRound: 0,
    spent,
  };
};

class Play {
  state: CampaignState;
  readonly effects: CampaignEffect[] = [];
  readonly ids = Array.from({ length: 8 }, (_, i) => client(i));

  constructor(setup: CampaignSetup) {
    const first = startCampaign(setup, 0);
    this.state = first.state;
    this.effects.push(...first.effects);
    for (const id of this.ids) this.send({ type: 'joined', client: id, now: 0 });
  }
  send(event: Parameters<typeof stepCampaign>[1]): void {
    const step = stepCampaign(this.state, event);
    this.state = step.state;
    this.effects.push(...step.effects);
  }
  of<T extends CampaignEffect['type']>(type: T): Extract<CampaignEffect, { type: T }>[] {
    return this.effects.filter((e): e is Extract<CampaignEffect, { type: T }> => e.type === type);
  }
  /** One whole round that keeps so many survivors. */
  round(survivors = 8): void {
    this.send({ type: 'tick', now: 0 });
    if (this.state.phase !== 'running') return;
    const groups = [
      { group: 0, source: { type: 'sum', accumulator: 'a' } as const, survivors: this.ids.slice(0, survivors) },
    ];
    const facts = { done: [], voided: [] };
    const result = { groups, voided: [], transcript: '0'.repeat(64) as Hash, facts, commitNonce: '' };
    this.send({ type: 'done', result, now: 0 });
    this.send({ type: 'published', now: 0 });
    this.send({ type: 'tick', now: 0 });
  }
}

describe('a campaign with a privacy budget', () => {
  it('reserves the worst case with the start, and settles at the survivors that there were', () => {
    const play = new Play(setupOf(10));
    play.round(8);
    const [start] = play.of('start');
    const [publish] = play.of('publish');
    if (start === undefined || start.reservation === 'none' || publish === undefined || publish.settlement === 'none')
      throw new Error('nothing was reserved');
    expect(start.reservation).toMatchObject({
      entry: { type: 'reserved', id: 'test/1.1', events: [{ type: 'distributedGaussian', honestShares: 7 }] },
      members: { 0: play.ids },
    });
    expect(publish.settlement.entry.entry).toMatchObject({
      type: 'settled',
      id: 'test/1.1',
      events: [{ honestShares: 8 }],
    });
    // z = 2 for seven shares; eight are better by √(8/7). ε 1.99 is exact for z = 2, RDP lies above.
    const { privacy } = publish.settlement;
    expect(privacy.groups[0]?.multiplier).toBeCloseTo(2 * Math.sqrt(8 / 7), 2);
    expect(privacy.spent).toBeGreaterThan(1.8);
    expect(privacy.spent).toBeLessThan(2.2);
  });

  it('ends before the round that would exceed the budget, and says so', () => {
    // z = 4, δ = 1e-5: seven rounds cost less than 3 by RDP, eight more (calibration/roundsWithinBudget), at exactly the target noise.
    const play = new Play(setupOf(3, 4));
    for (let i = 0; i < 12; i++) play.round(7);
    expect(play.of('start')).toHaveLength(7);
    // Others might still come: it waits for them as for anybody, then it is over.
    play.send({ type: 'tick', now: 10_000 });
    expect(play.state).toMatchObject({ phase: 'ended', outcome: { type: 'budget', round: 7, code: 'PRIVACY_BUDGET' } });
    expect(play.of('farewell')).toHaveLength(8);
  });

  it('lives longer where survivors were more than the worst case, because realised noise is what counts', () => {
    const play = new Play(setupOf(3, 4));
    for (let i = 0; i < 12; i++) play.round(8);
    expect(play.of('start').length).toBeGreaterThan(7);
  });

  it('goes on after a crash with what was reserved: a round that was cut off counts at its worst', () => {
    const play = new Play(setupOf(3, 4));
    for (let i = 0; i < 6; i++) play.round(7);
    play.send({ type: 'tick', now: 0 });
    const spent = play.effects.flatMap((e) =>
      e.type === 'start' && e.reservation !== 'none'
        ? [e.reservation]
        : e.type === 'publish' && e.settlement !== 'none'
          ? [e.settlement.entry]
          : [],
    );
    expect(spent).toHaveLength(13);
    const again = new Play({ ...setupOf(3, 4, spent), lastRound: 7 });
    for (let i = 0; i < 3; i++) again.round(7);
    expect(again.of('start')).toHaveLength(0);
    again.send({ type: 'tick', now: 10_000 });
    expect(again.state).toMatchObject({ phase: 'ended', outcome: { type: 'budget' } });
  });

  it('a round that was announced and that nobody can pay to try again has an end, in the log like any other', () => {
    const play = new Play(setupOf(2, 4));
    const failure = {
      code: 'ROUND_QUORUM',
      phase: 'masked',
      text: 'test',
      culprits: [],
      retry: 'next-attempt',
    } as const;
    // An attempt that fails so late stays paid for.
    for (let now = 0; play.state.phase !== 'ended' && now < 1e6; now += 10_000) {
      play.send({ type: 'tick', now });
      if (play.state.phase === 'running') play.send({ type: 'failed', failure, now });
    }
    const last = play.of('start').at(-1);
    expect(play.state).toMatchObject({ phase: 'ended', outcome: { type: 'budget', round: last?.round } });
    expect(play.of('void').at(-1)).toMatchObject({ round: last?.round, attempts: last?.attempt });
    expect(last?.attempt).toBe(1);
  });

  it.each([
    ['keys', 0],
    ['masked', 1],
    ['unmask', 1],
  ] as const)('an attempt that fails in %s leaves %s events in force', (phase, left) => {
    const play = new Play(setupOf(10));
    play.send({ type: 'tick', now: 0 });
    const failure: RoundFailure = { code: 'ROUND_QUORUM', phase, text: 'test', culprits: [], retry: 'next-attempt' };
    play.send({ type: 'failed', failure, now: 0 });
    const { spending } = play.state;
    if (spending === 'none') throw new Error('no spending');
    for (const id of play.ids) {
      const ledger = spending.ledger.get(id);
      expect(ledger && eventsInForce(ledger)).toHaveLength(left);
    }
    expect(play.of('record')).toHaveLength(1 - left);
  });

  it('a task without privacy spends nothing', () => {
    const { config } = setupOf(1);
    expect(openSpending({ ...config, privacy: 'none' }, [])).toBe('none');
  });

  it('settings that cannot pay for one round are refused, naming the budget and what helps', () => {
    expect(() => checkCampaign(setupOf(1, 1))).toThrowError(
      expect.objectContaining({ code: 'PRIVACY_BUDGET', message: expect.stringContaining('noiseMultiplier') }),
    );
  });
});
