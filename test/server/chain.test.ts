// The chain in memory and what is answered from it. Not here: making records (end-to-end.test.ts), sockets.

import { describe, expect, it } from 'vitest';
import { recordHash } from '../../protocol/chain/record.js';
import { fromHex, hashOf } from '../../protocol/ids.js';
import { MAX_CHAIN_RECORDS, MAX_KEPT_RECORDS } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { encodeFrame } from '../../protocol/wire/frame.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import { MemoryChainStore } from '../../server/chain/memory-store.js';
import { chainAfter } from '../../server/chain/serve.js';
import { blobOf } from '../../server/engine/combine.js';
import type { Blob } from '../../server/engine/types.js';

const blob = (what: string, round: number): Blob =>
  blobOf(nativePrimitives, Uint8Array.from(Buffer.from(`${what} ${round}`)));
const EMPTY = new Uint8Array(0);

async function chainOf(rounds: number): Promise<MemoryChainStore> {
  const store = new MemoryChainStore();
  let previous = EMPTY as Uint8Array;
  for (let round = 0; round <= rounds; round++) {
    const [model, aggregate, optimizer] = [blob('model', round), blob('aggregate', round), blob('optimizer', round)];
    const record: ChainRecordBody = {
      task: 'test',
      type: round === 0 ? 'genesis' : 'update',
      round,
      attempt: round === 0 ? 0 : 1,
      previous,
      config: new Uint8Array(32),
      modelBefore: round === 0 ? EMPTY : blob('model', round - 1).hash,
      aggregate: round === 0 ? EMPTY : aggregate.hash,
      modelAfter: model.hash,
      optimizerAfter: optimizer.hash,
      step: round,
      transcript: round === 0 ? EMPTY : new Uint8Array(32),
      clip: 0,
      fraction: 0,
      signature: new Uint8Array(64),
    };
    previous = recordHash(nativePrimitives, record);
    await store.append(
      { record, hash: hashOf(previous) },
      round === 0 ? [model, optimizer] : [model, aggregate, optimizer],
    );
  }
  return store;
}

describe('the chain', () => {
  it('before genesis there is no head to ask for', () => {
    expect(() => new MemoryChainStore().head()).toThrow(expect.objectContaining({ code: 'INTERNAL' }));
  });

  it('keeps every record, of the blobs what somebody can still need', async () => {
    const store = await chainOf(40);
    expect(store.length).toBe(41);
    const has = (what: string, round: number): boolean => store.blob(hashOf(blob(what, round).hash)) !== undefined;
    for (const what of ['model', 'optimizer'])
      expect([38, 39, 40].map((r) => has(what, r))).toEqual([false, true, true]);
    const oldest = 40 - MAX_KEPT_RECORDS + 1;
    expect([oldest - 1, oldest, 40].map((r) => has('aggregate', r))).toEqual([false, true, true]);
  });

  it('is served in answers that fit a frame, until complete', async () => {
    const store = await chainOf(MAX_CHAIN_RECORDS + 5);
    let after: Uint8Array = fromHex(store.at(0)?.hash ?? '');
    const rounds: number[] = [];
    for (;;) {
      const answer = chainAfter(store, { kind: 'wantChain', task: 'test', after });
      if (answer === undefined) throw new Error('unknown record');
      encodeFrame(answer); // throws where it does not fit
      rounds.push(...answer.records.map(({ round }) => round));
      after = recordHash(nativePrimitives, answer.records.at(-1) ?? store.head().record);
      if (answer.complete) break;
    }
    expect(rounds).toEqual(Array.from({ length: MAX_CHAIN_RECORDS + 5 }, (_, i) => i + 1));
    expect(chainAfter(store, { kind: 'wantChain', task: 'test', after })).toMatchObject({
      records: [],
      complete: true,
    });
  });
});
