// Plays a campaign by hand: events in, the effects of the last one looked at. Not a test.

import { type ClientId, clientId, type Hash } from '../../protocol/ids.js';
import type { RoundFailure, RoundResult } from '../../protocol/round/types.js';
import { type TaskConfig, thresholdOf } from '../../protocol/task.js';
import { startCampaign, stepCampaign } from '../../server/campaign/campaign.js';
import type { CampaignEffect, CampaignEvent, CampaignSettings, CampaignState } from '../../server/campaign/types.js';
import { taskOf } from '../protocol/world.js';

export const client = (n: number): ClientId =>
  clientId(Uint8Array.from({ length: 32 }, (_, i) => (i === 0 ? (n * 37) & 255 : i === 1 ? n : 7)));
export const clients = (count: number, from = 0): ClientId[] =>
  Array.from({ length: count }, (_, i) => client(from + i));

export const SETTINGS: CampaignSettings = {
  rounds: 3,
  attemptsPerRound: 2,
  clients: { min: 4, waitMs: 1_000 },
  overSelection: 1,
  pauseMs: 100,
};
export const witnessed = new Set<string>();

/** A seeded generator of our own: mulberry32. */
export function seeded(seed: number): () => number {
  let a = seed;
  return () => {
    a = (a + 0x6d2b79f5) | 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
  };
}

export class Play {
  state: CampaignState;
  now = 0;
  effects: CampaignEffect[] = [];
  readonly all: CampaignEffect[] = [];

  constructor(config: TaskConfig, settings: Partial<CampaignSettings> = {}, random = seeded(1), lastRound = 0) {
    const threshold = config.profile === 'open' ? 1 : thresholdOf(config.group.size, config.group.colluders);
    const setup = { config, threshold, settings: { ...SETTINGS, ...settings }, random, lastRound, spent: [] };
    const first = startCampaign(setup, this.now);
    this.state = first.state;
    this.effects = [...first.effects];
    this.all.push(...first.effects);
  }

  do(event: CampaignEvent): this {
    const before = this.state.phase;
    const step = stepCampaign(this.state, event);
    if (before !== step.state.phase) witnessed.add(`${before} ${step.state.phase}`);
    this.state = step.state;
    this.effects = [...step.effects];
    this.all.push(...step.effects);
    return this;
  }

  join(...who: ClientId[]): this {
    const effects: CampaignEffect[] = [];
    for (const one of who) effects.push(...this.do({ type: 'joined', client: one, now: this.now }).effects);
    this.effects = effects;
    return this;
  }
  leave(...who: ClientId[]): this {
    for (const one of who) this.do({ type: 'left', client: one, now: this.now });
    return this;
  }
  tick(ms = 0): this {
    this.now += ms;
    return this.do({ type: 'tick', now: this.now });
  }
  done(voided: RoundResult['voided'] = []): this {
    return this.do({ type: 'done', result: resultOf(voided), now: this.now });
  }
  fail(failure: Partial<RoundFailure> = {}): this {
    const full: RoundFailure = {
      code: 'ROUND_QUORUM',
      phase: 'masked',
      text: 'x',
      culprits: [],
      retry: 'next-attempt',
      ...failure,
    };
    return this.do({ type: 'failed', failure: full, now: this.now });
  }
  publish(ms = 0): this {
    this.now += ms;
    return this.do({ type: 'published', now: this.now });
  }
  /** A whole round that goes well, from waiting to the next waiting. */
  round(): this {
    return this.tick().done().publish().tick(100);
  }
  effect<T extends CampaignEffect['type']>(type: T): Extract<CampaignEffect, { type: T }> | undefined {
    return this.effects.find((e): e is Extract<CampaignEffect, { type: T }> => e.type === type);
  }
  get members(): ClientId[] {
    return this.effect('start')?.groups.flatMap(({ members }) => members) ?? [];
  }
}

export const resultOf = (voided: RoundResult['voided'] = []): RoundResult => ({
  groups: [],
  voided,
  transcript: '0'.repeat(64) as Hash,
  facts: { done: [], voided: [] },
  commitNonce: '',
});
export const cohort = (size = 4): TaskConfig => taskOf({ size });
export const grouped = (size = 4, count = 3, f = 1): TaskConfig =>
  taskOf({ size, count, rule: { name: 'median', faulty: f } });
