// The driver through a round: order of effects, training, uploads, losses. The real participant machine, in profile `open`,
// where one client needs no peers; groups with masks run against the real coordinator (loopback.test.ts).
import { describe, expect, it } from 'vitest';
import { type GuardStore, memoryGuards } from '../../client/guards.js';
import type { ParticipantMachine } from '../../client/machine.js';
import { SottoError } from '../../protocol/errors.js';
import type { GuardRecord, ParticipantEffect } from '../../protocol/participant/types.js';
import type { RunRef } from '../../protocol/wire/messages.js';
import { ScriptedCoordinator, taskOf } from './coordinator.js';
import { type Harness, openPolicy, start } from './harness.js';
import { settle } from './virtual-timers.js';

const RUN: RunRef = { round: 1, attempt: 1, group: 0 };
const UPDATE = [1, 2, -3, 0.5, 0];

async function announced(over: Parameters<typeof start>[0] = {}, run = RUN): Promise<Harness> {
  const harness = await start(over);
  harness.coordinator.session.send(harness.coordinator.announce(run));
  await settle();
  return harness;
}

/** A guard store whose saves end when the test says so. */
function heldGuards(): { guards: GuardStore; saves: GuardRecord[]; finish: (error?: Error) => Promise<void> } {
  const saves: GuardRecord[] = [];
  const waiting: ((error?: Error) => void)[] = [];
  const guards: GuardStore = {
    ...memoryGuards(),
    save: (_coordinator, record) => {
      saves.push(record);
      return new Promise((resolve, reject) =>
        waiting.push((error) => (error === undefined ? resolve() : reject(error))),
      );
    },
  };
  const finish = async (error?: Error): Promise<void> => {
    waiting.shift()?.(error);
    await settle();
  };
  return { guards, saves, finish };
}

/** Effects by hand, to look at the driver alone. */
function machineOf(script: (event: string) => readonly ParticipantEffect[]): ParticipantMachine {
  return {
    start: () => ({ state: 1, effects: script('start') }),
    step: (state, event) => ({ state, effects: script(event.type === 'message' ? event.body.kind : event.type) }),
  };
}
const ended = (how: 'aborted' | 'answered'): ParticipantEffect => ({ type: 'ended', run: RUN, how });
const send = (index: number): ParticipantEffect => ({
  type: 'send',
  message: { kind: 'inputChunk', run: RUN, index, section: new Uint8Array(8) },
});
const guardOf = (round: number): GuardRecord => ({ task: 'digits', round, attempt: 1, answered: 0, contributed: 0 });

