// Thousands who come at once are let in at a steady rate, each told once when to come back. Time is an argument. Not here: that clients
// do as they are told (federated-client.test.ts), the same over sockets (npm run bar -- reconnect).

import { describe, expect, it } from 'vitest';
import {
  HANDSHAKE_BURST,
  HANDSHAKE_SLOTS_MS,
  HANDSHAKES_AT_ONCE,
  HANDSHAKES_PER_SECOND,
  RESTART_MS,
} from '../../protocol/limits.js';
import { returnAfter, Turnstile } from '../../server/driver/turnstile.js';
import { seeded } from './campaign-play.js';

/** operations.md §7, bar 9. */
const MOST_PER_SECOND = 600;

interface Storm {
  /** When each was let in. */
  readonly came: readonly number[];
  /** How often each was sent away. */
  readonly away: readonly number[];
}

/** Clients that come at `times` and do as they are told, with the jitter of client/federated-client.ts. A handshake takes `ms`. */
function storm(times: readonly number[], ms: number, random = seeded(1)): Storm {
  const turnstile = new Turnstile(0);
  const due = times.map((at, client) => ({ at, client }));
  const open: number[] = [];
  const came: number[] = [];
  const away = times.map(() => 0);
  while (due.length > 0) {
    due.sort((a, b) => b.at - a.at);
    // safe: it is not empty
    const { at, client } = due.pop()!;
    while (open.length > 0 && (open[0] ?? 0) <= at) open.shift();
    const wait = turnstile.enter(at, open.length);
    if (wait === 0) {
      came.push(at);
      open.push(at + ms);
    } else {
      away[client] = (away[client] ?? 0) + 1;
      due.push({ at: at + wait * (1 + 0.5 * random()), client });
    }
  }
  return { came, away };
}

/** Most in any second. */
function peak(came: readonly number[]): number {
  let [most, from] = [0, 0];
  for (const [i, at] of came.entries()) {
    while ((came[from] ?? 0) <= at - 1_000) from++;
    most = Math.max(most, i - from + 1);
  }
  return most;
}
const within = (count: number, ms: number, from = 0): number[] => {
  const random = seeded(7);
  return Array.from({ length: count }, () => from + ms * random()).sort((a, b) => a - b);
};

describe('a storm of clients', () => {
  it.each([100, 1_000])(
    '5,000 within a second, %s ms a handshake: at most 600 in any second, all within half a minute',
    (ms) => {
      const { came } = storm(within(5_000, 1_000, 500), ms);
      expect(came).toHaveLength(5_000);
      expect(peak(came)).toBeLessThanOrEqual(MOST_PER_SECOND);
      expect(came.at(-1)).toBeLessThan(30_000);
    },
  );

  it('nobody is sent away again and again', () => {
    const { away } = storm(within(5_000, 1_000, 500), 100);
    expect(Math.max(...away)).toBeLessThanOrEqual(5);
    expect(away.reduce((sum, times) => sum + times, 0) / away.length).toBeLessThan(1.5);
  });

  it('10,000 who were told one after the other when their coordinator stopped come at the same rate', () => {
    const random = seeded(3);
    const times = Array.from({ length: 10_000 }, (_, i) => returnAfter(i) * (1 + 0.5 * random()));
    const { came, away } = storm(times, 100);
    expect(peak(came)).toBeLessThanOrEqual(MOST_PER_SECOND);
    expect(away.filter((times) => times > 0).length).toBeLessThan(2_500);
  });
});

describe('no storm', () => {
  it('a few hundred who come at once come in at once', () => {
    const { away } = storm(Array(HANDSHAKES_AT_ONCE).fill(0), 1_000);
    expect(Math.max(...away)).toBe(0);
  });

  it('any number that comes few at a time is let in as fast as handshakes go', () => {
    const times = Array.from({ length: 20_000 }, (_, i) => i); // 1,000 a second, 256 in progress
    const { away } = storm(times, 256);
    expect(Math.max(...away)).toBe(0);
  });
});

describe('a flood', () => {
  it(`of any size sends an honest client away for ${HANDSHAKE_SLOTS_MS} ms at most, and for none once it is over`, () => {
    const turnstile = new Turnstile(0);
    let longest = 0;
    for (let i = 0; i < 500_000; i++) longest = Math.max(longest, turnstile.enter(1, HANDSHAKES_AT_ONCE));
    expect(longest).toBeLessThanOrEqual(HANDSHAKE_SLOTS_MS);
    expect(longest).toBeGreaterThan(HANDSHAKE_SLOTS_MS - 1_000);
    expect(turnstile.enter(2_000, 0)).toBe(0);
  });
});

it('the numbers add up to what the bar allows', () => {
  expect(HANDSHAKE_BURST + HANDSHAKES_PER_SECOND).toBeLessThanOrEqual(MOST_PER_SECOND);
  expect(returnAfter(0)).toBe(RESTART_MS);
  expect(Math.max(...Array.from({ length: 100_000 }, (_, i) => returnAfter(i)))).toBeLessThanOrEqual(
    HANDSHAKE_SLOTS_MS + RESTART_MS,
  );
});
