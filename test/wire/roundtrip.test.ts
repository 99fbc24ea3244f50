// Each message has exactly one encoding, and nothing but that encoding decodes. Hostile headers: prescan.test.ts, fuzz.test.ts.

import { isDeepStrictEqual } from 'node:util';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import { CHUNK_BYTES, MAX_FRAME_BYTES, MAX_HEADER_BYTES } from '../../protocol/limits.js';
import { alignedSection, decodeFrame, encodeFrame, PREFIX_BYTES } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { kindOfByte, MESSAGE_KINDS, TYPE_BYTES } from '../../protocol/wire/types.js';
import { arbitraryOf } from './arbitraries.js';
import { EXAMPLES } from './examples.js';
import { frameWith, rawFrame, refusal, sectionOf, wireFields } from './raw.js';

const chunk = EXAMPLES.inputChunk;
const reversed = (fields: object): Record<string, unknown> => Object.fromEntries(Object.entries(fields).reverse());

describe('every kind', () => {
  it('has a type byte of its own', () => {
    expect(new Set(Object.values(TYPE_BYTES)).size).toBe(MESSAGE_KINDS.length);
    for (const kind of MESSAGE_KINDS) expect(kindOfByte(TYPE_BYTES[kind])).toBe(kind);
    expect(Object.keys(EXAMPLES).sort()).toEqual([...MESSAGE_KINDS].sort());
  });

  for (const kind of MESSAGE_KINDS) {
    it(`${kind}: what is encoded decodes to the same message, and that encodes to the same bytes`, () => {
      fc.assert(
        fc.property(arbitraryOf(kind), (message) => {
          const frame = encodeFrame(message);
          const result = decodeFrame(frame);
          expect(isDeepStrictEqual(result, { ok: true, message })).toBe(true); // toEqual takes 0.3 s for a chunk
          if (result.ok) expect(Buffer.compare(encodeFrame(result.message), frame)).toBe(0);
        }),
        { seed: TYPE_BYTES[kind], numRuns: 40 },
      );
    });

    const frame = encodeFrame(EXAMPLES[kind]);
    it(`${kind}: no truncation is accepted`, () => {
      for (let n = 0; n < frame.length; n++) expect(decodeFrame(frame.subarray(0, n)).ok).toBe(false);
    });

    it(`${kind}: no byte more is accepted, before or behind`, () => {
      for (const extra of [0x00, 0x01, 0x80, 0xc0, 0xff]) {
        expect(decodeFrame(Uint8Array.of(...frame, extra)).ok).toBe(false);
        expect(decodeFrame(Uint8Array.of(extra, ...frame)).ok).toBe(false);
      }
      expect(decodeFrame(Uint8Array.of(...frame, ...new Array<number>(8).fill(0))).ok).toBe(false);
    });

    it(`${kind}: with a bit flipped it is refused, or it is the one encoding of another message`, () => {
      for (let i = 0; i < frame.length * 8; i++) {
        const bad = frame.slice();
        bad[i >> 3] = (bad[i >> 3] ?? 0) ^ (1 << (i & 7));
        const result = decodeFrame(bad);
        if (result.ok) expect(Buffer.compare(encodeFrame(result.message), bad)).toBe(0);
        else expect(result.code).toMatch(/^WIRE_/);
        if (i < PREFIX_BYTES * 8) expect(result.ok && result.message.kind === kind).toBe(false);
      }
    });

    it(`${kind}: a field that the schema does not know is refused`, () => {
      const message: Message = EXAMPLES[kind];
      const frame = frameWith(message, { ...wireFields(message), extra: 1 });
      expect(refusal(frame)).toMatchObject({ code: 'WIRE_SCHEMA', field: 'extra' });
    });

    it(`${kind}: without any one of its fields it is refused, unless the field is optional`, () => {
      const message: Message = EXAMPLES[kind];
      for (const name of Object.keys(wireFields(message))) {
        const { [name]: _, ...rest } = wireFields(message);
        const result = decodeFrame(frameWith(message, rest));
        const optional = ['hello token', 'fault run', 'challenge handOvers'].includes(`${kind} ${name}`);
        expect([kind, name, result.ok]).toEqual([kind, name, optional]);
      }
    });

    it(`${kind}: fields in another order are refused`, () => {
      const message: Message = EXAMPLES[kind];
      const fields = wireFields(message);
      const nested = Object.values(fields).find(
        (x) => typeof x === 'object' && x !== null && !Array.isArray(x) && !(x instanceof Uint8Array),
      );
      if (Object.keys(fields).length > 1) {
        expect(refusal(frameWith(message, reversed(fields)))).toMatchObject({ code: 'WIRE_SCHEMA' });
      }
      if (nested !== undefined) {
        const turned = Object.fromEntries(
          Object.entries(fields).map(([name, x]) => [name, x === nested ? reversed(nested as object) : x]),
        );
        expect(refusal(frameWith(message, turned))).toMatchObject({ code: 'WIRE_SCHEMA' });
      }
    });
  }
});

