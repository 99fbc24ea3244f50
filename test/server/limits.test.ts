// Limits of a connection: rate, messages that do not end, memory. Time is handed in; streams are stubs, since nothing real can be made
// to stall on demand. Not here: real sockets under attack (the bars of test/bars).

import { EventEmitter } from 'node:events';
import type { Duplex } from 'node:stream';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import type { ClientId } from '../../protocol/ids.js';
import {
  LEAST_BYTES_PER_SECOND,
  MAX_INCOMPLETE_BYTES,
  MAX_MESSAGE_CREDIT_MS,
  MAX_MESSAGE_MS,
  MAX_OFFENCES_NAMED,
  MAX_STRANGER_BYTES,
  MESSAGE_BURST,
  MESSAGES_PER_ROUND,
  MESSAGES_PER_SECOND,
  SLOW_AFTER_MS,
} from '../../protocol/limits.js';
import { Bucket } from '../../server/driver/bucket.js';
import { Guard } from '../../server/driver/guard.js';
import { type MemoryReading, MemoryWatch } from '../../server/driver/memory.js';
import { Offences } from '../../server/driver/offences.js';
import { OwnTime, spare, tooSlow } from '../../server/driver/pace.js';
import { ManualClock } from './manual-clock.js';

describe('the rate of one connection', () => {
  const many = (bucket: Bucket, now: number): number => {
    let taken = 0;
    while (bucket.take(now)) taken++;
    return taken;
  };
  it('holds a burst, then so many a second, and saves no more than a burst', () => {
    const bucket = new Bucket(0);
    expect(many(bucket, 0)).toBe(MESSAGE_BURST);
    expect(many(bucket, 1_000)).toBe(MESSAGES_PER_SECOND);
    expect(many(bucket, 500_000)).toBe(MESSAGE_BURST);
  });
  it('a round that we announce brings its own messages with it, and rounds do not pile up for ever', () => {
    const bucket = new Bucket(0);
    expect(many(bucket, 0)).toBe(MESSAGE_BURST);
    bucket.round();
    expect(many(bucket, 0)).toBe(MESSAGES_PER_ROUND);
    for (let i = 0; i < 100; i++) bucket.round();
    expect(many(bucket, 0)).toBe(MESSAGE_BURST + 4 * MESSAGES_PER_ROUND);
  });
});

describe('how fast a message comes', () => {
  it('time in which we were woken late is ours; of the rest, the part in which the loop was busy', () => {
    const own = new OwnTime(100, 0, 0);
    expect(own.look(100, 0)).toEqual({ late: 0, busy: 0 });
    expect(own.look(200, 60)).toEqual({ late: 0, busy: 60 });
    // 400 for a look that was asked for after 100, in which we were busy for 350: 300 late, 50 more busy.
    expect(own.look(600, 410)).toEqual({ late: 300, busy: 50 });
    // Waiting for a processor is no work, but late all the same.
    expect(own.look(850, 415)).toEqual({ late: 150, busy: 0 });
    // A process cannot have been busy for longer than there was time.
    expect(own.look(950, 9_999)).toEqual({ late: 0, busy: 100 });
  });

  it('what is late moves its beginning, never beyond now; what is busy is credit, up to a limit', () => {
    const pace = { bytes: 1, since: 1_000, credit: 0 };
    spare(pace, { late: 300, busy: 50 }, 1_100);
    expect(pace).toEqual({ bytes: 1, since: 1_100, credit: 50 });
    spare(pace, { late: 0, busy: 2 * MAX_MESSAGE_CREDIT_MS }, 90_000);
    expect(pace).toEqual({ bytes: 1, since: 1_100, credit: MAX_MESSAGE_CREDIT_MS });
  });

  it('at exactly the least rate it is fast enough until the longest time is over', () => {
    const at = (ms: number, bytes: number) => tooSlow({ bytes, since: 500, credit: 250 }, 500 + 250 + ms);
    expect(at(SLOW_AFTER_MS - 1, 1)).toBe(false);
    expect(at(SLOW_AFTER_MS, (LEAST_BYTES_PER_SECOND * SLOW_AFTER_MS) / 1_000)).toBe(false);
    expect(at(SLOW_AFTER_MS, (LEAST_BYTES_PER_SECOND * SLOW_AFTER_MS) / 1_000 - 1)).toBe(true);
    expect(at(MAX_MESSAGE_MS - 1, 1e9)).toBe(false);
    expect(at(MAX_MESSAGE_MS, 1e9)).toBe(true);
  });
});

