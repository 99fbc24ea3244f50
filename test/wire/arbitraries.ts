// Random legal messages of every kind for fast-check. Sizes reach the limits only where that stays cheap; limits.test.ts has
// the largest ones. Not here: illegal messages (each test breaks legal ones in its own way).

import fc from 'fast-check';
import { ERRORS, type ErrorCode } from '../../protocol/errors.js';
import {
  CHUNK_BYTES,
  MAX_CHUNKS,
  MAX_COUNTER,
  MAX_GROUP,
  MAX_GROUPS,
  MAX_ROSTER,
  MAX_WAIT_MS,
} from '../../protocol/limits.js';
import { chunkCount } from '../../protocol/wire/chunks.js';
import { HAND_OVER_BYTES } from '../../protocol/wire/fields.js';
import type { ChainRecordBody, Message, MessageKind, MessageOf } from '../../protocol/wire/messages.js';

const bytes = (length: number): fc.Arbitrary<Uint8Array> => fc.uint8Array({ minLength: length, maxLength: length });
/** Long and cheap: every byte the same. */
const pattern = (length: number): fc.Arbitrary<Uint8Array> =>
  fc.nat(255).map((byte) => new Uint8Array(length).fill(byte));
const list = (unit: number, least: number, most: number): fc.Arbitrary<Uint8Array> =>
  fc.integer({ min: least, max: most }).chain((n) => (n > 10 ? pattern(unit * n) : bytes(unit * n)));
const hash = bytes(32);
const signature = bytes(64);
const hashOrEmpty = fc.oneof(hash, bytes(0));
const counter = fc.oneof(fc.nat(300), fc.integer({ min: 0, max: MAX_COUNTER }));
const wait = fc.oneof(fc.nat(70_000), fc.integer({ min: 0, max: MAX_WAIT_MS }));
const rank = fc.integer({ min: 0, max: MAX_ROSTER - 1 });
const code = fc.constantFrom(...(Object.keys(ERRORS) as ErrorCode[]));
const task = fc.stringMatching(/^[a-z0-9][a-z0-9-]{0,63}$/);
/** Any code points that a text may hold: also outside the BMP, and texts on both sides of a length-prefix form. */
const text = fc
  .string({ unit: 'grapheme', maxLength: 120 })
  .map((s) => s.replace(/[\p{Cc}\p{Cs}\u2028\u2029\ufeff]/gu, '-').slice(0, 256))
  .filter((s) => !/\p{Cs}/u.test(s));
const run = fc.record(
  { round: counter, attempt: counter, group: fc.integer({ min: 0, max: MAX_GROUPS - 1 }) },
  { noNullPrototype: true },
);
const sorted = (most: number, below: number, least = 0): fc.Arbitrary<number[]> =>
  fc
    .uniqueArray(fc.integer({ min: 0, max: below - 1 }), { minLength: least, maxLength: most })
    .map((items) => items.sort((a, b) => a - b));
/** Items with distinct ascending ranks. */
const ranked = <T>(make: (rank: number) => fc.Arbitrary<T>, most = 6): fc.Arbitrary<T[]> =>
  sorted(most, MAX_ROSTER).chain((all) => fc.tuple(...all.map(make)) as fc.Arbitrary<T[]>);
const plain = <T>(shape: { [F in keyof T]: fc.Arbitrary<T[F]> }): fc.Arbitrary<T> =>
  fc.record(shape, { noNullPrototype: true }) as fc.Arbitrary<T>;
/** A byte count and as many chunk hashes as it needs. */
const counted = fc
  .oneof(fc.integer({ min: 1, max: 4 * CHUNK_BYTES }), fc.constant(CHUNK_BYTES), fc.constant(MAX_CHUNKS * CHUNK_BYTES))
  .chain((n) => plain({ bytes: fc.constant(n), chunks: pattern(32 * chunkCount(n)) }));

const record: fc.Arbitrary<ChainRecordBody> = fc
  .constantFrom('genesis' as const, 'update' as const, 'rollback' as const)
  .chain((type) =>
    plain<ChainRecordBody>({
      task,
      type: fc.constant(type),
      round: counter,
      attempt: counter,
      previous: type === 'genesis' ? bytes(0) : hash,
      config: hash,
      modelBefore: type === 'genesis' ? hashOrEmpty : hash,
      aggregate: type === 'genesis' ? bytes(0) : hash,
      modelAfter: hash,
      optimizerAfter: hashOrEmpty,
      step: counter,
      transcript: type === 'genesis' ? hashOrEmpty : hash,
      clip: counter,
      fraction: counter,
      signature,
    }),
  );

/** The fields of a message without its kind. */
type Fields<K extends MessageKind> = { [F in keyof MessageOf<K> as Exclude<F, 'kind'>]: MessageOf<K>[F] };
const section = fc.oneof(fc.uint8Array({ minLength: 1, maxLength: 40 }), pattern(CHUNK_BYTES));

