// The guard against a forged model, at the driver: what a client that has pinned the coordinator's key still does not believe.
import { describe, expect, it } from 'vitest';
import { type ModelStore, memoryModels } from '../../client/chain/model-store.js';
import { weightsBytes } from '../../protocol/chain/model.js';
import { recordHash } from '../../protocol/chain/record.js';
import { toHex } from '../../protocol/ids.js';
import { CHAIN_STALL_MS } from '../../protocol/limits.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { OptimizerSpec } from '../../protocol/optimizer/spec.js';
import { chunkHashList, splitChunks } from '../../protocol/wire/chunks.js';
import type { ChainRecordBody } from '../../protocol/wire/messages.js';
import { ScriptedCoordinator, taskOf } from './coordinator.js';
import { type Harness, openPolicy, start } from './harness.js';
import { settle } from './virtual-timers.js';

const runOf = (round: number) => ({ round, attempt: 1, group: 0 });

/** Joined at genesis and trained there; then the coordinator commits `rounds` more of which this client hears nothing. */
async function behind(rounds: number, over: Parameters<typeof start>[0] = {}): Promise<Harness> {
  const harness = await start(over);
  const { coordinator } = harness;
  coordinator.session.send(coordinator.announce(runOf(1)));
  await settle();
  for (let i = 1; i <= rounds; i++) coordinator.published.advance(i, i / 8);
  return harness;
}

async function announceNext(
  { coordinator }: Harness,
  round: number,
  over: Parameters<ScriptedCoordinator['announce']>[1] = {},
): Promise<void> {
  coordinator.session.send(coordinator.announce(runOf(round), over));
  await settle();
}

/** Nobody trains on it, a GUARD_MODEL_CHAIN event says why, the coordinator is told the code. */
function expectRefused(harness: Harness, calls: number, why: string): void {
  expect(harness.seen.guard).toMatchObject([{ code: 'GUARD_MODEL_CHAIN', text: expect.stringContaining(why) }]);
  expect(harness.trainer.calls).toHaveLength(calls);
  expect(harness.coordinator.session.of('fault').map(({ code }) => code)).toContain('GUARD_MODEL_CHAIN');
}

