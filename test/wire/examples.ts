// One fixed message of each kind: what tools/golden-frames.mjs writes into PROTOCOL.md and test/golden/. Small, every
// optional field present, no two fields of one message alike. Signatures and hashes are patterns, not real ones: these
// examples show bytes; the frozen transcript shows a run. Not here: random messages (arbitraries.ts), the largest ones (limits.test.ts).

import { HAND_OVER_BYTES } from '../../protocol/wire/fields.js';
import type { ChainRecordBody, MessageKind, MessageOf } from '../../protocol/wire/messages.js';

const fill = (byte: number, length = 32): Uint8Array => new Uint8Array(length).fill(byte);
const signature = fill(0x5e, 64);
const run = { round: 7, attempt: 1, group: 2 };
const task = 'digits';

export const genesisRecord: ChainRecordBody = {
  task,
  type: 'genesis',
  round: 0,
  attempt: 0,
  previous: fill(0, 0),
  config: fill(0xc0),
  modelBefore: fill(0, 0),
  aggregate: fill(0, 0),
  modelAfter: fill(0x30),
  optimizerAfter: fill(0, 0),
  step: 0,
  transcript: fill(0, 0),
  clip: 0,
  fraction: 0,
  signature,
};
export const updateRecord: ChainRecordBody = {
  task,
  type: 'update',
  round: 7,
  attempt: 1,
  previous: fill(0x9e),
  config: fill(0xc0),
  modelBefore: fill(0x36),
  aggregate: fill(0xa6),
  modelAfter: fill(0x37),
  optimizerAfter: fill(0x07),
  step: 7,
  transcript: fill(0x7a),
  clip: 1_500_000_000,
  fraction: 1_100_000_000,
  signature,
};

export const EXAMPLES: { readonly [K in MessageKind]: MessageOf<K> } = {
  hello: { kind: 'hello', client: fill(0xc1), nonce: fill(0x11), agent: 'sotto/0.1 node', token: 'enrol-me' },
  challenge: {
    kind: 'challenge',
    coordinator: fill(0xc5),
    nonce: fill(0x22),
    signature,
    handOvers: fill(0x40, HAND_OVER_BYTES),
  },
  proof: { kind: 'proof', signature },
  welcome: { kind: 'welcome', tasks: ['digits', 'spam'], pingMs: 20_000 },
  checkIn: { kind: 'checkIn', task, head: fill(0x9e) },
  accepted: { kind: 'accepted', task, round: 7 },
  rejected: { kind: 'rejected', code: 'SESSION_BUSY', retryAfterMs: 1_500 },
  fault: { kind: 'fault', code: 'ROUND_WRONG_PHASE', text: 'keys after the phase had closed', run },
  leave: { kind: 'leave', reason: 'battery below 20 %' },
  finished: { kind: 'finished', task, rounds: 40, model: fill(0x3f) },
  want: { kind: 'want', blob: fill(0xb1) },
  blobHead: {
    kind: 'blobHead',
    blob: fill(0xb1),
    bytes: 300_000,
    chunks: new Uint8Array([...fill(0x01), ...fill(0x02)]),
  },
  blobChunk: { kind: 'blobChunk', blob: fill(0xb1), index: 1, section: Uint8Array.of(0, 0, 0x80, 0x3f, 0, 0, 0, 0xbf) },
  wantChain: { kind: 'wantChain', task, after: fill(0x9e) },
  chain: { kind: 'chain', task, records: [genesisRecord], complete: false },
  announce: {
    kind: 'announce',
    run,
    task,
    config: '{"protocol":"sotto/1","task":"digits"}',
    model: fill(0x36),
    head: fill(0x9e),
    groupIds: [0, 2],
    groupRoots: new Uint8Array([...fill(0xe0), ...fill(0xe2)]),
    roster: new Uint8Array([...fill(0xc1), ...fill(0xc2), ...fill(0xc3)]),
    commitNonce: fill(0x4c),
    deadlineMs: 60_000,
    clip: 1_500_000_000,
    signature,
  },
  keys: { kind: 'keys', run, channel: fill(0x0c), mask: fill(0x05), signature },
  keyBook: {
    kind: 'keyBook',
    run,
    entries: [
      { rank: 0, channel: fill(0x0c), mask: fill(0x05), signature },
      { rank: 2, channel: fill(0x2c), mask: fill(0x25), signature },
    ],
  },
  shares: {
    kind: 'shares',
    run,
    commitB: fill(0xcb),
    boxes: [{ to: 2, box: fill(0x02, 96), hashB: fill(0x2b), hashS: fill(0x25) }],
    own: { hashB: fill(0x0b), hashS: fill(0x05) },
    signature,
  },
  shareBook: {
    kind: 'shareBook',
    run,
    packets: [
      {
        from: 2,
        box: fill(0x20, 96),
        hashB: fill(0x2b),
        hashS: fill(0x25),
        commitB: fill(0xcb),
        root: fill(0x60),
        path: fill(0x61),
        signature,
      },
    ],
  },
  complaint: { kind: 'complaint', run, dealers: [2], signature },
  masked: {
    kind: 'masked',
    run,
    chunks: new Uint8Array([...fill(0x01), ...fill(0x02)]),
    bytes: 400_000,
    u2: [0, 2],
    signature,
  },
  plain: { kind: 'plain', run, chunks: fill(0x01), bytes: 40_000, weight: 0.75, signature },
  inputChunk: { kind: 'inputChunk', run, index: 1, section: Uint8Array.of(0xde, 0xad, 0xbe, 0xef, 0x05) },
  inputTaken: { kind: 'inputTaken', run },
  sketchRequest: { kind: 'sketchRequest', run, nonce: fill(0x4e), u3: [0, 1, 2] },
  sketch: { kind: 'sketch', run, signature, section: Uint8Array.of(1, 0, 0, 0, 0xff, 0xff, 0xff, 0xff) },
  survivors: {
    kind: 'survivors',
    run,
    u3: [0, 1, 2],
    u4: [0, 2],
    excluded: [{ rank: 1, code: 'ROUND_BAD_VECTOR' }],
  },
  consistent: { kind: 'consistent', run, signature },
  unmaskRequest: { kind: 'unmaskRequest', run, signatures: [{ rank: 0, signature }] },
  unmask: {
    kind: 'unmask',
    run,
    opened: [
      { of: 0, type: 'b', share: fill(0x0b), salt: fill(0xa0, 16) },
      { of: 1, type: 's', share: fill(0x15), salt: fill(0xa1, 16) },
    ],
  },
  outcome: { kind: 'outcome', run, record: updateRecord },
  abort: { kind: 'abort', run, code: 'ROUND_QUORUM', culprits: [1], retryAfterMs: 3_000 },
  credit: { kind: 'credit', run, chunks: [1, 2] },
  resume: { kind: 'resume', run, have: ['keys', 'shares', 'masked'], chunks: [0, 1, 3] },
};
