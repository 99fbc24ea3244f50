// A campaign that is not told to give up outlives any bad night: what it says, how long it waits, and what ends that. Pure.
// Not here: giving up (campaign.test.ts), what operators see of it (test/http).

import { describe, expect, it } from 'vitest';
import { MAX_SETBACK_PAUSE_MS, MIN_SETBACK_PAUSE_MS, SETBACKS_BEFORE_PAUSE } from '../../protocol/limits.js';
import type { CampaignSettings } from '../../server/campaign/types.js';
import { clients, cohort, Play } from './campaign-play.js';

const PAUSE_MS = 100;
const start = (settings: Partial<CampaignSettings> = {}): Play =>
  new Play(cohort(), { rounds: 1_000, attemptsPerRound: 1, pauseMs: PAUSE_MS, ...settings }).join(...clients(4));

/** A round that comes to nothing. @returns how long the campaign then pauses */
function voidRound(play: Play): number {
  play.tick().fail();
  const { state } = play;
  if (state.phase !== 'pausing') throw new Error(`it is ${state.phase}`);
  const pause = state.until - play.now;
  expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: state.until });
  return pause;
}

describe('void rounds in a row', () => {
  it('the first follow each other as always; then the pauses double, up to the longest, and no number of them ends it', () => {
    const play = start();
    const pauses: number[] = [];
    for (let i = 0; i < 20; i++) {
      pauses.push(voidRound(play));
      play.tick(pauses.at(-1));
    }
    const chance = Array(SETBACKS_BEFORE_PAUSE - 1).fill(PAUSE_MS);
    expect(pauses.slice(0, 7)).toEqual([...chance, 10_000, 20_000, 40_000, 80_000, 160_000]);
    expect(MIN_SETBACK_PAUSE_MS).toBe(10_000);
    expect(new Set(pauses.slice(7))).toEqual(new Set([MAX_SETBACK_PAUSE_MS]));
    expect(play.state).toMatchObject({ phase: 'waiting', round: 21, setbacks: 20 });
  });

  it('says so from the first pause that is longer than asked, with what went wrong last', () => {
    const play = start();
    for (const _ of [1, 2]) play.tick(voidRound(play));
    expect(play.all.filter(({ type }) => type === 'setback')).toEqual([]);
    voidRound(play);
    const text = 'round 3 is void: ROUND_QUORUM, x';
    expect(play.effect('setback')).toEqual({ type: 'setback', round: 3, inARow: 3, pauseMs: 10_000, text });
  });

  it('a pause that was asked for and is longer stays as it is', () => {
    const play = start({ pauseMs: 60_000 });
    const pauses = [1, 2, 3, 4, 5, 6].map(() => {
      const pause = voidRound(play);
      play.tick(pause);
      return pause;
    });
    expect(pauses).toEqual([60_000, 60_000, 60_000, 60_000, 60_000, 80_000]);
  });

  it('one good round, and the next void one is the first again', () => {
    const play = start();
    for (const _ of [1, 2, 3, 4]) play.tick(voidRound(play));
    play.round();
    expect(play.state.setbacks).toBe(0);
    expect(voidRound(play)).toBe(PAUSE_MS);
  });

  it('an operator who lets it go on does not wait for the rest of the pause', () => {
    const play = start();
    for (const _ of [1, 2, 3, 4]) play.tick(voidRound(play));
    voidRound(play);
    play.now += 1_000;
    play.do({ type: 'hold', hold: { type: 'none' }, now: play.now });
    expect(play.effects).toEqual([{ type: 'wakeAt', at: play.now + PAUSE_MS }]);
    expect(play.tick(PAUSE_MS).tick().effect('start')).toMatchObject({ round: 6 });
    play.fail();
    expect(play.state).toMatchObject({ phase: 'pausing', setbacks: 1, until: play.now + PAUSE_MS });
  });

  it('to pause it in the meantime changes nothing about the count, and it can still be stopped', () => {
    const play = start();
    for (const _ of [1, 2, 3]) play.tick(voidRound(play));
    voidRound(play);
    play.do({ type: 'hold', hold: { type: 'paused', by: 'a', reason: 'b' }, now: play.now });
    expect(play.state).toMatchObject({ phase: 'pausing', setbacks: 4 });
    play.do({ type: 'stop', reason: 'c', now: play.now });
    expect(play.effect('ended')?.outcome).toEqual({ type: 'stopped', round: 4, reason: 'c' });
  });

  it('the last round ends the campaign as always, with no pause behind it', () => {
    const play = start({ rounds: 4 });
    for (const _ of [1, 2, 3]) play.tick(voidRound(play));
    play.tick().fail();
    expect(play.effect('setback')).toBeUndefined();
    expect(play.effect('ended')?.outcome).toEqual({ type: 'rounds', round: 4 });
  });
});

describe('nobody comes', () => {
  it('it waits for ever, says so each time, and starts the moment that enough are there', () => {
    const play = new Play(cohort()).join(...clients(2));
    for (let i = 1; i <= 50; i++) {
      play.tick(1_000);
      expect(play.effect('setback')).toMatchObject({ round: 1, inARow: i, pauseMs: 0 });
      expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: play.now + 1_000 });
    }
    play.join(...clients(2, 2));
    expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: play.now });
    expect(play.tick().effect('start')).toMatchObject({ round: 1, attempt: 1 });
  });

  it('a wait that an operator begins anew is the first again', () => {
    const play = new Play(cohort()).join(...clients(2));
    for (let i = 0; i < 5; i++) play.tick(1_000);
    play.do({ type: 'hold', hold: { type: 'none' }, now: play.now });
    expect(play.state).toMatchObject({ phase: 'waiting', setbacks: 0 });
  });
});
