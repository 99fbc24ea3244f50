// A lent message that comes byte by byte: nothing is kept of the pieces, and each costs little. ws, which refuses a message of more than
// 4,096 pieces, does not see it. Not here: how long it may take (limits.test.ts).

import { EventEmitter } from 'node:events';
import { Duplex } from 'node:stream';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import type { WebSocket } from 'ws';
import { MAX_FRAME_BYTES } from '../../protocol/limits.js';
import { BulkStream } from '../../server/driver/bulk-stream.js';
import { frame } from '../bars/rfc6455/wire.js';

/** Pieces that were kept would be 100 bytes each at least: 32 MB. */
const MOST_BYTES = 4 << 20;
/** On a machine that does other work as well; measured: 1 to 2 µs. A segment costs the kernel as much. */
const MOST_MICROSECONDS = 20;

function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)(); // safe: what the flag defines
  const { heapUsed, external } = process.memoryUsage();
  return heapUsed + external;
}

it('a lent message in pieces of one byte takes its own memory and no more, and a few microseconds a piece', () => {
  const socket = new Duplex({ read: () => {}, write: (_chunk, _encoding, done) => done() });
  const stream = new BulkStream(socket, Buffer.alloc(0));
  // Of a websocket only its events and its state are looked at.
  const websocket = Object.assign(new EventEmitter(), { readyState: 1, OPEN: 1 });
  stream.lend(websocket as unknown as WebSocket, () => true); // safe: as just said
  let came = 0;
  websocket.on('message', ({ length }: Buffer) => {
    came = length;
  });
  const whole = frame({ opcode: 2, payload: Buffer.alloc(MAX_FRAME_BYTES, 7) });
  const pieces = whole.length - 1;
  const before = memory();
  const began = process.cpuUsage();
  for (let at = 0; at < pieces; at++) socket.emit('data', Buffer.from([whole[at] ?? 0]));
  const { user, system } = process.cpuUsage(began);
  expect(memory() - before).toBeLessThan(MAX_FRAME_BYTES + MOST_BYTES);
  expect((user + system) / pieces).toBeLessThan(MOST_MICROSECONDS);
  expect(came).toBe(0);
  socket.emit('data', whole.subarray(pieces));
  expect(came).toBe(MAX_FRAME_BYTES);
  stream.destroy();
});
