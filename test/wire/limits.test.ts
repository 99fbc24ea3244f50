// Every bound and every shape of a field, on both sides of its limit: legal values travel, illegal ones are refused by the
// receiver with the path of the field, and the sender does not send them. Bounds of the bytes: prescan.test.ts, roundtrip.test.ts.

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import { SottoError } from '../../protocol/errors.js';
import {
  CHUNK_BYTES,
  MAX_CHAIN_RECORDS,
  MAX_CHUNKS,
  MAX_CONFIG_BYTES,
  MAX_COUNTER,
  MAX_GROUP,
  MAX_GROUPS,
  MAX_HAND_OVERS,
  MAX_OPEN_COHORT,
  MAX_ROSTER,
  MAX_TASK_ID,
  MAX_TASKS,
  MAX_TEXT,
  MAX_WAIT_MS,
} from '../../protocol/limits.js';
import { HAND_OVER_BYTES } from '../../protocol/wire/fields.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message, MessageKind } from '../../protocol/wire/messages.js';
import { EXAMPLES, genesisRecord, updateRecord } from './examples.js';
import { frameWith, refusal, wireFields } from './raw.js';

const bytes = (n: number): Uint8Array => new Uint8Array(n).fill(3);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);

/** The message with the value at a dotted path replaced; `undefined` in `record.x` style paths never occurs. */
function changed(kind: MessageKind, path: string, value: unknown): Message {
  const copy = structuredClone(EXAMPLES[kind]) as unknown as Record<string, unknown>;
  const names = path.split('.');
  const last = names.pop() ?? '';
  let at = copy;
  for (const name of names) at = at[name] as Record<string, unknown>;
  at[last] = value;
  return copy as unknown as Message;
}

/** kind, path, legal values, illegal values. */
type Row = readonly [kind: MessageKind, path: string, legal: readonly unknown[], illegal: readonly unknown[]];
const key = (kind: MessageKind, path: string, n = 32): Row => [
  kind,
  path,
  [bytes(n)],
  [bytes(0), bytes(n - 1), bytes(n + 1), 'x'.repeat(n), upTo(n)],
];
const signature = (kind: MessageKind, path = 'signature'): Row => key(kind, path, 64);
const hashOrEmpty = (kind: MessageKind, path: string): Row => [
  kind,
  path,
  [bytes(0), bytes(32)],
  [bytes(1), bytes(31), bytes(33), ''],
];
const counter = (kind: MessageKind, path: string, most = MAX_COUNTER): Row => [
  kind,
  path,
  [0, 1, 127, 128, 255, 256, most],
  [most + 1, -1, 0.5, '1', true, bytes(1)],
];
const ms = (kind: MessageKind, path: string): Row => counter(kind, path, MAX_WAIT_MS);
const text = (kind: MessageKind, path: string): Row => [
  kind,
  path,
  ['', 'a', 'ä€𝄞', 'x'.repeat(31), 'x'.repeat(32), 'x'.repeat(MAX_TEXT), '€'.repeat(MAX_TEXT), '<b>"\'\\'],
  [
    'x'.repeat(MAX_TEXT + 1),
    'a\nb',
    'a\rb',
    '\u0000',
    '\u001b[2J',
    '\u007f',
    '\u0085',
    '\u2028',
    '\u2029',
    '\ufeffa',
    bytes(3),
    1,
  ],
];
const task = (kind: MessageKind, path = 'task'): Row => [
  kind,
  path,
  ['a', '0', 'a-', 'x'.repeat(MAX_TASK_ID)],
  ['', '-a', 'A', 'a_b', 'a b', 'ä', 'a\n', 'x'.repeat(MAX_TASK_ID + 1), 7],
];
const code = (kind: MessageKind, path = 'code'): Row => [
  kind,
  path,
  ['INTERNAL', 'WIRE_SCHEMA', 'CODE_OF_TOMORROW', 'A'.repeat(32)],
  ['', 'A'.repeat(33), 'A_', 'A B', 'toString', '__proto__', 'internal', 1],
];
const ascending = (kind: MessageKind, path: string, most = MAX_GROUP, below = MAX_ROSTER): Row => [
  kind,
  path,
  [[below - 1], [0, below - 1], upTo(most)],
  [upTo(most + 1), [below], [-1], [1, 0], [0, 0], [0, 1, 1], [0.5], ['0'], {}, bytes(1)],
];
const run = (kind: MessageKind): Row[] => [
  counter(kind, 'run.round'),
  counter(kind, 'run.attempt'),
  [kind, 'run.group', [0, MAX_GROUPS - 1], [MAX_GROUPS, -1, 0.5]],
  [
    kind,
    'run',
    [{ round: 1, attempt: 0, group: 0 }],
    [{ round: 1, attempt: 0 }, { round: 1, attempt: 0, group: 0, x: 0 }, [], 1],
  ],
];
const RECORD_FIELDS: readonly Row[] = [
  task('outcome', 'record.task'),
  ['outcome', 'record.type', ['update', 'rollback'], ['genesis', 'other', 1]],
  counter('outcome', 'record.round'),
  counter('outcome', 'record.attempt'),
  counter('outcome', 'record.step'),
  counter('outcome', 'record.clip'),
  counter('outcome', 'record.fraction'),
  key('outcome', 'record.previous'),
  key('outcome', 'record.config'),
  key('outcome', 'record.modelBefore'),
  key('outcome', 'record.aggregate'),
  key('outcome', 'record.modelAfter'),
  hashOrEmpty('outcome', 'record.optimizerAfter'),
  key('outcome', 'record.transcript'),
  signature('outcome', 'record.signature'),
];
const genesis = (change: object): readonly unknown[] => [{ ...genesisRecord, ...change }];
const entry = <T extends object>(one: T, change: object): T[] => [{ ...one, ...change }];
const [keyEntry] = EXAMPLES.keyBook.entries;
const [box] = EXAMPLES.shares.boxes;
const [packet] = EXAMPLES.shareBook.packets;
const [opened] = EXAMPLES.unmask.opened;
const [proof] = EXAMPLES.unmaskRequest.signatures;
if (!keyEntry || !box || !packet || !opened || !proof) throw new Error('an example has lost its entry');
const hashes = [bytes(31), bytes(33), bytes(0)];

