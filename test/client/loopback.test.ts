// Real clients against the real coordinator on loopback: real sockets, crypto, masks, chain and guards; only training is a fixed
// vector. Not here: the coordinator alone (test/server), hostile coordinators (session, chain and rounds tests).
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, describe, expect, it } from 'vitest';
import { memoryGuards } from '../../client/guards.js';
import { FederatedClient, fileGuards, loadOrCreateIdentity, nodeTransport } from '../../client/node/index.js';
import { EngineThread } from '../../client/node/worker-engine.js';
import type { Ended, FederatedClientOptions, RoundNews } from '../../client/options.js';
import type { Trainer } from '../../client/trainer.js';
import type { Link, Transport } from '../../client/transport/transport.js';
import { hashOfBlob, weightsBytes } from '../../protocol/chain/model.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { SottoError } from '../../protocol/errors.js';
import type { ClientId } from '../../protocol/ids.js';
import { toHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { TaskConfig } from '../../protocol/task.js';
import { decodeFrame } from '../../protocol/wire/frame.js';
import type { MessageKind } from '../../protocol/wire/messages.js';
import {
  type CampaignResult,
  type Coordinator,
  type CoordinatorOptions,
  inProcessEngine,
  startCoordinator,
} from '../../server/index.js';
import { gridUpdate, taskOf, WEAK_POLICY } from '../protocol/world.js';

const directory = mkdtempSync(join(tmpdir(), 'sotto-loopback-'));
afterAll(() => rmSync(directory, { recursive: true }));

interface Member {
  readonly client: FederatedClient;
  readonly id: ClientId;
  readonly news: RoundNews[];
  readonly errors: string[];
  readonly guards: string[];
  readonly ended: Promise<Ended | SottoError>;
}

/** Gives its own update, exactly on the grid. */
const fixedTrainer = (index: number): Trainer => ({
  init: async ({ dimension }) => ({ dimension, variables: [] }),
  train: async (weights) => ({
    update: Float32Array.from(gridUpdate(weights.length, index)),
    examples: 1,
    metrics: {},
  }),
});

/** Windows long enough for a busy machine: a test ends when all are in, not by the clock. */
const configOf = (patch: Parameters<typeof taskOf>[0], deadlineMs = 12_000): TaskConfig => {
  const config = taskOf(patch);
  const patient = Object.entries(config.windows).map(([phase, { count }]) => [
    phase,
    { count, time: { min: 0, max: deadlineMs } },
  ]);
  return { ...config, windows: Object.fromEntries(patient) as TaskConfig['windows'] };
};

async function open(
  config: TaskConfig,
  count: number,
  campaign: Partial<CoordinatorOptions['campaign']> = {},
): Promise<Coordinator> {
  return startCoordinator({
    task: config,
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds: 1,
      attemptsPerRound: 3,
      clients: { min: count, waitMs: 3_000 },
      overSelection: 1,
      pauseMs: 0,
      ...campaign,
    },
    random: () => 0.5,
    engine: inProcessEngine(),
  });
}

function member(coordinator: Coordinator, index: number, over: Partial<FederatedClientOptions> = {}): Member {
  const identity = over.identity ?? generateIdentity(nativePrimitives, nativeRng);
  const client = new FederatedClient({
    url: coordinator.url,
    coordinator: coordinator.id,
    identity,
    task: 'test',
    policy: WEAK_POLICY,
    trainer: fixedTrainer(index),
    guards: memoryGuards(),
    reconnect: { minMs: 20, maxMs: 50 },
    ...over,
  } as FederatedClientOptions);
  const made: Omit<Member, 'ended'> = { client, id: identity.id, news: [], errors: [], guards: [] };
  client.on('round', (news) => made.news.push(news));
  client.on('error', ({ code }) => made.errors.push(code));
  client.on('guard', ({ code }) => made.guards.push(code));
  return { ...made, ended: client.run().catch((error: SottoError) => error) };
}

const fleet = (
  coordinator: Coordinator,
  count: number,
  over: (index: number) => Partial<FederatedClientOptions> = () => ({}),
): Member[] => Array.from({ length: count }, (_, index) => member(coordinator, index, over(index)));

async function finish(coordinator: Coordinator, members: readonly Member[]): Promise<CampaignResult> {
  const result = await coordinator.done;
  await Promise.all(members.map(({ ended }) => ended));
  await coordinator.stop('the test is over');
  return result;
}

