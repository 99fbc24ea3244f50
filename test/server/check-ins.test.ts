// What a check-in costs the campaign where thousands are there. Not here: what it decides (campaign.test.ts), seconds (bar `crowd`).

import { expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { thresholdOf } from '../../protocol/task.js';
import { startCampaign, stepCampaign } from '../../server/campaign/campaign.js';
import type { CampaignState } from '../../server/campaign/types.js';
import { taskOf } from '../protocol/tasks.js';

class Counted extends Set<ClientId> {
  looks = 0;
  override has(one: ClientId): boolean {
    this.looks++;
    return super.has(one);
  }
  override *[Symbol.iterator](): SetIterator<ClientId> {
    for (const one of super.values()) {
      this.looks++;
      yield one;
    }
  }
}

it.each([4, 2_000])(
  '2,000 check-ins look at each other a few times, not 2,000 times each (%i are waited for)',
  (min) => {
    const setup = {
      config: taskOf({ size: 4 }),
      threshold: thresholdOf(4, 0),
      settings: { rounds: 1, attemptsPerRound: 1, clients: { min, waitMs: 1e9 }, overSelection: 1, pauseMs: 0 },
      random: () => 0.5,
      lastRound: 0,
      spent: [],
    };
    const pool = new Counted();
    let state: CampaignState = startCampaign(setup, 0).state;
    // Else the first four would start a round.
    ({ state } = stepCampaign(state, { type: 'hold', hold: { type: 'paused', by: 'me', reason: 'storm' }, now: 0 }));
    state = { ...state, pool };
    for (let n = 0; n < 2_000; n++) {
      const client = n.toString(16).padStart(64, '0') as ClientId;
      ({ state } = stepCampaign(state, { type: 'joined', client, now: 0 }));
    }
    expect(pool.size).toBe(2_000);
    expect(pool.looks).toBeLessThan(20 * 2_000);
  },
);
