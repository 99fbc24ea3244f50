// The campaign machine: pure, so time and chance are arguments. Every edge of its table is witnessed (last test).
// Not here: rounds themselves (test/protocol), sockets (end-to-end.test.ts).

import { afterAll, describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import type { RoundFailure } from '../../protocol/round/types.js';
import { thresholdOf } from '../../protocol/task.js';
import { CAMPAIGN_TRANSITIONS } from '../../server/campaign/types.js';
import { taskOf } from '../protocol/world.js';
import { client, clients, cohort, grouped, Play, seeded, witnessed } from './campaign-play.js';

describe('waiting for clients', () => {
  it('a round starts the moment the least number is there, not before', () => {
    const play = new Play(cohort()).join(...clients(3)).tick();
    expect(play.effect('start')).toBeUndefined();
    play.join(client(3));
    expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: 0 });
    expect(play.tick().effect('start')).toMatchObject({ round: 1, attempt: 1 });
    expect([...play.members].sort()).toEqual(clients(4).sort());
  });

  it('a client that leaves before the tick is not counted', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .leave(client(0))
      .tick();
    expect(play.state.phase).toBe('waiting');
    expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: 1_000 });
  });

  it('after the wait it starts with those who are there, if the threshold allows it', () => {
    const play = new Play(cohort()).join(...clients(3)).tick(1_000);
    expect(play.members).toHaveLength(3); // t = 3 of 4
  });

  it('where it gives up after three setbacks, three waits with too few end the campaign as stalled, and say why', () => {
    const play = new Play(cohort(), { giveUpAfter: 3 })
      .join(...clients(2))
      .tick(1_000)
      .tick(1_000);
    expect(play.state.phase).toBe('waiting');
    play.tick(1_000);
    expect(play.effect('ended')?.outcome).toMatchObject({ type: 'stalled', round: 0, code: 'CAMPAIGN_STALLED' });
    expect(play.effect('ended')?.outcome).toMatchObject({
      text: expect.stringContaining('2 clients are here, a round needs at least 3'),
    });
    expect(play.effects.filter(({ type }) => type === 'farewell')).toHaveLength(2);
  });

  it('clients.min below what a round needs is no reason to call it a stall before the time is up', () => {
    const play = new Play(cohort(), { clients: { min: 2, waitMs: 1_000 } }).join(...clients(2));
    for (let i = 0; i < 5; i++) play.tick();
    expect(play.state).toMatchObject({ phase: 'waiting', setbacks: 0 });
    expect(play.join(client(2)).tick().members).toHaveLength(3);
  });

  it('nor is it, where groups are dealt, that enough are here and no group has its members', () => {
    const play = new Play(grouped(), { clients: { min: 4, waitMs: 1_000 }, pauseMs: 0 }).join(...clients(12)).tick();
    const groups = play.effect('start')?.groups ?? [];
    play.done().publish();
    // Two of each group stay: as many as one group has members.
    play.leave(...groups.flatMap(({ members }) => members.slice(2)));
    for (let i = 0; i < 5; i++) play.tick();
    expect(play.state).toMatchObject({ phase: 'waiting', setbacks: 0 });
    expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: 1_000 });
  });

  it('a good round takes earlier vain waits off the count', () => {
    const play = new Play(cohort())
      .join(...clients(2))
      .tick(1_000)
      .tick(1_000)
      .join(...clients(2, 2))
      .round();
    expect(play.state).toMatchObject({ phase: 'waiting', setbacks: 0 });
  });

  it('every accepted client is told the round to come', () => {
    const play = new Play(cohort()).join(...clients(5));
    expect(play.effects.filter(({ type }) => type === 'accept')).toHaveLength(5);
    play.tick().done().publish();
    expect(play.join(client(9)).effect('accept')).toEqual({ type: 'accept', client: client(9), round: 2 });
  });
});

