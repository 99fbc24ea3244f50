// Who plays what in a simulation: names and keys, shards, attackers, and the dropout plan of a campaign. All of it from the
// seed. Not here: processes (fleet/), the campaign itself (run.ts).

import type { Primitives } from '../protocol/crypto/primitives.js';
import type { ClientId } from '../protocol/ids.js';
import { deriveTask, type TaskConfig } from '../protocol/task.js';
import { dealGroups } from '../server/campaign/seats.js';
import type { SimulationConfig } from './config.js';
import type { Draws } from './draws.js';
import type { Conspiracy } from './fleet/gathering.js';
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
  /** Who conspires with whom: one for each entry of the configuration. */
  readonly conspiracies: readonly Conspiracy[];
}

/** @param labels of the training part @throws DATA_PARTITION */
export function castOf(config: SimulationConfig, labels: Uint8Array, draws: Draws, crypto: Primitives): Cast {
  const { fleet, data } = config;
  const clients = createRoster(fleet.clients, crypto, draws.identities());
  const conspiracies = conspiraciesOf(config, draws);
  const malicious = conspiracies.flatMap((one) => one.clients).sort((a, b) => a - b);
  const shards = partition(
    labels,
    data.partition,
    { clients: fleet.clients, minimum: data.minimumExamples },
    draws.partition,
  );
  const members = clients.map(({ position, name, identity }): MemberOrder => {
    const conspiracy = conspiracies.findIndex((one) => one.clients.includes(position));
    const member = conspiracies[conspiracy];
    return {
      position,
      name,
      secret: identity.secret.exposeSecret().slice(),
      rows: shards[position] ?? new Uint32Array(0),
      ...(member && {
        attack: {
          spec: member.spec,
          rank: member.clients.indexOf(position),
          attackers: member.clients.length,
          conspiracy,
          // safe: positions of a conspiracy are in the fleet.
          allies: member.clients.map((at) => clients[at]!.identity.publicKey),
        },
      }),
    };
  });
  return { clients, members, malicious, conspiracies };
}

/** The positions that are named, and as many others as are wanted, drawn from the seed. */
export function conspiraciesOf({ fleet }: SimulationConfig, draws: Draws): readonly Conspiracy[] {
  const named = new Set(fleet.malicious.flatMap(({ who }) => ('clients' in who ? who.clients : [])));
  const free = Array.from({ length: fleet.clients }, (_, position) => position).filter((one) => !named.has(one));
  const counts = fleet.malicious.map(({ who }) => ('count' in who ? who.count : 0));
  const drawn = draws.malicious.sample(
    free.length,
    counts.reduce((sum, count) => sum + count, 0),
  );
  let at = 0;
  return fleet.malicious.map(({ who, attack }, i) => {
    const to = at + (counts[i] ?? 0);
    // safe: draws are below the number of free positions.
    const clients = 'clients' in who ? [...who.clients] : [...drawn.subarray(at, to)].map((one) => free[one]!);
    at = to;
    return { spec: attack, clients: clients.sort((a, b) => a - b) };
  });
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

/** Phases in which a lost client's update is already in the sum. */
const LATE: readonly string[] = ['consistency', 'unmask'];

/** Whether the plan takes this client out of a round before its update is in. */
export const isOutOfSum = (plan: readonly Dropout[], round: number, client: number): boolean =>
  plan.some((one) => one.round === round && one.client === client && !LATE.includes(one.phase));

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
  const setup = {
    config: task,
    threshold,
    settings: campaign,
    random: () => random.uniform(),
    lastRound: 0,
    spent: [],
  };
  const ids = clients.map(({ identity }) => identity.id);
  const group = new Map(
    dealGroups(setup, [...ids].sort()).flatMap(({ id, members }) => members.map((member) => [member, id])),
  );
  return (position) => group.get(ids[position] ?? ('' as ClientId)) ?? 0;
}
