// What a campaign refuses: too many clients, settings that cannot work, and when it tells clients to come back. Pure.

import { describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { MAX_POOL, MAX_RETRY_AFTER_MS, MIN_RETRY_AFTER_MS } from '../../protocol/limits.js';
import { type TaskConfig, thresholdOf } from '../../protocol/task.js';
import { checkCampaign } from '../../server/campaign/check.js';
import type { CampaignSettings } from '../../server/campaign/types.js';
import { client, clients, cohort, grouped, Play, SETTINGS } from './campaign-play.js';

describe('pace steering', () => {
  it('spreads those turned away over one round time, one round time from now, each always alike', () => {
    const play = new Play(grouped(4, 3), { pauseMs: 0 }).join(...clients(12)).tick();
    play.now += 19_000;
    play.done().publish(); // the mean of 1 s (the first guess) and 19 s: 10 s
    const delays = clients(64, 100).map((one) => play.join(one).effect('reject')?.retryAfterMs ?? 0);
    expect(Math.min(...delays)).toBeGreaterThanOrEqual(10_000);
    expect(Math.max(...delays)).toBeLessThan(20_000);
    expect(new Set(delays).size).toBeGreaterThan(32);
    expect(clients(64, 100).map((one) => play.join(one).effect('reject')?.retryAfterMs ?? 0)).toEqual(delays);
  });
});

describe('limits', () => {
  it('the pool has room for MAX_POOL clients; one more is told to come back, one of them may check in again', () => {
    const play = new Play(cohort());
    for (let i = 0; i < MAX_POOL; i++) play.state.pool.add(i.toString(16).padStart(64, '0') as ClientId);
    expect(play.join(client(1)).effect('reject')).toMatchObject({ code: 'SESSION_BUSY' });
    expect(play.join('0'.repeat(64) as ClientId).effect('accept')).toBeDefined();
  });

  it.each([
    ['an hour-long round', 7_200_000, MAX_RETRY_AFTER_MS / 2, MAX_RETRY_AFTER_MS],
    ['a round of no time', 0, MIN_RETRY_AFTER_MS, 2 * MIN_RETRY_AFTER_MS],
  ])('%s: a rejected client is still told a sensible time', (_, ms, least, most) => {
    const config = grouped(4, 3);
    const masked = { ...config.windows.masked, time: { min: 0, max: ms || 1 } };
    const play = new Play({ ...config, windows: { ...config.windows, masked } }, { pauseMs: 0 })
      .join(...clients(12))
      .tick();
    for (const one of clients(50, 100)) {
      const wait = play.join(one).effect('reject')?.retryAfterMs ?? 0;
      expect(wait).toBeGreaterThanOrEqual(least);
      expect(wait).toBeLessThanOrEqual(most);
    }
  });
});

describe('settings that cannot work', () => {
  const check = (settings: Partial<CampaignSettings>, config = cohort(10)) => {
    const setup = {
      config,
      threshold: thresholdOf(config.group.size, config.group.colluders),
      random: () => 0,
      lastRound: 0,
      spent: [],
    };
    return () => checkCampaign({ ...setup, settings: { ...SETTINGS, ...settings } });
  };
  it.each<[string, Partial<CampaignSettings>, TaskConfig?]>([
    ['campaign.rounds', { rounds: 0 }],
    ['campaign.attemptsPerRound', { attemptsPerRound: 1.5 }],
    ['campaign.clients.min', { clients: { min: 0, waitMs: 1 } }],
    ['campaign.clients.waitMs', { clients: { min: 1, waitMs: Number.NaN } }],
    ['campaign.pauseMs', { pauseMs: -1 }],
    ['campaign.giveUpAfter', { giveUpAfter: 0 }],
    ['campaign.overSelection', { overSelection: 0.9 }],
    ['campaign.overSelection', { overSelection: 1.2 }, grouped()],
    ['campaign.stopAt.accuracy', { stopAt: { accuracy: 1.1 } }],
  ])('%s is refused by name: %j', (field, settings, config) => {
    expect(check(settings, config)).toThrow(expect.objectContaining({ code: 'CONFIG_INVALID', details: { field } }));
  });
  it('good ones pass', () => {
    expect(check({})).not.toThrow();
    expect(check({ overSelection: 1.3 })).not.toThrow();
  });
});