describe('a round', () => {
  it('trains on the verified model, uploads the clipped update, and tells every stage', async () => {
    const { coordinator, trainer, seen, client } = await announced();
    expect(trainer.calls[0]?.weights).toEqual(coordinator.published.weights);
    expect(trainer.calls[0]?.round).toMatchObject({
      task: 'digits',
      round: 1,
      attempt: 1,
      spec: { algorithm: 'fedavg' },
    });
    await trainer.finish(Float32Array.from(UPDATE));
    const { session } = coordinator;
    expect(session.of('plain')).toHaveLength(1);
    const [chunk] = session.of('inputChunk');
    expect([...new Float32Array(chunk?.section.slice().buffer ?? new ArrayBuffer(0))]).toEqual(UPDATE);
    session.send({ kind: 'inputTaken', run: RUN });
    const record = coordinator.published.advance(1);
    session.send({ kind: 'outcome', run: RUN, record });
    await settle();
    expect(seen.round.map(({ stage }) => stage)).toEqual(['joined', 'training', 'trained', 'uploaded', 'ended']);
    expect(seen.round.at(-1)).toMatchObject({ how: 'contributed' });
    expect(seen.model.map(({ round }) => round)).toEqual([0, 1]);
    expect(client.model?.weights).toEqual(coordinator.published.weights);
    await client.stop();
  });

  it('the trainer gets a copy: what it does to the weights does not touch the verified model', async () => {
    const { coordinator, trainer, client } = await announced();
    trainer.calls[0]?.weights.fill(9);
    expect(client.model?.weights).toEqual(coordinator.published.weights);
    await client.stop();
  });

  it('initialises the trainer once and never trains twice at a time, however fast attempts come', async () => {
    const { coordinator, trainer, client } = await announced();
    for (const attempt of [2, 3]) {
      coordinator.session.send(coordinator.announce({ ...RUN, attempt }));
      await settle();
    }
    expect(trainer.inits).toBe(1);
    expect(trainer.calls.map(({ round }) => round.attempt)).toEqual([1, 2, 3]);
    expect(trainer.overlap).toBe(1);
    expect(trainer.aborted).toBe(2);
    await client.stop();
  });

  it('an abort of the round aborts training at once', async () => {
    const { coordinator, trainer, seen, client } = await announced();
    coordinator.session.send({ kind: 'abort', run: RUN, code: 'ROUND_QUORUM', culprits: [], retryAfterMs: 0 });
    await settle();
    expect(trainer.aborted).toBe(1);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'aborted', code: 'ROUND_QUORUM' });
    expect(seen.error).toEqual([]);
    await client.stop();
  });

  it('an abort of another attempt changes nothing', async () => {
    const { coordinator, trainer, client } = await announced();
    coordinator.session.send({
      kind: 'abort',
      run: { ...RUN, attempt: 7 },
      code: 'ROUND_QUORUM',
      culprits: [],
      retryAfterMs: 0,
    });
    await settle();
    expect(trainer.aborted).toBe(0);
    await client.stop();
  });

  it.each([
    [new Error('out of memory'), 'TRAIN_FAILED'],
    [new SottoError('TRAIN_NON_FINITE', 'the loss is NaN'), 'TRAIN_NON_FINITE'],
  ] as const)('a trainer that fails (%s) leaves the round with %s and says so to both sides', async (error, code) => {
    const { coordinator, trainer, seen, client } = await announced();
    await trainer.finish(error);
    expect(seen.error).toMatchObject([{ code }]);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code });
    expect(coordinator.session.of('fault')).toMatchObject([{ code, run: RUN }]);
    expect(coordinator.session.of('fault')[0]?.text).not.toContain('memory');
    expect(coordinator.session.of('plain')).toHaveLength(0);
    coordinator.session.send(coordinator.announce({ round: 2, attempt: 1, group: 0 }));
    await settle();
    expect(trainer.calls).toHaveLength(2);
    await client.stop();
  });

  it.each([
    ['too short', Float32Array.of(1, 2), 'TRAIN_SHAPE'],
    ['not finite', Float32Array.of(1, 2, Number.NaN, 0, 0), 'SECAGG_NON_FINITE'],
  ] as const)('an update that is %s is not sent', async (_what, update, code) => {
    const { coordinator, trainer, seen, client } = await announced();
    await trainer.finish(update);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code });
    expect(coordinator.session.of('plain')).toHaveLength(0);
    await client.stop();
  });

  it('the update is erased once it is encoded', async () => {
    const { trainer, client } = await announced();
    const update = Float32Array.from(UPDATE);
    await trainer.finish(update);
    expect([...update]).toEqual([0, 0, 0, 0, 0]);
    await client.stop();
  });

  it('stop() in the middle of training ends it, erases, leaves, and resolves when the trainer has ended', async () => {
    const { coordinator, trainer, seen, client, result } = await announced();
    await client.stop();
    expect(trainer.aborted).toBe(1);
    expect(coordinator.session.of('leave')).toHaveLength(1);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left' });
    expect(await result).toMatchObject({ how: 'stopped' });
  });

  it('a fault of the coordinator about this run ends it; about another run it does not', async () => {
    const { coordinator, trainer, seen, client } = await announced();
    coordinator.session.send({ kind: 'fault', code: 'ROUND_TOO_LATE', text: 'late', run: { ...RUN, round: 9 } });
    await settle();
    expect(trainer.aborted).toBe(0);
    coordinator.session.send({ kind: 'fault', code: 'ROUND_TOO_LATE', text: 'late', run: RUN });
    await settle();
    expect(trainer.aborted).toBe(1);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'refused', code: 'ROUND_TOO_LATE' });
    await client.stop();
  });
});

