// The engines of the client: where they compute does not change a bit of what they compute. Real key streams and masks.

import { describe, expect, it } from 'vitest';
import { type ClientEngine, inlineEngine } from '../../client/engine.js';
import { EngineThread } from '../../client/node/worker-engine.js';
import { runStreamingAsync } from '../../client/streaming.js';
import { webKeystream } from '../../client/webcrypto.js';
import { portablePrimitives } from '../../protocol/crypto/portable.js';
import { portableKeystream } from '../../protocol/crypto/portable-keystream.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { openKernels } from '../../protocol/kernels/wasm.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { ClientWork, Ring } from '../../protocol/secagg/jobs.js';
import type { Streaming } from '../../protocol/secagg/keystreams.js';
import { jsProjector } from '../../protocol/sketch/project.js';
import { chunkHashList } from '../../protocol/wire/chunks.js';

const DIMENSION = 70_001; // no multiple of a block, a piece or a chunk

function maskWork(ring: Ring, pairs: number, weighted = false): ClientWork {
  const encoding = { dimension: DIMENSION, clipNorm: 5, range: 1, levels: 127, ring, weighted } as const;
  const key = (i: number): Uint8Array => nativePrimitives.sha256(Uint8Array.of(i));
  return {
    type: 'mask',
    encoding,
    prg: 'aes256ctr',
    weight: weighted ? 0.5 : 1,
    roundingKey: key(250),
    selfKey: key(251),
    pairs: Array.from({ length: pairs }, (_, i) => ({ key: key(i), sign: i % 2 === 0 ? 1 : -1 })),
  };
}
const update = (): Float32Array<ArrayBuffer> => Float32Array.from({ length: DIMENSION }, (_, i) => Math.sin(i) / 60);

async function bytesOf(engine: ClientEngine, work: ClientWork): Promise<Uint8Array> {
  const result = await engine.run(work, update());
  if (!result.ok) throw new Error(result.code);
  const out = new Uint8Array(result.bytes);
  for (let index = 0; index < result.chunks.length / 32; index++) out.set(engine.chunk(index), index * 262_144);
  expect(result.chunks).toEqual(chunkHashList(nativePrimitives, out));
  return out;
}