const ROWS: readonly Row[] = [
  key('hello', 'client'),
  key('hello', 'nonce'),
  text('hello', 'agent'),
  ['hello', 'token', ['x', 'x'.repeat(MAX_TEXT)], ['', 'x'.repeat(MAX_TEXT + 1), 'a\nb', 1]],
  key('challenge', 'coordinator'),
  key('challenge', 'nonce'),
  signature('challenge'),
  [
    'challenge',
    'handOvers',
    [new Uint8Array(HAND_OVER_BYTES), new Uint8Array(MAX_HAND_OVERS * HAND_OVER_BYTES)],
    [new Uint8Array(0), new Uint8Array(HAND_OVER_BYTES - 1), new Uint8Array((MAX_HAND_OVERS + 1) * HAND_OVER_BYTES)],
  ],
  signature('proof'),
  ['welcome', 'tasks', [[], Array(MAX_TASKS).fill('a')], [Array(MAX_TASKS + 1).fill('a'), ['A'], 'a']],
  ms('welcome', 'pingMs'),
  task('checkIn'),
  hashOrEmpty('checkIn', 'head'),
  task('accepted'),
  counter('accepted', 'round'),
  code('rejected'),
  ms('rejected', 'retryAfterMs'),
  code('fault'),
  text('fault', 'text'),
  ...run('fault'),
  text('leave', 'reason'),
  task('finished'),
  counter('finished', 'rounds'),
  key('finished', 'model'),
  key('want', 'blob'),
  key('blobHead', 'blob'),
  // Two hashes are there: one chunk and a byte up to two chunks.
  [
    'blobHead',
    'bytes',
    [CHUNK_BYTES + 1, 2 * CHUNK_BYTES],
    [0, 1, CHUNK_BYTES, 2 * CHUNK_BYTES + 1, MAX_CHUNKS * CHUNK_BYTES + 1, -1, 0.5],
  ],
  ['blobHead', 'chunks', [bytes(64)], [bytes(0), bytes(32), bytes(63), bytes(65), bytes(96)]],
  key('blobChunk', 'blob'),
  counter('blobChunk', 'index', MAX_CHUNKS - 1),
  task('wantChain'),
  hashOrEmpty('wantChain', 'after'),
  task('chain'),
  ['chain', 'complete', [true, false], [0, 1, 'true']],
  [
    'chain',
    'records',
    [
      [],
      [genesisRecord, updateRecord],
      Array(MAX_CHAIN_RECORDS).fill(updateRecord),
      genesis({ modelBefore: bytes(32) }),
      genesis({ transcript: bytes(32) }),
      genesis({ optimizerAfter: bytes(32) }),
    ],
    [
      Array(MAX_CHAIN_RECORDS + 1).fill(updateRecord),
      genesis({ previous: bytes(32) }),
      genesis({ aggregate: bytes(32) }),
      genesis({ type: 'update' }),
      genesis({ extra: 1 }),
      genesis({ config: bytes(0) }),
      genesis({ modelAfter: bytes(0) }),
      genesisRecord,
    ],
  ],
  ...RECORD_FIELDS,
  ...run('outcome'),
  ...run('announce'),
  task('announce'),
  key('announce', 'model'),
  key('announce', 'head'),
  key('announce', 'commitNonce'),
  ms('announce', 'deadlineMs'),
  counter('announce', 'clip'),
  signature('announce'),
  [
    'announce',
    'config',
    ['{}', `{${' '.repeat(MAX_CONFIG_BYTES - 2)}}`, `{"${'€'.repeat((MAX_CONFIG_BYTES - 4) / 3)}"}`, '{"\u2028"}'],
    [
      '',
      '[]',
      ' {}',
      '\ufeff{}',
      `{${' '.repeat(MAX_CONFIG_BYTES - 1)}}`,
      `{"${'€'.repeat((MAX_CONFIG_BYTES - 4) / 3)}" }`,
      1,
    ],
  ],
  ['announce', 'groupIds', [[0, MAX_GROUPS - 1]], [[], [0], [0, 1, 2], [1, 0], [0, 0], [0, MAX_GROUPS], [-1, 0]]],
  ['announce', 'groupRoots', [bytes(64)], [bytes(0), bytes(32), bytes(63), bytes(96)]],
  [
    'announce',
    'roster',
    [bytes(32), bytes(32 * MAX_OPEN_COHORT)],
    [bytes(0), bytes(31), bytes(33), bytes(32 * (MAX_OPEN_COHORT + 1))],
  ],
  ...run('keys'),
  key('keys', 'channel'),
  key('keys', 'mask'),
  signature('keys'),
  ...run('keyBook'),
  [
    'keyBook',
    'entries',
    [[], upTo(MAX_GROUP).map((rank) => ({ ...keyEntry, rank }))],
    [
      [keyEntry, keyEntry],
      [{ ...keyEntry, rank: 2 }, keyEntry],
      entry(keyEntry, { rank: MAX_ROSTER }),
      ...hashes.map((mask) => entry(keyEntry, { mask })),
      ...hashes.map((channel) => entry(keyEntry, { channel })),
      entry(keyEntry, { signature: bytes(63) }),
      entry(keyEntry, { extra: 1 }),
    ],
  ],
  ...run('shares'),
  key('shares', 'commitB'),
  key('shares', 'own.hashB'),
  key('shares', 'own.hashS'),
  signature('shares'),
  [
    'shares',
    'boxes',
    [[], upTo(MAX_GROUP - 1).map((to) => ({ ...box, to }))],
    [
      upTo(MAX_GROUP).map((to) => ({ ...box, to })),
      [box, box],
      entry(box, { to: MAX_ROSTER }),
      entry(box, { box: bytes(95) }),
      entry(box, { box: bytes(97) }),
      ...hashes.map((hashB) => entry(box, { hashB })),
      ...hashes.map((hashS) => entry(box, { hashS })),
    ],
  ],
  ...run('shareBook'),
  [
    'shareBook',
    'packets',
    [
      [],
      upTo(MAX_GROUP - 1).map((from) => ({ ...packet, from })),
      entry(packet, { path: bytes(0) }),
      entry(packet, { path: bytes(7 * 32) }),
    ],
    [
      upTo(MAX_GROUP).map((from) => ({ ...packet, from })),
      [packet, packet],
      entry(packet, { from: MAX_ROSTER }),
      entry(packet, { box: bytes(95) }),
      entry(packet, { path: bytes(8 * 32) }),
      entry(packet, { path: bytes(33) }),
      entry(packet, { signature: bytes(65) }),
      entry(packet, { root: bytes(31) }),
      entry(packet, { commitB: bytes(0) }),
      ...hashes.map((hashB) => entry(packet, { hashB })),
      ...hashes.map((hashS) => entry(packet, { hashS })),
    ],
  ],
  ...run('complaint'),
  signature('complaint'),
  ascending('complaint', 'dealers'),
  ['complaint', 'dealers', [[0]], [[]]],
  ...run('masked'),
  signature('masked'),
  ascending('masked', 'u2'),
  ['masked', 'bytes', [CHUNK_BYTES + 1, 2 * CHUNK_BYTES], [0, CHUNK_BYTES, 2 * CHUNK_BYTES + 1]],
  ['masked', 'chunks', [bytes(64)], [bytes(0), bytes(32), bytes(65), bytes(96)]],
  ...run('plain'),
  signature('plain'),
  ['plain', 'bytes', [1, CHUNK_BYTES], [0, CHUNK_BYTES + 1]],
  ['plain', 'chunks', [bytes(32)], [bytes(0), bytes(64)]],
  ['plain', 'weight', [1, 0.5, 2 ** -1074, 1 - 2 ** -53], [0, 2, 1 + 2 ** -52, 1.5, -0.5, '1', true]],
  ...run('inputChunk'),
  counter('inputChunk', 'index', MAX_CHUNKS - 1),
  ...run('inputTaken'),
  ...run('sketchRequest'),
  key('sketchRequest', 'nonce'),
  ascending('sketchRequest', 'u3'),
  ...run('sketch'),
  signature('sketch'),
  ...run('survivors'),
  ascending('survivors', 'u3'),
  ascending('survivors', 'u4'),
  [
    'survivors',
    'excluded',
    [[], upTo(MAX_GROUP).map((rank) => ({ rank, code: 'INTERNAL' }))],
    [
      [
        { rank: 1, code: 'INTERNAL' },
        { rank: 1, code: 'INTERNAL' },
      ],
      [{ rank: 1, code: 'nope' }],
      [{ rank: MAX_ROSTER, code: 'INTERNAL' }],
      [{ rank: 1 }],
    ],
  ],
  ...run('consistent'),
  signature('consistent'),
  ...run('unmaskRequest'),
  [
    'unmaskRequest',
    'signatures',
    [[], upTo(MAX_GROUP).map((rank) => ({ ...proof, rank }))],
    [[proof, proof], entry(proof, { rank: MAX_ROSTER }), entry(proof, { signature: bytes(32) })],
  ],
  ...run('unmask'),
  [
    'unmask',
    'opened',
    [[], upTo(MAX_GROUP).map((of) => ({ ...opened, of }))],
    [
      [opened, opened],
      [opened, { ...opened, type: 's' }],
      entry(opened, { of: MAX_ROSTER }),
      entry(opened, { type: 'c' }),
      entry(opened, { share: bytes(31) }),
      entry(opened, { share: bytes(64) }),
      entry(opened, { salt: bytes(15) }),
      entry(opened, { salt: bytes(32) }),
      [{ of: 0, type: 'b', share: bytes(32), salt: bytes(16), shareS: bytes(32) }],
      [{ of: 0, share: bytes(32), salt: bytes(16) }],
    ],
  ],
  ...run('abort'),
  code('abort'),
  ms('abort', 'retryAfterMs'),
  ascending('abort', 'culprits', MAX_OPEN_COHORT, MAX_OPEN_COHORT),
  ...run('credit'),
  ascending('credit', 'chunks', MAX_CHUNKS, MAX_CHUNKS),
  ...run('resume'),
  ascending('resume', 'chunks', MAX_CHUNKS, MAX_CHUNKS),
  [
    'resume',
    'have',
    [[], ['keys'], ['masked'], ['keys', 'masked'], ['keys', 'shares', 'masked']],
    [['shares', 'keys'], ['keys', 'keys'], ['plain'], ['keys', 'shares', 'masked', 'masked'], 'keys'],
  ],
];