describe('guards come first', () => {
  it('a store that never answers: nothing of the round is sent, nothing is trained, and stop() still works', async () => {
    const held = heldGuards();
    const { coordinator, trainer, client, result } = await announced({ guards: held.guards });
    expect(held.saves).toMatchObject([{ round: 1, attempt: 1 }]);
    expect(coordinator.session.received.map(({ kind }) => kind)).toEqual(['hello', 'proof', 'checkIn']);
    expect(trainer.calls).toHaveLength(0);
    await client.stop();
    expect(await result).toMatchObject({ how: 'stopped' });
  });

  it('effects wait for the store in order, and a later step does not overtake', async () => {
    const held = heldGuards();
    const machine = machineOf((event) =>
      event === 'start'
        ? [send(0), { type: 'persist', guard: guardOf(1) }, send(1)]
        : event === 'shareBook'
          ? [send(2)]
          : [],
    );
    const { coordinator, client } = await announced({ guards: held.guards, machine });
    const sent = (): number[] => coordinator.session.of('inputChunk').map(({ index }) => index);
    coordinator.session.send({ kind: 'shareBook', run: RUN, packets: [] });
    await settle();
    expect(sent()).toEqual([0]);
    await held.finish();
    expect(sent()).toEqual([0, 1, 2]);
    await client.stop();
  });

  it('a save that fails: STORE_WRITE, the message that depends on it never leaves, the round ends, the client stays', async () => {
    const held = heldGuards();
    const machine = machineOf((event) =>
      event === 'start' ? [{ type: 'persist', guard: guardOf(1) }, send(1), ended('answered')] : [],
    );
    const { coordinator, seen, client } = await announced({ guards: held.guards, machine });
    await held.finish(new Error('disk full'));
    expect(coordinator.session.of('inputChunk')).toHaveLength(0);
    expect(seen.error).toMatchObject([{ code: 'STORE_WRITE' }]);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', how: 'left', code: 'STORE_WRITE' });
    expect(coordinator.session.closed).toBeUndefined();
    await client.stop();
  });

  it('the next round is judged by the newest record, also while its save is still under way', async () => {
    const held = heldGuards();
    const guards: GuardRecord[] = [];
    const machine: ParticipantMachine = {
      start: ({ guard, announce }) => {
        guards.push(guard);
        return { state: 1, effects: [{ type: 'persist', guard: { ...guard, round: announce.run.round } }] };
      },
      step: (state) => ({ state, effects: [] }),
    };
    const { coordinator, client } = await announced({ guards: held.guards, machine });
    coordinator.session.send(coordinator.announce({ round: 2, attempt: 1, group: 0 }));
    await settle();
    expect(guards.map(({ round }) => round)).toEqual([0, 1]);
    await client.stop();
  });

  it('I announce the round again that the client has already joined before its restart, and it refuses', async () => {
    const guards = memoryGuards();
    const first = await announced({ guards });
    await first.client.stop();
    const second = await announced({ guards, coordinatorSide: first.coordinator });
    expect(second.seen.guard).toMatchObject([{ code: 'GUARD_STALE_ROUND', run: RUN }]);
    expect(second.coordinator.session.of('fault')).toMatchObject([{ code: 'GUARD_STALE_ROUND', run: RUN }]);
    expect(second.trainer.calls).toHaveLength(0);
    await second.client.stop();
  });

  it('I forge an announcement to end the round that is going on; the forgery is refused and the round goes on', async () => {
    const { coordinator, trainer, seen, client } = await announced();
    coordinator.session.send(coordinator.announce({ ...RUN, attempt: 2 }, { signature: new Uint8Array(64) }));
    await settle();
    expect(seen.guard).toMatchObject([{ code: 'GUARD_SIGNATURE' }]);
    expect(trainer.aborted).toBe(0);
    await trainer.finish(Float32Array.from(UPDATE));
    expect(coordinator.session.of('plain')).toHaveLength(1);
    await client.stop();
  });

  it('I announce another task on this connection and am cut off', async () => {
    const { coordinator, seen, client } = await start();
    coordinator.session.send(coordinator.announce(RUN, { task: 'letters' }));
    await settle();
    expect(seen.error).toMatchObject([{ code: 'SESSION_UNEXPECTED' }]);
    expect(coordinator.session.closed?.code).toBe(4422);
    await client.stop();
  });

  it('profile open is refused by a policy that does not list it', async () => {
    const { seen, trainer, client } = await announced({ policy: { ...openPolicy, profiles: ['grouped'] } });
    expect(seen.guard).toMatchObject([{ code: 'GUARD_POLICY' }]);
    expect(trainer.calls).toHaveLength(0);
    await client.stop();
  });

  it('a machine that throws is INTERNAL, ends the run and not the client', async () => {
    const machine = machineOf((event) => {
      if (event === 'start') return [];
      throw new Error('bug');
    });
    const { coordinator, seen, client } = await announced({ machine });
    coordinator.session.send({ kind: 'inputTaken', run: RUN });
    await settle();
    expect(seen.error).toMatchObject([{ code: 'INTERNAL' }]);
    expect(seen.round.at(-1)).toMatchObject({ stage: 'ended', code: 'INTERNAL' });
    expect(coordinator.session.closed).toBeUndefined();
    await client.stop();
  });

  it('a machine that asks to mask the same update twice gets GUARD_MASKED_ONCE', async () => {
    const { encoding } = {
      encoding: { dimension: 5, clipNorm: 10, range: 10, levels: 100, ring: 32, weighted: false },
    } as const;
    const compute: ParticipantEffect = { type: 'compute', work: { type: 'plain', encoding } };
    const real = machineOf(() => []);
    const config = taskOf();
    const coordinator = new ScriptedCoordinator(config);
    const { modelAfter } = coordinator.published.newest;
    const { toHex } = await import('../../protocol/ids.js');
    const train = {
      type: 'train',
      task: 'digits',
      run: RUN,
      config,
      model: toHex(modelAfter),
      head: toHex(coordinator.published.head),
      clip: 0,
    } as ParticipantEffect;
    const machine: ParticipantMachine = {
      ...real,
      start: () => ({ state: 1, effects: [train] }),
      step: (state, event) => ({ state, effects: event.type === 'trained' ? [compute, compute] : [] }),
    };
    const { trainer, seen, client } = await announced({ machine, coordinatorSide: coordinator });
    await trainer.finish(Float32Array.from(UPDATE));
    expect(seen.guard).toMatchObject([{ code: 'GUARD_MASKED_ONCE' }]);
    await client.stop();
  });
});