describe('one cohort, sampled for each attempt', () => {
  it('over-selection invites ceil(size × factor), never a client twice', () => {
    const play = new Play(cohort(10), { overSelection: 1.25, clients: { min: 30, waitMs: 1 } })
      .join(...clients(30))
      .tick();
    expect(play.members).toHaveLength(13);
    expect(new Set(play.members).size).toBe(13);
  });

  it('a roster is never so long that the same round could be opened twice: 2t > n + a', () => {
    const config = taskOf({ size: 10, colluders: 2 });
    const play = new Play(config, { overSelection: 2, clients: { min: 30, waitMs: 1 } }).join(...clients(30)).tick();
    expect(2 * thresholdOf(10, 2)).toBeGreaterThan(play.members.length + 2);
    expect(2 * thresholdOf(10, 2)).toBeLessThanOrEqual(play.members.length + 3);
  });

  it('the same seed gives the same cohorts, whatever the order of arrival; another seed gives others', () => {
    const cohorts = (order: ClientId[], seed: number): ClientId[][] => {
      const play = new Play(cohort(4), { clients: { min: 20, waitMs: 1 } }, seeded(seed)).join(...order);
      return [0, 1].map(() => {
        const { members } = play.tick();
        play.done().publish().tick(100);
        return members;
      });
    };
    const everybody = clients(20);
    expect(cohorts(everybody, 5)).toEqual(cohorts([...everybody].reverse(), 5));
    expect(cohorts(everybody, 5)).not.toEqual(cohorts(everybody, 6));
    const [first, second] = cohorts(everybody, 5);
    expect(first).not.toEqual(second);
  });

  it('draws nobody more often than chance allows (10,000 draws of 4 from 10, false alarm below 1e-6)', () => {
    const random = seeded(42);
    const play = new Play(cohort(4), { rounds: 10_001, clients: { min: 10, waitMs: 1 }, pauseMs: 0 }, random).join(
      ...clients(10),
    );
    const seen = new Map<ClientId, number>();
    for (let i = 0; i < 10_000; i++) {
      for (const one of play.tick().members) seen.set(one, (seen.get(one) ?? 0) + 1);
      play.done().publish().tick();
    }
    // Each: 4,000 expected, σ = √(10,000 × 0.4 × 0.6) = 49; 6σ.
    for (const count of seen.values()) expect(Math.abs(count - 4_000)).toBeLessThan(6 * 49);
  });

  it('in the open profile the rule must stand the number of clients that are there', () => {
    const config = taskOf({ size: 5, profile: 'open', rule: { name: 'trimmed-mean', faulty: 2 } });
    const play = new Play(config, { clients: { min: 4, waitMs: 10 } }).join(...clients(4)).tick();
    expect(play.effect('start')).toBeUndefined();
    expect(play.join(client(4)).tick().members).toHaveLength(5);
  });
});