describe('the prefix', () => {
  const frame = encodeFrame(EXAMPLES.proof);
  const patched = (offset: number, ...bytes: number[]): Uint8Array => {
    const out = frame.slice();
    out.set(bytes, offset);
    return out;
  };

  it('is checked in its order: length, magic, version, type, flags, header length', () => {
    const everythingWrong = patched(0, 0, 0, 0, 0, 9, 0xff, 1, 1, 0xff, 0xff, 0xff, 0xff);
    expect(refusal(everythingWrong)).toMatchObject({ code: 'WIRE_MALFORMED', offset: 0 });
    expect(refusal(patched(4, 9, 0xff, 1, 1, 0xff))).toMatchObject({ code: 'WIRE_VERSION', offset: 4 });
    expect(refusal(patched(5, 0xff, 1, 1, 0xff))).toMatchObject({ code: 'WIRE_UNKNOWN_TYPE', offset: 5 });
    expect(refusal(patched(6, 0, 1, 0xff))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 6 });
    expect(refusal(patched(8, 0, 1, 0x40, 1))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 8 });
    expect(refusal(patched(8, 0, 1, 0x40, 0))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 8 });
    expect(MAX_HEADER_BYTES).toBe(0x14000);
    expect(refusal(new Uint8Array(0))).toMatchObject({ code: 'WIRE_MALFORMED' });
  });

  it('a frame over its limit is refused before anything of it is read', () => {
    const big = new Uint8Array(MAX_FRAME_BYTES + 1);
    expect(refusal(big)).toMatchObject({ code: 'WIRE_TOO_LARGE' });
    expect(refusal(big.subarray(1))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 0 });
  });

  it('type bytes without a kind are refused, all of them', () => {
    const known = new Set<number>(Object.values(TYPE_BYTES));
    for (let byte = 0; byte < 256; byte++) {
      if (!known.has(byte)) expect(refusal(patched(5, byte)).code).toBe('WIRE_UNKNOWN_TYPE');
    }
  });
});