/** Mean of the survivors' updates: the model after one round of FedAvg from zero. */
function meanOf(members: readonly Member[], survivors: readonly ClientId[], dimension: number): number[] {
  const rows = members.flatMap(({ id }, index) => (survivors.includes(id) ? [gridUpdate(dimension, index)] : []));
  return Array.from({ length: dimension }, (_, k) =>
    Math.fround(rows.reduce((sum, row) => sum + (row[k] ?? Number.NaN), 0) / rows.length),
  );
}

type Gate = (kind: MessageKind, send: () => void, link: Link) => void;
/** Looks at each message on its way out. */
function watching(gate: Gate): Transport {
  const inner = nodeTransport();
  return {
    connect(url, handlers) {
      const link = inner.connect(url, handlers);
      const kindOf = (frame: Uint8Array): MessageKind => {
        const decoded = decodeFrame(frame);
        if (!decoded.ok) throw new Error(decoded.reason);
        return decoded.message.kind;
      };
      return {
        get bufferedBytes() {
          return link.bufferedBytes;
        },
        hearsPings: link.hearsPings,
        send: (frame) => gate(kindOf(frame), () => link.send(frame), link),
        drained: (bytes) => link.drained(bytes),
        close: (code, reason) => link.close(code, reason),
      };
    },
  };
}

/** Cuts the line the first time a message of this kind is sent, before or after it is on its way. */
function cutting(kind: MessageKind, when: 'before' | 'after'): Transport {
  let cut = false;
  return watching((sent, send, link) => {
    const hit = !cut && sent === kind;
    if (!hit || when === 'after') send();
    if (!hit) return;
    cut = true;
    void link.drained(0).then(() => link.close(4000, 'cut by the test'));
  });
}

/** Keeps this kind of message, and all behind it, back until `opened`: whoever waits for them keeps its phase open. */
function holding(kind: MessageKind, opened: Promise<unknown>): Transport {
  let held = false;
  return watching((sent, send) => {
    held ||= sent === kind;
    if (held) void opened.then(send);
    else send();
  });
}

