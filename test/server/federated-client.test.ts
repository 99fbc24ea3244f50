// The real client against the real coordinator over loopback: model chain, guards, reconnecting. Training is a fixed direction.
// Not here: TensorFlow.js (test/tfjs), fleets and attackers (simulations/).

import { describe, expect, it } from 'vitest';
import { FederatedClient, memoryGuards } from '../../client/node/index.js';
import type { Trainer } from '../../client/trainer.js';
import { generateIdentity } from '../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { TaskConfig } from '../../protocol/task.js';
import { type CoordinatorOptions, startCoordinator } from '../../server/index.js';
import { taskOf, WEAK_POLICY } from '../protocol/world.js';
import { ManualClock } from './manual-clock.js';

/** Moves half of the way to the target: after r rounds the model is target × (1 − 2^-r), on the grid for small r. */
const towards = (target: number, seen: number[][] = []): Trainer => ({
  init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
  train: async (weights) => {
    seen.push([...weights]);
    return { update: weights.map((w) => (target - w) / 2), examples: 10, metrics: {} };
  },
});

async function run(
  config: TaskConfig,
  options: { readonly campaign?: Partial<CoordinatorOptions['campaign']>; readonly count?: number } = {},
) {
  const count = options.count ?? config.group.size * config.group.count;
  const coordinator = await startCoordinator({
    task: config,
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds: 3,
      attemptsPerRound: 2,
      clients: { min: count, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
      ...options.campaign,
    },
    random: () => 0.5,
    clock: new ManualClock(),
    workers: 1,
  });
  const seen: number[][] = [];
  const clients = Array.from(
    { length: count },
    () =>
      new FederatedClient({
        url: coordinator.url,
        identity: generateIdentity(nativePrimitives, nativeRng),
        coordinator: coordinator.id,
        task: config.task,
        policy: WEAK_POLICY,
        trainer: towards(0.5, seen),
        guards: memoryGuards(),
        reconnect: { minMs: 5, maxMs: 20 },
      }),
  );
  const ends = Promise.all(clients.map((client) => client.run()));
  const result = await coordinator.done;
  const ended = await ends;
  await coordinator.stop('the test is over');
  return { result, ended, seen, model: coordinator.model(), chain: coordinator.chain() };
}

/** target × (1 − 2^-r) from zero, by halves. */
const reached = (rounds: number): number => 0.5 * (1 - 2 ** -rounds);

describe('the real client and the real coordinator', () => {
  it('train a shared model over rounds; every client trains from the model it has verified itself', async () => {
    const { result, ended, seen, model, chain } = await run(taskOf({ size: 8, dimension: 4 }));
    expect(result.outcome).toEqual({ type: 'rounds', round: 3 });
    expect([...model]).toEqual(Array(4).fill(reached(3)));
    expect(seen).toHaveLength(24);
    for (const [i, round] of [0, 1, 2].entries()) {
      const weights = Array(4).fill(reached(round));
      expect(seen.slice(8 * i, 8 * i + 8)).toEqual(Array(8).fill(weights));
    }
    expect(chain).toHaveLength(4);
    for (const end of ended) expect(end).toMatchObject({ how: 'finished', contributed: 3, model: result.modelHash });
  });

  it('work in groups under a robust rule and a stateful optimiser, with vectors of several chunks', async () => {
    const config = taskOf({
      size: 4,
      count: 3,
      dimension: 70_000,
      rule: { name: 'median', faulty: 1 },
      optimizer: { name: 'fedavgm', learningRate: 1, momentum: 0 },
    });
    const { result, model, ended } = await run(config, { campaign: { rounds: 2 } });
    expect(result.rounds.map(({ survivors }) => survivors.length)).toEqual([12, 12]);
    expect(model.every((w) => w === reached(2))).toBe(true);
    for (const end of ended) expect(end).toMatchObject({ contributed: 2 });
  });
});