describe('the section', () => {
  const header = { ...wireFields(chunk) };
  const frame = encodeFrame(chunk);

  it('starts at a multiple of 8 and ends with the frame, whatever its length', () => {
    for (let n = 1; n <= 20; n++) {
      const bytes = encodeFrame({ ...chunk, section: new Uint8Array(n).fill(0xee) });
      expect((bytes.length - n) % 8).toBe(0);
      expect(bytes.indexOf(0xee)).toBe(bytes.length - n);
    }
  });

  it('may have CHUNK_BYTES and not one more', () => {
    const full = { ...chunk, section: new Uint8Array(CHUNK_BYTES) };
    expect(decodeFrame(encodeFrame(full)).ok).toBe(true);
    const over = { ...chunk, section: new Uint8Array(CHUNK_BYTES + 1) };
    expect(() => encodeFrame(over)).toThrow(SottoError);
    expect(refusal(frameWith(over, wireFields(over)))).toMatchObject({ code: 'WIRE_TOO_LARGE', field: 'section' });
  });

  it('must not be empty', () => {
    expect(() => encodeFrame({ ...chunk, section: new Uint8Array(0) })).toThrow(SottoError);
    expect(refusal(rawFrame('inputChunk', { ...header, section: 0 }))).toMatchObject({ code: 'WIRE_SCHEMA' });
  });

  it('has exactly the length that the header says', () => {
    for (const lie of [chunk.section.length - 1, chunk.section.length + 1, chunk.section.length + 8, 2 ** 31 - 1]) {
      const result = decodeFrame(frameWith(chunk, { ...header, section: lie }));
      expect(result.ok).toBe(false);
    }
  });

  it('padding that is not zero is refused, at each of its bytes', () => {
    const start = frame.length - chunk.section.length;
    const headerEnd = PREFIX_BYTES + (frame[11] ?? 0);
    expect(start - headerEnd).toBe(7);
    for (let i = headerEnd; i < start; i++) {
      const bad = frame.slice();
      bad[i] = 1;
      expect(refusal(bad)).toMatchObject({ code: 'WIRE_MALFORMED', offset: i });
    }
  });

  it('a section behind a message that has none is refused', () => {
    expect(refusal(rawFrame('proof', wireFields(EXAMPLES.proof), sectionOf(chunk, 76)))).toMatchObject({
      code: 'WIRE_MALFORMED',
      reason: 'bytes behind the header',
    });
  });

  it('is a view of the frame; all other byte strings are copies', () => {
    const message = decodeFrame(frame);
    if (!message.ok || message.message.kind !== 'inputChunk') throw new Error('not decoded');
    expect(message.message.section.buffer).toBe(frame.buffer);
    const keys = encodeFrame(EXAMPLES.keys);
    const before = decodeFrame(keys);
    keys.fill(0);
    expect(before).toEqual({ ok: true, message: EXAMPLES.keys });
  });

  it('of a Node Buffer is a plain Uint8Array whose slice is a copy', () => {
    for (const example of [chunk, EXAMPLES.hello, EXAMPLES.masked]) {
      const result = decodeFrame(Buffer.from(encodeFrame(example)));
      if (!result.ok) throw new Error('not decoded');
      expect(result.message).toEqual(example);
      for (const value of Object.values(result.message)) {
        if (value instanceof Uint8Array) expect(Object.getPrototypeOf(value)).toBe(Uint8Array.prototype);
      }
    }
  });

  it('is copied for a typed array only where it is not aligned in memory', () => {
    const memory = new Uint8Array(64);
    for (let offset = 0; offset < 16; offset++) {
      const section = memory.subarray(offset, offset + 16);
      for (const unit of [1, 2, 4, 8] as const) {
        const aligned = alignedSection(section, unit);
        expect(aligned.byteOffset % unit).toBe(0);
        expect(aligned).toEqual(section);
        expect(aligned === section).toBe(offset % unit === 0);
      }
    }
  });
});

describe('the sender', () => {
  it('does not send what it would refuse: that is a bug, and it names kind and field', () => {
    const bad = { ...EXAMPLES.hello, nonce: new Uint8Array(31) };
    expect(() => encodeFrame(bad)).toThrow(
      expect.objectContaining({ code: 'INTERNAL', details: { kind: 'hello', field: 'nonce' } }),
    );
    const extra = { ...EXAMPLES.proof, other: 1 };
    expect(() => encodeFrame(extra)).toThrow(SottoError);
    const missing = { kind: 'proof' } as unknown as Message;
    expect(() => encodeFrame(missing)).toThrow(SottoError);
  });

  it('writes fields in one order, whatever the order in memory', () => {
    for (const kind of MESSAGE_KINDS) {
      const message: Message = EXAMPLES[kind];
      expect(encodeFrame(reversed(message) as unknown as Message)).toEqual(encodeFrame(message));
    }
  });

  it('takes Buffers where the types say Uint8Array', () => {
    const nonce = Buffer.alloc(32, 0x11);
    expect(encodeFrame({ ...EXAMPLES.hello, nonce })).toEqual(encodeFrame(EXAMPLES.hello));
    const section = Buffer.from(chunk.section);
    expect(encodeFrame({ ...chunk, section })).toEqual(frameOf());
    function frameOf(): Uint8Array {
      return encodeFrame(chunk);
    }
  });
});
