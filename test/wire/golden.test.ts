// Bytes of every released version decode for ever (test/golden/). A file here may be added, never changed.

import { readdirSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { decodeFrame, encodeFrame } from '../../protocol/wire/frame.js';
import { MESSAGE_KINDS } from '../../protocol/wire/types.js';
import { EXAMPLES } from './examples.js';
import { parseHex, readText } from './raw.js';

describe('golden frames of sotto/1', () => {
  it('exist for every kind', () => {
    const files = readdirSync('test/golden/sotto-1').filter((name) => name.endsWith('.hex'));
    expect(files.sort()).toEqual(MESSAGE_KINDS.map((kind) => `${kind}.hex`).sort());
  });

  for (const kind of MESSAGE_KINDS) {
    it(`${kind} still decodes to what it was, and is written the same way`, () => {
      const bytes = parseHex(readText(`test/golden/sotto-1/${kind}.hex`));
      expect(decodeFrame(bytes)).toEqual({ ok: true, message: EXAMPLES[kind] });
      expect(encodeFrame(EXAMPLES[kind])).toEqual(bytes);
    });
  }
});
