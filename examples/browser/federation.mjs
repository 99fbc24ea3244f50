// A running federation on this machine: a coordinator, and clients in Node that each hold a shard of MNIST. One voice is missing:
// rounds begin when a visitor's browser is the last one. Not here: the page (public/), serving it (serve.mjs).
import { randomInt } from 'node:crypto';
import {
  FederatedClient,
  generateIdentity,
  memoryGuards,
  memoryLedgers,
  nativePrimitives,
  nativeRng,
} from 'sotto/client';
import { createTrainingPool, initialWeights, shard } from 'sotto/client/tfjs';
import { defineTask, startCoordinator } from 'sotto/server';
import { loadExamples } from 'sotto/simulations';

export const TASK = 'digits';
export const MODEL = { kind: 'mlp', input: 784, hidden: [32], classes: 10 };
/** DP-SGD: what leaves is noised for every single digit, before it is masked. 30 rounds of 6 steps cost each ε = 5.3 at δ = 1e-5. */
const TRAINING = {
  algorithm: 'fedavg',
  learningRate: 0.5,
  optimizer: 'sgd',
  dpSgd: {
    clipNorm: 1,
    noiseMultiplier: 1.5,
    samplingRate: 0.1,
    lotSize: 60,
    steps: 6,
    microBatch: 64,
    noise: 'exact',
  },
};
/** Members of a round: the smallest group that `trust: standard` allows. Six of them must survive for the sum to be opened. */
export const GROUP = 8;
/** What every member insists on, whatever a coordinator announces. */
export const POLICY = {
  profiles: ['cohort'],
  minGroup: GROUP,
  minThreshold: 6,
  minColluders: 1,
  maxClipNorm: 8,
  maxRounds: 200,
  /** For every single digit, kept on its own ledger: it stops itself before more is spent, whatever a coordinator says. */
  privacy: { record: { epsilon: 8, delta: 1e-5 } },
  catchUp: 'signed-checkpoint',
};
/** Digits of one client, and how many shards are there to be picked. */
const SHARD = 600;
const VISITORS = 8;

/**
 * @param nodeClients fewer than GROUP: the rest are visitors. @param rounds until the task is finished
 * @returns the coordinator, the shards that visitors may pick, and what stops it all
 */
export async function startFederation({ nodeClients = GROUP - 1, rounds = 60, pauseMs = 2_000 } = {}) {
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
      encoding: { clipNorm: 8 },
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
      ledgers: memoryLedgers(), // a real client's is durable: fileLedgers
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