const OPTIMIZERS: readonly OptimizerSpec[] = [
  { name: 'fedavg', learningRate: 1 },
  { name: 'fedavgm', learningRate: 0.5, momentum: 0.9 },
  { name: 'fedadam', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
];

describe('an honest chain', () => {
  it.each(OPTIMIZERS)(
    'a client that missed 5 rounds of $name recomputes all of them and trains on the newest model',
    async (optimizer) => {
      const harness = await behind(5, { coordinatorSide: new ScriptedCoordinator(taskOf({ optimizer })) });
      await announceNext(harness, 6);
      expect(harness.seen.guard).toEqual([]);
      expect(harness.seen.model.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5]);
      expect(harness.trainer.calls[1]?.weights).toEqual(harness.coordinator.published.weights);
      expect(
        harness.coordinator.session
          .of('want')
          .filter(({ blob }) => toHex(blob) === toHex(harness.coordinator.published.newest.modelAfter)),
      ).toEqual([]);
      await harness.client.stop();
    },
  );

  it.each(OPTIMIZERS)(
    'a client that joins late starts at the signed checkpoint with the state of $name, and follows from there',
    async (optimizer) => {
      const coordinator = new ScriptedCoordinator(taskOf({ optimizer }));
      for (let i = 1; i <= 3; i++) coordinator.published.advance(i, i / 8);
      const harness = await start({ coordinatorSide: coordinator });
      await announceNext(harness, 4);
      coordinator.published.advance(4, -0.25);
      await announceNext(harness, 5);
      expect(harness.seen.model.map(({ round }) => round)).toEqual([3, 4]);
      expect(harness.trainer.calls[1]?.weights).toEqual(coordinator.published.weights);
      await harness.client.stop();
    },
  );

  it('records that come in several answers are followed to the end', async () => {
    const harness = await behind(5);
    const { coordinator } = harness;
    coordinator.answer = (session, message, honest) => {
      if (message.kind !== 'wantChain') return honest();
      const { records } = coordinator.published;
      const at = records.findIndex((record) => toHex(recordHash(nativePrimitives, record)) === toHex(message.after));
      session.send({
        kind: 'chain',
        task: 'digits',
        records: records.slice(at + 1, at + 3),
        complete: at + 3 >= records.length,
      });
    };
    await announceNext(harness, 6);
    expect(harness.seen.model.map(({ round }) => round)).toEqual([0, 1, 2, 3, 4, 5]);
    expect(coordinator.session.of('wantChain')).toHaveLength(4);
    await harness.client.stop();
  });

  it('a download that is cut in the middle goes on after the reconnect, with the chunks that had come', async () => {
    const coordinator = new ScriptedCoordinator(
      taskOf({ dimension: 150_000, optimizer: { name: 'fedavg', learningRate: 1 } }),
    );
    let cut = true;
    let chunksSent = 0;
    coordinator.answer = (session, message, honest) => {
      if (message.kind !== 'want') return honest();
      const bytes = weightsBytes(coordinator.published.weights);
      session.send({
        kind: 'blobHead',
        blob: message.blob,
        bytes: bytes.length,
        chunks: chunkHashList(nativePrimitives, bytes),
      });
      const [first, ...rest] = splitChunks(bytes).map((section, index) => ({ section, index }));
      for (const { section, index } of cut ? [first ?? { section: bytes, index: 0 }] : rest) {
        session.send({ kind: 'blobChunk', blob: message.blob, index, section });
        chunksSent++;
      }
      if (cut) session.peer.close(1006, 'cut');
      cut = false;
    };
    const harness = await start({ coordinatorSide: coordinator });
    await announceNext(harness, 1);
    await harness.timers.advance(2_000);
    expect(harness.trainer.calls[0]?.weights).toEqual(coordinator.published.weights);
    expect(chunksSent).toBe(3);
    await harness.client.stop();
  });

  it('the verified model outlives the client in a store, and the next one goes on from it without a checkpoint', async () => {
    const models = memoryModels();
    const first = await behind(0, { models });
    await first.client.stop();
    first.coordinator.published.advance(1);
    const second = await start({ models, coordinatorSide: first.coordinator });
    expect(second.coordinator.session.of('checkIn')[0]?.head).toEqual(
      recordHash(nativePrimitives, first.coordinator.published.records[0] as ChainRecordBody),
    );
    await announceNext(second, 2);
    expect(second.coordinator.session.of('wantChain')[0]?.after).toHaveLength(32);
    expect(second.trainer.calls[0]?.weights).toEqual(first.coordinator.published.weights);
    await second.client.stop();
  });

  it('a stored model that was tampered with is not used: reported, and the client joins anew', async () => {
    const models = memoryModels();
    const first = await behind(0, { models });
    await first.client.stop();
    const bad: ModelStore = {
      ...models,
      async load(coordinator, task) {
        const kept = await models.load(coordinator, task);
        return kept === undefined ? undefined : { ...kept, model: kept.model.map((byte) => byte ^ 1) };
      },
    };
    const second = await start({ models: bad, coordinatorSide: first.coordinator });
    await announceNext(second, 2);
    expect(second.seen.error).toMatchObject([{ code: 'GUARD_MODEL_CHAIN' }]);
    expect(second.trainer.calls[0]?.weights).toEqual(first.coordinator.published.weights);
    await second.client.stop();
  });
});

