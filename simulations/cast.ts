// Who plays what in a simulation: names and keys, shards, attackers, and the dropout plan of a campaign. All of it from the seed,
// but the keys. Not here: processes (fleet/), the campaign itself (run.ts).

import type { Primitives, Rng } from '../protocol/crypto/primitives.js';
import type { ClientId } from '../protocol/ids.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { dealGroups } from '../server/campaign/seats.js';
import type { SimulationConfig } from './config.js';
import type { Draws } from './draws.js';
import type { MemberOrder } from './fleet/messages.js';
import { type Dropout, planDropouts } from './fleet/plan.js';
import { partition } from './partition.js';
import { createRoster, type SimulatedClient } from './roster.js';

export interface Cast {
  readonly clients: readonly SimulatedClient[];
  /** In the order of `clients`. */
  readonly members: readonly MemberOrder[];
  /** Positions of the attackers, ascending. */
  readonly malicious: readonly number[];
}

/** @param labels of the training part @throws DATA_PARTITION */
export function castOf(config: SimulationConfig, labels: Uint8Array, draws: Draws, crypto: Primitives, rng: Rng): Cast {
  const { fleet, data } = config;
  const clients = createRoster(fleet.clients, crypto, rng);
  const malicious = maliciousOf(config, draws);
  const shards = partition(
    labels,
    data.partition,
    { clients: fleet.clients, minimum: data.minimumExamples },
    draws.partition,
  );
  const members = clients.map(({ position, name, identity }): MemberOrder => {
    const rank = malicious.indexOf(position);
    const attack = { spec: fleet.malicious.attack, rank, attackers: malicious.length };
    return {
      position,
      name,
      secret: identity.secret.exposeSecret().slice(),
      rows: shards[position] ?? new Uint32Array(0),
      ...(rank >= 0 && { attack }),
    };
  });
  return { clients, members, malicious };
}

/** The positions that are named, or as many as are wanted, drawn from the seed. */
export function maliciousOf({ fleet }: SimulationConfig, draws: Draws): readonly number[] {
  const { who } = fleet.malicious;
  const positions = 'clients' in who ? who.clients : draws.malicious.sample(fleet.clients, who.count);
  return [...positions].sort((a, b) => a - b);
}

/**
 * Who leaves when: planned for the groups of the task as configured, and the same in every campaign of the simulation. Groups are
 * dealt here as the coordinator will deal them, from a copy of its stream, since they are only announced in round 1.
 */
export function dropoutsFor(config: SimulationConfig, { clients, malicious }: Cast, draws: Draws): readonly Dropout[] {
  const { dropouts } = config.fleet;
  return planDropouts(
    {
      ...dropouts,
      rounds: config.campaign.rounds,
      candidates: clients.map(({ position }) => position).filter((position) => !malicious.includes(position)),
      groupOf: groupsFor(config, config.task, clients, draws),
    },
    draws.dropouts,
  );
}

/** The group of each position, as the coordinator will deal them: 0 for everybody where there is one group. */
export function groupsFor(
  { campaign }: SimulationConfig,
  task: TaskConfig,
  clients: readonly SimulatedClient[],
  draws: Draws,
): (position: number) => number {
  if (task.profile !== 'grouped') return () => 0;
  const random = draws.sampling();
  const { threshold } = deriveTask(task);
  const setup = { config: task, threshold, settings: campaign, random: () => random.uniform(), lastRound: 0 };
  const ids = clients.map(({ identity }) => identity.id);
  const group = new Map(
    dealGroups(setup, [...ids].sort()).flatMap(({ id, members }) => members.map((member) => [member, id])),
  );
  return (position) => group.get(ids[position] ?? ('' as ClientId)) ?? 0;
}