describe('the guard over messages that do not end', () => {
  function setting(budget?: number) {
    const clock = new ManualClock();
    const guard = new Guard(clock, budget);
    const cut: string[] = [];
    const peer = (name: string, known = true) => {
      const socket = new EventEmitter();
      const stream = new EventEmitter();
      const knows = { known };
      guard.watch(
        socket as WebSocket,
        stream as Duplex,
        () => knows.known,
        () => cut.push(name),
      );
      return { socket, knows, bytes: (count: number) => stream.emit('data', Buffer.alloc(count)) };
    };
    return { clock, cut, peer };
  }

  it('a stranger may send its first messages and nothing larger; somebody known may', () => {
    const { cut, peer } = setting();
    peer('known').bytes(MAX_STRANGER_BYTES * 10);
    const stranger = peer('stranger', false);
    stranger.bytes(MAX_STRANGER_BYTES);
    expect(cut).toEqual([]);
    stranger.bytes(1);
    expect(cut).toEqual(['stranger']);
  });

  it('a complete message, or control frame, starts the count anew', () => {
    const { cut, peer } = setting();
    const stranger = peer('stranger', false);
    for (const event of ['message', 'ping', 'pong']) {
      stranger.bytes(MAX_STRANGER_BYTES);
      stranger.socket.emit(event);
    }
    expect(cut).toEqual([]);
  });

  it('I send one byte of a message now and then: cut; at the least rate it may take its time, but not for ever', () => {
    const { clock, cut, peer } = setting();
    const slow = peer('slow');
    const steady = peer('steady');
    slow.bytes(1);
    steady.bytes(LEAST_BYTES_PER_SECOND * 3);
    clock.advance(SLOW_AFTER_MS - 500);
    expect(cut).toEqual([]);
    clock.advance(1_000);
    expect(cut).toEqual(['slow']);
    for (let ms = 2_500; ms < MAX_MESSAGE_MS; ms += 500) {
      expect(cut).toEqual(['slow']);
      steady.bytes(LEAST_BYTES_PER_SECOND / 2);
      clock.advance(500);
    }
    expect(cut).toEqual(['slow', 'steady']);
  });

  it('time in which the coordinator itself was busy is nobody to blame for', () => {
    const cut: string[] = [];
    let now = 0;
    let ring: () => void = () => {};
    const at = (_: number, wake: () => void): (() => void) => {
      ring = wake;
      return () => {};
    };
    const guard = new Guard({ now: () => now, at });
    const stream = new EventEmitter();
    guard.watch(
      new EventEmitter() as WebSocket,
      stream as Duplex,
      () => true,
      () => cut.push('one'),
    );
    stream.emit('data', Buffer.alloc(1));
    now = 30_000; // one look, half a minute late
    ring();
    const until = now - 100 + SLOW_AFTER_MS; // of the time before, what a look in time takes
    while (now < until) {
      expect(cut).toEqual([]);
      now += 100;
      ring();
    }
    expect(cut).toEqual(['one']);
  });

  it('a coordinator that is busy three quarters of the time gives four times as long, but not for ever', () => {
    const clock = new ManualClock();
    const guard = new Guard(clock, undefined, () => 0.75 * clock.now());
    const cut: string[] = [];
    const begin = (name: string, bytes: number) => {
      const stream = new EventEmitter();
      guard.watch(
        new EventEmitter() as WebSocket,
        stream as Duplex,
        () => true,
        () => cut.push(name),
      );
      stream.emit('data', Buffer.alloc(bytes));
    };
    begin('silent', 1);
    begin('large', LEAST_BYTES_PER_SECOND * 1_000);
    clock.advance(4 * SLOW_AFTER_MS - 100);
    expect(cut).toEqual([]);
    clock.advance(200);
    expect(cut).toEqual(['silent']);
    clock.advance(MAX_MESSAGE_MS + MAX_MESSAGE_CREDIT_MS - 4 * SLOW_AFTER_MS - 200);
    expect(cut).toEqual(['silent']);
    clock.advance(200);
    expect(cut).toEqual(['silent', 'large']);
  });

  it('whoever was cut is cut once, whatever still comes of it', () => {
    const { cut, peer } = setting();
    const stranger = peer('stranger', false);
    stranger.bytes(MAX_STRANGER_BYTES + 1);
    stranger.bytes(MAX_STRANGER_BYTES + 1);
    expect(cut).toEqual(['stranger']);
  });

  it('where all together are too many, the newest go', () => {
    const { clock, cut, peer } = setting();
    const each = 64 << 20;
    for (let i = 0; i < MAX_INCOMPLETE_BYTES / each + 2; i++) peer(`peer ${i}`).bytes(each);
    clock.advance(500);
    expect(cut).toEqual(['peer 5', 'peer 4']);
  });

  it('under a budget of memory they may have an eighth of it', () => {
    const { clock, cut, peer } = setting(512 << 20);
    for (let i = 0; i < 3; i++) peer(`peer ${i}`).bytes(32 << 20);
    clock.advance(500);
    expect(cut).toEqual(['peer 2']);
  });
});