describe("I hold the coordinator's key and lie about the model", () => {
  it("I announce another model than the one of the chain's head", async () => {
    const harness = await behind(1);
    const forged = new Float32Array(5).fill(7);
    await announceNext(harness, 2, { model: harness.coordinator.published.keep(weightsBytes(forged)) });
    expectRefused(harness, 1, 'is not the one of chain record');
    await harness.client.stop();
  });

  it('I sign a record whose model is not what the published aggregate makes of the one before', async () => {
    const harness = await behind(1);
    const { published } = harness.coordinator;
    const record = published.sign({
      ...published.newest,
      modelAfter: published.keep(weightsBytes(new Float32Array(5).fill(7))),
    });
    published.records.splice(-1, 1, record);
    await announceNext(harness, 2, { model: record.modelAfter });
    expectRefused(harness, 1, 'is not what its aggregate makes');
    await harness.client.stop();
  });

  it('I publish the right model with another optimiser state, to steer the next step', async () => {
    const harness = await behind(1);
    const { published } = harness.coordinator;
    published.records.splice(
      -1,
      1,
      published.sign({ ...published.newest, optimizerAfter: published.keep(new Uint8Array(20)) }),
    );
    await announceNext(harness, 2);
    expectRefused(harness, 1, "optimiser's state");
    await harness.client.stop();
  });

  it('I publish an aggregate that no optimiser can take', async () => {
    const harness = await behind(1);
    const { published } = harness.coordinator;
    const aggregate = published.keep(weightsBytes(Float32Array.of(1, 2, Number.NaN, 4, 5)));
    published.records.splice(-1, 1, published.sign({ ...published.newest, aggregate }));
    await announceNext(harness, 2);
    expectRefused(harness, 1, 'OPTIMIZER_NON_FINITE');
    await harness.client.stop();
  });

  it.each<[string, Partial<ChainRecordBody>, string]>([
    ['a step that was skipped', { step: 5 }, 'does not follow'],
    ['a round that goes back', { round: 0 }, 'does not follow'],
    ['other settings', { config: new Uint8Array(32).fill(1) }, 'other settings'],
    ['another task', { task: 'letters' }, 'of task letters'],
    ['a model before that nobody had', { modelBefore: new Uint8Array(32).fill(1) }, 'does not follow'],
  ])('I link a record with %s', async (_what, lie, why) => {
    const harness = await behind(1);
    const { published } = harness.coordinator;
    published.records.splice(-1, 1, published.sign({ ...published.newest, ...lie }));
    await announceNext(harness, 2);
    expectRefused(harness, 1, why);
    await harness.client.stop();
  });

  it('a fork: I send a chain that starts elsewhere, and policy chain refuses while saying what would accept it', async () => {
    const harness = await behind(1);
    const { published } = harness.coordinator;
    published.records.splice(-1, 1, published.sign({ ...published.newest, previous: new Uint8Array(32).fill(1) }));
    await announceNext(harness, 2);
    expectRefused(harness, 1, "policy.catchUp: 'signed-checkpoint'");
    await harness.client.stop();
  });

  it('I do not hold the key after all: records signed by somebody else are refused, at a checkpoint too', async () => {
    const coordinator = new ScriptedCoordinator();
    const { published } = coordinator;
    const { signature: _, ...unsigned } = published.newest;
    const forged = { ...unsigned, signature: nativeRng(64) };
    published.records.splice(0, 1, forged);
    const harness = await start({ coordinatorSide: coordinator });
    await announceNext(harness, 1);
    expectRefused(harness, 0, 'not signed by the pinned coordinator');
    await harness.client.stop();
  });

  it('I send no records, or more than the newest, to a client that joins', async () => {
    for (const records of [0, 2]) {
      const coordinator = new ScriptedCoordinator();
      coordinator.answer = (session, message, honest) =>
        message.kind === 'wantChain'
          ? session.send({
              kind: 'chain',
              task: 'digits',
              records: Array.from({ length: records }, () => coordinator.published.newest),
              complete: true,
            })
          : honest();
      const harness = await start({ coordinatorSide: coordinator });
      await announceNext(harness, 1);
      expectRefused(harness, 0, `sent ${records} records`);
      await harness.client.stop();
    }
  });
});