describe('a lost connection in the middle of a round', () => {
  async function lost(harness: Harness): Promise<void> {
    harness.coordinator.session.peer.close(1006, 'cut');
    await harness.timers.advance(2_000);
  }

  it('training goes on, the run is resumed, and the input is sent on the new connection', async () => {
    const harness = await announced();
    const { coordinator, trainer, seen, client } = harness;
    await lost(harness);
    expect(coordinator.sessions).toHaveLength(2);
    expect(trainer.aborted).toBe(0);
    coordinator.session.send({ kind: 'resume', run: RUN, have: [], chunks: [] });
    await settle();
    await trainer.finish(Float32Array.from(UPDATE));
    expect(coordinator.sessions[0]?.of('plain')).toHaveLength(0);
    expect(coordinator.session.of('plain')).toHaveLength(1);
    expect(coordinator.session.of('inputChunk')).toHaveLength(1);
    expect(seen.round.map(({ stage }) => stage)).toContain('resumed');
    await client.stop();
  });

  it('asked to go on with a run of a life before, it says that it takes no part in it: nobody is to wait for it', async () => {
    const harness = await announced();
    const { coordinator, client } = harness;
    await lost(harness);
    const other = { ...RUN, round: RUN.round + 1 };
    coordinator.session.send({ kind: 'resume', run: other, have: [], chunks: [] });
    await settle();
    expect(coordinator.session.of('fault')).toMatchObject([{ code: 'ROUND_WRONG_ROUND', run: other }]);
    await client.stop();
  });

  it('encoded before the loss: nothing is sent before the coordinator says what it has, then only the rest', async () => {
    const coordinator = new ScriptedCoordinator(
      taskOf({ dimension: 200_000, encoding: { clipNorm: 10, range: 10, bits: 16, weighting: { by: 'uniform' } } }),
    );
    const harness = await announced({ coordinatorSide: coordinator });
    const { trainer, client } = harness;
    const update = new Float32Array(200_000).fill(0.001);
    await trainer.finish(update.slice());
    const before = coordinator.session.of('inputChunk');
    expect(before.map(({ index }) => index)).toEqual([0, 1, 2, 3]);
    await lost(harness);
    expect(coordinator.session.of('plain')).toHaveLength(0);
    coordinator.session.send({ kind: 'resume', run: RUN, have: ['masked'], chunks: [0, 2] });
    await settle();
    expect(coordinator.session.of('plain')).toHaveLength(0);
    const after = coordinator.session.of('inputChunk');
    expect(after.map(({ index }) => index)).toEqual([1, 3]);
    expect(after[0]?.section).toEqual(before[1]?.section);
    await client.stop();
  });

  it('a chunk goes out once, when there is credit for it in this run, and a new connection starts without any', async () => {
    const coordinator = new ScriptedCoordinator(
      taskOf({ dimension: 200_000, encoding: { clipNorm: 10, range: 10, bits: 16, weighting: { by: 'uniform' } } }),
    );
    const harness = await announced({ coordinatorSide: coordinator });
    const sent = (): number[] => coordinator.session.of('inputChunk').map(({ index }) => index);
    const credit = async (chunks: number[], run = RUN): Promise<void> => {
      coordinator.session.credit(run, chunks);
      await settle();
    };
    coordinator.session.generous = false;
    await harness.trainer.finish(new Float32Array(200_000).fill(0.001));
    expect(coordinator.session.of('plain')).toHaveLength(1);
    expect(sent()).toEqual([]);
    await credit([0, 1, 2, 3], { ...RUN, attempt: 2 });
    expect(sent()).toEqual([]);
    await credit([1]);
    await credit([0]);
    await credit([0]); // the same again
    expect(sent()).toEqual([1, 0]);
    await lost(harness);
    coordinator.session.generous = false;
    coordinator.session.send({ kind: 'resume', run: RUN, have: ['masked'], chunks: [0, 1] });
    await settle();
    expect(sent()).toEqual([]);
    await credit([2, 3]);
    expect(sent()).toEqual([2, 3]);
    await harness.client.stop();
  });

  it('effects that waited for the store when the connection was lost are not sent on the new one', async () => {
    const held = heldGuards();
    const machine = machineOf((event) =>
      event === 'start' ? [{ type: 'persist', guard: guardOf(1) }, send(1)] : event === 'resume' ? [send(2)] : [],
    );
    const harness = await announced({ guards: held.guards, machine });
    await lost(harness);
    await held.finish();
    expect(harness.coordinator.session.of('inputChunk')).toHaveLength(0);
    harness.coordinator.session.send({ kind: 'resume', run: RUN, have: [], chunks: [] });
    await settle();
    expect(harness.coordinator.session.of('inputChunk').map(({ index }) => index)).toEqual([2]);
    await harness.client.stop();
  });

  it('the same run announced again after the reconnect is not a new one', async () => {
    const harness = await announced();
    const { coordinator, seen, client } = harness;
    const [announce] = [coordinator.announce(RUN)];
    await lost(harness);
    coordinator.session.send(announce);
    await settle();
    expect(seen.guard).toEqual([]);
    expect(seen.round.filter(({ stage }) => stage === 'joined')).toHaveLength(1);
    await client.stop();
  });

  it('a next round announced on the new connection replaces the one that was lost', async () => {
    const harness = await announced();
    const { coordinator, trainer, seen, client } = harness;
    await lost(harness);
    coordinator.session.send(coordinator.announce({ round: 2, attempt: 1, group: 0 }));
    await settle();
    expect(trainer.aborted).toBe(1);
    expect(seen.round.map(({ stage, run }) => `${stage} ${run.round}`)).toEqual([
      'joined 1',
      'training 1',
      'ended 1',
      'joined 2',
      'training 2',
    ]);
    await client.stop();
  });
});

describe('uploads', () => {
  it('more than a few chunks wait with the engine until the socket has taken the ones before', async () => {
    const coordinator = new ScriptedCoordinator(
      taskOf({ dimension: 1_048_576, encoding: { clipNorm: 10, range: 10, bits: 16, weighting: { by: 'uniform' } } }),
    );
    let most = 0;
    const { transport } = coordinator.hub;
    const watched: typeof transport = {
      connect(url, handlers) {
        const link = transport.connect(url, handlers);
        return {
          get bufferedBytes() {
            return link.bufferedBytes;
          },
          hearsPings: false,
          send(frame) {
            link.send(frame);
            most = Math.max(most, link.bufferedBytes);
          },
          drained: (bytes) => link.drained(bytes),
          close: (code, reason) => link.close(code, reason),
        };
      },
    };
    const harness = await announced({ coordinatorSide: coordinator, transport: watched });
    await harness.trainer.finish(new Float32Array(1_048_576).fill(0.0001));
    await settle();
    expect(coordinator.session.of('inputChunk')).toHaveLength(16);
    expect(most).toBeLessThan(1_100_000);
    await harness.client.stop();
  });
});
