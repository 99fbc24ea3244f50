// The cases of bar 10: what is sent, and what RFC 6455 or HTTP says that must follow. Not here: sending (run.ts).

import { MAX_FRAME_BYTES, MAX_WS_FRAGMENTS } from '../../../protocol/limits.js';
import { frame, request } from './wire.js';

export interface Case {
  readonly name: string;
  readonly head: string | Buffer;
  readonly behind: readonly Buffer[];
  readonly early?: boolean;
  /** HTTP status; 0: the connection ends without one. */
  readonly status: readonly number[];
  /** Close code. */
  readonly closed?: number;
  readonly pong?: string;
}

const TEXT = 1;
const BINARY = 2;
const CLOSE = 8;
const PING = 9;
const PONG = 10;
const LEGAL = [0, TEXT, BINARY, CLOSE, PING, PONG];
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text);
const code = (value: number, ...reason: number[]): Uint8Array => Uint8Array.from([value >> 8, value & 255, ...reason]);

const after = (name: string, behind: readonly Buffer[], closed: number): Case => ({
  name,
  head: request(),
  behind,
  status: [101],
  closed,
});
const http = (name: string, head: string | Buffer, ...status: number[]): Case => ({ name, head, behind: [], status });

export function cases(origin: string): readonly Case[] {
  return [
    // ---- §5.2 the base frame
    ...[1, 2, 3, 4, 5, 6, 7].flatMap((rsv) =>
      LEGAL.map((opcode) =>
        after(`reserved bits ${rsv} on opcode ${opcode}`, [frame({ rsv, opcode, payload: utf8('x') })], 1002),
      ),
    ),
    ...[3, 4, 5, 6, 7, 11, 12, 13, 14, 15].flatMap((opcode) =>
      [true, false].map((fin) => after(`reserved opcode ${opcode}, fin ${fin}`, [frame({ fin, opcode })], 1002)),
    ),
    ...LEGAL.map((opcode) => after(`unmasked opcode ${opcode}`, [frame({ opcode, masked: false })], 1002)),
    ...[BigInt(MAX_FRAME_BYTES + 1), 2n ** 32n, 2n ** 53n, 2n ** 60n, 2n ** 63n].map((claims) =>
      after(`a length of ${claims}`, [frame({ opcode: BINARY, claims })], 1009),
    ),
    // ---- §5.4 fragments
    ...[true, false].map((fin) => after(`a continuation of nothing, fin ${fin}`, [frame({ fin, opcode: 0 })], 1002)),
    ...[TEXT, BINARY].flatMap((first) =>
      [TEXT, BINARY].map((second) =>
        after(
          `message ${second} in the middle of message ${first}`,
          [frame({ fin: false, opcode: first }), frame({ opcode: second })],
          1002,
        ),
      ),
    ),
    after(
      'more fragments than allowed',
      [
        frame({ fin: false, opcode: BINARY, payload: utf8('x') }),
        ...Array.from({ length: MAX_WS_FRAGMENTS }, () => frame({ fin: false, opcode: 0, payload: utf8('x') })),
      ],
      1008,
    ),
    after(
      'fragments that are together over the limit',
      [
        frame({ fin: false, opcode: BINARY, payload: new Uint8Array(10_000) }),
        frame({ opcode: 0, claims: BigInt(MAX_FRAME_BYTES) }),
      ],
      1009,
    ),
    // ---- §5.5 control frames
    ...[CLOSE, PING, PONG].flatMap((opcode) => [
      after(`opcode ${opcode} in fragments`, [frame({ fin: false, opcode })], 1002),
      after(`opcode ${opcode} with 126 bytes`, [frame({ opcode, payload: new Uint8Array(126) })], 1002),
      after(`opcode ${opcode} with a length of 64 bits`, [frame({ opcode, claims: 5n })], 1002),
    ]),
    { ...after('a ping', [frame({ opcode: PING, payload: utf8('are you there') })], 0), pong: 'are you there' },
    {
      ...after('a ping of 125 bytes', [frame({ opcode: PING, payload: utf8('p'.repeat(125)) })], 0),
      pong: 'p'.repeat(125),
    },
    { ...after('an empty ping', [frame({ opcode: PING })], 0), pong: '' },
    after(
      'a pong that nobody asked for, then the end',
      [frame({ opcode: PONG }), frame({ opcode: CLOSE, payload: code(1000) })],
      1000,
    ),
    after(
      'a ping between fragments, then a message that is no frame of ours',
      [frame({ fin: false, opcode: BINARY }), frame({ opcode: PING }), frame({ opcode: 0 })],
      4400,
    ),
    // ---- §7 closing
    ...[0, 1, 500, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 9999, 65_535].map((value) =>
      after(
        `close with the code ${value}, which nobody may send`,
        [frame({ opcode: CLOSE, payload: code(value) })],
        1002,
      ),
    ),
    ...[1000, 1001, 1002, 1003, 1007, 1008, 1009, 1010, 1011, 1012, 1013, 1014, 3000, 3999, 4000, 4999].map((value) =>
      after(`close with the code ${value}`, [frame({ opcode: CLOSE, payload: code(value) })], value),
    ),
    after('close without a code', [frame({ opcode: CLOSE })], 1005),
    after('close with half a code', [frame({ opcode: CLOSE, payload: Uint8Array.from([3]) })], 1002),
    after('close with a reason that is no UTF-8', [frame({ opcode: CLOSE, payload: code(1000, 0xc3, 0x28) })], 1007),
    // ---- §8.1 text, which our protocol has not
    ...[
      [0xff],
      [0xc0, 0x80],
      [0xed, 0xa0, 0x80],
      [0xf4, 0x90, 0x80, 0x80],
      [0xe2, 0x82],
      [0xf8, 0x88, 0x80, 0x80, 0x80],
    ].map((bytes) =>
      after(
        `text ${Buffer.from(bytes).toString('hex')}`,
        [frame({ opcode: TEXT, payload: Uint8Array.from(bytes) })],
        1007,
      ),
    ),
    after('text', [frame({ opcode: TEXT, payload: utf8('{"kind":"hello"}') })], 4400),
    after('an empty text', [frame({ opcode: TEXT })], 4400),
    after('an empty message', [frame({ opcode: BINARY })], 4400),
    after('a message of fragments', [frame({ fin: false, opcode: BINARY }), frame({ opcode: 0 })], 4400),
    { ...after('a message before the answer', [frame({ opcode: BINARY })], 4400), early: true },
    { ...after('a broken frame before the answer', [frame({ opcode: 3 })], 1002), early: true },
    // ---- §4 the handshake
    {
      ...after(
        'the handshake with a list of protocols, ours among them',
        [frame({ opcode: CLOSE, payload: code(1000) })],
        1000,
      ),
      head: request({ 'Sec-WebSocket-Protocol': 'chat, sotto.v1' }),
    },
    ...['chat', 'sotto.v2', 'sotto.v1x', 'SOTTO.V1', ''].map((name) =>
      http(`sub-protocol "${name}"`, request({ 'Sec-WebSocket-Protocol': name }), 400),
    ),
    http('no sub-protocol', request({ 'Sec-WebSocket-Protocol': undefined }), 400),
    ...['8', '7', '12', '14', '0', '', '13, 8', '013', 'thirteen'].map((version) =>
      http(`version "${version}"`, request({ 'Sec-WebSocket-Version': version }), 426),
    ),
    http('no version', request({ 'Sec-WebSocket-Version': undefined }), 426),
    ...[undefined, '', 'short', 'AAAAAAAAAAAAAAAAAAAAAAAA', '!'.repeat(24)].map((key) =>
      http(`key ${key}`, request({ 'Sec-WebSocket-Key': key }), 400),
    ),
    ...['POST', 'PUT', 'HEAD', 'DELETE'].map((method) => http(method, request({}, `${method} / HTTP/1.1`), 400, 405)),
    http('an upgrade to something else', request({ Upgrade: 'h2c' }), 400, 426),
    http('no upgrade', request({ Upgrade: undefined, Connection: 'close' }), 404, 426),
    // ---- origins
    ...[
      'null',
      `${origin}.evil.example`,
      origin.replace('https://', 'https://evil-'),
      origin.replace('https:', 'http:'),
      `${origin}:8443`,
      `${origin}/`,
      origin.toUpperCase(),
      'https://evil.example',
    ].map((value) => http(`origin ${value}`, request({ Origin: value }), 403)),
    {
      ...after('the right origin', [frame({ opcode: CLOSE, payload: code(1000) })], 1000),
      head: request({ Origin: origin }),
    },
    // ---- HTTP
    http('a header of 9 KiB', request({ 'X-Long': 'x'.repeat(9_216) }), 431),
    http(
      'three thousand headers',
      request(Object.fromEntries(Array.from({ length: 3_000 }, (_, i) => [`X-${i}`, '1']))),
      431,
    ),
    http('no host', request({ Host: undefined }), 400),
    http('a header name with a space', request({ 'X Y': '1' }), 400),
    http('a NUL in a header', request({ 'X-Nul': 'a\0b' }), 400),
    http('a header without a colon', request().replace('Host: localhost', 'Host localhost'), 400),
    http('two lengths', request({ 'Content-Length': '5', 'content-length': '6' }), 400),
    http(
      'a length and chunks: a smuggled request',
      request({ 'Content-Length': '5', 'Transfer-Encoding': 'chunked' }),
      400,
    ),
    http(
      'an upgrade behind a body',
      `${request({ Upgrade: undefined, Connection: 'keep-alive', 'Content-Length': '10000' }, 'POST / HTTP/1.1')}`,
      404,
      408,
      426,
    ),
    http('HTTP/2 from the start', 'PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n', 400, 505),
    http('another protocol', 'EHLO example.org\r\n\r\n', 400),
    http('TLS where there is none', Buffer.from('16030100c8010000c40303', 'hex'), 400),
    http('binary garbage', Buffer.from(Array.from({ length: 200 }, (_, i) => (i * 167) & 255)), 400),
    http('half a request line', 'GET / HT', 408),
    http('half a header', 'GET / HTTP/1.1\r\nHost: loc', 408),
  ];
}