describe('blobs', () => {
  it.each<[string, (bytes: Uint8Array) => { head?: Uint8Array; section?: Uint8Array }, string]>([
    [
      'one wrong byte',
      (bytes) => ({ section: bytes.map((byte, i) => (i === 3 ? byte ^ 1 : byte)) }),
      'wrong bytes in chunk 0',
    ],
    ['a byte too few', (bytes) => ({ section: bytes.subarray(1) }), 'wrong bytes in chunk 0'],
    ['a chunk list of something else', () => ({ head: new Uint8Array(32).fill(1) }), 'another hash'],
  ])('I send %s and the model is not used', async (_what, lie, why) => {
    const coordinator = new ScriptedCoordinator(taskOf({ optimizer: { name: 'fedavg', learningRate: 1 } }));
    coordinator.answer = (session, message, honest) => {
      if (message.kind !== 'want') return honest();
      const bytes = weightsBytes(coordinator.published.weights);
      const { head = chunkHashList(nativePrimitives, bytes), section = bytes } = lie(bytes);
      session.send({ kind: 'blobHead', blob: message.blob, bytes: bytes.length, chunks: head });
      session.send({ kind: 'blobChunk', blob: message.blob, index: 0, section });
    };
    const harness = await start({ coordinatorSide: coordinator });
    await announceNext(harness, 1);
    expectRefused(harness, 0, why);
    await harness.client.stop();
  });

  it('I name a genuine blob of a gigabyte as the model and nothing of that size is allocated', async () => {
    const coordinator = new ScriptedCoordinator(taskOf({ optimizer: { name: 'fedavg', learningRate: 1 } }));
    const { published } = coordinator;
    const big = published.keep(new Uint8Array(1_000));
    published.records.splice(0, 1, published.sign({ ...published.newest, modelAfter: big }));
    const harness = await start({ coordinatorSide: coordinator });
    await announceNext(harness, 1);
    expectRefused(harness, 0, 'at most 20 can be');
    await harness.client.stop();
  });

  it('I send the head and then nothing: CHAIN_STALLED after 30 s of silence, the client leaves the round and asks anew in the next', async () => {
    const coordinator = new ScriptedCoordinator(taskOf({ optimizer: { name: 'fedavg', learningRate: 1 } }));
    coordinator.answer = (session, message, honest) => {
      if (message.kind !== 'want') return honest();
      const bytes = weightsBytes(coordinator.published.weights);
      session.send({
        kind: 'blobHead',
        blob: message.blob,
        bytes: bytes.length,
        chunks: chunkHashList(nativePrimitives, bytes),
      });
    };
    const harness = await start({ coordinatorSide: coordinator });
    await announceNext(harness, 1);
    await harness.timers.advance(CHAIN_STALL_MS);
    expect(harness.seen.error).toMatchObject([{ code: 'CHAIN_STALLED' }]);
    expect(harness.seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code: 'CHAIN_STALLED' });
    coordinator.answer = (_session, _message, honest) => honest();
    await announceNext(harness, 2);
    expect(harness.trainer.calls).toHaveLength(1);
    await harness.client.stop();
  });
});

describe('a client that fell behind what is kept', () => {
  const gone = (harness: Harness, what: 'records' | 'aggregates'): void => {
    harness.coordinator.answer = (session, message, honest) => {
      const { published } = harness.coordinator;
      const old = published.records.slice(0, -1);
      const hit =
        what === 'records'
          ? message.kind === 'wantChain' && message.after.length > 0
          : message.kind === 'want' && old.some(({ aggregate }) => toHex(aggregate) === toHex(message.blob));
      if (hit) session.send({ kind: 'fault', code: 'SESSION_UNKNOWN_BLOB', text: 'no longer kept' });
      else honest();
    };
  };

  it.each(['records', 'aggregates'] as const)('policy chain: refuses when the %s are gone', async (what) => {
    const harness = await behind(3);
    gone(harness, what);
    await announceNext(harness, 4);
    expect(harness.trainer.calls).toHaveLength(1);
    if (what === 'records') expectRefused(harness, 1, 'does not go on from round 0');
    else expect(harness.seen.error).toMatchObject([{ code: 'SESSION_UNKNOWN_BLOB' }]);
    await harness.client.stop();
  });

  it.each(['records', 'aggregates'] as const)(
    'policy signed-checkpoint: joins at the newest signed model when the %s are gone',
    async (what) => {
      const harness = await behind(3, { policy: { ...openPolicy, catchUp: 'signed-checkpoint' } });
      gone(harness, what);
      await announceNext(harness, 4);
      expect(harness.seen.guard).toEqual([]);
      expect(harness.trainer.calls[1]?.weights).toEqual(harness.coordinator.published.weights);
      await harness.client.stop();
    },
  );

  it('policy signed-checkpoint: I roll back to an older signed record and am refused', async () => {
    const harness = await behind(3, { policy: { ...openPolicy, catchUp: 'signed-checkpoint' } });
    await announceNext(harness, 4);
    const { published } = harness.coordinator;
    published.records.splice(2);
    gone(harness, 'records');
    await announceNext(harness, 5);
    expectRefused(harness, 2, 'this client knows round 3');
    await harness.client.stop();
  });

  it('policy signed-checkpoint: a link that is there and wrong is never excused by a checkpoint', async () => {
    const harness = await behind(2, { policy: { ...openPolicy, catchUp: 'signed-checkpoint' } });
    const { published } = harness.coordinator;
    const [genesis, one, two] = published.records as [ChainRecordBody, ChainRecordBody, ChainRecordBody];
    published.records.splice(0, 3, genesis, published.sign({ ...one, modelAfter: two.modelAfter }), two);
    await announceNext(harness, 3);
    expectRefused(harness, 1, 'is not what its aggregate makes');
    await harness.client.stop();
  });
});

