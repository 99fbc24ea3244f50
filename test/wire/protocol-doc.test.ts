// Runs protocol/PROTOCOL.md: each example decodes to the JSON beside it and is what that JSON encodes to; tables name the
// fields in their order on the wire; numbers in the text are those of limits.ts.

import { describe, expect, it } from 'vitest';
import { enc } from '../../protocol/crypto/enc.js';
import * as limits from '../../protocol/limits.js';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import type { Message } from '../../protocol/wire/messages.js';
import { MESSAGE_KINDS, TYPE_BYTES } from '../../protocol/wire/types.js';
import { EXAMPLES, updateRecord } from './examples.js';
import { parseHex, readText, wireFields } from './raw.js';

const text = readText('protocol/PROTOCOL.md');

interface Section {
  readonly type: string;
  readonly fields: readonly string[];
  readonly json: string;
  readonly hex: string;
}
const sections = new Map<string, Section>();
for (const part of text.split(/^##+ /m).slice(1)) {
  const [, kind, type = ''] = /^`(\w+)` · ([0-9a-f]{2}) · /.exec(part) ?? [];
  if (kind === undefined) continue;
  const fields = [...part.matchAll(/^\| `(\w+)` \|/gm)].map(([, name = '']) => name);
  const json = /```json\n([\s\S]*?)```/.exec(part)?.[1] ?? '';
  const hex = /```hex\n([\s\S]*?)```/.exec(part)?.[1] ?? '';
  if (sections.has(kind)) throw new Error(`${kind} is described twice`);
  sections.set(kind, { type, fields, json, hex });
}

const fromJson = (json: string): Message =>
  JSON.parse(json, (_, one: unknown) =>
    typeof one === 'string' && one.startsWith('0x') ? parseHex(one.slice(2)) : one,
  ) as Message;

describe('PROTOCOL.md', () => {
  it('describes every kind, and no other', () => {
    expect([...sections.keys()].sort()).toEqual([...MESSAGE_KINDS].sort());
  });

  for (const kind of MESSAGE_KINDS) {
    it(`${kind}: the bytes decode to the JSON beside them, and the JSON encodes to these bytes`, () => {
      const section = sections.get(kind);
      const bytes = parseHex(section?.hex ?? '');
      const message = fromJson(section?.json ?? '');
      expect(message.kind).toBe(kind);
      expect(decodeFrame(bytes)).toEqual({ ok: true, message });
      expect(encodeFrame(message)).toEqual(bytes);
    });

    it(`${kind}: type byte and fields are those of the table`, () => {
      const section = sections.get(kind);
      expect(section?.type).toBe(TYPE_BYTES[kind].toString(16).padStart(2, '0'));
      expect(section?.fields).toEqual(Object.keys(wireFields(EXAMPLES[kind])));
    });
  }

  it('names the fields of a chain record in their order', () => {
    const part = text.split(/^## /m).find((one) => one.startsWith('7. The chain record')) ?? '';
    const fields = [...part.matchAll(/^\| `(\w+)` \|/gm)].map(([, name]) => name);
    expect(fields).toEqual(Object.keys(updateRecord));
  });

  it('gives the limits that are enforced', () => {
    const most = limits.MAX_CHUNKS * limits.CHUNK_BYTES;
    for (const n of [
      limits.MAX_FRAME_BYTES,
      limits.MAX_HEADER_BYTES,
      limits.MAX_HEADER_ITEMS,
      limits.CHUNK_BYTES,
      limits.MAX_CHUNKS - 1,
      limits.MAX_WAIT_MS,
      limits.MAX_CONFIG_BYTES,
      limits.MAX_GROUPS,
      limits.MAX_OPEN_COHORT,
      most,
    ]) {
      expect(text).toContain(n.toLocaleString('en-US'));
    }
    expect(text).toContain(`${limits.MAX_HEADER_DEPTH} levels of nesting`);
    expect(text).toContain(`${limits.MAX_MAP_KEYS} keys in a map`);
    expect(text).toContain(`at most ${limits.MAX_TASKS} tasks`);
    expect(text).toContain(`at most ${limits.MAX_CHAIN_RECORDS} records`);
    expect(text).toContain(`at most ${limits.MAX_GROUP} maps`);
    expect(text).toContain(`at most ${limits.MAX_TEXT} UTF-16 units`);
  });

  it('its example of enc is what enc gives', () => {
    const example = parseHex(/```enc\n([\s\S]*?)```/.exec(text)?.[1] ?? '');
    expect(enc('ab', 1, [Uint8Array.of(0xff)])).toEqual(example);
  });
});