describe('the budget of memory', () => {
  const none = { heapTotal: 0, external: 0 };
  it('is tight from 85 %, critical from 95 %, and asked for no more often than needed', () => {
    let bytes = 0;
    let reads = 0;
    const watch = new MemoryWatch(1_000, () => {
      reads++;
      return { rss: bytes, ...none };
    });
    const at = (now: number, used: number) => {
      bytes = used;
      return watch.pressure(now);
    };
    expect([at(0, 849), at(100, 850), at(200, 949), at(300, 950)]).toEqual(['none', 'tight', 'tight', 'critical']);
    expect(at(301, 0)).toBe('critical');
    expect(at(400, 0)).toBe('none');
    expect(reads).toBe(5);
  });
  it('what a flood has left free inside the process counts as free, until the process grows again', () => {
    let reading = { rss: 0, ...none };
    const watch = new MemoryWatch(1_000, () => reading);
    let now = 0;
    const at = (rss: number, heapTotal: number, external: number) => {
      reading = { rss, heapTotal, external };
      now += 100;
      return watch.pressure(now);
    };
    expect(at(300, 150, 50)).toBe('none');
    // The flood: 100 of overhead as before, and all the rest in buffers.
    expect(at(960, 150, 710)).toBe('critical');
    // It is over, and nothing is given back. Whether it is over shows when the process has not grown for a while.
    expect(at(950, 150, 50)).toBe('critical');
    now += 3_000;
    expect(at(950, 150, 50)).toBe('none');
    // Another one fills the same holes, and is noticed before the process grows.
    expect(at(950, 150, 600)).toBe('tight');
    expect(at(950, 150, 705)).toBe('critical');
    // What is neither heap nor buffers shows once the process grows: resident bytes count in full.
    expect(at(970, 150, 50)).toBe('critical');
    expect(at(860, 150, 0)).toBe('tight');
    expect(at(200, 150, 50)).toBe('none');
  });
  it('holes that a flood has left stay free while the process grows a little beside them', () => {
    let now = 0;
    let reading: MemoryReading = { rss: 0, ...none };
    const watch = new MemoryWatch(1_000, () => reading);
    const at = (next: MemoryReading) => {
      reading = next;
      now += 100;
      return watch.pressure(now);
    };
    expect(at({ rss: 300, heapTotal: 150, external: 50 })).toBe('none');
    expect(at({ rss: 800, heapTotal: 150, external: 550 })).toBe('none');
    // Over; something else grows from 800 to 900, and is all that counts beside heap and buffers.
    for (let rss = 801; rss <= 900; rss++) at({ rss, heapTotal: 150, external: 50 });
    expect(at({ rss: 900, heapTotal: 150, external: 50 })).toBe('tight'); // it grew just now
    now += 3_000;
    expect(at({ rss: 900, heapTotal: 150, external: 50 })).toBe('none');
    // 200 of overhead by now: 100 at first, 100 that came.
    expect(at({ rss: 900, heapTotal: 150, external: 499 })).toBe('none');
    expect(at({ rss: 900, heapTotal: 150, external: 500 })).toBe('tight');
  });
  it('growth of something unknown counts for good, at once and later', () => {
    let now = 0;
    let rss = 300;
    const watch = new MemoryWatch(1_000, () => ({ rss, heapTotal: 150, external: 50 }));
    watch.pressure(now);
    rss = 960;
    for (now = 100; now < 100_000; now += 1_000) expect(watch.pressure(now)).toBe('critical');
  });
  it("the store's file does not count, the program does, nor is shared memory a hole", () => {
    let reading: MemoryReading = { rss: 300, heapTotal: 100, external: 0, file: 100 };
    let now = 0;
    const watch = new MemoryWatch(1_000, () => reading);
    const at = (next: MemoryReading) => {
      reading = next;
      now += 10_000;
      return watch.pressure(now);
    };
    expect(at({ rss: 300, heapTotal: 100, external: 0, file: 100 })).toBe('none');
    expect(at({ rss: 9_300, heapTotal: 100, external: 0, file: 9_100 })).toBe('none');
    expect(at({ rss: 9_840, heapTotal: 100, external: 540, file: 9_100 })).toBe('none');
    // What was a buffer lies free, and is lent again as shared memory.
    expect(at({ rss: 9_840, heapTotal: 100, external: 0, shared: 549, file: 9_100 })).toBe('none');
    expect(at({ rss: 9_840, heapTotal: 100, external: 0, shared: 560, file: 9_100 })).toBe('none');
    expect(at({ rss: 9_900, heapTotal: 100, external: 0, shared: 650, file: 9_100 })).toBe('tight');
    expect(at({ rss: 9_900, heapTotal: 100, external: 0, shared: 0, file: 9_100 })).toBe('none');
  });
  it('without a budget there is no pressure', () => {
    expect(new MemoryWatch(Number.POSITIVE_INFINITY, () => ({ rss: 1e15, ...none })).pressure(0)).toBe('none');
  });
});

