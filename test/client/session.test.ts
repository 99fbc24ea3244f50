// From the first byte to the pool, and back after a loss. Scripted coordinator, transport in memory, virtual time.
import { describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/guards.js';
import type { FederatedClientOptions } from '../../client/options.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { ERRORS, type ErrorCode, SottoError } from '../../protocol/errors.js';
import { toHex } from '../../protocol/ids.js';
import { MAX_RETRY_AFTER_MS, MAX_WAIT_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { Message } from '../../protocol/wire/messages.js';
import { ScriptedCoordinator } from './coordinator.js';
import { start } from './harness.js';
import { settle } from './virtual-timers.js';

const half = (): Uint8Array => Uint8Array.of(0x80, 0, 0, 0);
/** All random draws in the middle: waits without jitter. Keys are drawn from it as well, which no test of this file minds. */
const noJitter = (length: number): Uint8Array => (length === 4 ? half() : nativeRng(length));

describe('the handshake', () => {
  it('proves itself, checks in with an empty head, and is accepted', async () => {
    const { coordinator, seen, client } = await start();
    expect(coordinator.session.received.map(({ kind }) => kind)).toEqual(['hello', 'proof', 'checkIn']);
    expect(coordinator.session.of('checkIn')[0]).toMatchObject({ task: 'digits', head: new Uint8Array(0) });
    expect(seen.connected).toEqual([{ coordinator: coordinator.identity.id, again: false }]);
    expect(seen.accepted).toEqual([{ task: 'digits', round: 1 }]);
    await client.stop();
  });

  it('I answer with a key of my own and the client leaves for good, telling me nothing but the code', async () => {
    const coordinator = new ScriptedCoordinator();
    const mine = generateIdentity(nativePrimitives, nativeRng);
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello' ? session.challenge(mine, message) : honest();
    const { result, seen } = await start({ coordinatorSide: coordinator });
    expect(await result).toMatchObject({ code: 'AUTH_WRONG_COORDINATOR' });
    expect(coordinator.sessions).toHaveLength(1);
    expect(coordinator.session.received.map(({ kind }) => kind)).toEqual(['hello', 'fault']);
    expect(coordinator.session.of('fault')[0]?.text).not.toContain(coordinator.identity.id);
    expect(seen.error[0]?.message).toContain(coordinator.identity.id);
  });

  it('I claim the pinned key without holding it and get no proof', async () => {
    const coordinator = new ScriptedCoordinator();
    const mine = generateIdentity(nativePrimitives, nativeRng);
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello' ? session.challenge(mine, message, { key: coordinator.identity.publicKey }) : honest();
    const { result } = await start({ coordinatorSide: coordinator });
    expect(await result).toMatchObject({ code: 'AUTH_WRONG_COORDINATOR' });
    expect(coordinator.session.of('proof')).toHaveLength(0);
  });

  it('I replay a challenge that was signed for another hello and get no proof', async () => {
    const coordinator = new ScriptedCoordinator();
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello' ? session.challenge(coordinator.identity, message, { nonce: nativeRng(32) }) : honest();
    const { result } = await start({ coordinatorSide: coordinator });
    expect(await result).toMatchObject({ code: 'AUTH_WRONG_COORDINATOR' });
    expect(coordinator.session.of('proof')).toHaveLength(0);
  });

  it('I skip the challenge and welcome the client at once: refused, and nothing of a round is looked at', async () => {
    const coordinator = new ScriptedCoordinator();
    coordinator.answer = (session, message, honest) =>
      message.kind === 'hello' ? session.send({ kind: 'welcome', tasks: ['digits'], pingMs: 0 }) : honest();
    const { seen, client } = await start({ coordinatorSide: coordinator });
    expect(seen.error[0]).toMatchObject({ code: 'SESSION_UNEXPECTED' });
    expect(seen.connected).toEqual([]);
    await client.stop();
  });

  it('never hearing a welcome is AUTH_TIMEOUT after 20 s, and another try', async () => {
    const coordinator = new ScriptedCoordinator();
    coordinator.answer = () => undefined;
    const { seen, timers, client } = await start({ coordinatorSide: coordinator });
    await timers.advance(19_999);
    expect(seen.error).toEqual([]);
    await timers.advance(1);
    expect(seen.error[0]).toMatchObject({ code: 'AUTH_TIMEOUT' });
    await timers.advance(2_000);
    expect(coordinator.sessions.length).toBe(2);
    await client.stop();
  });

  /** By the table of codes: what says `retry: never` of a client or its key. */
  const final = (Object.keys(ERRORS) as ErrorCode[]).filter(
    (code) => code.startsWith('AUTH_') && ERRORS[code].retry === 'never',
  );
  it.each<ErrorCode>([...final, 'SESSION_UNKNOWN_TASK', 'SESSION_EXCLUDED'])(
    'a fault %s ends the client: trying again would not help',
    async (code) => {
      const { coordinator, result, timers } = await start();
      coordinator.session.send({ kind: 'fault', code, text: 'no' });
      expect(await result).toMatchObject({ code });
      await timers.advance(60_000);
      expect(coordinator.sessions).toHaveLength(1);
    },
  );

  it('a fault that says `later` does not end the client', async () => {
    const { coordinator, seen, result, timers, client } = await start();
    coordinator.session.send({ kind: 'fault', code: 'AUTH_TIMEOUT', text: 'too slow' });
    coordinator.session.peer.close(4408, 'AUTH_TIMEOUT');
    await timers.advance(2_000);
    expect(coordinator.sessions).toHaveLength(2);
    expect(seen.error).toMatchObject([{ code: 'AUTH_TIMEOUT' }]);
    await client.stop();
    expect(await result).toMatchObject({ how: 'stopped' });
  });

  it('a coordinator whose own store fails does not end the client', async () => {
    const { coordinator, seen, client } = await start();
    coordinator.session.send({ kind: 'fault', code: 'STORE_WRITE', text: 'disk full' });
    await settle();
    expect(seen.error).toMatchObject([{ code: 'STORE_WRITE' }]);
    expect(coordinator.session.closed).toBeUndefined();
    await client.stop();
  });

  it('a task that the coordinator does not offer is SESSION_UNKNOWN_TASK, naming those it offers', async () => {
    const { result } = await start({ task: 'letters' });
    expect(await result).toMatchObject({ code: 'SESSION_UNKNOWN_TASK', message: expect.stringContaining('digits') });
  });
});

describe('trust on first use', () => {
  const first = { trustOnFirstUse: true, coordinator: undefined } as unknown as Partial<FederatedClientOptions>;

  it('pins the first key before it proves itself to it, and a later impostor is refused', async () => {
    const guards = memoryGuards();
    const one = await start({ ...first, guards });
    expect(await guards.pinned('memory://coordinator')).toEqual(one.coordinator.identity.publicKey);
    await one.client.stop();
    const two = await start({ ...first, guards, coordinatorSide: new ScriptedCoordinator() });
    expect(await two.result).toMatchObject({ code: 'AUTH_WRONG_COORDINATOR' });
  });

  it('says nothing to a key that could not be pinned', async () => {
    const guards = { ...memoryGuards(), pin: () => Promise.reject(new SottoError('STORE_WRITE', 'disk full')) };
    const { coordinator, result } = await start({ ...first, guards });
    expect(await result).toMatchObject({ code: 'STORE_WRITE' });
    expect(coordinator.session.of('proof')).toHaveLength(0);
  });

  it('a pinned key that is none is CONFIG_INVALID at once', async () => {
    await expect(start({ coordinator: 'abc' } as Partial<FederatedClientOptions>)).rejects.toMatchObject({
      code: 'CONFIG_INVALID',
    });
  });

  it('a pinned key may be given in hex', async () => {
    const coordinator = new ScriptedCoordinator();
    const { seen, client } = await start({
      coordinatorSide: coordinator,
      coordinator: toHex(coordinator.identity.publicKey),
    });
    expect(seen.accepted).toHaveLength(1);
    await client.stop();
  });
});

describe('coming back', () => {
  it('waits 1, 2, 4, 5, 5 s without jitter while nobody answers, and 1 s again after a welcome', async () => {
    const { coordinator, seen, timers, client } = await start({ rng: noJitter });
    const accept = coordinator.hub.accept;
    coordinator.hub.accept = undefined;
    coordinator.session.peer.close(1001, 'restart');
    await settle();
    for (const wait of [1_000, 2_000, 4_000, 5_000]) await timers.advance(wait);
    expect(seen.disconnected.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000, 4_000, 5_000, 5_000]);
    coordinator.hub.accept = accept;
    await timers.advance(5_000);
    expect(seen.connected.map(({ again }) => again)).toEqual([false, true]);
    coordinator.session.peer.close(1001, 'restart');
    await settle();
    expect(seen.disconnected.at(-1)?.retryInMs).toBe(1_000);
    await client.stop();
  });

  it('jitter moves a wait by at most half, both ways', async () => {
    const waits: (number | undefined)[] = [];
    for (const byte of [0, 255]) {
      const rng = (length: number): Uint8Array => (length === 4 ? new Uint8Array(4).fill(byte) : nativeRng(length));
      const { coordinator, seen, client } = await start({ rng });
      coordinator.session.peer.close(1001, 'restart');
      await settle();
      waits.push(seen.disconnected[0]?.retryInMs);
      await client.stop();
    }
    expect(waits).toEqual([500, 1_500]);
  });

  it('gives up with TRANSPORT_CLOSED only where a number of tries was set', async () => {
    const coordinator = new ScriptedCoordinator();
    coordinator.hub.accept = undefined;
    const { result, timers, seen } = await start({
      coordinatorSide: coordinator,
      reconnect: { tries: 2 },
      rng: noJitter,
    });
    await timers.advance(10_000);
    expect(await result).toMatchObject({ code: 'TRANSPORT_CLOSED' });
    expect(seen.disconnected.map(({ retryInMs }) => retryInMs)).toEqual([1_000, 2_000, undefined]);
  });

  it('rejected: asks again on the same connection, never earlier than told', async () => {
    const { coordinator, seen, timers, client } = await start();
    const { session } = coordinator;
    session.send({ kind: 'rejected', code: 'SESSION_BUSY', retryAfterMs: 30_000 });
    await timers.advance(29_999);
    expect(seen.rejected).toEqual([{ code: 'SESSION_BUSY', retryAfterMs: 30_000 }]);
    expect(session.of('checkIn')).toHaveLength(1);
    await timers.advance(15_001);
    expect(session.of('checkIn')).toHaveLength(2);
    expect(coordinator.sessions).toHaveLength(1);
    await client.stop();
  });

  it('rejected and then cut off: the reconnect waits as long as told too', async () => {
    const { coordinator, seen, timers, client } = await start();
    coordinator.session.send({ kind: 'rejected', code: 'SESSION_BUSY', retryAfterMs: 30_000 });
    await settle();
    coordinator.session.peer.close(1013, 'later');
    await settle();
    expect(seen.disconnected[0]?.retryInMs).toBeGreaterThanOrEqual(30_000);
    await timers.advance(29_000);
    expect(coordinator.sessions).toHaveLength(1);
    await client.stop();
  });
});

describe('told to come back later before any welcome', () => {
  /** Answers `hello` with a refusal, for whose sender nothing speaks. */
  const turnedAway = (retryAfterMs: number, options: Partial<FederatedClientOptions> = {}) => {
    const coordinator = new ScriptedCoordinator();
    coordinator.answer = (session) => {
      session.send({ kind: 'rejected', code: 'SESSION_BUSY', retryAfterMs });
      session.peer.close(1013, 'SESSION_BUSY');
    };
    return start({ coordinatorSide: coordinator, rng: noJitter, ...options });
  };

  it('I forge a rejection for a week: the client stays away no longer than a coordinator may ask for', async () => {
    const { coordinator, seen, timers, client } = await turnedAway(MAX_WAIT_MS);
    expect(seen.rejected).toEqual([{ code: 'SESSION_BUSY', retryAfterMs: MAX_RETRY_AFTER_MS }]);
    await timers.advance(MAX_RETRY_AFTER_MS);
    expect(coordinator.sessions).toHaveLength(2);
    await client.stop();
  });

  it.each([0, 2])('it is no failed try: with tries: %i a client comes as often as it is told to', async (tries) => {
    const { coordinator, timers, result } = await turnedAway(30_000, { reconnect: { tries } });
    for (let n = 1; n <= 5; n++) {
      expect(coordinator.sessions).toHaveLength(n);
      await timers.advance(30_000);
    }
    coordinator.hub.accept = undefined;
    await timers.advance(60_000);
    expect(await result).toMatchObject({ code: 'TRANSPORT_CLOSED' });
  });
});

describe('garbage', () => {
  it.each([
    ['no frame at all', Uint8Array.of(1, 2, 3), 'WIRE_MALFORMED'],
    ['an empty message', new Uint8Array(0), 'WIRE_MALFORMED'],
    ['a frame over the limit', new Uint8Array(400_000), 'WIRE_TOO_LARGE'],
  ])('I send %s: a typed error, the connection ends, the client comes back', async (_what, bytes, code) => {
    const { coordinator, seen, timers, client } = await start();
    const { session } = coordinator;
    session.peer.send(bytes);
    await settle();
    expect(seen.error).toMatchObject([{ code }]);
    expect(session.of('fault')).toMatchObject([{ code }]);
    expect(session.closed?.code).toBe(4422);
    await timers.advance(2_000);
    expect(coordinator.sessions).toHaveLength(2);
    expect(seen.accepted).toHaveLength(2);
    await client.stop();
  });

  it.each<Message>([
    { kind: 'proof', signature: new Uint8Array(64) },
    { kind: 'want', blob: new Uint8Array(32) },
    { kind: 'welcome', tasks: ['digits'], pingMs: 1 },
    { kind: 'leave', reason: 'me' },
  ])('I send $kind, which only a client may send (or only once), and am refused', async (message) => {
    const { coordinator, seen, client } = await start();
    coordinator.session.send(message);
    await settle();
    expect(seen.error).toMatchObject([{ code: 'SESSION_UNEXPECTED' }]);
    expect(coordinator.session.closed?.code).toBe(4422);
    await client.stop();
  });

  it('blobs and records that nobody asked for are dropped without a word', async () => {
    const { coordinator, seen, client } = await start();
    const { session } = coordinator;
    session.send({ kind: 'blobChunk', blob: new Uint8Array(32), index: 0, section: new Uint8Array(8) });
    session.send({ kind: 'chain', task: 'digits', records: [], complete: true });
    session.send({ kind: 'inputTaken', run: { round: 1, attempt: 1, group: 0 } });
    await settle();
    expect(seen.error).toEqual([]);
    expect(session.closed).toBeUndefined();
    await client.stop();
  });
});

describe('the end', () => {
  it('stop() leaves the pool, closes with 1000 and resolves run() as stopped', async () => {
    const { coordinator, client, result, timers } = await start();
    await client.stop();
    expect(await result).toEqual({ how: 'stopped', contributed: 0 });
    expect(coordinator.session.of('leave')).toHaveLength(1);
    expect(coordinator.session.closed?.code).toBe(1000);
    expect(timers.waits).toEqual([]);
  });

  it('stop() during a wait between two tries ends at once', async () => {
    const { coordinator, client, result, timers } = await start();
    coordinator.session.peer.close(1001, 'restart');
    await settle();
    await client.stop();
    expect(await result).toMatchObject({ how: 'stopped' });
    expect(timers.waits).toEqual([]);
  });

  it('an abort signal does the same, also one that was aborted before', async () => {
    const controller = new AbortController();
    const one = await start({ signal: controller.signal });
    controller.abort();
    expect(await one.result).toMatchObject({ how: 'stopped' });
    const two = await start({ signal: AbortSignal.abort() });
    expect(await two.result).toMatchObject({ how: 'stopped' });
    expect(two.coordinator.sessions).toHaveLength(0);
  });

  it('finished ends the run with the last model', async () => {
    const { coordinator, result } = await start();
    const model = coordinator.published.newest.modelAfter;
    coordinator.session.send({ kind: 'finished', task: 'digits', rounds: 3, model });
    expect(await result).toEqual({ how: 'finished', contributed: 0, model: toHex(model) });
    await settle();
    expect(coordinator.session.closed?.code).toBe(1000);
  });

  it('run() twice is CLIENT_RUNNING', async () => {
    const { client } = await start();
    await expect(client.run()).rejects.toMatchObject({ code: 'CLIENT_RUNNING' });
    await client.stop();
  });

  it('a damaged guard store ends the run before anybody is talked to', async () => {
    const guards = { ...memoryGuards(), load: () => Promise.reject(new SottoError('STORE_CORRUPT', 'damaged')) };
    const { coordinator, result } = await start({ guards });
    expect(await result).toMatchObject({ code: 'STORE_CORRUPT' });
    expect(coordinator.sessions).toHaveLength(0);
  });
});