describe('real clients, real coordinator', { timeout: 30_000 }, () => {
  it('three rounds with an adaptive optimiser: everybody ends with the coordinator’s model, verified by themselves', async () => {
    const config = configOf({
      size: 5,
      optimizer: { name: 'fedadam', learningRate: 0.1, beta1: 0.9, beta2: 0.99, tau: 0.001 },
    });
    const coordinator = await open(config, 5, { rounds: 3 });
    const members = fleet(coordinator, 5);
    const result = await finish(coordinator, members);
    expect(result.rounds.map(({ outcome, survivors }) => [outcome.type, survivors.length])).toEqual([
      ['committed', 5],
      ['committed', 5],
      ['committed', 5],
    ]);
    for (const { client, ended, news, errors, guards } of members) {
      expect(await ended).toEqual({ how: 'finished', contributed: 3, model: result.modelHash });
      expect(client.model?.record.round).toBe(3);
      expect(client.model?.weights).toEqual(coordinator.model());
      expect(news.filter(({ stage }) => stage === 'ended').map((one) => one.stage === 'ended' && one.how)).toEqual([
        'answered',
        'answered',
        'answered',
      ]);
      expect([errors, guards]).toEqual([[], []]);
    }
  });

  it('groups of four with a model of several chunks, masked in a thread: the exact mean of all', async () => {
    const thread = new EngineThread();
    const config = configOf({ size: 4, count: 3, dimension: 150_000 });
    const coordinator = await open(config, 12);
    const members = fleet(coordinator, 12, () => ({ engine: thread.engine(0) }));
    const result = await finish(coordinator, members);
    expect(result.rounds[0]?.survivors).toHaveLength(12);
    expect([...coordinator.model()]).toEqual(meanOf(members, result.rounds[0]?.survivors ?? [], 150_000));
    expect(
      toHex(hashOfBlob(nativePrimitives, weightsBytes(members[0]?.client.model?.weights ?? new Float32Array(0)))),
    ).toBe(result.modelHash);
    await thread.close();
  });

  it('profile open: every update is seen, the mean is theirs', async () => {
    const config = configOf({ size: 3, profile: 'open' });
    const coordinator = await open(config, 3);
    const members = fleet(coordinator, 3);
    const result = await finish(coordinator, members);
    expect([...coordinator.model()]).toEqual(meanOf(members, result.rounds[0]?.survivors ?? [], 5));
    expect(result.rounds[0]?.survivors).toHaveLength(3);
  });

  it.each([
    ['keys', 'before'],
    ['keys', 'after'],
    ['shares', 'before'],
    ['shares', 'after'],
    ['masked', 'before'],
    ['inputChunk', 'before'],
    ['inputChunk', 'after'],
  ] as const)(
    'a line that is cut at %s (%s it is sent) is resumed in time, and the client survives the round',
    async (kind, when) => {
      // Several chunks where one of them is what is cut.
      const dimension = kind === 'inputChunk' ? 200_000 : 2_000;
      const coordinator = await open(configOf({ size: 5, dimension }), 5);
      let resumed = (): void => undefined;
      const back = new Promise<void>((resolve) => {
        resumed = resolve;
      });
      // Somebody else's message keeps the phase open until the lost client is back.
      const transports: Record<number, Transport> = { 2: cutting(kind, when), 4: holding(kind, back) };
      const members = fleet(coordinator, 5, (index) => {
        const transport = transports[index];
        return transport === undefined ? {} : { transport };
      });
      members[2]?.client.on('round', ({ stage }) => {
        if (stage === 'resumed') resumed();
      });
      const result = await finish(coordinator, members);
      const [report] = result.rounds;
      expect(report?.attempts).toBe(1);
      expect(report?.survivors).toHaveLength(5);
      expect([...coordinator.model()]).toEqual(meanOf(members, report?.survivors ?? [], dimension));
      expect(members[2]?.news.map(({ stage }) => stage)).toContain('resumed');
      expect(members[2]?.client.model?.weights).toEqual(coordinator.model());
      expect(members.flatMap(({ guards }) => guards)).toEqual([]);
    },
  );

  it('a line that is cut in R1 and comes back too late is a dropout, and nobody is accused of anything', async () => {
    const coordinator = await open(configOf({ size: 5 }), 5);
    const transport = cutting('keys', 'before');
    const members = fleet(coordinator, 5, (index) =>
      index === 2 ? { transport, reconnect: { minMs: 600, jitter: 0 } } : {},
    );
    const result = await finish(coordinator, members);
    expect(result.rounds[0]?.dropped).toMatchObject([{ client: members[2]?.id, phase: 'keys' }]);
    expect([...coordinator.model()]).toEqual(meanOf(members, result.rounds[0]?.survivors ?? [], 5));
    expect(members.flatMap(({ guards, errors }) => [...guards, ...errors])).toEqual([]);
  });

  it.each(['consistent', 'unmask'] as const)(
    'a line that is cut at %s is a dropout after R3: the sum stands, and the client goes on with the next round',
    async (kind) => {
      const config = configOf({ size: 5 });
      const coordinator = await open(config, 5, { rounds: 2 });
      const members = fleet(coordinator, 5, (index) => (index === 2 ? { transport: cutting(kind, 'before') } : {}));
      const result = await finish(coordinator, members);
      expect(result.rounds.map(({ outcome }) => outcome.type)).toEqual(['committed', 'committed']);
      expect(result.rounds[0]?.dropped).toMatchObject([{ client: members[2]?.id }]);
      expect(members[2]?.client.model?.weights).toEqual(coordinator.model());
      expect(members.flatMap(({ guards }) => guards)).toEqual([]);
    },
  );

  it('a client that comes after round 1 joins at the signed checkpoint and contributes', async () => {
    const config = configOf({ size: 4 });
    const coordinator = await open(config, 4, { rounds: 3, pauseMs: 300 });
    const members = fleet(coordinator, 4);
    await new Promise<void>((resolve) => coordinator.on('round', () => resolve()));
    await members[0]?.client.stop();
    const late = member(coordinator, 9);
    const result = await finish(coordinator, [...members, late]);
    expect(result.rounds).toHaveLength(3);
    expect(result.rounds[2]?.survivors).toContain(late.id);
    expect(late.client.model?.weights).toEqual(coordinator.model());
  });

  it('guards in files: the record is there after the rounds, and the same identity cannot be made to repeat one', async () => {
    const config = configOf({ size: 3 });
    const coordinator = await open(config, 3, { rounds: 2 });
    const stores = [0, 1, 2].map((index) => join(directory, `client-${index}`));
    const identities = await Promise.all(stores.map((path) => loadOrCreateIdentity(join(path, 'identity.json'))));
    const members = fleet(coordinator, 3, (index) => {
      const identity = identities[index];
      return { guards: fileGuards(stores[index] ?? ''), ...(identity === undefined ? {} : { identity }) };
    });
    await finish(coordinator, members);
    for (const path of stores) {
      expect(await fileGuards(path).load(coordinator.id, 'test')).toEqual({
        task: 'test',
        round: 2,
        attempt: 1,
        answered: 2,
        contributed: 2,
      });
      expect(readdirSync(path)).toHaveLength(2);
    }
  });

  it('a store that fails when the answer to unmasking is to be saved: no share leaves, the others finish', async () => {
    const config = taskOf({ size: 5 });
    const coordinator = await open(config, 5);
    const guards = memoryGuards();
    const failing = {
      ...guards,
      save: (...args: Parameters<typeof guards.save>) =>
        args[1].answered > 0 ? Promise.reject(new SottoError('STORE_WRITE', 'disk full')) : guards.save(...args),
    };
    const members = fleet(coordinator, 5, (index) => (index === 1 ? { guards: failing } : {}));
    const result = await finish(coordinator, members);
    expect(result.rounds[0]?.outcome.type).toBe('committed');
    expect(result.rounds[0]?.survivors).toHaveLength(5);
    expect(result.rounds[0]?.dropped).toMatchObject([{ client: members[1]?.id, phase: 'unmask' }]);
    expect(members[1]?.errors).toContain('STORE_WRITE');
    expect(members[1]?.client.model?.weights).toEqual(coordinator.model());
  });

  it('a trainer that fails in one client is a dropout: the others’ sum is exact, and it takes part again', async () => {
    const config = taskOf({ size: 5 });
    const coordinator = await open(config, 5, { rounds: 2 });
    let failed = false;
    const trainer: Trainer = {
      ...fixedTrainer(3),
      train: async (weights, round) => {
        if (failed) return fixedTrainer(3).train(weights, round);
        failed = true;
        throw new Error('out of memory');
      },
    };
    const members = fleet(coordinator, 5, (index) => (index === 3 ? { trainer } : {}));
    const result = await finish(coordinator, members);
    expect(result.rounds.map(({ survivors }) => survivors.length)).toEqual([4, 5]);
    expect(members[3]?.errors).toEqual(['TRAIN_FAILED']);
    expect(members[3]?.client.model?.weights).toEqual(coordinator.model());
  });

  it('a client that has ended its part in a run says so: nobody waits for it until the deadline', async () => {
    // Windows of ten minutes: if the coordinator waited for them, this test would run into its own limit.
    const coordinator = await open(configOf({ size: 5 }, 600_000), 5);
    const trainer: Trainer = { ...fixedTrainer(3), train: () => Promise.reject(new Error('out of memory')) };
    const members = fleet(coordinator, 5, (index) => (index === 3 ? { trainer } : {}));
    const { rounds } = await finish(coordinator, members);
    expect(rounds[0]?.survivors).toHaveLength(4);
    expect(rounds[0]?.dropped).toMatchObject([{ client: members[3]?.id, phase: 'masked' }]);
  });

  it('a policy that wants larger groups: the client refuses, the coordinator hears why, nothing of it is in the model', async () => {
    const config = taskOf({ size: 5 });
    const coordinator = await open(config, 5);
    const told: string[] = [];
    coordinator.on('client', (notice) => {
      if (notice.type === 'complaint') told.push(notice.code);
    });
    const members = fleet(coordinator, 5, (index) => (index === 0 ? { policy: { ...WEAK_POLICY, minGroup: 8 } } : {}));
    const result = await finish(coordinator, members);
    expect(members[0]?.guards).toEqual(['GUARD_POLICY']);
    expect(told).toEqual(['GUARD_POLICY']);
    expect(result.rounds[0]?.survivors).not.toContain(members[0]?.id);
    expect([...coordinator.model()]).toEqual(meanOf(members, result.rounds[0]?.survivors ?? [], 5));
  });

  it('two connections of one identity: the first one ends for good with AUTH_REPLACED', async () => {
    const config = configOf({ size: 3 });
    const coordinator = await open(config, 3);
    const identity = generateIdentity(nativePrimitives, nativeRng);
    const first = member(coordinator, 0, { identity });
    await new Promise((resolve) => first.client.on('accepted', resolve));
    const second = member(coordinator, 0, { identity });
    expect(await first.ended).toMatchObject({ code: 'AUTH_REPLACED' });
    const others = [member(coordinator, 1), member(coordinator, 2)];
    const result = await finish(coordinator, [second, ...others]);
    expect(result.rounds[0]?.survivors).toHaveLength(3);
  });

  it('a client that is not on the list ends with AUTH_NOT_ENROLLED', async () => {
    const config = configOf({ size: 2 });
    const coordinator = await startCoordinator({
      task: config,
      initialWeights: new Float32Array(config.dimension),
      identity: generateIdentity(nativePrimitives, nativeRng),
      listen: { host: '127.0.0.1', port: 0 },
      roster: { kind: 'allowlist', clients: [] },
      campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 2, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
      random: () => 0.5,
      engine: inProcessEngine(),
    });
    const stranger = member(coordinator, 0);
    expect(await stranger.ended).toMatchObject({ code: 'AUTH_NOT_ENROLLED' });
    await coordinator.stop('the test is over');
  });
});
