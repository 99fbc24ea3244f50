// Our encoding: golden bytes, and that different values never share an encoding nor start with one another's.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { bytesEqual, concat, type EncField, enc } from '../../protocol/crypto/enc.js';
import { LABELS, PROTOCOL_VERSION } from '../../protocol/crypto/labels.js';
import { RECORD_LABELS } from '../../protocol/crypto/record-labels.js';
import { isWellFormed, utf8Decode, utf8Encode } from '../../protocol/crypto/utf8.js';
import { bytes, hex } from './implementations.js';

const encoded = (...fields: EncField[]): string | undefined => hex(enc(...fields));
const golden = (text: string): string | undefined => hex(bytes(text));

/** Fields of all kinds, nested to a few levels. Texts are drawn from few letters, so that near-collisions are common. */
const { field } = fc.letrec<{ field: EncField; list: EncField[] }>((tie) => ({
  field: fc.oneof(
    { depthSize: 'small' },
    fc.uint8Array({ maxLength: 6, max: 4 }),
    fc.string({ maxLength: 4, unit: fc.constantFrom('a', '\u0001', '\u0000', 'é', '😀') }),
    fc.oneof(fc.nat(5), fc.nat(), fc.maxSafeNat()),
    tie('list'),
  ),
  list: fc.array(tie('field'), { maxLength: 4 }),
}));
const fields = fc.array(field, { maxLength: 4 });

describe('enc', () => {
  it('golden bytes: one of each kind, nested and empty', () => {
    expect(encoded()).toBe(golden('04 00000000'));
    expect(encoded(bytes('dead'))).toBe(golden('04 00000001  01 00000002 dead'));
    expect(encoded('é')).toBe(golden('04 00000001  02 00000002 c3a9'));
    expect(encoded(0, 258, 2 ** 53 - 1)).toBe(
      golden('04 00000003  03 0000000000000000  03 0000000000000102  03 001fffffffffffff'),
    );
    expect(encoded(['a', []], new Uint8Array(0), '')).toBe(
      golden('04 00000003  04 00000002 02 00000001 61 04 00000000  01 00000000  02 00000000'),
    );
    expect(encoded('sotto/1 ctx', 7)).toBe(
      golden('04 00000002  02 0000000b 736f74746f2f3120637478  03 0000000000000007'),
    );
  });

  it('where fields are cut, what kind they are, and how they are nested all show', () => {
    const alike: EncField[][] = [
      ['ab', 'c'],
      ['a', 'bc'],
      ['abc'],
      [['abc']],
      [['a'], 'bc'],
      ['abc', ''],
      [bytes('616263')],
      [1],
      ['1'],
      [bytes('01')],
      [bytes('0000000000000001')],
      [],
      [[]],
      [[], []],
    ];
    expect(new Set(alike.map((one) => encoded(...one))).size).toBe(alike.length);
  });

  it('is injective: two values encode alike only if they are the same', () => {
    const canonical = (value: EncField): unknown =>
      value instanceof Uint8Array ? { bytes: [...value] } : Array.isArray(value) ? value.map(canonical) : value;
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        expect(encoded(...a) === encoded(...b)).toBe(JSON.stringify(canonical(a)) === JSON.stringify(canonical(b)));
      }),
      { seed: 1, numRuns: 3000 },
    );
  });

  it('is prefix-free: no encoding starts with another', () => {
    fc.assert(
      fc.property(fields, fields, (a, b) => {
        const [short, long] = [enc(...a), enc(...b)].sort((x, y) => x.length - y.length);
        if (!short || !long || short.length === long.length) return;
        expect(bytesEqual(short, long.subarray(0, short.length))).toBe(false);
      }),
      { seed: 2, numRuns: 3000 },
    );
  });

  it('negative, fractional, unsafe and non-finite numbers are refused', () => {
    for (const value of [-1, 0.5, 2 ** 53, Number.NaN, Number.POSITIVE_INFINITY]) {
      expect(() => enc(value)).toThrow(RangeError);
    }
    expect(encoded(-0)).toBe(encoded(0));
  });

  it('I name my task with half a surrogate pair, which other encoders turn into U+FFFD, and am refused', () => {
    for (const text of ['\ud800', 'a\udc00', '\udc00\ud800', '\ud83d']) expect(() => enc(text)).toThrow(RangeError);
    expect(encoded('\ufffd')).toBe(golden('04 00000001  02 00000003 efbfbd'));
  });
});