describe('groups, dealt once', () => {
  it('waits for every seat, deals equal groups, and keeps them in every round', () => {
    const play = new Play(grouped(), { clients: { min: 4, waitMs: 1_000 } }).join(...clients(11)).tick();
    expect(play.effect('start')).toBeUndefined();
    const first = play.join(client(11)).tick().effect('start')?.groups;
    expect(first?.map(({ members }) => members.length)).toEqual([4, 4, 4]);
    for (const { members } of first ?? []) expect(members).toEqual([...members].sort());
    const second = play.done().publish().tick(100).tick().effect('start')?.groups;
    expect(second).toEqual(first);
  });

  it('deals those who are there when the wait is over, if every group can have its threshold', () => {
    const few = new Play(grouped()).join(...clients(8)).tick(1_000);
    expect(few.state).toMatchObject({ phase: 'waiting', seating: { type: 'undealt' }, setbacks: 1 });
    const play = new Play(grouped()).join(...clients(10)).tick(1_000);
    expect(play.effect('start')?.groups.map(({ members }) => members.length)).toEqual([4, 3, 3]);
  });

  it('a client that comes after the deal is reserve: told to come back, also when a seat is empty', () => {
    const play = new Play(grouped())
      .join(...clients(12))
      .tick()
      .leave(client(0));
    expect(play.join(client(50)).effect('reject')).toMatchObject({ client: client(50), code: 'SESSION_BUSY' });
    expect(play.join(client(0)).effect('accept')).toBeDefined();
  });

  it('members who are away are left out of the roster while the threshold stands; below it the group sits out', () => {
    const config = grouped(4, 4);
    const play = new Play(config, { clients: { min: 16, waitMs: 1_000 } }).join(...clients(16));
    const groups = play.tick().effect('start')?.groups ?? [];
    const [a, b] = [groups[0]?.members ?? [], groups[1]?.members ?? []];
    play
      .done()
      .publish()
      .tick(100)
      .leave(...a.slice(0, 1), ...b.slice(0, 2))
      .tick();
    expect(play.effect('start')).toBeUndefined(); // not everybody is here: wait
    const next = play.tick(1_000).effect('start')?.groups;
    expect(next?.map(({ id, members }) => `${id}:${members.length}`)).toEqual(['0:3', '2:4', '3:4']);
  });

  it('does not start when the groups left cannot keep 2f < groups', () => {
    const play = new Play(grouped(4, 3, 1)).join(...clients(12));
    const groups = play.tick().effect('start')?.groups ?? [];
    play
      .done()
      .publish()
      .tick(100)
      .leave(...(groups[1]?.members.slice(0, 2) ?? []))
      .tick(1_000);
    expect(play.state).toMatchObject({ phase: 'waiting', setbacks: 1 });
    expect(play.effect('start')).toBeUndefined();
  });

  it('does not wait for proven culprits', () => {
    const play = new Play(grouped(4, 4), { clients: { min: 16, waitMs: 1_000 } }).join(...clients(16)).tick();
    play.fail({ culprits: [{ client: client(3), code: 'ROUND_LYING_COMMITMENT' }] });
    expect(play.effect('wakeAt')).toEqual({ type: 'wakeAt', at: 0 });
    expect(play.tick().members).toHaveLength(15);
  });
});

