// The frame codec: microseconds to encode and decode, for the messages that are many or large, and what the checks cost
// beside a bare MessagePack decoder and beside the SHA-256 that each chunk gets anyway. Not here: sockets (bench/transport).

import { createHash } from 'node:crypto';
import { Unpackr } from 'msgpackr/unpack';
import { CHUNK_BYTES, MAX_GROUP } from '../protocol/limits.js';
import { decodeFrame, encodeFrame, PREFIX_BYTES } from '../protocol/wire/frame.js';
import type { Message } from '../protocol/wire/messages.js';
import { prescan } from '../protocol/wire/prescan.js';
import { atMost, type Bench, gigabytesPerSecond, msPerCall, type Row, row } from './harness.js';

const bytes = (length: number): Uint8Array => new Uint8Array(length).fill(7);
const run = { round: 12, attempt: 0, group: 3 };
const others = Array.from({ length: MAX_GROUP - 1 }, (_, rank) => rank);
const signature = bytes(64);

const MESSAGES: readonly (readonly [string, Message])[] = [
  ['hello', { kind: 'hello', client: bytes(32), nonce: bytes(32), agent: 'bench' }],
  ['keys', { kind: 'keys', run, channel: bytes(32), mask: bytes(32), signature }],
  [
    'share book of 128 members, 72 KiB',
    {
      kind: 'shareBook',
      run,
      packets: others.map((from) => ({
        from,
        box: bytes(96),
        hashB: bytes(32),
        hashS: bytes(32),
        commitB: bytes(32),
        root: bytes(32),
        path: bytes(7 * 32),
        signature,
      })),
    },
  ],
  ['masked, 4 MiB announced', { kind: 'masked', run, chunks: bytes(16 * 32), bytes: 2 ** 22, u2: others, signature }],
  [
    'unmask of 127',
    { kind: 'unmask', run, opened: others.map((of) => ({ of, type: 'b', share: bytes(32), salt: bytes(16) })) },
  ],
];

async function measure(): Promise<Row[]> {
  const rows: Row[] = [];
  for (const [name, message] of MESSAGES) {
    const frame = encodeFrame(message);
    rows.push(row(`encode ${name}`, 1000 * msPerCall(() => encodeFrame(message)), 'µs'));
    rows.push(row(`decode ${name}`, 1000 * msPerCall(() => decodeFrame(frame)), 'µs'));
  }
  const chunk: Message = { kind: 'inputChunk', run, index: 3, section: bytes(CHUNK_BYTES) };
  const frame = encodeFrame(chunk);
  const encodeMs = msPerCall(() => encodeFrame(chunk));
  const decodeMs = msPerCall(() => decodeFrame(frame));
  const hashMs = msPerCall(() => createHash('sha256').update(chunk.section).digest());
  rows.push(row('encode a chunk of 256 KiB', 1000 * encodeMs, 'µs'));
  rows.push(row('encode chunks', gigabytesPerSecond(CHUNK_BYTES, encodeMs), 'GB/s'));
  rows.push(row('decode a chunk of 256 KiB', 1000 * decodeMs, 'µs'));
  rows.push(atMost(0.1, row('decode a chunk / its SHA-256', decodeMs / hashMs, 'x')));
  rows.push(atMost(2, row('encode a chunk / its SHA-256', encodeMs / hashMs, 'x')));
  rows.push(...priceOfSafety());
  return rows;
}

/** A share book: how much the pre-scan and the whole of our checks add to what MessagePack takes by itself. */
function priceOfSafety(): Row[] {
  const book = MESSAGES.find(([, message]) => message.kind === 'shareBook')?.[1];
  if (book === undefined) return [];
  const frame = encodeFrame(book);
  const header = frame.subarray(PREFIX_BYTES);
  const bare = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });
  const bareMs = msPerCall(() => bare.unpack(header));
  const scanMs = msPerCall(() => prescan(header));
  const wholeMs = msPerCall(() => decodeFrame(frame));
  return [
    row('share book, bare MessagePack', 1000 * bareMs, 'µs'),
    row('share book, pre-scan', 1000 * scanMs, 'µs'),
    atMost(4, row('share book, decodeFrame / bare MessagePack', wholeMs / bareMs, 'x')),
  ];
}

export const wireBench: Bench = {
  name: 'wire',
  title: 'frame codec: encode and decode per message and per 256 KiB chunk',
  run: measure,
};
