// An engine at rest between rounds: what it gives back, and that the next round is as before. Not here: when it is asked to.

import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { expect, it } from 'vitest';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { nativePrimitives } from '../../protocol/native/index.js';
import { chunkHash } from '../../protocol/wire/chunks.js';
import { workerEngine } from '../../server/index.js';

const INPUT_BYTES = 16 * CHUNK_BYTES;
const INPUTS = 8;
const OK = { ok: true };
const dimension = INPUT_BYTES / 4;
const encoding = { dimension, clipNorm: 1e6, range: 1, levels: 1, ring: 32, weighted: false } as const;
const section = new Uint8Array(CHUNK_BYTES).fill(3);
const hash = chunkHash(nativePrimitives, section);

const engine = workerEngine(1);
const accumulator = 't/1.1/0';
/** All inputs are there before the first is added, so each has memory of its own. */
async function round(): Promise<void> {
  const slots = Array.from({ length: INPUTS }, (_, i) => `${accumulator}/${i}`);
  for (const slot of slots)
    for (let index = 0; index < 16; index++)
      expect(await engine.run({ type: 'chunk', slot, bytes: INPUT_BYTES, index, section, hash })).toEqual(OK);
  for (const slot of slots) expect(await engine.run({ type: 'fold', slot, accumulator, encoding })).toEqual(OK);
}
function memory(): number {
  setFlagsFromString('--expose-gc');
  (runInNewContext('gc') as () => void)(); // safe: what the flag defines
  return process.memoryUsage().arrayBuffers;
}

it('gives back the inputs that it kept for the next round, and only where no round runs', async () => {
  try {
    await round();
    await engine.rest();
    const held = await engine.held();
    expect(held).toEqual([accumulator]);
    await engine.forget([]);
    const before = memory();
    await engine.rest();
    // Those of the thread go with the thread.
    await expect.poll(() => before - memory(), { timeout: 5_000 }).toBeGreaterThanOrEqual(INPUTS * INPUT_BYTES);
    await round();
    expect(await engine.held()).toEqual([accumulator]);
  } finally {
    await engine.close();
  }
});
