// Key streams: the same bytes from every implementation, however they are cut into reads. The standards' vectors are in
// rfc8439.test.ts and sp800-38a.test.ts.
import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { webKeystream, webRng } from '../../client/webcrypto.js';
import { concat } from '../../protocol/crypto/enc.js';
import { counterBlock } from '../../protocol/crypto/keystream.js';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import type { Prg } from '../../protocol/crypto/primitives.js';
import { nativeKeystream, nativeRng } from '../../protocol/native/index.js';
import { hex, KEYSTREAMS, range } from './implementations.js';

const PRGS: readonly Prg[] = ['aes256ctr', 'chacha20'];
const key = range(1, 32);

describe.each(KEYSTREAMS)('key stream, %s', (_, open) => {
  it.each(PRGS)('%s: any sequence of reads gives one long stream', async (prg) => {
    const whole = portableKeystream(prg, key).read(200_000);
    const length = fc.oneof(fc.nat(70), fc.constantFrom(0, 16, 64, 65_536, 65_537, 70_000));
    await fc.assert(
      fc.asyncProperty(fc.array(length, { maxLength: 6 }), async (lengths) => {
        const stream = open(prg, key);
        let position = 0;
        for (const one of lengths) {
          if (position + one > whole.length) break;
          const piece = await stream.read(one);
          expect(piece.length).toBe(one);
          if (hex(piece) !== hex(whole.subarray(position, position + one))) throw new Error(`differs at ${position}`);
          position += one;
        }
      }),
      { seed: 13, numRuns: 40 },
    );
  });

  it.each(PRGS)('%s: wider integers may be laid over every read', async (prg) => {
    const stream = open(prg, key);
    for (const length of [3, 16, 5, 65_536, 8]) expect((await stream.read(length)).byteOffset % 8).toBe(0);
  });

  it.each(PRGS)('%s: the caller may wipe its key once the stream is open', async (prg) => {
    const mine = key.slice();
    const stream = open(prg, mine);
    mine.fill(0);
    expect(hex(await stream.read(32))).toBe(hex(portableKeystream(prg, key).read(32)));
  });

  it.each(PRGS)('%s: keys of other than 32 bytes are refused, AES-128 keys among them', (prg) => {
    for (const length of [0, 16, 24, 31, 33]) expect(() => open(prg, new Uint8Array(length))).toThrow(RangeError);
  });
});

describe('key streams', () => {
  it('reads that were not awaited one by one keep their order', async () => {
    const stream = webKeystream('aes256ctr', key);
    const pieces = await Promise.all([stream.read(5), stream.read(100_000), stream.read(11), stream.read(64)]);
    expect(hex(concat(...pieces))).toBe(hex(nativeKeystream('aes256ctr', key).read(100_080)));
  });

  it('the counter block is big-endian over all of its lower eight bytes', () => {
    expect(hex(counterBlock(0))).toBe('00'.repeat(16));
    expect(hex(counterBlock(0x0102))).toBe(`${'00'.repeat(14)}0102`);
    expect(hex(counterBlock(2 ** 32 + 5))).toBe(`${'00'.repeat(8)}0000000100000005`);
  });
});

describe('randomness', () => {
  it.each([
    ['node:crypto', nativeRng],
    ['WebCrypto', webRng],
  ])('%s gives the length asked for, beyond 64 KiB too, and not the same twice', (_, rng) => {
    for (const length of [0, 1, 32, 65_536, 65_537, 200_000]) expect(rng(length)).toHaveLength(length);
    const long = rng(200_000);
    expect(long.subarray(150_000).some((byte) => byte !== 0)).toBe(true);
    expect(hex(rng(32))).not.toBe(hex(rng(32)));
  });
});
