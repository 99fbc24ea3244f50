// Bar 7 (operations.md §7): mutated frames against the real decoder. Starts from the golden frames and the largest legal headers, breaks
// them at bits, lengths and structure, and asks of each: nothing thrown, refused in time, little memory, and what is accepted encodes to
// the same bytes. Not here: properties with shrinking (test/wire/fuzz.test.ts).

import { readdirSync } from 'node:fs';
import { MAX_FRAME_BYTES, MAX_HEADER_BYTES } from '../../../protocol/limits.js';
import { decodeFrame, encodeFrame, MAGIC, PREFIX_BYTES, WIRE_VERSION } from '../../../protocol/wire/frame.js';
import { MESSAGE_KINDS, TYPE_BYTES } from '../../../protocol/wire/types.js';
import { parseHex, readText } from '../../wire/raw.js';
import { generator } from '../random.js';

export interface FramesResult {
  readonly seed: number;
  readonly frames: number;
  readonly accepted: number;
  /** By code. */
  readonly refused: Readonly<Record<string, number>>;
  readonly uncaught: number;
  /** Accepted, and encoded to other bytes. */
  readonly notCanonical: number;
  /** The slowest frame, ms: the best of five goes, so that it is the frame's time and not the machine's. */
  readonly slowestMs: number;
  /** Most bytes allocated for one byte of input, of inputs from 16 KiB on: the least of five goes, for the same reason. */
  readonly allocation: number;
  /** The first of each trouble, in hex. */
  readonly examples: readonly string[];
  readonly ok: boolean;
}

export const SLOWEST_MS = 20;
export const MOST_ALLOCATION = 4;
/** Share of mutants that start from a bomb: they are long, and most of what can go wrong sits in ordinary frames. */
const BOMBS = 0.03;
/** Smaller inputs drown in what measuring itself allocates. */
const MEASURED_BYTES = 16 * 1024;

type Random = () => number;
const below = (random: Random, n: number): number => Math.floor(random() * n);
const pick = <T>(random: Random, items: readonly T[]): T => items[below(random, items.length)] as T; // safe: not empty

export function framesBar({ frames, seed }: { readonly frames: number; readonly seed: number }): FramesResult {
  const random = generator(seed);
  const golden = goldenFrames();
  const large = bombs();
  const corpus = [...golden, ...large];
  const refused: Record<string, number> = {};
  const examples: string[] = [];
  const trouble = (what: string, frame: Uint8Array): void => {
    if (examples.length < 10) examples.push(`${what}: ${Buffer.from(frame.subarray(0, 2_000)).toString('hex')}`);
  };
  const count = { accepted: 0, uncaught: 0, notCanonical: 0 };
  let slowestMs = 0;
  let allocation = 0;
  for (let n = 0; n < frames; n++) {
    // The corpus itself first, as it is.
    const frame =
      n < corpus.length ? (corpus[n] as Uint8Array) : mutate(random, random() < BOMBS ? large : golden, corpus);
    const measured = frame.length >= MEASURED_BYTES;
    const heapBefore = measured ? allocated() : 0;
    try {
      const started = performance.now();
      const decoded = decodeFrame(frame);
      let ms = performance.now() - started;
      if (measured) {
        let each = (allocated() - heapBefore) / frame.length;
        // The compiler and the collector allocate as well: what the frame costs, it costs every time.
        for (let again = 0; again < 4 && each > MOST_ALLOCATION / 2; again++)
          each = Math.min(each, allocationOf(frame));
        if (each > MOST_ALLOCATION) trouble('allocates', frame);
        allocation = Math.max(allocation, each);
      }
      for (let again = 0; again < 4 && ms > SLOWEST_MS / 4; again++) ms = Math.min(ms, timeOf(frame));
      slowestMs = Math.max(slowestMs, ms);
      if (ms > SLOWEST_MS) trouble('slow', frame);
      if (!decoded.ok) refused[decoded.code] = (refused[decoded.code] ?? 0) + 1;
      else {
        count.accepted++;
        if (Buffer.compare(encodeFrame(decoded.message), frame) !== 0) {
          count.notCanonical++;
          trouble('not canonical', frame);
        }
      }
    } catch (error) {
      count.uncaught++;
      trouble(String(error), frame);
    }
  }
  const bad = count.uncaught + count.notCanonical;
  return {
    seed,
    frames,
    ...count,
    refused,
    slowestMs: Number(slowestMs.toFixed(2)),
    allocation: Number(allocation.toFixed(2)),
    examples,
    ok: bad === 0 && slowestMs <= SLOWEST_MS && allocation <= MOST_ALLOCATION,
  };
}

function timeOf(frame: Uint8Array): number {
  const started = performance.now();
  decodeFrame(frame);
  return performance.now() - started;
}

function allocationOf(frame: Uint8Array): number {
  const before = allocated();
  decodeFrame(frame);
  // A collection in between says nothing: the next go tells.
  const bytes = allocated() - before;
  return bytes < 0 ? Number.POSITIVE_INFINITY : bytes / frame.length;
}

/** Bytes on the heap and in buffers; a collection in between shows as less, which no maximum sees. */
function allocated(): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage();
  return heapUsed + arrayBuffers;
}

/** One of each kind. Run from the root of the repository, as tests are. */
function goldenFrames(): Uint8Array[] {
  return readdirSync('test/golden/sotto-1')
    .filter((name) => name.endsWith('.hex'))
    .map((name) => parseHex(readText(`test/golden/sotto-1/${name}`)));
}

