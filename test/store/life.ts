// A real coordinator on a data directory and a few real clients of it, for tests of what outlives a process. Not a test.

import type { ModelStore } from '../../client/chain/model-store.js';
import { FederatedClient, type GuardStore } from '../../client/node/index.js';
import type { Identity } from '../../protocol/crypto/identity.js';
import type { Policy } from '../../protocol/participant/types.js';
import type { TaskConfig } from '../../protocol/task.js';
import { type Coordinator, type CoordinatorOptions, inProcessEngine, startCoordinator } from '../../server/index.js';
import { WEAK_POLICY } from '../protocol/tasks.js';

export interface LifeOptions {
  readonly directory: string;
  readonly identity: Identity;
  readonly config: TaskConfig;
  readonly rounds: number;
  readonly more?: Partial<CoordinatorOptions>;
}

export const begin = ({ directory, identity, config, rounds, more }: LifeOptions): Promise<Coordinator> =>
  startCoordinator({
    task: config,
    initialWeights: new Float32Array(config.dimension),
    identity,
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds,
      attemptsPerRound: 2,
      clients: { min: config.group.size * config.group.count, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    random: () => 0.5,
    engine: inProcessEngine(),
    data: { directory, backupRounds: 2, keptModels: 2 },
    wallClock: () => 1_700_000_000_000,
    ...more,
  });

export interface Member {
  readonly identity: Identity;
  readonly guards: GuardStore;
  /** Where it keeps the last model that it has verified; absent: it joins at the newest one each time. */
  readonly models?: ModelStore;
  readonly policy?: Partial<Policy>;
  /** The key of the coordinator as it was told; absent: the one of now. */
  readonly pin?: string;
}

/** Clients whose update is one half of the way to 0.5: after r rounds the model is 0.5·(1 − 2^−r). */
export function join(coordinator: Coordinator, task: string, members: readonly Member[]): FederatedClient[] {
  return members.map(
    ({ identity, guards, models, policy, pin }) =>
      new FederatedClient({
        url: coordinator.url,
        identity,
        coordinator: pin ?? coordinator.id,
        task,
        policy: { ...WEAK_POLICY, ...policy },
        ...(models && { models }),
        trainer: {
          init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
          train: async (weights) => ({ update: weights.map((w) => (0.5 - w) / 2), examples: 1, metrics: {} }),
        },
        guards,
        reconnect: { minMs: 5, maxMs: 20 },
      }),
  );
}

/** Everybody takes part until the campaign is over; the coordinator is stopped. */
export async function live(options: LifeOptions, members: readonly Member[]) {
  const coordinator = await begin(options);
  const ends = join(coordinator, options.config.task, members).map((client) => client.run());
  const result = await coordinator.done;
  await Promise.all(ends);
  await coordinator.stop('the campaign is over');
  return { result, model: coordinator.model(), chain: coordinator.chain() };
}

/** Where one half of the way each round leads from zero. */
export const reached = (rounds: number): number => 0.5 * (1 - 2 ** -rounds);
