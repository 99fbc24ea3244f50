// A running federation on this machine: a coordinator, and clients in Node that each hold a shard of MNIST. One voice is missing:
// rounds begin when a visitor's browser is the last one. Not here: the page (public/), serving it (serve.mjs).
import { randomInt } from 'node:crypto';
import { FederatedClient, generateIdentity, memoryGuards, nativePrimitives, nativeRng } from 'sotto/client';
import { createTrainingPool, initialWeights, shard } from 'sotto/client/tfjs';
import { defineTask, startCoordinator } from 'sotto/server';
import { loadExamples } from 'sotto/simulations';

export const TASK = 'digits';
export const MODEL = { kind: 'mlp', input: 784, hidden: [32], classes: 10 };
const TRAINING = { algorithm: 'fedavg', epochs: 2, batchSize: 16, learningRate: 0.1, optimizer: 'sgd' };
/** Members of a round: the smallest group that `trust: standard` allows. Six of them must survive for the sum to be opened. */
export const GROUP = 8;
/** What every member insists on, whatever a coordinator announces. */
export const POLICY = {
  profiles: ['cohort'],
  minGroup: GROUP,
  minThreshold: 6,
  minColluders: 1,
  maxClipNorm: 2,
  maxRounds: 500,
  privacy: 'any', // or {epsilon, delta}: a limit of its own, kept on its own ledger
  catchUp: 'signed-checkpoint',
};
/** Digits of one client, and how many shards are there to be picked. */
const SHARD = 300;
const VISITORS = 8;

/**
 * @param nodeClients fewer than GROUP: the rest are visitors. @param rounds until the task is finished
 * @returns the coordinator, the shards that visitors may pick, and what stops it all
 */
export async function startFederation({ nodeClients = GROUP - 1, rounds = 500, pauseMs = 2_000 } = {}) {
  const { weights, manifest } = initialWeights(MODEL, 1);
  const { train, test } = loadExamples({ set: 'mnist' }, 1);
  const part = (data, from, count) =>
    shard(
      { ...data, shape: [784] },
      Uint32Array.from({ length: count }, (_, k) => from + k),
    );
  const shards = Array.from({ length: GROUP + VISITORS }, (_, i) => part(train, i * SHARD, SHARD));
  const coordinator = await startCoordinator({
    task: defineTask({
      task: TASK,
      profile: 'cohort',
      dimension: manifest.dimension,
      group: { size: GROUP, colluders: 1 },
      encoding: { clipNorm: 2 },
      optimizer: { name: 'fedavg', learningRate: 1 },
      training: TRAINING,
    }),
    initialWeights: weights,
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    random: () => randomInt(2 ** 32) / 2 ** 32,
    campaign: {
      rounds,
      attemptsPerRound: 5,
      // Patience without end: a page that nobody visits is no failure.
      clients: { min: GROUP, waitMs: 24 * 3_600_000 },
      overSelection: 1,
      pauseMs,
    },
  });
  const pool = createTrainingPool({ workers: 1 });
  const clients = Array.from({ length: nodeClients }, (_, i) => {
    const client = new FederatedClient({
      url: coordinator.url,
      coordinator: coordinator.id,
      identity: generateIdentity(nativePrimitives, nativeRng),
      task: TASK,
      policy: POLICY,
      guards: memoryGuards(),
      trainer: pool.trainer(`node ${i}`, { model: MODEL, data: shards[i] }),
    });
    client.run().catch((error) => console.error(`node client ${i}: ${error.message}`));
    return client;
  });
  return {
    coordinator,
    clients,
    /** Those that no Node client has. */
    shards: shards.slice(nodeClients, nodeClients + VISITORS),
    test: part(test, 0, 500),
    async stop() {
      await Promise.all(clients.map((client) => client.stop()));
      await coordinator.stop('the example is over');
      await pool.close();
    },
  };
}