function framed(kind: number, header: Uint8Array): Uint8Array {
  const out = new Uint8Array(PREFIX_BYTES + header.length);
  const view = new DataView(out.buffer);
  view.setUint32(0, MAGIC);
  view.setUint8(4, WIRE_VERSION);
  view.setUint8(5, kind);
  view.setUint32(8, header.length);
  out.set(header, PREFIX_BYTES);
  return out;
}

/** What blocks or kills decoders (operations.md §3.5): deep nesting, promises of many items, extension types, many keys. */
function bombs(): Uint8Array[] {
  const { hello, shareBook } = TYPE_BYTES;
  const repeat = (pattern: readonly number[], bytes: number): Uint8Array =>
    Uint8Array.from({ length: bytes }, (_, i) => pattern[i % pattern.length] as number); // safe: within the pattern
  const patterns = [
    [0x91], // arrays in arrays
    [0x90], // empty arrays side by side
    [0xdc, 0xff, 0xff], // promises of 65,535 items, nested
    [0xdd, 0xff, 0xff, 0xff, 0xff],
    [0xdf, 0xff, 0xff, 0xff, 0xff],
    [0x81, 0xa1, 0x61], // maps in maps
    [0xc6, 0xff, 0xff, 0xff, 0xff], // a byte string of 4 GiB
    [0xd4, 0x72, 0x40], // records of msgpackr
    [0xc7, 0x0c, 0xff], // timestamps
    [0xc1],
    [0xa0], // empty keys
    [0xcb, 0x7f, 0xf8, 0, 0, 0, 0, 0, 0],
  ];
  return [hello, shareBook].flatMap((kind) =>
    patterns.flatMap((pattern) => [
      framed(kind, repeat(pattern, 64)),
      framed(kind, repeat(pattern, MAX_HEADER_BYTES)),
      framed(kind, Uint8Array.from([0xde, 0xff, 0xff, ...repeat(pattern, MAX_HEADER_BYTES - 3)])),
      framed(kind, Uint8Array.from([0x81, 0xa1, 0x61, 0xdc, 0x0f, 0xff, ...repeat(pattern, MAX_HEADER_BYTES - 6)])),
    ]),
  );
}

/** Bytes at which MessagePack changes its meaning, and ends of ranges. */
const NASTY = [
  0x00, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc2, 0xc4, 0xc5, 0xc6, 0xc7, 0xc8, 0xc9, 0xca, 0xcb,
  0xcc, 0xcd, 0xce, 0xcf, 0xd0, 0xd3, 0xd4, 0xd8, 0xd9, 0xda, 0xdb, 0xdc, 0xdd, 0xde, 0xdf, 0xe0, 0xff,
];

function mutate(random: Random, from: readonly Uint8Array[], corpus: readonly Uint8Array[]): Uint8Array {
  let frame: Uint8Array = pick(random, from).slice();
  for (let times = 1 + below(random, 3); times > 0; times--)
    frame = MUTATIONS[below(random, MUTATIONS.length)]?.(frame, random, corpus) ?? frame;
  return frame;
}

type Mutation = (frame: Uint8Array, random: Random, corpus: readonly Uint8Array[]) => Uint8Array;
/** Changes of the header keep its stated length right half of the time, so that the decoder gets further. */
const relength = (frame: Uint8Array, random: Random, by: number): Uint8Array => {
  if (frame.length < PREFIX_BYTES || random() < 0.5) return frame;
  const view = new DataView(frame.buffer, frame.byteOffset);
  view.setUint32(8, Math.max(0, view.getUint32(8) + by) >>> 0);
  return frame;
};
const MUTATIONS: readonly Mutation[] = [
  (frame, random) => {
    const at = below(random, frame.length);
    frame[at] = (frame[at] ?? 0) ^ (1 << below(random, 8));
    return frame;
  },
  (frame, random) => {
    frame[below(random, frame.length)] = pick(random, NASTY);
    return frame;
  },
  (frame, random) => frame.slice(0, below(random, frame.length + 1)),
  (frame, random) => {
    const tail = Uint8Array.from({ length: 1 + below(random, 64) }, () => below(random, 256));
    return new Uint8Array(Buffer.concat([frame.subarray(0, MAX_FRAME_BYTES), tail]));
  },
  (frame, random) => {
    const at = Math.min(frame.length, PREFIX_BYTES + below(random, Math.max(1, frame.length - PREFIX_BYTES)));
    const more = Uint8Array.from({ length: 1 + below(random, 6) }, () => pick(random, NASTY));
    const longer = new Uint8Array(Buffer.concat([frame.subarray(0, at), more, frame.subarray(at)]));
    return relength(longer, random, more.length);
  },
  (frame, random) => {
    const at = Math.min(frame.length, PREFIX_BYTES + below(random, Math.max(1, frame.length - PREFIX_BYTES)));
    const less = Math.min(frame.length - at, 1 + below(random, 6));
    const shorter = new Uint8Array(Buffer.concat([frame.subarray(0, at), frame.subarray(at + less)]));
    return relength(shorter, random, -less);
  },
  (frame, random) => {
    if (frame.length < PREFIX_BYTES) return frame;
    new DataView(frame.buffer, frame.byteOffset).setUint32(
      8,
      pick(random, [0, 1, MAX_HEADER_BYTES, MAX_HEADER_BYTES + 1, 2 ** 31, 2 ** 32 - 1, frame.length]),
    );
    return frame;
  },
  (frame, random) => {
    if (frame.length > 5) frame[5] = TYPE_BYTES[pick(random, MESSAGE_KINDS)];
    return frame;
  },
  (frame, random, corpus) => {
    const other = pick(random, corpus);
    const cut = below(random, Math.min(frame.length, other.length) + 1);
    return new Uint8Array(Buffer.concat([frame.subarray(0, cut), other.subarray(cut)]));
  },
];