const FIELDS: { readonly [K in MessageKind]: fc.Arbitrary<Fields<K>> } = {
  hello: fc.oneof(
    plain<Fields<'hello'>>({ client: hash, nonce: hash, agent: text }),
    plain<Fields<'hello'>>({ client: hash, nonce: hash, agent: text, token: text.map((t) => `${t.slice(0, 255)}x`) }),
  ),
  challenge: fc.oneof(
    plain<Fields<'challenge'>>({ coordinator: hash, nonce: hash, signature }),
    plain<Fields<'challenge'>>({ coordinator: hash, nonce: hash, signature, handOvers: bytes(2 * HAND_OVER_BYTES) }),
  ),
  proof: plain({ signature }),
  welcome: plain({ tasks: fc.array(task, { maxLength: 4 }), pingMs: wait }),
  checkIn: plain({ task, head: hashOrEmpty }),
  accepted: plain({ task, round: counter }),
  rejected: plain({ code, retryAfterMs: wait }),
  fault: fc.oneof(plain<Fields<'fault'>>({ code, text }), plain<Fields<'fault'>>({ code, text, run })),
  leave: plain({ reason: text }),
  finished: plain({ task, rounds: counter, model: hash }),
  want: plain({ blob: hash }),
  blobHead: fc.tuple(hash, counted).map(([blob, rest]) => ({ blob, ...rest })),
  blobChunk: plain({ blob: hash, index: fc.nat(MAX_CHUNKS - 1), section }),
  wantChain: plain({ task, after: hashOrEmpty }),
  chain: plain({ task, records: fc.array(record, { maxLength: 3 }), complete: fc.boolean() }),
  announce: sorted(5, MAX_GROUPS, 1).chain((groupIds) =>
    plain<Fields<'announce'>>({
      run,
      task,
      config: fc.json().map((json) => `{"a":${json}}`),
      model: hash,
      head: hash,
      groupIds: fc.constant(groupIds),
      groupRoots: bytes(32 * groupIds.length),
      roster: list(32, 1, MAX_GROUP),
      commitNonce: hash,
      deadlineMs: wait,
      clip: counter,
      signature,
    }),
  ),
  keys: plain({ run, channel: hash, mask: hash, signature }),
  keyBook: plain({
    run,
    entries: ranked((r) => plain({ rank: fc.constant(r), channel: hash, mask: hash, signature })),
  }),
  shares: plain({
    run,
    commitB: hash,
    boxes: ranked((r) => plain({ to: fc.constant(r), box: bytes(96), hashB: hash, hashS: hash })),
    own: plain({ hashB: hash, hashS: hash }),
    signature,
  }),
  shareBook: plain({
    run,
    packets: ranked((r) =>
      plain({
        from: fc.constant(r),
        box: bytes(96),
        hashB: hash,
        hashS: hash,
        commitB: hash,
        root: hash,
        path: list(32, 0, 7),
        signature,
      }),
    ),
  }),
  complaint: plain({ run, dealers: sorted(20, MAX_ROSTER, 1), signature }),
  masked: fc
    .tuple(run, counted, sorted(MAX_GROUP, MAX_ROSTER), signature)
    .map(([r, c, u2, s]) => ({ run: r, ...c, u2, signature: s })),
  plain: fc
    .tuple(run, counted, fc.double({ min: Number.MIN_VALUE, max: 1, noNaN: true }), signature)
    .map(([r, c, weight, s]) => ({ run: r, ...c, weight, signature: s })),
  inputChunk: plain({ run, index: fc.nat(MAX_CHUNKS - 1), section }),
  inputTaken: plain({ run }),
  sketchRequest: plain({ run, nonce: bytes(32), u3: sorted(MAX_GROUP, MAX_ROSTER) }),
  sketch: plain({ run, signature, section }),
  survivors: plain({
    run,
    u3: sorted(MAX_GROUP, MAX_ROSTER),
    u4: sorted(MAX_GROUP, MAX_ROSTER),
    excluded: ranked((r) => plain({ rank: fc.constant(r), code })),
  }),
  consistent: plain({ run, signature }),
  unmaskRequest: plain({ run, signatures: ranked((r) => plain({ rank: fc.constant(r), signature })) }),
  unmask: plain({
    run,
    opened: ranked((r) =>
      plain<MessageOf<'unmask'>['opened'][number]>({
        of: fc.constant(r),
        type: fc.constantFrom('b' as const, 's' as const),
        share: bytes(32),
        salt: bytes(16),
      } as { [F in keyof MessageOf<'unmask'>['opened'][number]]: fc.Arbitrary<never> }),
    ),
  }),
  outcome: plain({ run, record }),
  abort: plain({
    run,
    code,
    culprits: fc.oneof(fc.array(rank, { maxLength: 1 }), sorted(9, 1_024)),
    retryAfterMs: wait,
  }),
  credit: plain({ run, chunks: sorted(20, MAX_CHUNKS) }),
  resume: plain({
    run,
    have: fc.subarray(['keys', 'shares', 'masked'] as const),
    chunks: sorted(50, MAX_CHUNKS),
  }),
};

/** Legal messages of one kind. */
export const arbitraryOf = (kind: MessageKind): fc.Arbitrary<Message> =>
  (FIELDS[kind] as fc.Arbitrary<object>).map((fields) => ({ kind, ...fields }) as Message);
