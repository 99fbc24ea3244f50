// What every vector engine of the coordinator must do; run by the twin in this process and by worker threads.
// Real masks and shares of mask keys; the numbers follow from plain sums. Not a test file.

import { afterAll, afterEach, beforeAll, describe, expect, it } from 'vitest';
import type { ClientId } from '../../protocol/ids.js';
import { CHUNK_BYTES } from '../../protocol/limits.js';
import { nativeKernels, nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { initOptimizer } from '../../protocol/optimizer/optimizer.js';
import type { GroupResult } from '../../protocol/round/types.js';
import type { Encoding, EngineResult, Ring } from '../../protocol/secagg/jobs.js';
import { selfMaskKey } from '../../protocol/secagg/keys.js';
import { runStreaming } from '../../protocol/secagg/keystreams.js';
import { encodePlain, maskUpdate } from '../../protocol/secagg/mask.js';
import { chunkHash, splitChunks } from '../../protocol/wire/chunks.js';
import type { Engine } from '../../server/engine/types.js';

const GCTX = new Uint8Array(32).fill(3);
const OK: EngineResult = { ok: true };
const BAD: EngineResult = { ok: false, code: 'ROUND_BAD_VECTOR' };
/** No round before, and a seed that only rules that draw look at. */
const FRESH = { state: [], seed: [1, 2, 3, 4] } as const;
const FAILED: EngineResult = { ok: false, code: 'ENGINE_FAILED' };
const client = (i: number): ClientId => i.toString(16).padStart(64, '0') as ClientId;

const encodingOf = (ring: Ring, dimension: number, weighted = false): Encoding => ({
  dimension,
  clipNorm: 1e6,
  range: 127 / 128,
  levels: 127,
  ring,
  weighted,
});
/** Values on the grid, so that rounding changes nothing. */
const vector = (dimension: number, seed: number): Float32Array<ArrayBuffer> =>
  Float32Array.from({ length: dimension }, (_, i) => ((((seed + 1) * 31 + i * 7) % 255) - 127) / 128);

/** One client's masked input with only its self mask, and the secret that takes it off. */
function masked(
  encoding: Encoding,
  rank: number,
  update: Float32Array,
  weight = 1,
): { bytes: Uint8Array; secret: Uint8Array } {
  const secret = nativeRng(32);
  const selfKey = selfMaskKey(nativePrimitives, GCTX, secret, rank);
  const work = {
    type: 'mask',
    encoding,
    prg: 'aes256ctr',
    weight,
    roundingKey: nativeRng(32),
    selfKey,
    pairs: [],
  } as const;
  return {
    bytes: runStreaming(maskUpdate(work, update, nativeKernels(), encodePlain), 'aes256ctr', nativeKeystream),
    secret,
  };
}

async function upload(engine: Engine, slot: string, bytes: Uint8Array): Promise<EngineResult[]> {
  const jobs = splitChunks(bytes).map((section, index) =>
    engine.run({
      type: 'chunk',
      slot,
      bytes: bytes.length,
      index,
      section,
      hash: chunkHash(nativePrimitives, section),
    }),
  );
  return Promise.all(jobs);
}

async function openedGroup(
  engine: Engine,
  encoding: Encoding,
  group: number,
  updates: readonly Float32Array[],
  weights: readonly number[] = [],
): Promise<GroupResult> {
  const accumulator = `t/1.1/${group}`;
  const selfSecrets = [];
  for (const [rank, update] of updates.entries()) {
    const { bytes, secret } = masked(encoding, rank, update, weights[rank] ?? 1);
    await upload(engine, `${accumulator}/${rank}`, bytes);
    expect(await engine.run({ type: 'fold', slot: `${accumulator}/${rank}`, accumulator, encoding })).toEqual(OK);
    selfSecrets.push({ rank, secret });
  }
  expect(
    await engine.run({ type: 'unmask', accumulator, encoding, prg: 'aes256ctr', gctx: GCTX, selfSecrets, dropped: [] }),
  ).toEqual(OK);
  return { group, source: { type: 'sum', accumulator }, survivors: updates.map((_, i) => client(i)) };
}

export function engineContract(name: string, make: () => Engine): void {
  describe(`engine: ${name}`, () => {
    // One for all tests: starting threads costs more than all of them.
    let engine: Engine;
    beforeAll(() => {
      engine = make();
    });
    afterEach(() => engine.forget([]));
    afterAll(() => engine.close());
    const withEngine = (claim: string, body: (engine: Engine) => Promise<void>): void => it(claim, () => body(engine));

    for (const ring of [16, 24, 32] as const) {
      withEngine(`ring ${ring}: masked inputs in several chunks become exactly the mean`, async (engine) => {
        // Two chunks, the second of a few bytes.
        const encoding = encodingOf(ring, Math.floor((CHUNK_BYTES * 8) / ring) + 7);
        const updates = [0, 1, 2].map((i) => vector(encoding.dimension, i));
        const group = await openedGroup(engine, encoding, 0, updates);
        const result = await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [group], ...FRESH });
        if (!result.ok) throw new Error(result.text);
        const expected = updates[0]?.map((_, k) => updates.reduce((sum, u) => sum + (u[k] ?? 0), 0) / 3);
        // Bytes: a deep comparison of 100,000 values takes seconds.
        expect(Buffer.from(result.aggregate.buffer).equals(Buffer.from(expected?.buffer ?? new ArrayBuffer(0)))).toBe(
          true,
        );
      });
    }

    withEngine('a weighted mean over groups of different weight is the weighted mean over clients', async (engine) => {
      const encoding = encodingOf(24, 3, true);
      const a = await openedGroup(engine, encoding, 0, [Float32Array.from([0.5, 0.25, 0])], [1]);
      const b = await openedGroup(engine, encoding, 1, [Float32Array.from([0, 0.5, 0.25])], [64 / 127]);
      const result = await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [a, b], ...FRESH });
      if (!result.ok) throw new Error(result.text);
      // Rounding to the grid moves w·x by less than one step of 1/128.
      const w = [127 / 191, 64 / 191];
      const expected = [0.5 * (w[0] ?? 0), 0.25 * (w[0] ?? 0) + 0.5 * (w[1] ?? 0), 0.25 * (w[1] ?? 0)];
      for (const [k, value] of expected.entries())
        expect(Math.abs((result.aggregate[k] ?? 9) - value)).toBeLessThan(0.02);
    });

    withEngine('runs the rule over group means and reports per group', async (engine) => {
      const encoding = encodingOf(16, 5);
      const groups = [];
      for (let g = 0; g < 5; g++) groups.push(await openedGroup(engine, encoding, g, [vector(5, g), vector(5, g)]));
      const result = await engine.aggregate({ encoding, rule: { name: 'median', faulty: 2 }, groups, ...FRESH });
      if (!result.ok) throw new Error(result.text);
      const expected = [0, 1, 2, 3, 4].map(
        (k) => [0, 1, 2, 3, 4].map((g) => vector(5, g)[k] ?? 9).sort((x, y) => x - y)[2],
      );
      expect([...result.aggregate]).toEqual(expected);
      expect(result.reports.at(-1)).toMatchObject({ stage: 'median', low: { length: 5 } });
    });

    withEngine(
      'a rule that cannot keep its promise with so few inputs is refused with the code of the rule',
      async (engine) => {
        const encoding = encodingOf(16, 5);
        const group = await openedGroup(engine, encoding, 0, [vector(5, 0)]);
        const result = await engine.aggregate({
          encoding,
          rule: { name: 'median', faulty: 1 },
          groups: [group],
          ...FRESH,
        });
        expect(result).toMatchObject({ ok: false, code: 'AGGREGATE_PRECONDITION' });
      },
    );

    withEngine(
      'plain updates are rows: finite ones are kept, clipped to the norm bound, and aggregated by client',
      async (engine) => {
        const encoding = { ...encodingOf(32, 2), clipNorm: 5 };
        const rows = [Float32Array.from([3, 4]), Float32Array.from([0, 1]), Float32Array.from([30, 40])];
        for (const [rank, row] of rows.entries()) {
          await upload(engine, `t/1.1/0/${rank}`, new Uint8Array(row.buffer));
          expect(await engine.run({ type: 'keep', slot: `t/1.1/0/${rank}`, encoding })).toEqual(OK);
        }
        const slots = rows.map((_, rank) => ({ client: client(rank), slot: `t/1.1/0/${rank}`, weight: 1 }));
        const group: GroupResult = {
          group: 0,
          source: { type: 'rows', slots },
          survivors: rows.map((_, i) => client(i)),
        };
        const result = await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [group], ...FRESH });
        if (!result.ok) throw new Error(result.text);
        expect([...result.aggregate]).toEqual([2, 3]); // (3 + 0 + 3) ÷ 3, (4 + 1 + 4) ÷ 3
        const again = await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [group], ...FRESH });
        expect(again).toEqual(result); // rows stay until they are forgotten
      },
    );

    for (const [what, value] of [
      ['NaN', Number.NaN],
      ['infinite', Number.POSITIVE_INFINITY],
    ] as const) {
      withEngine(`a plain update with an ${what} value is its sender's fault`, async (engine) => {
        const encoding = encodingOf(32, 2);
        await upload(engine, 't/1.1/0/0', new Uint8Array(Float32Array.from([1, value]).buffer));
        expect(await engine.run({ type: 'keep', slot: 't/1.1/0/0', encoding })).toEqual(BAD);
        expect(await engine.held()).toEqual([]);
      });
    }

    withEngine(
      "a chunk with other bytes than its hash says, or of a wrong length, is its sender's fault",
      async (engine) => {
        const section = new Uint8Array(100).fill(1);
        const hash = chunkHash(nativePrimitives, section);
        const chunk = { type: 'chunk', slot: 't/1.1/0/0', bytes: 100, index: 0, section, hash } as const;
        expect(await engine.run({ ...chunk, section: section.slice().fill(2) })).toEqual(BAD);
        expect(await engine.run({ ...chunk, bytes: 101 })).toEqual(BAD);
        expect(await engine.run({ ...chunk, index: 1 })).toEqual(BAD);
        expect(await engine.run(chunk)).toEqual(OK);
      },
    );

    withEngine('the caller may reuse the bytes of a chunk as soon as it has handed them over', async (engine) => {
      const encoding = encodingOf(32, 2);
      const bytes = new Uint8Array(Float32Array.from([1, 2]).buffer);
      const sent = bytes.slice();
      const job = engine.run({
        type: 'chunk',
        slot: 't/1.1/0/0',
        bytes: 8,
        index: 0,
        section: sent,
        hash: chunkHash(nativePrimitives, bytes),
      });
      sent.fill(0);
      expect(await job).toEqual(OK);
      expect(await engine.run({ type: 'keep', slot: 't/1.1/0/0', encoding })).toEqual(OK);
    });

    withEngine(
      "an input of another length than the task's is its sender's fault, and the sum is as before",
      async (engine) => {
        const encoding = encodingOf(16, 5);
        const accumulator = 't/1.1/0';
        const { bytes, secret } = masked(encoding, 0, vector(5, 0));
        await upload(engine, `${accumulator}/0`, bytes);
        await engine.run({ type: 'fold', slot: `${accumulator}/0`, accumulator, encoding });
        await upload(engine, `${accumulator}/1`, new Uint8Array(12));
        expect(await engine.run({ type: 'fold', slot: `${accumulator}/1`, accumulator, encoding })).toEqual(BAD);
        await engine.run({
          type: 'unmask',
          accumulator,
          encoding,
          prg: 'aes256ctr',
          gctx: GCTX,
          selfSecrets: [{ rank: 0, secret }],
          dropped: [],
        });
        const group: GroupResult = { group: 0, source: { type: 'sum', accumulator }, survivors: [client(0)] };
        const result = await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [group], ...FRESH });
        expect(result.ok && [...result.aggregate]).toEqual([...vector(5, 0)]);
      },
    );

    withEngine("work on what is not there is our fault, never a client's", async (engine) => {
      const encoding = encodingOf(16, 5);
      expect(await engine.run({ type: 'fold', slot: 't/1.1/0/0', accumulator: 't/1.1/0', encoding })).toEqual(FAILED);
      expect(await engine.run({ type: 'keep', slot: 't/1.1/0/0', encoding })).toEqual(FAILED);
      expect(
        await engine.run({
          type: 'unmask',
          accumulator: 't/1.1/0',
          encoding,
          prg: 'aes256ctr',
          gctx: GCTX,
          selfSecrets: [],
          dropped: [],
        }),
      ).toEqual(FAILED);
      const group: GroupResult = { group: 0, source: { type: 'sum', accumulator: 't/1.1/0' }, survivors: [client(0)] };
      expect(await engine.aggregate({ encoding, rule: { name: 'mean' }, groups: [group], ...FRESH })).toMatchObject({
        ok: false,
        code: 'ENGINE_FAILED',
      });
    });

    withEngine('forget leaves what it is told to keep and nothing else', async (engine) => {
      const encoding = encodingOf(16, 5);
      await openedGroup(engine, encoding, 0, [vector(5, 0)]);
      await openedGroup(engine, encoding, 1, [vector(5, 1)]);
      await upload(engine, 't/1.1/1/7', new Uint8Array(10));
      expect((await engine.held()).length).toBe(3);
      await engine.forget(['t/1.1/1']);
      expect(await engine.held()).toEqual(['t/1.1/1']);
      await engine.forget([]);
      expect(await engine.held()).toEqual([]);
    });

    withEngine('drop frees one slot or one accumulator', async (engine) => {
      const encoding = encodingOf(16, 5);
      await openedGroup(engine, encoding, 0, [vector(5, 0)]);
      await upload(engine, 't/1.1/0/7', new Uint8Array(10));
      expect(await engine.run({ type: 'drop', slot: 't/1.1/0/7' })).toEqual(OK);
      expect(await engine.held()).toEqual(['t/1.1/0']);
      expect(await engine.run({ type: 'drop', slot: 't/1.1/0' })).toEqual(OK);
      expect(await engine.held()).toEqual([]);
    });

    withEngine(
      "the next model is the optimiser's step, with the hashes of its blobs; the arguments are left alone",
      async (engine) => {
        const optimizer = { name: 'fedavgm', learningRate: 1, momentum: 0.5 } as const;
        const before = { weights: Float32Array.from([1, 2]), optimizer: initOptimizer(optimizer, 2) };
        const aggregate = Float32Array.from([0.5, -0.5]);
        const result = await engine.nextModel({ optimizer, before, aggregate });
        if (!result.ok) throw new Error(result.text);
        expect([...result.after.weights]).toEqual([1.5, 1.5]);
        expect(result.model.bytes).toEqual(new Uint8Array(Float32Array.from([1.5, 1.5]).buffer));
        expect(result.model.chunks).toEqual(nativePrimitives.sha256(result.model.bytes));
        expect(result.optimizer?.bytes).toEqual(new Uint8Array(Float32Array.from([0.5, -0.5]).buffer));
        expect([...before.weights, ...aggregate]).toEqual([1, 2, 0.5, -0.5]);
        const plain = await engine.nextModel({
          optimizer: { name: 'fedavg', learningRate: 1 },
          before: { ...before, optimizer: { steps: 0, moments: [] } },
          aggregate,
        });
        expect(plain.ok && plain.optimizer).toBeUndefined();
      },
    );

    withEngine('a model that would not be finite is refused, not published', async (engine) => {
      const before = { weights: Float32Array.from([1]), optimizer: { steps: 0, moments: [] } };
      const aggregate = Float32Array.from([Number.NaN]);
      const result = await engine.nextModel({ optimizer: { name: 'fedavg', learningRate: 1 }, before, aggregate });
      expect(result).toMatchObject({ ok: false, code: 'OPTIMIZER_NON_FINITE' });
    });
  });
}
