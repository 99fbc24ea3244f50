// Headers that kill, block or fool a general MessagePack decoder, refused before one sees them. That this is quick is shown
// without a clock: the refusal's offset says how far the scan had read. Random ones: fuzz.test.ts.

import { spawnSync } from 'node:child_process';
import { pathToFileURL } from 'node:url';
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { utf8Decode } from '../../protocol/crypto/utf8.js';
import { MAX_HEADER_BYTES, MAX_HEADER_DEPTH, MAX_HEADER_ITEMS, MAX_MAP_KEYS } from '../../protocol/limits.js';
import { decodeHeader, encodeHeader } from '../../protocol/wire/header.js';
import { isUtf8, type PrescanFault, prescan } from '../../protocol/wire/prescan.js';
import { EXAMPLES } from './examples.js';
import { parseHex, rawFrame, refusal, wireFields } from './raw.js';

/** {"a": <bytes>} */
const under = (...bytes: number[]): Uint8Array => Uint8Array.of(0x81, 0xa1, 0x61, ...bytes);
const repeated = (head: string, bytes: string, times: number): Uint8Array => parseHex(head + bytes.repeat(times));
const fault = (bytes: Uint8Array): PrescanFault => {
  const result = prescan(bytes);
  if (result === undefined) throw new Error('passed');
  return result;
};
const ok = (...bytes: number[]): void => {
  expect(prescan(under(...bytes))).toBeUndefined();
  expect(decodeHeader(under(...bytes)).ok).toBe(true);
};

describe('I try to kill the decoder', () => {
  it('with 100,000 nested arrays: refused at the ninth level', () => {
    expect(fault(repeated('81a161', '91', 100_000))).toMatchObject({
      code: 'WIRE_TOO_LARGE',
      offset: 3 + MAX_HEADER_DEPTH - 1,
    });
  });

  it('with 100,000 nested maps: refused at the ninth level', () => {
    expect(fault(repeated('', '81a161', 100_000))).toMatchObject({
      code: 'WIRE_TOO_LARGE',
      offset: 3 * MAX_HEADER_DEPTH,
    });
  });

  it('with 16 MiB of empty arrays in one: refused by its count, or after 4,096', () => {
    const n = 16 * 2 ** 20;
    const honest = new Uint8Array(n).fill(0x90);
    honest.set([0x81, 0xa1, 0x61, 0xdd, 0x00, 0xff, 0xff, 0xf8]);
    expect(fault(honest)).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
    const wide = new Uint8Array(n).fill(0x90);
    wide.set([0x81, 0xa1, 0x61, 0xdc, 0xff, 0xff]);
    expect(fault(wide)).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 3 });
    // In many small arrays, each within its own limits.
    const nested = repeated('81a16198', 'dc0fff', 8_000);
    expect(fault(nested).code).toBe('WIRE_TOO_LARGE');
    expect(fault(nested).offset).toBeLessThan(100);
    const many = repeated(`81a161dc0100`, `9f${'90'.repeat(15)}`, 256);
    expect(fault(many)).toMatchObject({ code: 'WIRE_TOO_LARGE' });
    expect(fault(many).offset).toBeLessThan(2 * MAX_HEADER_ITEMS);
  });

  it('with 24,000 arrays that each claim 65,535 items', () => {
    expect(fault(repeated('81a161', 'dcffff', 24_000))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 3 });
  });

  it('with a map of a million keys', () => {
    const keys = Array.from(
      { length: 70_000 },
      (_, i) => `a5${Buffer.from(String(10_000 + i)).toString('hex')}00`,
    ).join('');
    expect(fault(parseHex(`df000f4240${keys}`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 0 });
    expect(fault(parseHex(`deffff${keys}`))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 0 });
  });

  it('with lengths beyond the end, up to 4 GiB', () => {
    for (const bytes of [
      'c4ff00',
      'c5ffff00',
      'c6ffffffff',
      'a261',
      'd9ff61',
      'daffff61',
      'dbffffffff61',
      '9f00',
      'dc010000',
      '8fa16101',
    ]) {
      expect(fault(parseHex(`81a161${bytes}`))).toMatchObject({ code: 'WIRE_MALFORMED' });
    }
  });

  it('with a count beyond the end: refused where the count stands, before its items are looked at', () => {
    for (const bytes of ['9f00', '9200', 'dc0100'.padEnd(20, '0'), '8fa16101', '82a16101', 'de0010a16101']) {
      expect(fault(parseHex(`81a161${bytes}`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
    }
  });

  it('by the frame: a header over its limit is not even scanned', () => {
    const header = repeated('81a161', '91', MAX_HEADER_BYTES);
    expect(refusal(rawFrame('proof', header))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 8 });
  });
});

