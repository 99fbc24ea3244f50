// Seeded fuzzing of the decoder: mutated frames, and headers made of random MessagePack tokens. A failure prints the frame in
// hex, which goes into a named test. Larger runs: FUZZ_FRAMES=20000000 FUZZ_SEED=… npx vitest run dist/test/wire/fuzz.test.js

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { Packr } from 'msgpackr/pack';
import { Unpackr } from 'msgpackr/unpack';
import { describe, expect, it } from 'vitest';
import { toHex } from '../../protocol/ids.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import { decodeHeader, encodeHeader } from '../../protocol/wire/header.js';
import type { Message } from '../../protocol/wire/messages.js';
import { prescan } from '../../protocol/wire/prescan.js';
import { MESSAGE_KINDS } from '../../protocol/wire/types.js';
import { arbitraryOf } from './arbitraries.js';
import { EXAMPLES } from './examples.js';

const FRAMES = Number(process.env.FUZZ_FRAMES ?? 20_000);
const SEED = Number(process.env.FUZZ_SEED ?? 20_260_101);

type Draw = (below: number) => number;
/** xorshift32 (Marsaglia 2003). */
function generator(seed: number): Draw {
  let x = seed >>> 0 || 1;
  return (below) => {
    x ^= x << 13;
    x ^= x >>> 17;
    x ^= x << 5;
    return (x >>> 0) % below;
  };
}

const INTERESTING = [
  0x00, 0x01, 0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0xc1, 0xc4, 0xc6, 0xc7, 0xcb, 0xcf, 0xd4, 0xd9, 0xdd,
  0xdf, 0xff,
];

function mutate(frame: Uint8Array, other: Uint8Array, draw: Draw): Uint8Array {
  let bytes = [...frame];
  for (let n = 1 + draw(4); n > 0; n--) {
    const at = draw(bytes.length || 1);
    const length = 1 + draw(8);
    switch (draw(7)) {
      case 0:
        bytes[at] = (bytes[at] ?? 0) ^ (1 << draw(8));
        break;
      case 1:
        bytes[at] = INTERESTING[draw(INTERESTING.length)] ?? 0;
        break;
      case 2:
        bytes.splice(at, length);
        break;
      case 3:
        bytes.splice(at, 0, ...bytes.slice(at, at + length));
        break;
      case 4:
        bytes.splice(at, 0, ...Array.from({ length }, () => draw(256)));
        break;
      case 5: {
        const from = draw(other.length);
        bytes.splice(at, length, ...other.slice(from, from + length));
        break;
      }
      default:
        bytes = bytes.slice(0, at);
    }
  }
  const out = Uint8Array.from(bytes);
  // Mostly repair the prefix, so that the change reaches the header.
  if (out.length >= 12 && draw(4) > 0) {
    out.set(frame.subarray(0, 8));
    if (draw(2) > 0) new DataView(out.buffer).setUint32(8, out.length - 12);
  }
  return out;
}

/** Byte strings of both codecs as one type, so that values alone are compared. */
function plain(value: unknown): unknown {
  if (value instanceof Uint8Array) return Buffer.from(value).toString('hex');
  if (Array.isArray(value)) return value.map(plain);
  if (typeof value !== 'object' || value === null) return value;
  return Object.entries(value).map(([name, one]) => [name, plain(one)]);
}

/** What must hold of any bytes whatsoever. Returns the code, or "ok". */
function judge(bytes: Uint8Array): string {
  const result = decodeFrame(bytes);
  if (!result.ok) return result.code;
  if (Buffer.compare(encodeFrame(result.message), bytes) !== 0) throw new Error('a second encoding of one message');
  return 'ok';
}

