// The coordinator and clients of the disk bar, small enough for hundreds of lives: each client moves a coordinate of its own, so the log
// shows who is in which sum. Not a test.

import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import type { TaskConfig } from '../../../protocol/task.js';
import type { OpenPlace } from '../../../server/audit/durable.js';
import { type Coordinator, inProcessEngine, startCoordinator } from '../../../server/index.js';
import { STEP } from '../../../simulations/world/check-log.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { identityNumber, killTask } from '../kill/setting.js';

export const CLIENTS = 4;
/** Weights of 16 KB: damage hits models, aggregates and pages of events alike. */
export const DIMENSION = 4_000;
export const BACKUP_ROUNDS = 4;

export const diskTask = (seed: number): TaskConfig => ({
  ...killTask({ clients: CLIENTS, cohort: CLIENTS, seed, directory: '', port: 0 }),
  dimension: DIMENSION,
});

export interface LifeOptions {
  readonly directory: string;
  readonly seed: number;
  readonly rounds: number;
  readonly openData?: OpenPlace;
}

export const startOn = ({ directory, seed, rounds, openData }: LifeOptions): Promise<Coordinator> =>
  startCoordinator({
    task: diskTask(seed),
    initialWeights: new Float32Array(DIMENSION),
    identity: identityNumber(seed, -1),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds, attemptsPerRound: 2, clients: { min: CLIENTS, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    engine: inProcessEngine(),
    data: { directory, keptModels: 3, backupRounds: BACKUP_ROUNDS },
    ...(openData && { openData }),
  });

/** What clients saw of models, for checkLog. */
export type SeenModels = Map<number, Set<string>>;

export function clientsOf(coordinator: Coordinator, seed: number, seen: SeenModels): FederatedClient[] {
  return Array.from({ length: CLIENTS }, (_, index) => {
    const client = new FederatedClient({
      url: coordinator.url,
      identity: identityNumber(seed, index),
      coordinator: coordinator.id,
      task: 'kill',
      policy: { ...WEAK_POLICY, maxRounds: 1_000_000 },
      trainer: {
        init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
        train: async (weights) => {
          const update = new Float32Array(weights.length);
          update[index] = STEP;
          return { update, examples: 1, metrics: {} };
        },
      },
      guards: memoryGuards(),
      reconnect: { minMs: 20, maxMs: 50, tries: 3 },
    });
    client.on('model', ({ round, model }) => seen.set(round, (seen.get(round) ?? new Set()).add(model)));
    return client;
  });
}
