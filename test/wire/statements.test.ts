// What PROTOCOL.md §5-§7 says is hashed and signed is what the code hashes and signs: each statement spelled again here, label by
// label, from the page. A change of either is a change of the protocol. Not here: the bytes of enc (crypto/enc.test.ts).

import { createHash } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { recordHash } from '../../protocol/chain/record.js';
import * as context from '../../protocol/context.js';
import { type EncField, enc } from '../../protocol/crypto/enc.js';
import { portablePrimitives as primitives } from '../../protocol/crypto/portable.js';
import { hashOf } from '../../protocol/ids.js';
import { shareLeaf } from '../../protocol/secagg/shares.js';
import { matrixKey } from '../../protocol/sketch/matrix.js';
import { configHash } from '../../protocol/task.js';
import { updateRecord } from './examples.js';

const sha = (...fields: EncField[]): Uint8Array =>
  new Uint8Array(
    createHash('sha256')
      .update(enc(...fields))
      .digest(),
  );
const fill = (byte: number): Uint8Array => new Uint8Array(32).fill(byte);
const [model, config, root, coordinator, ctx, gctx, a, b] = [1, 2, 3, 4, 5, 6, 7, 8].map(fill) as [
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
  Uint8Array,
];

describe('the contexts', () => {
  it('are the hashes that PROTOCOL.md gives', () => {
    expect(configHash(primitives, '{}')).toEqual(sha('sotto/1 config', '{}'));
    expect(context.groupRootOf(primitives, 3, [a, b])).toEqual(sha('sotto/1 group roster', 3, [a, b]));
    expect(context.rosterRootOf(primitives, [0, 3], [a, b])).toEqual(sha('sotto/1 roster', [0, 3], [a, b]));
    const fields = {
      task: 'digits',
      round: 7,
      attempt: 1,
      model: hashOf(model),
      config,
      rosterRoot: root,
      commitNonce: b,
      clip: 5,
      coordinator,
    };
    expect(context.contextOf(primitives, fields)).toEqual(
      sha('sotto/1 ctx', 'sotto/1', 'digits', 7, 1, model, config, root, b, 5, coordinator),
    );
    expect(context.groupContextOf(primitives, ctx, 3, root)).toEqual(sha('sotto/1 gctx', ctx, 3, root));
  });
});

describe('what is signed', () => {
  it('is what PROTOCOL.md gives beside each signature', () => {
    expect(context.announceStatement(ctx, a, 60_000)).toEqual(enc('sotto/1 announce', ctx, a, 60_000));
    expect(context.keysStatement(gctx, 2, a, b)).toEqual(enc('sotto/1 keys', gctx, 2, a, b));
    expect(context.sharesStatement(gctx, 2, a, b)).toEqual(enc('sotto/1 shares', gctx, 2, a, b));
    expect(context.complaintStatement(gctx, 2, [0, 4])).toEqual(enc('sotto/1 complaint', gctx, 2, [0, 4]));
    expect(context.maskedStatement(gctx, 2, a, [0, 2])).toEqual(enc('sotto/1 masked', gctx, 2, a, [0, 2]));
    expect(context.plainStatement(gctx, 2, a, 0.1)).toEqual(enc('sotto/1 plain', gctx, 2, a, '0.1'));
    expect(context.setsStatement(gctx, [0, 1, 2], [0, 2])).toEqual(enc('sotto/1 survivors', gctx, [0, 1, 2], [0, 2]));
    expect(context.sketchStatement(gctx, 2, a, b)).toEqual(enc('sotto/1 sketch', gctx, 2, a, b));
    expect(matrixKey(primitives, ctx, a)).toEqual(sha('sotto/1 sketch matrix', ctx, a));
    expect(shareLeaf(a, b, root)).toEqual(enc(a, b, root));
  });

  it('of a chain record: all fields but the signature, in the order of the table', () => {
    const { signature: _, ...rest } = updateRecord;
    expect(recordHash(primitives, updateRecord)).toEqual(sha('sotto/1 chain record', ...Object.values(rest)));
  });
});
