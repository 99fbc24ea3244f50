// Who plays what: that it all comes from the seed, names that sign included, and that groups are those the coordinator will deal.
// Not here: the draws themselves (random), how data are cut (partition).

import { describe, expect, it } from 'vitest';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { deriveTask } from '../../protocol/task.js';
import { castOf, dropoutsFor, groupsFor } from '../../simulations/cast.js';
import { parseSimulationConfig, type SimulationConfig } from '../../simulations/config.js';
import { loadExamples } from '../../simulations/data.js';
import { drawsOf } from '../../simulations/draws.js';
import { createRoster, namer } from '../../simulations/roster.js';
import { quick } from './quick.js';

const config: SimulationConfig = parseSimulationConfig(quick(), 'quick');
const { source } = config.data;
if (source.set === 'module') throw new Error('quick draws its points from the seed');
const make = (seed: number) => {
  const draws = drawsOf(seed);
  const { train } = loadExamples(source, seed);
  const cast = castOf({ ...config, seed }, Uint8Array.from(train.labels), draws, nativePrimitives);
  const groups = groupsFor(config, config.task, cast.clients, draws);
  return { cast, draws, groups: cast.clients.map(({ position }) => groups(position)), train };
};

describe('the roster', () => {
  it('hands fresh keys out in ascending order of ids, under lasting names', () => {
    const roster = createRoster(12, nativePrimitives, nativeRng);
    const ids = roster.map(({ identity }) => identity.id);
    expect(ids).toEqual([...ids].sort());
    expect(roster.map(({ name }) => name).slice(9)).toEqual(['client-09', 'client-10', 'client-11']);
    expect(namer(roster)(ids[3] ?? ('' as (typeof ids)[0]))).toBe('client-03');
    expect(createRoster(12, nativePrimitives, nativeRng)[0]?.identity.id).not.toBe(ids[0]);
  });
});

describe('the cast', () => {
  it('gives the same names, shards, attackers, groups, dropouts and sketch nonces for the same seed', () => {
    const [a, b] = [make(5), make(5)];
    const visible = ({ cast, groups, draws }: ReturnType<typeof make>) => ({
      ids: cast.clients.map(({ identity }) => identity.id),
      nonces: [draws.sketchNonce(1, 1), draws.sketchNonce(2, 1), draws.sketchNonce(1, 2)],
      rows: cast.members.map(({ rows }) => [...rows]),
      malicious: cast.malicious,
      groups,
      plan: dropoutsFor(config, cast, draws),
    });
    expect(visible(a)).toEqual(visible(b));
    expect(visible(a)).not.toEqual(visible(make(6)));
  });

  it('gives each example to one client at most, and each client enough', () => {
    const { cast, train } = make(1);
    const given = cast.members.flatMap(({ rows }) => [...rows]);
    expect(new Set(given).size).toBe(given.length);
    expect(Math.max(...given)).toBeLessThan(train.labels.length);
    for (const { rows } of cast.members) expect(rows.length).toBeGreaterThanOrEqual(config.data.minimumExamples);
  });

  it('lets honest clients leave only, and no more of a group than its threshold stands', () => {
    const { cast, draws, groups } = make(2);
    const plan = dropoutsFor(config, cast, draws);
    const spare = config.task.group.size - deriveTask(config.task).threshold;
    expect(plan.map(({ client }) => client).filter((client) => cast.malicious.includes(client))).toEqual([]);
    for (let round = 1; round <= config.campaign.rounds; round++) {
      for (let group = 0; group < config.task.group.count; group++) {
        const lost = plan.filter((one) => one.round === round && groups[one.client] === group);
        expect(lost.length).toBeLessThanOrEqual(spare);
      }
    }
  });
});