describe('failed attempts', () => {
  it('next-attempt: the same round again, until the attempts are used up; then the round is void', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .fail();
    expect(play.state).toMatchObject({ phase: 'waiting', round: 1, attempt: 2 });
    play.tick().fail();
    expect(play.effect('void')).toEqual({
      type: 'void',
      round: 1,
      attempts: 2,
      code: 'ROUND_QUORUM',
      text: 'x',
      handedBack: false,
    });
    expect(play.tick(100).tick().effect('start')).toMatchObject({ round: 2, attempt: 1 });
  });

  it('next-round: nobody is asked to mask for this round again, whatever attempts are left', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .fail({ retry: 'next-round' });
    expect(play.effect('void')).toMatchObject({ round: 1, attempts: 1 });
    expect(play.tick(100).tick().effect('start')).toMatchObject({ round: 2, attempt: 1 });
  });

  it('where it gives up after three setbacks, three void rounds in a row end the campaign', () => {
    const play = new Play(cohort(), { rounds: 9, attemptsPerRound: 1, giveUpAfter: 3 }).join(...clients(4));
    for (const round of [1, 2]) {
      play.tick().fail();
      expect(play.effect('void')).toMatchObject({ round });
      play.tick(100);
    }
    play.tick().fail();
    expect(play.effects.map(({ type }) => type)).toEqual(['void', ...Array(4).fill('farewell'), 'ended']);
    expect(play.effect('ended')?.outcome).toMatchObject({ type: 'stalled', round: 3 });
  });

  it('proven culprits sit out for good, and are told so when they come back', () => {
    const play = new Play(cohort()).join(...clients(5)).tick();
    play.fail({ culprits: [{ client: client(1), code: 'ROUND_LYING_COMMITMENT' }] });
    expect(play.effect('blame')).toEqual({ type: 'blame', client: client(1), code: 'ROUND_LYING_COMMITMENT' });
    expect(play.join(client(1)).effect('reject')).toMatchObject({ code: 'SESSION_EXCLUDED' });
    expect(play.tick().members).not.toContain(client(1));
    play.done().publish().tick(100);
    expect(play.tick().members).not.toContain(client(1));
  });

  it('culprits of a void group are blamed although the round went on', () => {
    const play = new Play(grouped(4, 4)).join(...clients(16)).tick();
    const failure: RoundFailure = {
      code: 'ROUND_LYING_COMMITMENT',
      phase: 'unmask',
      text: 'x',
      culprits: [{ client: client(2), code: 'ROUND_LYING_COMMITMENT' }],
      retry: 'next-round',
    };
    play.done([{ group: 0, failure }]);
    expect(play.effects.map(({ type }) => type)).toEqual(['blame', 'publish']);
  });

  it('a quarantined client sits out the rounds of its quarantine, and may be in the one after', () => {
    const play = new Play(cohort(), { rounds: 4 })
      .join(...clients(5))
      .tick()
      .done();
    play
      .do({ type: 'quarantined', client: client(0), until: 3, now: 0 })
      .publish()
      .tick(100);
    for (const round of [2, 3]) {
      expect(play.tick().effect('start')).toMatchObject({ round });
      expect(play.members).not.toContain(client(0));
      play.done().publish().tick(100);
    }
    expect(play.state.quarantined.size).toBe(0);
    expect(play.state.sittingOut.size).toBe(0);
  });

  it('an offender sits out the further attempts of the round, and may be in the next one', () => {
    const play = new Play(cohort()).join(...clients(5)).tick();
    play.do({ type: 'offended', client: client(0), code: 'WIRE_MALFORMED', now: 0 }).fail();
    expect(play.tick().members).not.toContain(client(0));
    play.done().publish().tick(100);
    const later = new Set<ClientId>();
    for (let i = 0; i < 40 && play.state.phase === 'waiting'; i++) {
      for (const one of play.tick().members) later.add(one);
      play.fail();
    }
    expect(later.has(client(0))).toBe(true);
  });

  it('somebody who was only late is not made to sit out', () => {
    const play = new Play(cohort()).join(...clients(4)).tick();
    play.do({ type: 'offended', client: client(0), code: 'ROUND_TOO_LATE', now: 0 }).fail();
    expect(play.tick().members).toContain(client(0));
  });

  it('too few for another attempt: the round is void and those who sat it out may be in the next one', () => {
    const play = new Play(cohort(4)).join(...clients(4)).tick();
    for (const one of clients(2)) play.do({ type: 'offended', client: one, code: 'ROUND_BAD_VECTOR', now: 0 });
    play.fail().tick(1_000);
    expect(play.effect('void')).toMatchObject({ round: 1, attempts: 1, code: 'ROUND_QUORUM' });
    expect(play.tick(100).tick().members).toHaveLength(4);
  });

  it('a model that cannot be made voids the round: its sums are open, so it is never tried again', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .done();
    play.do({ type: 'unpublished', code: 'AGGREGATE_NON_FINITE', text: 'y', now: 0 });
    expect(play.effect('void')).toMatchObject({ round: 1, code: 'AGGREGATE_NON_FINITE' });
    expect(play.tick(100).tick().effect('start')).toMatchObject({ round: 2, attempt: 1 });
  });
});