it('a record of an outcome that does not hold is a guard event, outside a round too', async () => {
  const harness = await behind(1);
  const { published, session } = harness.coordinator;
  const forged = published.sign({
    ...published.newest,
    modelAfter: published.keep(weightsBytes(new Float32Array(5).fill(7))),
  });
  session.send({ kind: 'outcome', run: runOf(1), record: forged });
  await settle();
  expectRefused(harness, 1, 'is not what its aggregate makes');
  await harness.client.stop();
});

describe('a round that ends while its model is on the way', () => {
  it('is no lie of the coordinator: the client leaves it quietly and has the newer model for the next round', async () => {
    const coordinator = new ScriptedCoordinator();
    const harness = await start({ coordinatorSide: coordinator });
    const announce = coordinator.announce(runOf(1));
    coordinator.published.advance(1);
    coordinator.session.send(announce);
    await settle();
    expect(harness.seen.guard).toEqual([]);
    expect(harness.seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code: 'ROUND_TOO_LATE' });
    expect(harness.trainer.calls).toHaveLength(0);
    await announceNext(harness, 2);
    expect(harness.trainer.calls[0]?.weights).toEqual(coordinator.published.weights);
    await harness.client.stop();
  });

  it('is none either where the client has heard of the new model before it looks for the announced one', async () => {
    const harness = await behind(1);
    const { coordinator } = harness;
    await announceNext(harness, 2);
    // All come at once, after a delay: the announcement of round 3, and the record of its second attempt, without this client.
    const late = coordinator.announce(runOf(3));
    coordinator.published.advance(2);
    coordinator.published.advance(3);
    const [two, three] = coordinator.published.records.slice(-2) as [ChainRecordBody, ChainRecordBody];
    coordinator.session.send({ kind: 'outcome', run: runOf(2), record: two });
    coordinator.session.send(late);
    coordinator.session.send({ kind: 'outcome', run: { ...runOf(3), attempt: 2 }, record: three });
    await settle();
    expect(harness.seen.guard).toEqual([]);
    expect(harness.seen.model.map(({ round }) => round)).toEqual([0, 1, 2, 3]);
    expect(harness.seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code: 'ROUND_TOO_LATE' });
    await announceNext(harness, 4);
    expect(harness.trainer.calls.at(-1)?.weights).toEqual(coordinator.published.weights);
    await harness.client.stop();
  });

  it('I announce round 2 on the head before last and blame the delay: a chain that is not past round 2 is no excuse', async () => {
    const harness = await behind(1);
    const [genesis] = harness.coordinator.published.records as [ChainRecordBody];
    await announceNext(harness, 2);
    harness.coordinator.session.send(
      harness.coordinator.announce(runOf(3), {
        head: recordHash(nativePrimitives, genesis),
        model: genesis.modelAfter,
      }),
    );
    await settle();
    expect(harness.seen.guard).toMatchObject([{ code: 'GUARD_MODEL_CHAIN' }]);
    await harness.client.stop();
  });
});

it('a record that another coordinator has signed is worth nothing', async () => {
  const coordinator = new ScriptedCoordinator();
  coordinator.published.records.splice(0, 1, new ScriptedCoordinator().published.newest);
  const harness = await start({ coordinatorSide: coordinator });
  await announceNext(harness, 1);
  expectRefused(harness, 0, 'not signed by the pinned coordinator');
  await harness.client.stop();
});
