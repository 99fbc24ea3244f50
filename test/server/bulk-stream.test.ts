// What goes past the websocket's own parser: the same messages in the same order, whatever the cuts, in memory that is empty afterwards.
// Real sockets, bytes as one likes. Not here: RFC 6455 from outside (test/bars/rfc6455), what a chunk may be (test/uploads).

import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { connect, type Socket } from 'node:net';
import { afterEach, describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { MAX_FRAME_BYTES } from '../../protocol/limits.js';
import type { BulkStream } from '../../server/driver/bulk-stream.js';
import { openListener } from '../../server/driver/listener.js';
import { generator } from '../bars/random.js';
import { frame, request } from '../bars/rfc6455/wire.js';

const LARGE = 200_000;
const random = generator(5);
const bytesOf = (length: number): Buffer => Buffer.from(Array.from({ length }, () => Math.floor(random() * 256)));
const nameOf = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex').slice(0, 12);

/** With a mask that is not zero, as every client's. */
function masked(payload: Buffer, shape: { readonly opcode?: number; readonly fin?: boolean } = {}): Buffer {
  const whole = frame({ opcode: 2, ...shape, payload });
  const mask = [0x12, 0x34, 0x56, 0x78];
  const start = whole.length - payload.length;
  whole.set(mask, start - 4);
  for (let i = 0; i < payload.length; i++) whole[start + i] = (payload[i] ?? 0) ^ (mask[i % 4] ?? 0);
  return whole;
}

const ends: (() => unknown)[] = [];
afterEach(async () => {
  for (const end of ends.splice(0)) await end();
});

interface Setting {
  readonly client: Socket;
  readonly heard: string[];
  readonly kept: Buffer[];
  readonly until: (count: number) => Promise<string[]>;
}
async function setting(lends = true): Promise<Setting> {
  const heard: string[] = [];
  const kept: Buffer[] = [];
  let told = (): void => {};
  const hear = (what: string): void => {
    heard.push(what);
    told();
  };
  const accept = (ws: WebSocket, _?: string, __?: unknown, bulk?: BulkStream): void => {
    bulk?.lend(ws, () => lends);
    ws.on('message', (data: Buffer) => {
      kept.push(data);
      hear(nameOf(data));
    });
    ws.on('ping', (data: Buffer) => hear(`ping ${data}`));
    ws.on('close', (code) => hear(`close ${code}`));
    ws.on('error', () => {});
    ends.push(() => ws.terminate());
  };
  const listener = await openListener({ host: '127.0.0.1', port: 0, room: () => true, accept });
  const client = connect({ port: Number(new URL(listener.url).port), host: '127.0.0.1', noDelay: true });
  client.on('error', () => {});
  ends.push(() => client.destroy());
  ends.push(() => void listener.close());
  client.write(request());
  await once(client, 'data');
  const until = async (count: number): Promise<string[]> => {
    while (heard.length < count) await new Promise<void>((resolve) => (told = resolve));
    return heard;
  };
  return { client, heard, kept, until };
}

/** In pieces of which no two are alike; now and then others get their turn in between. */
async function send(client: Socket, bytes: Buffer, longest: number): Promise<void> {
  for (let at = 0; at < bytes.length; ) {
    const length = 1 + Math.floor(random() * longest);
    client.write(bytes.subarray(at, at + length));
    at += length;
    if (random() < 0.3) await new Promise((resolve) => setImmediate(resolve));
  }
}

describe('messages of every size', () => {
  const [large, larger, small, edge] = [LARGE, MAX_FRAME_BYTES, 60, 65_537].map(bytesOf) as [
    Buffer,
    Buffer,
    Buffer,
    Buffer,
  ];
  const [head, tail] = [large.subarray(0, 90_000), large.subarray(90_000)];
  const frames = [
    masked(small),
    masked(large),
    masked(small),
    masked(small),
    masked(Buffer.from('a'), { opcode: 9 }),
    masked(larger),
    masked(edge),
    masked(head, { fin: false }),
    masked(Buffer.from('b'), { opcode: 9 }),
    masked(tail, { opcode: 0 }),
    masked(large),
    masked(small),
  ];
  const expected = [small, large, small, small, 'ping a', larger, edge, 'ping b', large, large, small].map((one) =>
    typeof one === 'string' ? one : nameOf(one),
  );

  it.each([1_000, 70_000, 2_000_000])('come whole and in order in pieces of up to %i bytes', async (longest) => {
    const { client, until } = await setting();
    await send(client, Buffer.concat(frames), longest);
    expect(await until(expected.length)).toEqual(expected);
  });

  it('come whole where no piece holds a header', async () => {
    const { client, until } = await setting();
    await send(client, Buffer.concat([masked(large), masked(small)]), 7);
    expect(await until(2)).toEqual([large, small].map(nameOf));
  });

  it('are lent where they are large and expected: empty when the listeners have returned; others stay', async () => {
    const { client, until, kept, heard } = await setting();
    for (const [i, one] of [large, small, larger, head.subarray(0, 65_536)].entries()) {
      client.write(masked(one));
      await until(i + 1);
    }
    expect(heard).toEqual([large, small, larger, head.subarray(0, 65_536)].map(nameOf));
    expect(kept.map(({ length }) => length)).toEqual([0, small.length, 0, 65_536]);
  });

  it("are nobody else's where none is expected", async () => {
    const { client, until, kept } = await setting(false);
    await send(client, Buffer.concat(frames), 100_000);
    expect(await until(expected.length)).toEqual(expected);
    expect(kept.map(nameOf)).toEqual(expected.filter((one) => !one.startsWith('ping')));
  });
});

it.each<[string, Buffer, number]>([
  ['a large frame that claims more than the limit', frame({ opcode: 2, claims: BigInt(MAX_FRAME_BYTES + 1) }), 1009],
  ['a large frame without a mask', frame({ opcode: 2, masked: false, payload: Buffer.alloc(LARGE) }), 1002],
  ['a large frame with a reserved bit', frame({ opcode: 2, rsv: 2, payload: Buffer.alloc(LARGE) }), 1002],
  ['a continuation of nothing', frame({ opcode: 0, payload: Buffer.alloc(LARGE) }), 1002],
])('%s behind a lent message is refused by ws, and nothing behind it counts', async (_, bad, code) => {
  const { client, until, heard } = await setting();
  const large = bytesOf(LARGE);
  client.write(Buffer.concat([masked(large), bad, masked(large), masked(large)]));
  const told = await until(1);
  expect(told[0]).toBe(nameOf(large));
  const [closing] = (await once(client, 'data')) as [Buffer];
  expect(closing.readUInt16BE(2)).toBe(code);
  client.destroy();
  await until(2);
  expect(heard).toHaveLength(2);
  expect(heard[1]).toMatch(/^close/);
});

it('a connection that is lost in the middle of a lent message tells nothing but its end', async () => {
  const { client, until } = await setting();
  client.end(masked(bytesOf(LARGE)).subarray(0, LARGE / 2));
  expect(await until(1)).toEqual(['close 1006']);
});