describe('the end', () => {
  it('comes after the last round, with a farewell to everybody, and to those who check in later', () => {
    const play = new Play(cohort(), { rounds: 2 })
      .join(...clients(4))
      .round()
      .tick()
      .done()
      .publish();
    expect(play.effect('ended')?.outcome).toEqual({ type: 'rounds', round: 2 });
    expect(play.effects.filter(({ type }) => type === 'farewell')).toHaveLength(4);
    expect(play.join(client(9)).effects).toEqual([{ type: 'farewell', client: client(9), rounds: 2 }]);
    expect(play.tick(10_000).effects).toEqual([]);
  });

  it('comes at the accuracy that was asked for, and not before; a failed evaluation is no accuracy', () => {
    const play = new Play(cohort(), { rounds: 9, stopAt: { accuracy: 0.9 } }).join(...clients(4));
    for (const accuracy of [0.89, Number.NaN]) {
      const round =
        play.tick().done().publish().state.phase === 'judging' ? (play.state as { round: number }).round : 0;
      play.do({ type: 'evaluated', round: round - 1, accuracy: 1, now: 0 });
      expect(play.state.phase).toBe('judging'); // of another round
      play.do({ type: 'evaluated', round, accuracy, now: play.now });
      expect(play.state.phase).toBe('pausing');
      play.tick(100);
    }
    play.tick().done().publish().do({ type: 'evaluated', round: 3, accuracy: 0.9, now: 0 });
    expect(play.effect('ended')?.outcome).toEqual({ type: 'accuracy', round: 3, accuracy: 0.9 });
  });

  it('a campaign that is over before it starts ends at once', () => {
    const play = new Play(cohort(), { rounds: 2 }, seeded(1), 2);
    expect(play.effect('ended')?.outcome).toEqual({ type: 'rounds', round: 2 });
  });

  it('a restarted campaign goes on behind the last round', () => {
    expect(
      new Play(cohort(), {}, seeded(1), 1)
        .join(...clients(4))
        .tick()
        .effect('start'),
    ).toMatchObject({ round: 2 });
  });

  const STOP = { type: 'stop', reason: 'maintenance', now: 0 } as const;
  it('stopped while nothing runs: at once, and clients are told to come back', () => {
    for (const play of [
      new Play(cohort()).join(...clients(3)),
      new Play(cohort())
        .join(...clients(4))
        .tick()
        .done()
        .publish(),
      new Play(cohort(), { stopAt: { accuracy: 1 } })
        .join(...clients(4))
        .tick()
        .done()
        .publish(),
    ]) {
      play.do(STOP);
      expect(play.effects).toEqual([
        { type: 'ended', outcome: expect.objectContaining({ type: 'stopped', reason: 'maintenance' }) },
      ]);
      expect(play.join(client(9)).effect('reject')).toMatchObject({ code: 'SESSION_BUSY' });
    }
  });

  it('stopped in a round: cancels it and waits for its end', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .do(STOP);
    expect(play.effects).toEqual([{ type: 'cancel' }]);
    expect(play.fail({ code: 'ROUND_CANCELLED' }).effects.map(({ type }) => type)).toEqual(['void', 'ended']);
  });

  it('stopped when the round was faster, or its model is being made: the clients have done their part, it is published', () => {
    const faster = new Play(cohort())
      .join(...clients(4))
      .tick()
      .do(STOP)
      .done();
    expect(faster.effect('publish')).toBeDefined();
    const publishing = new Play(cohort())
      .join(...clients(4))
      .tick()
      .done()
      .do(STOP);
    for (const play of [faster, publishing]) {
      expect(play.publish().effect('ended')?.outcome).toEqual({ type: 'stopped', round: 1, reason: 'maintenance' });
    }
    const broken = new Play(cohort())
      .join(...clients(4))
      .tick()
      .done()
      .do(STOP);
    broken.do({ type: 'unpublished', code: 'ENGINE_FAILED', text: 'z', now: 0 });
    expect(broken.effects.map(({ type }) => type)).toEqual(['void', 'ended']);
  });
});