describe('labels', () => {
  const labels: readonly string[] = [...Object.values(LABELS), ...Object.values(RECORD_LABELS)];
  it('are all different, and carry the protocol version', () => {
    expect(new Set(labels).size).toBe(labels.length);
    for (const label of labels) expect(label.startsWith(`${PROTOCOL_VERSION} `)).toBe(true);
  });
  it('no label, as encoded, is the start of another', () => {
    // 'sotto/1 keys' and a future 'sotto/1 keys 2' would be, as bare text.
    const asBytes = labels.map((label) => enc(label).subarray(5));
    for (const a of asBytes) {
      for (const b of asBytes) if (a !== b) expect(bytesEqual(a, b.subarray(0, a.length))).toBe(false);
    }
  });
});

describe('UTF-8', () => {
  it('agrees with the platform on every well-formed string, and refuses the others', () => {
    const encoder = new TextEncoder();
    fc.assert(
      fc.property(fc.string({ unit: 'binary', maxLength: 20 }), (text) => {
        expect(hex(utf8Encode(text))).toBe(hex(encoder.encode(text)));
        expect(utf8Decode(utf8Encode(text))).toBe(text);
      }),
      { seed: 3, numRuns: 1000 },
    );
    const unit = fc.integer({ min: 0xd700, max: 0xe0ff }).map((code) => String.fromCharCode(code));
    fc.assert(
      fc.property(fc.string({ unit, maxLength: 4 }), (text) => {
        const fair = !/[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/.test(text);
        expect(isWellFormed(text)).toBe(fair);
        if (fair) expect(hex(utf8Encode(text))).toBe(hex(encoder.encode(text)));
        else expect(() => utf8Encode(text)).toThrow(RangeError);
      }),
      { seed: 4, numRuns: 3000 },
    );
  });

  it('decodes exactly what the strict decoder of the platform decodes', () => {
    const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });
    const strict = (value: Uint8Array): string | undefined => {
      try {
        return decoder.decode(value);
      } catch {
        return undefined;
      }
    };
    const lead = fc.constantFrom(
      0x41,
      0x80,
      0xbf,
      0xc0,
      0xc1,
      0xc2,
      0xe0,
      0xed,
      0xef,
      0xf0,
      0xf4,
      0xf5,
      0xff,
      0x9f,
      0xa0,
      0x8f,
      0x90,
    );
    fc.assert(
      fc.property(fc.array(lead, { maxLength: 6 }), (values) => {
        const value = Uint8Array.from(values);
        expect(utf8Decode(value)).toBe(strict(value));
      }),
      { seed: 5, numRuns: 5000 },
    );
  });
});

describe('bytes', () => {
  it('equality sees a difference at any place, and a prefix is not equal', () => {
    const value = Uint8Array.from({ length: 33 }, (_, i) => i);
    expect(bytesEqual(value, value.slice())).toBe(true);
    expect(bytesEqual(value, value.subarray(0, 32))).toBe(false);
    for (let i = 0; i < value.length; i++) {
      expect(
        bytesEqual(
          value,
          value.map((byte, j) => (i === j ? byte ^ 0x80 : byte)),
        ),
      ).toBe(false);
    }
  });
  it('concat keeps order and copies', () => {
    const part = bytes('0102');
    const whole = concat(part, new Uint8Array(0), bytes('03'));
    part.fill(9);
    expect(hex(whole)).toBe('010203');
  });
});
