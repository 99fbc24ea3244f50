// Coordinator and clients over links in memory: the real drivers, the real crypto, no socket and no training.
// Not here: the same over sockets (simulation.test.ts), the protocol machines alone (test/protocol).

import { afterEach, describe, expect, it } from 'vitest';
import { FederatedClient, inlineEngine, memoryGuards, type Trainer, type Transport } from '../../client/index.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { jsKernels } from '../../protocol/kernels/js.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { jsProjector } from '../../protocol/sketch/project.js';
import type { TaskConfig, WaitingPhase, Window } from '../../protocol/task.js';
import { type Coordinator, type CoordinatorOptions, inProcessEngine, startCoordinator } from '../../server/index.js';
import { droppingTransport } from '../../simulations/fleet/dropping.js';
import { createWorld, type World } from '../../simulations/world/index.js';

const DIMENSION = 50;
const window: Window = { count: { min: 6, max: 8 }, time: { min: 0, max: 20_000 } };
/** Groups of eight, t = 6. */
const task = (count: number): TaskConfig => ({
  protocol: 'sotto/1',
  task: 'memory',
  profile: count > 1 ? 'grouped' : 'cohort',
  trust: 'standard',
  dimension: DIMENSION,
  group: { size: 8, count, colluders: 2 },
  encoding: { clipNorm: 1_000, range: 100, bits: 16, weighting: { by: 'uniform' } },
  prg: 'aes256ctr',
  integrity: 'none',
  privacy: 'none',
  rule: count > 1 ? { name: 'median', faulty: 2 } : { name: 'mean' },
  optimizer: { name: 'fedavg', learningRate: 1 },
  training: {},
  windows: { keys: window, shares: window, masked: window, consistency: window, unmask: window },
});
const STEP = 100 / (2 ** 15 - 1);

/** Sends the same value in every coordinate, whatever the model. */
const constant = (value: number): Trainer => ({
  init: async ({ dimension }) => ({ dimension, variables: [{ name: 'all', shape: [dimension], offset: 0 }] }),
  train: async (weights) => ({ update: new Float32Array(weights.length).fill(value), examples: 1, metrics: {} }),
});

interface Scene {
  readonly coordinator: Coordinator;
  /** Adds a client that sends `value`. */
  join(value: number, transport?: Transport): FederatedClient;
}
const cleanUp: (() => Promise<void>)[] = [];
afterEach(async () => {
  while (cleanUp.length > 0) await cleanUp.pop()?.();
});

async function scene(world: World, config: TaskConfig, rounds: number): Promise<Scene> {
  const options: CoordinatorOptions = {
    task: config,
    initialWeights: new Float32Array(DIMENSION),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: 'memory', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds,
      attemptsPerRound: 1,
      clients: { min: config.group.size * config.group.count, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    random: Math.random,
    engine: inProcessEngine(),
    openListener: world.openListener,
  };
  const coordinator = await startCoordinator(options);
  cleanUp.push(() => coordinator.stop('the test is over'));
  const join = (value: number, transport = world.transport): FederatedClient => {
    const client = new FederatedClient({
      url: coordinator.url,
      identity: generateIdentity(nativePrimitives, nativeRng),
      coordinator: options.identity.publicKey,
      task: config.task,
      policy: {
        profiles: [config.profile],
        minGroup: 8,
        minThreshold: 6,
        minColluders: 2,
        maxClipNorm: 1_000,
        maxRounds: 10,
        privacy: 'any',
        catchUp: 'chain',
      },
      trainer: constant(value),
      engine: inlineEngine({
        primitives: nativePrimitives,
        kernels: jsKernels,
        openKeystream: nativeKeystream,
        makeProjector: jsProjector,
      }),
      guards: memoryGuards(),
      transport,
      primitives: nativePrimitives,
      rng: nativeRng,
      reconnect: { minMs: 1, maxMs: 10 },
    });
    const ended = client.run().catch(() => undefined);
    cleanUp.push(async () => {
      await client.stop();
      await ended;
    });
    return client;
  };
  return { coordinator, join };
}

describe('a federation in memory', () => {
  it('adds up exactly what its clients sent, on the grid', async () => {
    const { coordinator, join } = await scene(createWorld(), task(1), 2);
    for (let value = 0; value < 8; value++) join(value);
    const { rounds } = await coordinator.done;
    expect(rounds.map(({ outcome, survivors }) => [outcome.type, survivors.length])).toEqual([
      ['committed', 8],
      ['committed', 8],
    ]);
    // Two rounds of the mean of 0 … 7; each input is off by less than a step.
    for (const weight of coordinator.model()) expect(Math.abs(weight - 7)).toBeLessThan(2 * STEP);
  });

  it('takes the median over 5 groups of 8, with a client lost in each of the 5 phases and back for the next round', async () => {
    const world = createWorld();
    const { coordinator, join } = await scene(world, task(5), 3);
    // Two a round at most: more could meet in one group, and t is 6 of 8.
    const script: readonly (readonly [number, WaitingPhase])[] = [
      [1, 'keys'],
      [1, 'shares'],
      [2, 'masked'],
      [2, 'consistency'],
      [3, 'unmask'],
    ];
    for (let i = 0; i < 40; i++) {
      const cut = script[i];
      if (cut === undefined) join(3);
      else {
        const dropping = droppingTransport({
          inner: world.transport,
          script: new Map([cut]),
          onCut: () => undefined,
        });
        coordinator.on('round', ({ round }) => dropping.release(round));
        join(3, dropping);
      }
    }
    const { rounds } = await coordinator.done;
    expect(rounds.map(({ dropped }) => dropped.map(({ phase }) => phase).sort())).toEqual([
      ['keys', 'shares'],
      ['consistency', 'masked'],
      ['unmask'],
    ]);
    expect(rounds.map(({ survivors }) => survivors.length)).toEqual([38, 39, 40]);
    for (const weight of coordinator.model()) expect(Math.abs(weight - 9)).toBeLessThan(3 * STEP);
  });

  it('keeps coordinators apart, and refuses an address that nobody listens on', async () => {
    const world = createWorld();
    const one = await scene(world, task(1), 1);
    const two = await scene(world, task(1), 1);
    expect(one.coordinator.url).not.toBe(two.coordinator.url);
    const closed = await new Promise((resolve) => {
      world.transport.connect('memory://nobody', {
        opened: () => undefined,
        frame: () => undefined,
        heard: () => undefined,
        closed: resolve,
      });
    });
    expect(closed).toEqual({ code: 1006, reason: 'refused' });
  });
});