describe('going back to an earlier model', () => {
  const wanted = { to: 0, by: 'anna', reason: 'poisoned' };
  const back = (play: Play) => play.do({ type: 'rollBack', wanted, now: play.now });
  const signed = (play: Play, done = true) => play.do({ type: 'rolledBack', done, now: play.now });

  it('between rounds at once, under a number of its own; the next round has the one after it', () => {
    const play = new Play(cohort()).join(...clients(4)).round();
    expect(back(play).effects).toEqual([{ type: 'rollBack', round: 2, wanted }]);
    expect(play.state.phase).toBe('rollingBack');
    signed(play).tick(100).tick();
    expect(play.effect('start')).toMatchObject({ round: 3, attempt: 1 });
  });
  it('in the pause after a round as well', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .done()
      .publish();
    expect(play.state.phase).toBe('pausing');
    expect(back(play).effect('rollBack')?.round).toBe(2);
  });
  it('while it is paused too, and it stays paused', () => {
    const play = new Play(cohort()).join(...clients(4));
    play.do({ type: 'hold', hold: { type: 'paused', by: 'anna', reason: 'look' }, now: 0 });
    expect(back(play).effect('rollBack')?.round).toBe(1);
    signed(play).tick(100).tick(2_000);
    expect(play.state).toMatchObject({ phase: 'waiting', round: 2, hold: { type: 'paused' } });
  });
  it('cancels what runs: the round is void, none follows it, and that is no void round in a row', () => {
    const play = new Play(cohort()).join(...clients(4)).tick();
    expect(back(play).effects).toEqual([{ type: 'cancel' }]);
    play.fail({ code: 'ROUND_CANCELLED' });
    expect(play.effects.map(({ type }) => type)).toEqual(['void', 'rollBack']);
    expect(play.effect('rollBack')?.round).toBe(2);
    expect(play.state.setbacks).toBe(0);
  });
  it('a round between two attempts is given up', () => {
    const play = new Play(cohort())
      .join(...clients(4))
      .tick()
      .fail();
    expect(play.state).toMatchObject({ phase: 'waiting', round: 1, attempt: 2 });
    expect(back(play).effects.map(({ type }) => type)).toEqual(['void', 'rollBack']);
    expect(play.effect('void')).toMatchObject({ round: 1, attempts: 1, code: 'ROUND_CANCELLED' });
  });
  it('a round that was faster than the cancel is published first; no accuracy is waited for', () => {
    const play = new Play(cohort(), { stopAt: { accuracy: 0.9 } }).join(...clients(4)).tick();
    back(play).done();
    expect(play.effect('publish')?.round).toBe(1);
    expect(play.publish().effects).toEqual([{ type: 'rollBack', round: 2, wanted }]);
  });
  it('while a model is judged it comes first: its accuracy no longer ends the campaign', () => {
    const play = new Play(cohort(), { stopAt: { accuracy: 0.9 } })
      .join(...clients(4))
      .tick()
      .done()
      .publish();
    back(play);
    play.do({ type: 'evaluated', round: 1, accuracy: 1, now: play.now });
    expect(play.state.phase).toBe('rollingBack');
  });
  it('one that could not be made gives its number back', () => {
    const play = new Play(cohort()).join(...clients(4)).round();
    signed(back(play), false).tick(100).tick();
    expect(play.effect('start')).toMatchObject({ round: 2, attempt: 1 });
  });
  it('after the last round the campaign is over', () => {
    const play = new Play(cohort(), { rounds: 1 }).join(...clients(4)).tick();
    back(play).done().publish();
    expect(signed(play).effect('ended')?.outcome).toEqual({ type: 'rounds', round: 2 });
  });
  it('is not taken twice, nor where it ends anyway; told to stop meanwhile, it is finished and then it ends', () => {
    const play = new Play(cohort()).join(...clients(4)).round();
    back(play);
    expect(back(play).effects).toEqual([]);
    play.do({ type: 'stop', reason: 'enough', now: play.now });
    expect(play.state.phase).toBe('rollingBack');
    expect(signed(play).effect('ended')?.outcome).toEqual({ type: 'stopped', round: 2, reason: 'enough' });
    expect(back(play).effects).toEqual([]);
    const draining = new Play(cohort()).join(...clients(4)).tick();
    draining.do({ type: 'hold', hold: { type: 'draining', reason: 'x' }, now: 0 });
    expect(back(draining).effects).toEqual([]);
  });
});

afterAll(() => {
  const table = Object.entries(CAMPAIGN_TRANSITIONS).flatMap(([from, to]) => to.map((phase) => `${from} ${phase}`));
  // A wait that follows a wait is seen as an unchanged phase.
  expect(table.filter((edge) => edge !== 'waiting waiting' && !witnessed.has(edge))).toEqual([]);
});
