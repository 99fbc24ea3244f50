// More clients at once than a coordinator lets in, and a coordinator that stops: both tell clients when to come back, over real sockets.
// Not here: the rate (turnstile.test.ts), a storm of thousands (npm run bar -- reconnect).

import { afterEach, describe, expect, it } from 'vitest';
import { WebSocket } from 'ws';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { HANDSHAKES_AT_ONCE, MIN_RETRY_AFTER_MS, RESTART_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { decodeFrame } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { SUBPROTOCOL } from '../../protocol/wire/types.js';
import { type Coordinator, startCoordinator } from '../../server/index.js';
import { LightClient } from '../bars/host/light-client.js';
import { taskOf } from '../protocol/world.js';
import { ManualClock } from './manual-clock.js';

let coordinator: Coordinator | undefined;
const sockets: WebSocket[] = [];
afterEach(async () => {
  for (const socket of sockets.splice(0)) socket.terminate();
  await coordinator?.stop('the test is over');
});

const start = (): Promise<Coordinator> =>
  startCoordinator({
    task: taskOf({ size: 4 }),
    initialWeights: new Float32Array(5),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 4, waitMs: 1_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    clock: new ManualClock(),
    workers: 1,
  });

/** Connects and says nothing. @returns what it was told before it was closed; `undefined` where it was let in */
function stranger(url: string): Promise<{ said: Message | undefined; code: number } | undefined> {
  const socket = new WebSocket(url, SUBPROTOCOL, { perMessageDeflate: false });
  sockets.push(socket);
  return new Promise((resolve, reject) => {
    let said: Message | undefined;
    socket.on('error', reject);
    socket.on('message', (data: Buffer) => {
      const decoded = decodeFrame(data);
      if (decoded.ok) said = decoded.message;
    });
    socket.once('close', (code) => resolve({ said, code }));
    // Sent away, it hears of it with the answer to its ping at the latest.
    socket.once('open', () => socket.ping());
    socket.once('pong', () => resolve(undefined));
  });
}

describe('more strangers at once than there is time for', () => {
  it('those above it are told when to come back, each later than the one before, and their connections end', async () => {
    coordinator = await start();
    const above = 5;
    for (let i = 0; i < HANDSHAKES_AT_ONCE; i++) expect(await stranger(coordinator.url), `${i}`).toBeUndefined();
    const waits: number[] = [];
    for (let i = 0; i < above; i++) {
      const told = await stranger(coordinator.url);
      expect(told).toMatchObject({ code: 4429, said: { kind: 'rejected', code: 'SESSION_BUSY' } });
      if (told?.said?.kind === 'rejected') waits.push(told.said.retryAfterMs);
    }
    expect(waits[0]).toBeGreaterThan(MIN_RETRY_AFTER_MS);
    expect(new Set(waits).size).toBe(above);
    expect([...waits].sort((a, b) => a - b)).toEqual(waits);
  });
});

describe('a coordinator that stops', () => {
  it('tells everybody who is in when to come back, one after the other', async () => {
    coordinator = await start();
    const { url, id } = coordinator;
    const heard: Message[] = [];
    const lost: Promise<number>[] = [];
    for (let i = 0; i < 3; i++) {
      const identity = generateIdentity(nativePrimitives, nativeRng);
      const came = await LightClient.connect({ url, identity, coordinator: id, task: 'test' });
      if (came.type !== 'in') throw new Error(`it is not in: ${JSON.stringify(came)}`);
      came.client.heard = (message) => heard.push(message);
      lost.push(new Promise((resolve) => (came.client.lost = resolve)));
    }
    await coordinator.stop('an update of the software');
    expect(await Promise.all(lost)).toEqual([1001, 1001, 1001]);
    const waits = heard.map((message) => (message.kind === 'rejected' ? message.retryAfterMs : 0));
    expect(waits.sort()).toEqual([RESTART_MS, RESTART_MS + 3, RESTART_MS + 6]);
  });
});
