// Hostile and broken connections against a running coordinator: the offender is named and dropped, the others finish exactly.
// Not here: raw RFC 6455 cases, floods and memory (issue 5), lying inside the protocol (test/protocol/hostile-client.test.ts).

import { request } from 'node:http';
import { describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { fromHex, toHex } from '../../protocol/ids.js';
import {
  AUTH_DEADLINE_MS,
  DEAD_AFTER_MS,
  MAX_AUTH_CREDIT_MS,
  MAX_FRAME_BYTES,
  MESSAGE_BURST,
  PING_MS,
} from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { blobHash, chunkHash } from '../../protocol/wire/chunks.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import type { ClientRoundMessage, Message } from '../../protocol/wire/messages.js';
import { CLOSE } from '../../server/index.js';
import { taskOf } from '../protocol/world.js';
import { type Deed, RawClient } from './raw-client.js';
import { arrange, meanOf, type Setting } from './setting.js';

const frame = (change: (bytes: Uint8Array) => void): Uint8Array => {
  const bytes = encodeFrame({ kind: 'leave', reason: '' });
  change(bytes);
  return bytes;
};
/** How often the coordinator has noticed this of a client. */
const times = (setting: Setting, type: string, client: number): number =>
  setting.notices.filter(
    (notice) => notice.type === type && 'client' in notice && notice.client === setting.idOf(client),
  ).length;
const early = ({ run }: ClientRoundMessage): Message => ({ kind: 'consistent', run, signature: new Uint8Array(64) });

describe('a member of the round sends something wrong instead of its keys', () => {
  it.each<[string, (message: ClientRoundMessage) => Deed, string, number]>([
    ['garbage', () => [nativeRng(100)], 'WIRE_MALFORMED', CLOSE.malformed],
    ['a frame that ends too soon', () => [frame(() => {}).subarray(0, 13)], 'WIRE_MALFORMED', CLOSE.malformed],
    ['another version', () => [frame((b) => b.fill(2, 4, 5))], 'WIRE_VERSION', CLOSE.version],
    ['an unknown type', () => [frame((b) => b.fill(0xee, 5, 6))], 'WIRE_UNKNOWN_TYPE', CLOSE.malformed],
    ['text', () => ['{"kind":"keys"}'], 'WIRE_MALFORMED', CLOSE.malformed],
    ['a frame over the limit', () => [new Uint8Array(MAX_FRAME_BYTES + 1)], 'WIRE_TOO_LARGE', 1009],
    [
      'a message of the coordinator',
      () => [{ kind: 'finished', task: 'test', rounds: 1, model: new Uint8Array(32) }],
      'SESSION_UNEXPECTED',
      CLOSE.unexpected,
    ],
    [
      'another handshake',
      () => [{ kind: 'proof', signature: new Uint8Array(64) }],
      'SESSION_UNEXPECTED',
      CLOSE.unexpected,
    ],
    ['a message of a later phase', (m) => [early(m)], 'ROUND_WRONG_PHASE', CLOSE.violation],
    [
      'keys with a wrong signature',
      (m) => [{ ...m, signature: new Uint8Array(64) } as Message],
      'ROUND_BAD_SIGNATURE',
      CLOSE.violation,
    ],
  ])(
    '%s: it is named, dropped with its code, and the others finish with their exact sum',
    async (_, deed, code, closeCode) => {
      const setting = await arrange({
        config: taskOf({ size: 8 }),
        client: (i) => (i === 2 ? { deed: (message) => (message.kind === 'keys' ? deed(message) : undefined) } : {}),
      });
      const result = await setting.run();
      const [report] = result.rounds;
      expect(report?.outcome).toEqual({ type: 'committed' });
      expect(report?.excluded).toEqual([{ client: setting.idOf(2), phase: 'keys', code }]);
      expect(report?.dropped).toEqual([]);
      expect(report?.survivors).toHaveLength(7);
      expect(report?.survivors).not.toContain(setting.idOf(2));
      expect([...setting.coordinator.model()]).toEqual(meanOf(setting, report?.survivors ?? []));
      expect(await setting.clients[2]?.closed).toBe(closeCode);
    },
  );

  it("a masked input with other bytes than announced is its sender's fault, named with the phase", async () => {
    const setting = await arrange({
      config: taskOf({ size: 8 }),
      client: (i) => ({
        deed: (message) =>
          i === 4 && message.kind === 'inputChunk'
            ? [{ ...message, section: message.section.slice().fill(1) }]
            : undefined,
      }),
    });
    const { rounds } = await setting.run();
    expect(rounds[0]?.excluded).toEqual([{ client: setting.idOf(4), phase: 'masked', code: 'ROUND_BAD_VECTOR' }]);
    expect([...setting.coordinator.model()]).toEqual(meanOf(setting, rounds[0]?.survivors ?? []));
  });

  it('I come back after garbage and go on as if nothing had been: not in this attempt', async () => {
    let done = false;
    let late: () => void = () => {};
    const setting = await arrange({
      config: taskOf({ size: 8 }),
      client: (i) => ({
        comeBack: i === 2 ? 1 : 0,
        deed: (message, client) => {
          if (message.kind !== 'keys') return undefined;
          if (i === 2 && !done) {
            done = true;
            return [nativeRng(50)];
          }
          if (i !== 7) return undefined;
          late = () => client.send(message);
          return []; // the phase stays open
        },
      }),
    });
    setting.when(
      () => times(setting, 'checkedIn', 2) === 2,
      () => late(),
    );
    const result = await setting.run();
    expect(result.rounds[0]?.excluded.map(({ client }) => client)).toEqual([setting.idOf(2)]);
    expect(result.rounds[0]?.survivors).not.toContain(setting.idOf(2));
    expect(setting.clients[2]?.has('resume')).toBe(false);
  });

  it('I come back after garbage for the next attempt of the same round: it starts without me', async () => {
    const setting = await arrange({
      config: taskOf({ size: 8 }),
      campaign: { clients: { min: 8, waitMs: 1_500 } },
      client: (i) => ({
        comeBack: 1,
        deed: ({ kind, run }) => {
          if (run.attempt > 1) return undefined;
          if (i === 2 && kind === 'keys') return [nativeRng(50)];
          return i < 2 && (kind === 'masked' || kind === 'inputChunk') ? [] : undefined;
        },
      }),
    });
    setting.when(
      () => times(setting, 'checkedIn', 2) === 2 && setting.clients.filter((one) => one.has('inputTaken')).length === 5,
      () => {
        setting.clock.advance(1_000); // the masked inputs: five are too few
        // Nobody waits for the eighth, which sits out: no more time passes.
      },
    );
    // All eight are there before the first attempt, and again before the second.
    const seated: number[] = [];
    setting.coordinator.on('attempt', ({ groups }) => seated.push(groups[0]?.members.length ?? 0));
    const [report] = (await setting.run()).rounds;
    expect(report?.attempts).toBe(2);
    expect(report?.outcome).toEqual({ type: 'committed' });
    expect(report?.excluded.map(({ client, code }) => [client, code])).toEqual([[setting.idOf(2), 'WIRE_MALFORMED']]);
    expect(report?.cohort).not.toContain(setting.idOf(2));
    expect(seated.at(-1)).toBe(7);
  });

  it('a message for a round that is over is answered with a fault and costs nothing', async () => {
    const setting = await arrange({ config: taskOf({ size: 3 }), campaign: { rounds: 2 } });
    let old: ClientRoundMessage | undefined;
    const [first] = setting.clients;
    setting.coordinator.on('attempt', ({ round }) => {
      const keys = { kind: 'keys', run: { round: round - 1, attempt: 1, group: 0 } } as const;
      old = { ...keys, channel: new Uint8Array(32), mask: new Uint8Array(32), signature: new Uint8Array(64) };
      if (round === 2) first?.send(old);
    });
    const result = await setting.run();
    expect(result.rounds[1]?.survivors).toHaveLength(3);
    expect(result.rounds[1]?.excluded).toEqual([]);
    expect(first?.received).toContainEqual(
      expect.objectContaining({ kind: 'fault', code: 'ROUND_WRONG_ROUND', run: old?.run }),
    );
  });
});

describe('who gets in', () => {
  const quiet = (coordinator = {}): Promise<Setting> => arrange({ config: taskOf({ size: 3 }), coordinator });
  const guest = (setting: Setting, identity = generateIdentity(nativePrimitives, nativeRng)): RawClient =>
    new RawClient({ url: setting.coordinator.url, identity, coordinator: fromHex(setting.coordinator.id) });

  it('silent after connecting: told and closed at the deadline', async () => {
    const setting = await quiet();
    const { clock } = setting;
    const silent = await guest(setting).open();
    // A round trip of somebody else shows that the coordinator has seen the silent one.
    await guest(setting).join();
    clock.advance(AUTH_DEADLINE_MS);
    expect(await silent.closed).toBe(CLOSE.tooSlow);
    expect(silent.received).toMatchObject([{ kind: 'fault', code: 'AUTH_TIMEOUT' }]);
    await setting.coordinator.stop('over');
  });

  it('a proof that lies unread because the coordinator is busy is waited for, and at most so long', async () => {
    let busy = 0;
    const setting = await quiet({ busyMs: () => busy });
    const { clock } = setting;
    const [slow, silent] = [guest(setting), guest(setting)];
    await Promise.all([slow.open(), silent.open()]);
    await guest(setting).join();
    // All of the time it had enough to do with others.
    busy = AUTH_DEADLINE_MS;
    clock.advance(AUTH_DEADLINE_MS);
    slow.hello();
    expect(await slow.next('welcome')).toMatchObject({ kind: 'welcome' });
    expect(silent.closes).toEqual([]);
    busy = 1e9;
    clock.advance(MAX_AUTH_CREDIT_MS - 1);
    await guest(setting).join();
    expect(silent.closes).toEqual([]);
    clock.advance(1);
    expect(await silent.closed).toBe(CLOSE.tooSlow);
    await setting.coordinator.stop('over');
  });

  it('deaf to pings: gone after two lost ones, and the campaign knows', async () => {
    const setting = await quiet();
    const { clock } = setting;
    const deaf = guest(setting);
    await deaf.open();
    deaf.hello();
    await deaf.next('welcome');
    const accepted = deaf.next('accepted');
    deaf.checkIn();
    await accepted;
    expect(PING_MS * 2).toBeLessThan(DEAD_AFTER_MS);
    // The manual clock leaves the pong no time to arrive.
    clock.advance(DEAD_AFTER_MS + 1_000);
    expect(await deaf.closed).toBe(1006);
    expect(setting.notices).toContainEqual({ type: 'left', client: deaf.identity.id });
    await setting.coordinator.stop('over');
  });

  it.each(['ping', 'pong', 'message'])('I flood with %ss: closed with 1008, the others are served', async (kind) => {
    const setting = await quiet();
    const flood = await guest(setting).open();
    flood.hello();
    await flood.next('welcome');
    for (let i = 0; i < 2 * MESSAGE_BURST; i++)
      if (kind === 'message') flood.send({ kind: 'wantChain', task: 'test', after: new Uint8Array(0) });
      else flood.control(kind as 'ping' | 'pong');
    expect(await flood.closed).toBe(CLOSE.policy);
    expect(setting.notices).toContainEqual(
      expect.objectContaining({ type: 'offence', client: flood.identity.id, code: 'SESSION_FLOOD' }),
    );
    await guest(setting).join();
    await setting.coordinator.stop('over');
  });

  it('one socket per identity: the newest wins, the old one is told so and keeps nothing', async () => {
    const setting = await quiet();
    const identity = generateIdentity(nativePrimitives, nativeRng);
    const older = await guest(setting, identity).join();
    await guest(setting, identity).join();
    expect(await older.closed).toBe(CLOSE.replaced);
    expect(older.received.at(-1)).toMatchObject({ kind: 'fault', code: 'AUTH_REPLACED' });
    expect(setting.notices.map(({ type }) => type)).toContain('replaced');
    await setting.coordinator.stop('over');
  });

  it('only those on the allowlist', async () => {
    const member = generateIdentity(nativePrimitives, nativeRng);
    const setting = await quiet({ roster: { kind: 'allowlist', clients: [member.id] } });
    const stranger = await guest(setting).open();
    stranger.hello();
    expect(await stranger.closed).toBe(CLOSE.forbidden);
    const friend = guest(setting, member);
    await friend.open();
    friend.hello();
    await friend.next('welcome');
    await setting.coordinator.stop('over');
  });

  it('another sub-protocol, none, or plain HTTP: no socket', async () => {
    const setting = await quiet();
    const status = (protocols: string[]): Promise<string> =>
      new Promise((resolve) => {
        const socket = new WebSocket(setting.coordinator.url, protocols);
        socket.on('error', (error) => resolve(error.message));
      });
    expect(await status(['sotto.v2'])).toContain('400');
    expect(await status([])).toContain('400');
    const plain = await new Promise((resolve) => {
      request(setting.coordinator.url.replace('ws:', 'http:'), (response) => resolve(response.statusCode)).end();
    });
    expect(plain).toBe(426);
    await setting.coordinator.stop('over');
  });

  it('an offer of compression is not taken', async () => {
    const setting = await quiet();
    const socket = new WebSocket(setting.coordinator.url, 'sotto.v1', { perMessageDeflate: true });
    await new Promise((resolve) => socket.once('open', resolve));
    expect(socket.extensions).toBe('');
    socket.terminate();
    await setting.coordinator.stop('over');
  });

  it('surplus clients of dealt groups are told when to come back', async () => {
    const setting = await arrange({ config: taskOf({ size: 3, count: 2 }), campaign: { rounds: 2, pauseMs: 500 } });
    let late: Promise<RawClient> | undefined;
    setting.coordinator.on('round', ({ round }) => {
      if (round !== 1) return;
      const one = guest(setting);
      late = one.join();
      setting.when(
        () => one.has('rejected'),
        () => setting.clock.advance(500),
      );
    });
    await setting.run();
    const rejected = (await late)?.received.find(({ kind }) => kind === 'rejected');
    expect(rejected).toMatchObject({ code: 'SESSION_BUSY', retryAfterMs: expect.any(Number) });
  });

  it('somebody who comes when all is over hears so', async () => {
    const setting = await arrange({ config: taskOf({ size: 3 }) });
    for (const one of setting.clients) void one.join();
    await setting.coordinator.done;
    const late = guest(setting);
    const finished = late.next('finished');
    await late.join();
    const [, record] = setting.coordinator.chain();
    expect((await finished).model).toEqual(record?.modelAfter);
    await setting.coordinator.stop('over');
    expect(await late.closed).toBe(1001);
  });
});

describe('the chain and its blobs', () => {
  it('anybody authenticated gets the newest record, the model in chunks that fit its hash, and records behind one it has', async () => {
    const setting = await arrange({ config: taskOf({ size: 3, dimension: 100_000 }) });
    for (const one of setting.clients) void one.join();
    await setting.coordinator.done;
    const [genesis, update] = setting.coordinator.chain();
    const reader = new RawClient({
      url: setting.coordinator.url,
      identity: generateIdentity(nativePrimitives, nativeRng),
      coordinator: fromHex(setting.coordinator.id),
    });
    await reader.open();
    reader.hello();
    await reader.next('welcome');

    const newest = reader.next('chain');
    reader.send({ kind: 'wantChain', task: 'test', after: new Uint8Array(0) });
    expect(await newest).toEqual({ kind: 'chain', task: 'test', records: [update], complete: true });
    const behind = reader.next('chain');
    reader.send({ kind: 'wantChain', task: 'test', after: update?.previous ?? nativeRng(32) });
    expect((await behind).records).toEqual([update]);

    const blob = update?.modelAfter ?? nativeRng(32);
    const head = reader.next('blobHead');
    const last = reader.next('blobChunk', ({ index }) => index === 1);
    reader.send({ kind: 'want', blob });
    const { bytes, chunks } = await head;
    await last;
    expect(bytes).toBe(400_000);
    expect(toHex(blobHash(nativePrimitives, bytes, chunks))).toBe(toHex(blob));
    const sections = reader.received.flatMap((m) => (m.kind === 'blobChunk' ? [m.section] : []));
    expect(sections.map((section) => toHex(chunkHash(nativePrimitives, section))).join('')).toBe(toHex(chunks));
    expect(Buffer.concat(sections).equals(Buffer.from(setting.coordinator.model().buffer))).toBe(true);

    for (const message of [
      { kind: 'want', blob: nativeRng(32) },
      { kind: 'wantChain', task: 'test', after: nativeRng(32) },
    ] as const) {
      const fault = reader.next('fault');
      reader.send(message);
      expect(await fault).toMatchObject({ code: 'SESSION_UNKNOWN_BLOB' });
    }
    expect(genesis?.type).toBe('genesis');
    reader.bye();
    for (const one of setting.clients) one.bye();
    await setting.coordinator.stop('over');
  });
});