describe('I try to smuggle in a value that is none', () => {
  it('no extension type passes: dates, errors, sets, patterns, pointers, typed arrays, big integers', () => {
    for (const type of ['ff', '65', '73', '78', '70', '69', '74', '42', '62', '00', '72', '52']) {
      for (const lead of ['d4', 'd5', 'd6', 'd7', 'd8']) {
        expect(fault(parseHex(`81a161${lead}${type}${'00'.repeat(16)}`))).toMatchObject({
          code: 'WIRE_MALFORMED',
          offset: 3,
        });
      }
      for (const lead of ['c701', 'c80001', 'c900000001']) {
        expect(fault(parseHex(`81a161${lead}${type}00`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
      }
    }
  });

  it('a record definition (extension 0x72) is refused, at the top and inside', () => {
    expect(fault(parseHex('d4724091a16101'))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 0 });
    expect(fault(parseHex('81a161d4724091a16101'))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
    expect(fault(parseHex('81a161d572400091a16101'))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
  });

  it('after a defined record, the bytes 0x40-0x7f are still plain numbers', () => {
    expect(decodeHeader(under(0x40))).toEqual({ ok: true, fields: { a: 0x40 } });
  });

  it('c1, nil, negative numbers, 64-bit numbers and float32 are refused', () => {
    for (const bytes of [
      'c1',
      'c0',
      'e0',
      'ff',
      'd0ff',
      'd1ffff',
      'd2ffffffff',
      'd3ffffffffffffffff',
      'cf0000000000000001',
      'cfffffffffffffffff',
      'ca3f000000',
    ]) {
      expect(fault(parseHex(`81a161${bytes}`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 3 });
    }
  });

  it('a double that is not finite, or an integer in disguise, is refused', () => {
    for (const bytes of [
      '7ff8000000000000',
      '7ff0000000000000',
      'fff0000000000000',
      '3ff0000000000000',
      '8000000000000000',
      '0000000000000000',
    ]) {
      expect(fault(parseHex(`81a161cb${bytes}`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 4 });
    }
    ok(0xcb, 0x3f, 0xe0, 0, 0, 0, 0, 0, 0);
    ok(0xcb, 0, 0, 0, 0, 0, 0, 0, 1); // the smallest double
  });

  it('a key twice is refused, however far apart and however deep', () => {
    expect(fault(parseHex('82a16101a16102'))).toMatchObject({
      code: 'WIRE_MALFORMED',
      offset: 4,
      reason: 'a map key twice',
    });
    expect(fault(parseHex('83a16101a16202a16103'))).toMatchObject({ offset: 7, reason: 'a map key twice' });
    expect(fault(parseHex('81a17882a16101a16102'))).toMatchObject({ offset: 7, reason: 'a map key twice' });
    // The same key in a map and in one inside it, or in two maps side by side, is no duplicate.
    expect(prescan(parseHex('82a16181a16101a16201'))).toBeUndefined();
    expect(prescan(parseHex('81a16c9281a1610181a16101'))).toBeUndefined();
    // A key that begins like another is none either.
    expect(prescan(parseHex('82a16101a2616102'))).toBeUndefined();
    expect(prescan(parseHex('82a2616101a16102'))).toBeUndefined();
  });

  it('a key that is no name of letters and digits is refused', () => {
    const long = '61'.repeat(256);
    for (const key of [
      '01',
      'c0',
      'c3',
      '90',
      '80',
      'c40161',
      'cc80',
      'cb3fe0000000000000',
      `d920${long}`,
      `da0100${long}`,
    ]) {
      expect(fault(parseHex(`81${key}01`))).toMatchObject({ code: 'WIRE_MALFORMED', offset: 1 });
    }
    for (const key of [
      'a0',
      'a131',
      'a15f',
      'a2615f',
      'a140',
      'a15b',
      'a160',
      'a17b',
      'a1e1',
      'a2c3a4',
      'a120',
      'a100',
    ]) {
      expect(fault(parseHex(`81${key}01`))).toMatchObject({ offset: 1, reason: 'a map key that is no name' });
    }
    for (const key of ['a161', 'a15a', 'a26139', `bf${'61'.repeat(31)}`]) {
      expect(prescan(parseHex(`81${key}01`))).toBeUndefined();
    }
  });

  it('__proto__, constructor and their kind change no object and fit no schema', () => {
    for (const name of ['__proto__', 'constructor', 'prototype', 'toString', 'hasOwnProperty']) {
      const header = encodeHeader(Object.fromEntries([['signature', new Uint8Array(64)]]));
      const key = Buffer.from(name);
      const bytes = Uint8Array.of(0x82, ...header.subarray(1), 0xa0 | key.length, ...key, 0x81, 0xa1, 0x78, 0x01);
      expect(refusal(rawFrame('proof', bytes)).code).toBe(name === '__proto__' ? 'WIRE_MALFORMED' : 'WIRE_SCHEMA');
      const alone = Uint8Array.of(0x81, 0xa0 | key.length, ...key, 0x81, 0xa1, 0x78, 0x01);
      expect(refusal(rawFrame('inputTaken', alone)).code).toBe(name === '__proto__' ? 'WIRE_MALFORMED' : 'WIRE_SCHEMA');
    }
    expect(({} as { x?: unknown }).x).toBeUndefined();
  });

  it('a header that is no map, or more or less than one, is refused', () => {
    for (const bytes of [
      '',
      '01',
      'a161',
      '90',
      '9181a16101',
      'c0',
      'c400',
      '8000',
      '8080',
      '81a1610100',
      '81a161',
      '81',
      'de0000',
    ]) {
      expect(fault(parseHex(bytes))).toMatchObject({ code: 'WIRE_MALFORMED' });
    }
    expect(prescan(parseHex('80'))).toBeUndefined();
  });

  it('a longer form than needed is refused, for each number and each length', () => {
    for (const bytes of [
      'cc7f',
      'cd00ff',
      'ce0000ffff',
      'd900',
      `d91f${'61'.repeat(31)}`,
      `da00ff${'61'.repeat(255)}`,
      `db0000ffff${'61'.repeat(65_535)}`,
      'c50000',
      `c500ff${'00'.repeat(255)}`,
      `c60000ffff${'00'.repeat(65_535)}`,
      'dc0000',
      `dc000f${'00'.repeat(15)}`,
      'de0000',
      'dd00000000',
    ]) {
      expect(fault(parseHex(`81a161${bytes}`))).toMatchObject({ code: 'WIRE_MALFORMED' });
    }
    ok(0x7f);
    ok(0xcc, 0x80);
    ok(0xcd, 0x01, 0x00);
    ok(0xce, 0, 1, 0, 0);
    ok(0xce, 255, 255, 255, 255);
  });
});

describe('text', () => {
  it('that is not UTF-8 is refused: stray, overlong, surrogate, beyond Unicode, cut off', () => {
    for (const bytes of [
      '80',
      'bf',
      'c0af',
      'c1bf',
      'c2',
      'e08080',
      'e09f80',
      'eda080',
      'edbfbf',
      'f0808080',
      'f08f8080',
      'f4908080',
      'f5808080',
      'fe',
      'ff',
      'e282',
      'f09f98',
    ]) {
      const length = bytes.length / 2;
      expect(fault(parseHex(`81a161${(0xa0 + length).toString(16)}${bytes}`))).toMatchObject({
        offset: 4,
        reason: 'text that is not UTF-8',
      });
    }
  });

  it('the check agrees with an independent decoder on random bytes and on all two-byte strings', () => {
    const strict = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const valid = (bytes: Uint8Array): boolean => {
      try {
        strict.decode(bytes);
        return true;
      } catch {
        return false;
      }
    };
    for (let a = 0; a < 256; a++) {
      for (let b = 0; b < 256; b++) {
        const bytes = Uint8Array.of(a, b);
        if (isUtf8(bytes, 0, 2) !== valid(bytes)) throw new Error(`${a} ${b}`);
      }
    }
    const lead = fc.constantFrom(0xc2, 0xe0, 0xe1, 0xed, 0xef, 0xf0, 0xf1, 0xf4, 0xf5, 0x41);
    const next = fc.constantFrom(0x7f, 0x80, 0x8f, 0x90, 0x9f, 0xa0, 0xbf, 0xc0, 0x41);
    fc.assert(
      fc.property(fc.array(fc.oneof(lead, next), { maxLength: 12 }), (items) => {
        const bytes = Uint8Array.from(items);
        expect(isUtf8(bytes, 0, bytes.length)).toBe(valid(bytes));
        expect(isUtf8(bytes, 0, bytes.length)).toBe(utf8Decode(bytes) !== undefined);
      }),
      { seed: 3629, numRuns: 5_000 },
    );
  });

  it('with a byte order mark in front is refused: a decoder would drop it', () => {
    for (const rest of ['', '61'.repeat(28), '61'.repeat(70)]) {
      const length = 3 + rest.length / 2;
      const head = length < 32 ? (0xa0 + length).toString(16) : `d9${length.toString(16).padStart(2, '0')}`;
      expect(fault(parseHex(`81a161${head}efbbbf${rest}`)).reason).toBe('text with a byte order mark');
    }
  });
});

describe('each bound of a header, on both sides', () => {
  it('nesting', () => {
    const nested = (depth: number): Uint8Array => repeated('81a161', '91', depth - 1);
    const filled = (depth: number): Uint8Array => Uint8Array.of(...nested(depth), 0x01);
    expect(prescan(filled(MAX_HEADER_DEPTH))).toBeUndefined();
    expect(fault(filled(MAX_HEADER_DEPTH + 1))).toMatchObject({ code: 'WIRE_TOO_LARGE', reason: 'nested too deep' });
  });

  it('values', () => {
    // One map, one key, one list and its items.
    const of = (items: number): Uint8Array =>
      parseHex(`81a161dc${items.toString(16).padStart(4, '0')}${'00'.repeat(items)}`);
    expect(prescan(of(MAX_HEADER_ITEMS - 3))).toBeUndefined();
    expect(fault(of(MAX_HEADER_ITEMS - 2))).toMatchObject({ code: 'WIRE_TOO_LARGE' });
    expect(fault(of(MAX_HEADER_ITEMS + 1))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 3 });
  });

  it('keys', () => {
    const of = (keys: number): Uint8Array =>
      parseHex(
        `de${keys.toString(16).padStart(4, '0')}${Array.from({ length: keys }, (_, i) => `a2${(0x6161 + (i >> 4) * 256 + (i & 15)).toString(16)}01`).join('')}`,
      );
    expect(prescan(of(MAX_MAP_KEYS))).toBeUndefined();
    expect(fault(of(MAX_MAP_KEYS + 1))).toMatchObject({ code: 'WIRE_TOO_LARGE', offset: 0 });
  });
});

it('an encoded header is memory of its own: no Buffer, no part of a pool', () => {
  const first = encodeHeader({ a: new Uint8Array(32).fill(1) });
  const copy = first.slice();
  for (let i = 0; i < 1_000; i++) encodeHeader({ a: new Uint8Array(32).fill(2) });
  expect(first).toEqual(copy);
  expect(Object.getPrototypeOf(first)).toBe(Uint8Array.prototype);
  expect(first.buffer.byteLength).toBe(first.length);
});

it('a browser that forbids eval can encode and decode every message', () => {
  const url = (path: string): string => JSON.stringify(pathToFileURL(path).href);
  const script = `
    const { EXAMPLES } = await import(${url('dist/test/wire/examples.js')});
    const { encodeFrame, decodeFrame } = await import(${url('dist/protocol/wire/frame.js')});
    let n = 0;
    for (let round = 0; round < 5; round++)
      for (const message of Object.values(EXAMPLES)) n += decodeFrame(encodeFrame(message)).ok ? 1 : 0;
    let evalWorks = true;
    try { new Function('return 1')(); } catch { evalWorks = false; }
    console.log(n, evalWorks);`;
  const run = spawnSync(process.execPath, [
    '--disallow-code-generation-from-strings',
    '--input-type=module',
    '-e',
    script,
  ]);
  expect(run.stderr.toString()).toBe('');
  expect(run.stdout.toString().trim()).toBe(`${5 * Object.keys(EXAMPLES).length} false`);
  expect(wireFields(EXAMPLES.proof)).toHaveProperty('signature');
});
