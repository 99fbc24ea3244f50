// The live feed: a snapshot, then what changes, at most four frames a second; whoever was cut off goes on where it was; whoever takes
// nothing costs nothing and is cut off. Time is moved by hand. Not here: who may watch (http.test.ts).

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FEED_MS, FEED_STALLED_MS, MAX_WATCHERS } from '../../protocol/limits.js';
import { Feed } from '../../server/board/feed.js';
import { Table } from '../../server/board/table.js';
import type { FeedFrame, GroupView } from '../../server/board/view.js';
import { ManualClock } from '../server/manual-clock.js';
import { framesOf } from './desk.js';

const group = (n: number, alarms: number): GroupView => ({
  group: n,
  members: 1,
  rounds: 0,
  voided: 0,
  survival: 0,
  alarms,
  lastAlarm: '',
});

function setting() {
  const clock = new ManualClock();
  const table = new Table({ alert: 3 });
  const feed = new Feed({ table, clock, epoch: 'e', refresh: () => undefined });
  const watch = (id?: string) => {
    const stream = feed.open(id);
    if (stream === undefined) throw new Error('refused');
    return framesOf(new Response(stream))[Symbol.asyncIterator]();
  };
  const next = async (frames: AsyncIterator<{ id: string; event: string; data: never }>) => {
    const wanted = frames.next();
    // The stream asks for its next frame in a task of its own.
    await new Promise((done) => setImmediate(done));
    clock.advance(FEED_MS);
    return (await wanted).value as { id: string; event: string; data: FeedFrame };
  };
  return { clock, table, feed, watch, next };
}

describe('the live feed', () => {
  it('gives everything first, then each change once, many changes of a row as one', async () => {
    const { table, watch, next } = setting();
    table.set('group', group(1, 0), 1);
    const frames = watch();
    expect(await next(frames)).toMatchObject({ event: 'snapshot', data: { set: { 'group/1': { alarms: 0 } } } });
    for (let i = 1; i <= 100; i++) table.set('group', group(1, i), 1);
    table.set('group', group(2, 7), 2);
    const delta = await next(frames);
    expect(delta.event).toBe('delta');
    expect(delta.data.set).toMatchObject({ 'group/1': { alarms: 100 }, 'group/2': { alarms: 7 } });
  });
  it('who was cut off gets what it missed, and no more', async () => {
    const { table, watch, next } = setting();
    table.set('group', group(1, 0), 1);
    table.set('group', group(2, 0), 2);
    const { id } = await next(watch());
    table.set('group', group(2, 1), 2);
    const resumed = await next(watch(id));
    expect([resumed.event, Object.keys(resumed.data.set)]).toEqual(['delta', ['group/2']]);
  });
  it.each(['other:1', 'e:99', 'e:-1', 'e:1.5', 'nonsense', ''])(
    'an id %j that is not ours means a snapshot',
    async (id) => {
      const { table, watch, next } = setting();
      table.set('group', group(1, 0), 1);
      expect((await next(watch(id))).event).toBe('snapshot');
    },
  );
  it('a watcher that takes nothing gets no second frame, and is cut off after half a minute', async () => {
    const { clock, table, feed } = setting();
    table.set('group', group(1, 0), 1);
    feed.open(undefined);
    await new Promise((done) => setImmediate(done));
    for (let i = 0; i < FEED_STALLED_MS / FEED_MS - 1; i++) {
      table.set('group', group(1, i), 1);
      clock.advance(FEED_MS);
    }
    expect(feed.watchers).toBe(1);
    clock.advance(2 * FEED_MS);
    expect(feed.watchers).toBe(0);
  });
  it('there is room for so many watchers and for no more; closing ends them all', () => {
    const { feed } = setting();
    for (let i = 0; i < MAX_WATCHERS; i++) expect(feed.open(undefined)).toBeDefined();
    expect(feed.open(undefined)).toBeUndefined();
    feed.close();
    expect(feed.watchers).toBe(0);
    expect(feed.open(undefined)).toBeUndefined();
  });
});

describe('the table', () => {
  it('whatever is set, bounded and cleared: a reader that applies deltas from any version sees what a snapshot shows', () => {
    const op = fc.oneof(
      fc.record({ kind: fc.constant('alert' as const), n: fc.integer({ min: 1, max: 9 }) }),
      fc.record({ kind: fc.constant('live' as const), n: fc.integer({ min: 0, max: 3 }) }),
      fc.record({ kind: fc.constant('clear' as const), n: fc.constant(0) }),
    );
    fc.assert(
      fc.property(fc.array(op, { maxLength: 60 }), fc.nat(60), (ops, cut) => {
        const table = new Table({ alert: 3 });
        const seen = new Map<string, unknown>();
        let at = 0;
        ops.forEach(({ kind, n }, i) => {
          if (kind === 'clear') table.clear('live');
          else table.set(kind, { n, i } as never, n);
          if (i !== cut) return;
          for (const [key, row] of Object.entries(table.everything().set)) seen.set(key, row);
          at = table.version;
        });
        if (at === 0) return;
        const delta = table.since(at);
        for (const key of delta?.drop ?? []) seen.delete(key);
        for (const [key, row] of Object.entries(delta?.set ?? {})) seen.set(key, row);
        expect(Object.fromEntries(seen)).toEqual(table.everything().set);
        expect(table.all('alert').length).toBeLessThanOrEqual(3);
      }),
      { seed: 7, numRuns: 300 },
    );
  });
  it('who is too far behind must start over', () => {
    const table = new Table({ alert: 1 });
    for (let i = 0; i < 3_000; i++) table.set('alert', { n: i } as never, i);
    expect(table.since(1)).toBeUndefined();
    expect(table.since(table.version - 1)).toBeDefined();
    expect(table.since(table.version + 1)).toBeUndefined();
  });
});
