// How a connection treats a slow reader, on a socket that is a stub: nothing real can be made to stall on demand.
// Not here: real sockets (connections.test.ts).

import { EventEmitter } from 'node:events';
import { describe, expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { generateIdentity, signFields } from '../../protocol/crypto/identity.js';
import { LABELS } from '../../protocol/crypto/labels.js';
import {
  CHUNK_BYTES,
  MAX_BACKLOG_BYTES,
  MAX_UNAUTHENTICATED,
  MAX_UNAUTHENTICATED_PER_ADDRESS,
  MAX_UNSENT_BYTES,
  MAX_WANTED_BLOBS,
  SLOW_READER_MS,
} from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { framesOf } from '../../server/chain/blob-sender.js';
import { Connection, type ConnectionHandlers } from '../../server/driver/connection.js';
import { Connections } from '../../server/driver/connections.js';
import { verifyAtOnce } from '../../server/driver/proofs.js';
import { blobOf } from '../../server/engine/combine.js';
import { ManualClock } from './manual-clock.js';

/** Takes what it is sent when told to. */
class StubSocket extends EventEmitter {
  readonly OPEN = 1;
  readyState = 1;
  readonly waiting: { readonly frame: Uint8Array; readonly taken: () => void }[] = [];
  readonly frames: Uint8Array[] = [];
  terminated = false;
  get bufferedAmount(): number {
    return this.waiting.reduce((sum, { frame }) => sum + frame.length, 0);
  }
  send(frame: Uint8Array, _: object, taken: () => void): void {
    this.waiting.push({ frame, taken });
  }
  /** The kernel takes the oldest `count` frames. */
  take(count = 1): void {
    for (const { frame, taken } of this.waiting.splice(0, count)) {
      this.frames.push(frame);
      taken();
    }
  }
  ping(): void {}
  close(): void {
    this.readyState = 2;
  }
  terminate(): void {
    this.terminated = true;
    this.readyState = 3;
  }
}

function setting() {
  const clock = new ManualClock();
  const socket = new StubSocket();
  const offences: string[] = [];
  const ended: Connection[] = [];
  const handlers: ConnectionHandlers = {
    authenticated: () => {},
    verify: verifyAtOnce,
    durably: (work) => work(),
    request: () => {},
    offence: (_, { code }) => offences.push(code),
    complaint: () => {},
    ended: (connection) => ended.push(connection),
    broken: (error) => {
      throw error;
    },
  };
  const setup = {
    identity: generateIdentity(nativePrimitives, nativeRng),
    primitives: nativePrimitives,
    rng: nativeRng,
    admit: () => ({ ok: true }) as const,
    task: 'test',
    pingMs: 1,
  };
  const connection = new Connection(socket as unknown as WebSocket, setup, handlers, clock, { up: 0, down: 0 });
  return { clock, socket, offences, ended, connection };
}

/** Through the handshake, with everything taken. */
function welcomed() {
  const all = setting();
  const { socket } = all;
  const client = generateIdentity(nativePrimitives, nativeRng);
  const say = (message: Message): boolean => socket.emit('message', Buffer.from(encodeFrame(message)), true);
  say({ kind: 'hello', client: client.publicKey, nonce: nativeRng(32), agent: 'stub' });
  const challenge = decodeFrame(socket.waiting[0]?.frame ?? new Uint8Array(0));
  if (!challenge.ok || challenge.message.kind !== 'challenge') throw new Error('no challenge');
  const { nonce, coordinator } = challenge.message;
  say({
    kind: 'proof',
    signature: signFields(nativePrimitives, client, LABELS.proof, nonce, coordinator, client.publicKey),
  });
  socket.take(2);
  expect(all.connection.client).toBe(client.id);
  return all;
}
const blob = blobOf(nativePrimitives, nativeRng(10 * CHUNK_BYTES + 5));

describe('a blob for a slow reader', () => {
  it('goes out a few chunks ahead of what the reader takes, in order, to the end', () => {
    const { socket, connection } = setting();
    expect(connection.blobs.want(blob)).toBe(true);
    while (socket.waiting.length > 0) {
      expect(socket.bufferedAmount).toBeLessThanOrEqual(MAX_UNSENT_BYTES);
      socket.take();
    }
    const kinds = socket.frames.map((frame) => {
      const decoded = decodeFrame(frame);
      return decoded.ok && decoded.message.kind === 'blobChunk' ? decoded.message.index : 'head';
    });
    expect(kinds).toEqual(['head', 0, 1, 2, 3, 4, 5, 6, 7, 8, 9, 10]);
  });

  it('is encoded once: all readers are sent the same bytes in memory', () => {
    const [a, b] = [setting(), setting()];
    for (const { connection } of [a, b]) connection.blobs.want(blob);
    expect(a.socket.waiting[1]?.frame).toBe(b.socket.waiting[1]?.frame);
    expect(framesOf(blob)[1]).toBe(a.socket.waiting[1]?.frame);
  });

  it('I ask for the model again and again and read nothing: the queue is bounded', () => {
    const { connection } = setting();
    for (let i = 0; i < MAX_WANTED_BLOBS; i++) expect(connection.blobs.want(blob)).toBe(true);
    expect(connection.blobs.want(blob)).toBe(false);
  });

  it('that takes nothing for a minute is cut; one that takes a little at a time is not', () => {
    const { clock, socket, offences, ended, connection } = welcomed();
    connection.blobs.want(blob);
    for (let i = 0; i < 5; i++) {
      clock.advance(SLOW_READER_MS / 2);
      socket.take();
      socket.emit('pong');
      connection.sweep(clock.now());
    }
    expect(socket.terminated).toBe(false);
    clock.advance(SLOW_READER_MS - 1);
    socket.emit('pong');
    connection.sweep(clock.now());
    expect(socket.terminated).toBe(false);
    clock.advance(1);
    connection.sweep(clock.now());
    expect(socket.terminated).toBe(true);
    expect(offences.at(-1)).toBe('TRANSPORT_SLOW');
    expect(ended).toEqual([connection]);
  });

  it('whose round messages pile up beyond the limit is cut at once', () => {
    const { socket, offences, connection } = setting();
    const frame = new Uint8Array(MAX_BACKLOG_BYTES / 4);
    for (let i = 0; i < 4; i++) connection.sendFrame(frame);
    expect(socket.terminated).toBe(false);
    connection.sendFrame(new Uint8Array(1));
    expect(socket.terminated).toBe(true);
    expect(offences).toEqual(['TRANSPORT_SLOW']);
  });
});

describe('connections that have not said who they are', () => {
  it('are limited in number', () => {
    const connections = new Connections(new ManualClock());
    const strangers = Array.from({ length: MAX_UNAUTHENTICATED }, () => setting().connection);
    for (const [i, one] of strangers.entries()) {
      expect(connections.room(), `at ${i}`).toBe(true);
      connections.add(one);
    }
    expect(connections.room()).toBe(false);
    // safe: the limit is above 0
    connections.ended(strangers[0]!);
    expect(connections.room()).toBe(true);
  });

  it('are limited in number from one address, which is free again once they are gone; this machine is exempt', () => {
    const connections = new Connections(new ManualClock());
    const fill = (address: string) => {
      const all = Array.from({ length: MAX_UNAUTHENTICATED_PER_ADDRESS }, () => setting().connection);
      for (const one of all) {
        expect(connections.room(address)).toBe(true);
        connections.add(one, address);
      }
      return all;
    };
    const [first] = fill('192.0.2.7');
    expect(connections.room('192.0.2.7')).toBe(false);
    expect(connections.room('192.0.2.8')).toBe(true);
    // safe: the limit is above 0
    connections.ended(first!);
    expect(connections.room('192.0.2.7')).toBe(true);
    fill('127.0.0.1');
    expect(connections.room('127.0.0.1')).toBe(true);
  });
});
