// The largest legal message of each kind fits its header and frame, so no limit contradicts another. Not here: fields one by
// one (limits.test.ts).

import { isDeepStrictEqual } from 'node:util';
import { describe, expect, it } from 'vitest';
import {
  CHUNK_BYTES,
  MAX_CHAIN_RECORDS,
  MAX_CHUNKS,
  MAX_CONFIG_BYTES,
  MAX_COUNTER,
  MAX_FRAME_BYTES,
  MAX_GROUP,
  MAX_GROUPS,
  MAX_HEADER_BYTES,
  MAX_HEADER_DEPTH,
  MAX_MAP_KEYS,
  MAX_OPEN_COHORT,
  MAX_ROSTER,
  MAX_TASK_ID,
  MAX_TASKS,
  MAX_TEXT,
} from '../../protocol/limits.js';
import { MAX_ROWS } from '../../protocol/sketch/project.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { EXAMPLES, updateRecord } from './examples.js';

const bytes = (n: number): Uint8Array => new Uint8Array(n).fill(3);
const upTo = (n: number): number[] => Array.from({ length: n }, (_, i) => i);
const [keyEntry] = EXAMPLES.keyBook.entries;
const [box] = EXAMPLES.shares.boxes;
const [packet] = EXAMPLES.shareBook.packets;
const [opened] = EXAMPLES.unmask.opened;
const [proof] = EXAMPLES.unmaskRequest.signatures;
if (!keyEntry || !box || !packet || !opened || !proof) throw new Error('an example has lost its entry');

describe('the largest legal message', () => {
  const run = { round: MAX_COUNTER, attempt: MAX_COUNTER, group: MAX_GROUPS - 1 };
  const all = upTo(MAX_GROUP).map((rank) => MAX_ROSTER - MAX_GROUP + rank);
  const hashList = bytes(32 * MAX_CHUNKS);
  const most = MAX_CHUNKS * CHUNK_BYTES;
  const name = 'x'.repeat(MAX_TASK_ID);
  const record = { ...updateRecord, task: name, round: MAX_COUNTER, attempt: MAX_COUNTER, step: MAX_COUNTER };
  const LARGEST: readonly Message[] = [
    { ...EXAMPLES.welcome, tasks: Array<string>(MAX_TASKS).fill(name) },
    { ...EXAMPLES.fault, text: '€'.repeat(MAX_TEXT), run },
    { ...EXAMPLES.hello, agent: '€'.repeat(MAX_TEXT), token: '€'.repeat(MAX_TEXT) },
    { ...EXAMPLES.blobHead, bytes: most, chunks: hashList },
    { ...EXAMPLES.chain, task: name, records: Array.from({ length: MAX_CHAIN_RECORDS }, () => record) },
    {
      ...EXAMPLES.announce,
      run,
      task: name,
      config: `{${' '.repeat(MAX_CONFIG_BYTES - 2)}}`,
      groupIds: upTo(MAX_GROUPS),
      groupRoots: bytes(32 * MAX_GROUPS),
      roster: bytes(32 * MAX_GROUP),
    },
    {
      ...EXAMPLES.announce,
      run,
      task: name,
      config: `{${' '.repeat(MAX_CONFIG_BYTES - 2)}}`,
      groupIds: [0],
      groupRoots: bytes(32),
      roster: bytes(32 * MAX_OPEN_COHORT),
    },
    { ...EXAMPLES.keyBook, run, entries: all.map((rank) => ({ ...keyEntry, rank })) },
    { ...EXAMPLES.shares, run, boxes: upTo(MAX_GROUP - 1).map((to) => ({ ...box, to: to + 128 })) },
    {
      ...EXAMPLES.shareBook,
      run,
      packets: upTo(MAX_GROUP - 1).map((from) => ({ ...packet, from: from + 128, path: bytes(7 * 32) })),
    },
    { ...EXAMPLES.complaint, run, dealers: all },
    { ...EXAMPLES.masked, run, bytes: most, chunks: hashList, u2: all },
    { ...EXAMPLES.plain, run, bytes: most, chunks: hashList },
    { ...EXAMPLES.inputChunk, run, index: MAX_CHUNKS - 1, section: bytes(CHUNK_BYTES) },
    { ...EXAMPLES.sketchRequest, run, u3: all },
    // The most rows of a task, v and a mask for each other member of the largest group.
    { ...EXAMPLES.sketch, run, section: bytes(4 * MAX_ROWS * MAX_GROUP) },
    {
      ...EXAMPLES.survivors,
      run,
      u3: all,
      u4: all,
      excluded: all.map((rank) => ({ rank, code: 'CONFIG_RULE_PROFILE' })),
    },
    { ...EXAMPLES.unmaskRequest, run, signatures: all.map((rank) => ({ ...proof, rank })) },
    { ...EXAMPLES.unmask, run, opened: all.map((of) => ({ ...opened, of })) },
    { ...EXAMPLES.outcome, run, record },
    { ...EXAMPLES.abort, run, culprits: upTo(MAX_OPEN_COHORT) },
    { ...EXAMPLES.credit, run, chunks: upTo(MAX_CHUNKS) },
    { ...EXAMPLES.resume, run, chunks: upTo(MAX_CHUNKS) },
  ];
  for (const message of LARGEST) {
    it(`of kind ${message.kind} fits a frame and arrives`, () => {
      const frame = encodeFrame(message);
      expect(frame.length).toBeLessThanOrEqual(MAX_FRAME_BYTES);
      expect(isDeepStrictEqual(decodeFrame(frame), { ok: true, message })).toBe(true);
    });
  }

  it('uses the header, and leaves depth and keys to spare', () => {
    const sizes = LARGEST.filter((m) => !('section' in m)).map((m) => encodeFrame(m).length - 12);
    expect(Math.max(...sizes)).toBeLessThanOrEqual(MAX_HEADER_BYTES);
    expect(Math.max(...sizes)).toBeGreaterThan(0.9 * MAX_HEADER_BYTES);
    const depth = (x: unknown): number =>
      typeof x !== 'object' || x === null || x instanceof Uint8Array
        ? 0
        : 1 + Math.max(0, ...Object.values(x).map(depth));
    expect(Math.max(...LARGEST.map(depth))).toBeLessThan(MAX_HEADER_DEPTH);
    expect(Object.keys(record).length).toBeLessThan(MAX_MAP_KEYS);
  });
});