describe('fields at their limits', () => {
  for (const [kind, path, legal, illegal] of ROWS) {
    it(`${kind}.${path}: ${legal.length} legal values travel, ${illegal.length} illegal ones do not`, () => {
      for (const value of legal) {
        const message = changed(kind, path, value);
        expect(isDeepStrictEqual(decodeFrame(encodeFrame(message)), { ok: true, message })).toBe(true);
      }
      for (const value of illegal) {
        const message = changed(kind, path, value);
        expect(() => encodeFrame(message)).toThrow(SottoError);
        const result = refusal(frameWith(message, wireFields(message)));
        // −1 and the like do not even pass the pre-scan.
        expect(['WIRE_SCHEMA', 'WIRE_MALFORMED']).toContain(result.code);
        const below = result.field === undefined || result.field.startsWith(path.split('.')[0] ?? '');
        expect([kind, path, result.field, below]).toEqual([kind, path, result.field, true]);
      }
    });
  }

  it('every field of every message has its row', () => {
    const rows = new Set(ROWS.map(([kind, path]) => `${kind}.${path.split('.')[0]}`));
    const fields = Object.values(EXAMPLES).flatMap((m) =>
      Object.keys(wireFields(m)).map((name) => `${m.kind}.${name}`),
    );
    expect(fields.filter((name) => !rows.has(name))).toEqual([
      'blobChunk.section',
      'inputChunk.section',
      'sketch.section',
    ]);
  });

  it('a lone surrogate cannot be sent', () => {
    expect(() => encodeFrame({ ...EXAMPLES.leave, reason: 'a\ud800' })).toThrow(SottoError);
    expect(() => encodeFrame({ ...EXAMPLES.announce, config: '{"\udc00"}' })).toThrow(SottoError);
  });
});