describe('one vector, wherever it is computed', () => {
  const thread = new EngineThread();
  const engines: Record<string, () => ClientEngine> = {
    'a worker thread': () => thread.engine(0),
    'inline in Node': () => thread.engine(),
    'WebCrypto and WASM': () =>
      inlineEngine({
        primitives: portablePrimitives,
        kernels: openKernels(globalThis.WebAssembly),
        openKeystream: webKeystream,
        makeProjector: jsProjector,
      }),
    'noble and JavaScript': () =>
      inlineEngine({
        primitives: portablePrimitives,
        kernels: jsKernels,
        openKeystream: portableKeystream,
        makeProjector: jsProjector,
      }),
  };
  it.each([16, 24, 32] as const)('ρ = %i: the same bytes from all four engines', async (ring) => {
    const work = maskWork(ring, 3, ring === 24);
    const vectors = [];
    for (const make of Object.values(engines)) vectors.push(await bytesOf(make(), work));
    expect(vectors[0]?.length).toBe(((DIMENSION + (ring === 24 ? 1 : 0)) * ring) / 8);
    for (const vector of vectors) expect(Buffer.compare(vector, vectors[0] ?? new Uint8Array(0))).toBe(0);
  });

  it('profile open: float32, clipped to the norm, the same from all four', async () => {
    const work: ClientWork = {
      type: 'plain',
      encoding: { dimension: DIMENSION, clipNorm: 0.5, range: 1, levels: 127, ring: 32, weighted: false },
    };
    const vectors = [];
    for (const make of Object.values(engines)) vectors.push(await bytesOf(make(), work));
    const values = new Float32Array(vectors[0]?.slice().buffer ?? new ArrayBuffer(0));
    expect(Math.hypot(...values.slice(0, 100), Math.sqrt(values.reduce((sum, x) => sum + x * x, 0)))).toBeGreaterThan(
      0,
    );
    expect(Math.sqrt(values.reduce((sum, x) => sum + x * x, 0))).toBeCloseTo(0.5, 5);
    for (const vector of vectors) expect(Buffer.compare(vector, vectors[0] ?? new Uint8Array(0))).toBe(0);
  });

  it.each(Object.keys(engines))('%s: what is not finite, or too short, is told and gives no vector', async (name) => {
    const engine = engines[name]?.() as ClientEngine;
    const bad = update();
    bad[7] = Number.POSITIVE_INFINITY;
    expect(await engine.run(maskWork(32, 1), bad)).toEqual({ ok: false, code: 'SECAGG_NON_FINITE' });
    expect(await engine.run(maskWork(32, 1), new Float32Array(3))).toEqual({ ok: false, code: 'SECAGG_LENGTH' });
    expect(() => engine.chunk(0)).toThrow('ENGINE_FAILED');
  });

  it.each(Object.keys(engines))(
    '%s: forget erases the vector, also for who still holds a chunk of it',
    async (name) => {
      const engine = engines[name]?.() as ClientEngine;
      await engine.run(maskWork(16, 1), update());
      const chunk = engine.chunk(0);
      expect(chunk.some((byte) => byte !== 0)).toBe(true);
      engine.forget();
      expect(chunk.every((byte) => byte === 0)).toBe(true);
      expect(() => engine.chunk(0)).toThrow('ENGINE_FAILED');
    },
  );

  it('clients that share a thread do not get each other’s vectors', async () => {
    const [a, b] = [thread.engine(0), thread.engine(0)];
    const [one, two] = await Promise.all([bytesOf(a, maskWork(32, 1)), bytesOf(b, maskWork(32, 2))]);
    expect(Buffer.compare(one, await bytesOf(thread.engine(), maskWork(32, 1)))).toBe(0);
    expect(Buffer.compare(two, await bytesOf(thread.engine(), maskWork(32, 2)))).toBe(0);
  });

  it('a thread that dies is ENGINE_FAILED for who waits, and the next job starts another', async () => {
    const mortal = new EngineThread();
    const engine = mortal.engine(0);
    const waiting = engine.run(maskWork(32, 2), update());
    await mortal.close();
    await expect(waiting).rejects.toMatchObject({ code: 'ENGINE_FAILED' });
    expect(await engine.run(maskWork(32, 1), update())).toMatchObject({ ok: true });
    await mortal.close();
  });

  it('the keys that were sent to the thread are still the caller’s', async () => {
    const work = maskWork(32, 1);
    await thread.engine(0).run(work, update());
    expect(work.type === 'mask' && work.selfKey).toEqual(nativePrimitives.sha256(Uint8Array.of(251)));
    await thread.close();
  });
});

describe('asynchronous key streams', () => {
  it('any sequence of reads over several keys gives what one long read of each would give', async () => {
    const keys = [nativeRng(32), nativeRng(32)];
    const lengths = [1, 70_000, 3, 300_000, 262_144, 5, 1_000_000, 16];
    const seen = await runStreamingAsync(
      (function* (): Streaming<Uint8Array[]> {
        const parts: Uint8Array[][] = keys.map(() => []);
        for (const length of lengths) {
          for (const [i, key] of keys.entries()) parts[i]?.push((yield { key, length }).slice());
        }
        return parts.map((list) => Buffer.concat(list));
      })(),
      'aes256ctr',
      webKeystream,
    );
    const total = lengths.reduce((sum, length) => sum + length, 0);
    keys.forEach((key, i) => {
      expect(Buffer.compare(seen[i] ?? new Uint8Array(0), nativeKeystream('aes256ctr', key).read(total))).toBe(0);
    });
  });
});