describe('random bytes', () => {
  it(`${FRAMES} mutated frames: no uncaught error, nothing accepted but the one encoding of a message`, () => {
    const draw = generator(SEED);
    const samples = MESSAGE_KINDS.flatMap((kind) => [
      EXAMPLES[kind] as Message,
      ...fc.sample(arbitraryOf(kind), { seed: SEED, numRuns: 4 }),
    ]);
    const frames = samples.map((message) => encodeFrame(message)).filter((frame) => frame.length < 4_000);
    const seen = new Map<string, number>();
    for (let i = 0; i < FRAMES; i++) {
      const frame = frames[draw(frames.length)] ?? new Uint8Array(0);
      const bytes = mutate(frame, frames[draw(frames.length)] ?? frame, draw);
      try {
        const verdict = judge(bytes);
        seen.set(verdict, (seen.get(verdict) ?? 0) + 1);
      } catch (error) {
        throw new Error(`seed ${SEED}, frame ${i}: ${toHex(bytes)}`, { cause: error });
      }
    }
    // The mutator reaches every answer the decoder has but the limits, which limits.test.ts covers.
    for (const verdict of [
      'ok',
      'WIRE_MALFORMED',
      'WIRE_VERSION',
      'WIRE_UNKNOWN_TYPE',
      'WIRE_SCHEMA',
      'WIRE_TOO_LARGE',
    ]) {
      expect([verdict, (seen.get(verdict) ?? 0) > 5]).toEqual([verdict, true]);
    }
  });

  it(`${FRAMES} headers of random tokens: what the pre-scan passes we read as msgpackr does, and both write the same again`, () => {
    // A general codec by others, told to keep to maps, arrays, text, bytes, booleans and numbers.
    const packr = new Packr({ useRecords: false, variableMapSize: true, moreTypes: false });
    const unpackr = new Unpackr({ useRecords: false, mapsAsObjects: true, copyBuffers: true });
    const draw = generator(SEED + 1);
    let passed = 0;
    for (let i = 0; i < FRAMES; i++) {
      const tokens: number[] = [];
      const budget = { left: 1 + draw(30) };
      map(tokens, budget, draw);
      // A third of them damaged.
      if (draw(3) === 0) tokens[draw(tokens.length)] = draw(256);
      const bytes = Uint8Array.from(tokens);
      const fault = prescan(bytes);
      const result = decodeHeader(bytes);
      if (result.ok !== (fault === undefined)) throw new Error(`seed ${SEED}, header ${i}: ${toHex(bytes)}`);
      if (!result.ok) continue;
      passed++;
      const theirs: unknown = unpackr.unpack(bytes);
      if (!isDeepStrictEqual(plain(theirs), plain(result.fields)))
        throw new Error(`seed ${SEED}, header ${i} is read in another way: ${toHex(bytes)}`);
      for (const written of [encodeHeader(result.fields as object), packr.pack(theirs)])
        if (Buffer.compare(written, bytes) !== 0)
          throw new Error(`seed ${SEED}, header ${i} is written in another way: ${toHex(bytes)}`);
    }
    expect(passed).toBeGreaterThan(FRAMES / 3);
    expect(passed).toBeLessThan(FRAMES);
  });

  it('5,000 byte strings of pure noise behind a correct prefix', () => {
    const draw = generator(SEED + 2);
    for (let i = 0; i < 5_000; i++) {
      const noise = Uint8Array.from({ length: 13 + draw(60) }, () => draw(256));
      noise.set([0x53, 0x4f, 0x54, 0x4f, 1, 1 + draw(0x30), 0, 0, 0, 0, 0, noise.length - 12]);
      judge(noise);
    }
  });
});

/** Random canonical MessagePack, deeper and wider than any message, with now and then a token that is refused. */
function map(out: number[], budget: { left: number }, draw: Draw, depth = 1): void {
  const count = draw(4);
  out.push(0x80 | count);
  for (let i = 0; i < count; i++) {
    const name = `${String.fromCharCode(0x61 + i + draw(2))}${'x'.repeat(draw(3))}`;
    out.push(0xa0 | name.length, ...Buffer.from(name));
    value(out, budget, draw, depth + 1);
  }
}
function value(out: number[], budget: { left: number }, draw: Draw, depth: number): void {
  budget.left--;
  const kind = budget.left <= 0 ? draw(6) : draw(10);
  if (kind === 0) out.push(draw(128));
  else if (kind === 1) out.push(0xcc, 128 + draw(128));
  else if (kind === 2) out.push(0xcd, 1 + draw(255), draw(256));
  else if (kind === 3) out.push(0xc2 + draw(2));
  else if (kind === 4) {
    const text = ['', 'a', 'ä', '€', '𝄞', 'a longer text, over thirty-one bytes of it', '\u0000'][draw(7)] ?? '';
    const bytes = Buffer.from(text);
    out.push(...(bytes.length < 32 ? [0xa0 | bytes.length] : [0xd9, bytes.length]), ...bytes);
  } else if (kind === 5) {
    const length = draw(5);
    out.push(0xc4, length, ...Array.from({ length }, () => draw(256)));
  } else if (kind === 6 && depth < 8) {
    const count = draw(5);
    out.push(0x90 | count);
    for (let i = 0; i < count; i++) value(out, budget, draw, depth + 1);
  } else if (kind === 7 && depth < 8) map(out, budget, draw, depth);
  else if (kind === 8) out.push(0xcb, 0x3f, 0xe0 | draw(16), draw(256), draw(256), 0, 0, 0, 1);
  else if (draw(12) === 0) out.push(INTERESTING[draw(INTERESTING.length)] ?? 0);
  else out.push(draw(128));
}