describe('what is written down of offences', () => {
  const client = 'a'.repeat(64) as ClientId;
  it('each once by name in a round, repetitions and strangers as counts at its end', () => {
    const offences = new Offences();
    const note = () => offences.note(client, 'WIRE_SCHEMA', 'a bad field', 4);
    expect(note()).toEqual([
      { type: 'client-offended', body: { client, code: 'WIRE_SCHEMA', text: 'a bad field', round: 4, count: 1 } },
    ]);
    expect([note(), note(), offences.note(undefined, 'AUTH_TIMEOUT', '', 4)]).toEqual([[], [], []]);
    expect(offences.flush(4)).toEqual([
      { type: 'client-offended', body: { client, code: 'WIRE_SCHEMA', text: 'again', round: 4, count: 2 } },
      { type: 'auth-failed', body: { code: 'AUTH_TIMEOUT', count: 1 } },
    ]);
    expect(offences.flush(4)).toEqual([]);
    expect(note()).toHaveLength(1);
  });
  it('what crossed on its way is counted at the end, by code, and names nobody', () => {
    const offences = new Offences();
    for (const code of ['ROUND_TOO_LATE', 'ROUND_WRONG_ROUND', 'ROUND_TOO_LATE'] as const) offences.stray(code);
    expect(offences.flush(4)).toEqual([
      { type: 'messages-refused', body: { code: 'ROUND_TOO_LATE', round: 4, count: 2 } },
      { type: 'messages-refused', body: { code: 'ROUND_WRONG_ROUND', round: 4, count: 1 } },
    ]);
    expect(offences.flush(5)).toEqual([]);
  });
  it('I come with a thousand identities: the disk does not fill', () => {
    const offences = new Offences();
    let written = 0;
    for (let i = 0; i < 3 * MAX_OFFENCES_NAMED; i++)
      written += offences.note(String(i) as ClientId, 'SESSION_FLOOD', '', 1).length;
    expect(written).toBe(MAX_OFFENCES_NAMED);
    expect(offences.flush(1)).toEqual([
      { type: 'auth-failed', body: { code: 'SESSION_FLOOD', count: 2 * MAX_OFFENCES_NAMED } },
    ]);
  });
});
