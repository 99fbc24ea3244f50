// The monitor on the road of the real engine: coordinator and clients over links in memory, verified sketches, nothing replaced.
// Attackers keep to the protocol and are left out before the sum is opened; then quarantine, appeal, ban, and what does not happen.
// Not here: the tests on sketches (server/monitor.test.ts), attacks by the dozen (sotto redteam).

import { afterEach, describe, expect, it } from 'vitest';
import { FederatedClient, inlineEngine, memoryGuards, type Trainer } from '../../client/index.js';
import { generateIdentity, type Identity } from '../../protocol/crypto/identity.js';
import type { ClientId } from '../../protocol/ids.js';
import { openKernels } from '../../protocol/kernels/wasm.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import { openProjector } from '../../protocol/sketch/project.js';
import {
  type Coordinator,
  type CoordinatorOptions,
  defineTask,
  inProcessEngine,
  MONITOR_DEFAULTS,
  type MonitorEvent,
  type RoundReport,
  startCoordinator,
} from '../../server/index.js';
import { runAttackFree } from '../../simulations/attack-free.js';
import { rehearseAttackFree } from '../../simulations/attack-free-rehearsed.js';
import { Random } from '../../simulations/random.js';
import { createWorld } from '../../simulations/world/index.js';

const D = 4_320;
const N = 12;
/** t = 9: three may be lost. */
const task = defineTask({
  task: 'watched',
  profile: 'sketch',
  dimension: D,
  group: { size: N },
  // No filter but the norm bound, so that all that happens is the monitor's doing.
  sketch: { malicious: 1, exclusions: 3, dropouts: 0, selection: [] },
  encoding: { clipNorm: 20, bits: 12 },
  optimizer: { name: 'fedavg', learningRate: 1 },
  training: { algorithm: 'fedavg', epochs: 1, batchSize: 1, learningRate: 1, optimizer: 'sgd' },
});

/** Twelve sketches say little at the rate of 10⁻³: thresholds would be out of reach. These honest clients differ by Gaussian noise alone. */
const WATCHFUL = { ...MONITOR_DEFAULTS, clientFalseAlarm: 0.1 };

/** A direction that all share in a round, and noise of each client's own. */
const honest = (seed: number, round: number): Float32Array<ArrayBuffer> => {
  const shared = Random.fromSeed('shared').fork(round);
  const own = Random.fromSeed('own').fork(seed).fork(round);
  return Float32Array.from({ length: D }, () => (shared.normal() + 0.4 * own.normal()) / Math.sqrt(D));
};
type Send = (update: Float32Array<ArrayBuffer>, round: number, weights: Float32Array) => Float32Array<ArrayBuffer>;

const trainerOf = (seed: number, send: Send): Trainer => {
  return {
    init: async ({ dimension }) => ({ dimension, variables: [{ name: 'all', shape: [dimension], offset: 0 }] }),
    train: async (weights, { round }) => ({
      update: send(honest(seed, round), round, weights),
      examples: 1,
      metrics: {},
    }),
  };
};

interface Scene {
  readonly coordinator: Coordinator;
  readonly ids: readonly ClientId[];
  readonly reports: readonly RoundReport[];
  readonly events: readonly MonitorEvent[];
  readonly numberOf: (client: ClientId) => number;
}
const cleanUp: (() => Promise<unknown>)[] = [];
afterEach(async () => {
  while (cleanUp.length > 0) await cleanUp.pop()?.();
});

async function scene(
  rounds: number,
  bad: Readonly<Record<number, Send>>,
  options: Partial<CoordinatorOptions> = {},
  onRound: (report: RoundReport, coordinator: Coordinator) => void = () => {},
): Promise<Scene> {
  const world = createWorld();
  const identity = generateIdentity(nativePrimitives, nativeRng);
  const members: Identity[] = Array.from({ length: N }, () => generateIdentity(nativePrimitives, nativeRng));
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(D),
    identity,
    listen: { host: 'memory', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds, attemptsPerRound: 1, clients: { min: N, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    engine: inProcessEngine(),
    openListener: world.openListener,
    monitor: WATCHFUL,
    ...options,
  });
  cleanUp.push(() => coordinator.stop('the test is over'));
  const reports: RoundReport[] = [];
  const events: MonitorEvent[] = [];
  coordinator.on('monitor', (event) => events.push(event));
  coordinator.on('round', (report) => {
    reports.push(report);
    onRound(report, coordinator);
  });
  for (const [i, own] of members.entries()) {
    const client = new FederatedClient({
      url: coordinator.url,
      identity: own,
      coordinator: identity.publicKey,
      task: task.task,
      policy: {
        profiles: ['sketch'],
        minGroup: N,
        minThreshold: 2,
        minColluders: 0,
        maxClipNorm: 20,
        maxRounds: 1_000,
        privacy: 'any',
        catchUp: 'chain',
      },
      trainer: trainerOf(i, bad[i] ?? ((update) => update)),
      engine: inlineEngine({
        primitives: nativePrimitives,
        kernels: openKernels(WebAssembly),
        openKeystream: nativeKeystream,
        makeProjector: (matrix) => openProjector(WebAssembly, matrix),
      }),
      guards: memoryGuards(),
      transport: world.transport,
      primitives: nativePrimitives,
      rng: nativeRng,
      reconnect: { minMs: 1, maxMs: 10 },
    });
    const ended = client.run().catch(() => undefined);
    cleanUp.push(async () => {
      await client.stop();
      await ended;
    });
  }
  await coordinator.done;
  const ids = members.map(({ id }) => id);
  return { coordinator, ids, reports, events, numberOf: (client) => ids.indexOf(client) };
}
const of = <T extends MonitorEvent['type']>(events: readonly MonitorEvent[], type: T) =>
  events.filter((event): event is Extract<MonitorEvent, { type: T }> => event.type === type);

describe('attackers that keep to the protocol', () => {
  const backwards: Send = (update) => update.map((x) => -x);

  it('are out of the sum they wanted to spoil, in the first round, with the reason; the model is that of the others', async () => {
    const { coordinator, ids, reports, events, numberOf } = await scene(1, { 4: backwards });
    const [report] = reports;
    expect(report?.survivors.map(numberOf).sort((a, b) => a - b)).toEqual([0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11]);
    expect(report?.excluded).toMatchObject([{ client: ids[4], phase: 'sketch', code: 'SKETCH_OUTLIER' }]);
    expect(report?.excluded[0]?.why).toContain('its cosine with the centre is -0.');
    const [excluded] = of(events, 'exclude');
    expect(of(events, 'exclude')).toHaveLength(1);
    expect(excluded?.client).toBe(ids[4]);
    expect(excluded?.evidence.map(({ signal }) => signal)).toContain('direction');
    const others = [0, 1, 2, 3, 5, 6, 7, 8, 9, 10, 11].map((i) => honest(i, 1));
    const grid = 20 / 2 ** 11;
    for (const [c, weight] of coordinator.model().entries()) {
      const mean = others.reduce((sum, row) => sum + (row[c] ?? 0), 0) / others.length;
      expect(Math.abs(weight - mean)).toBeLessThan(grid);
    }
  });

  it('are quarantined after two strong findings; the rounds without them start at once and lose nobody else', async () => {
    const { ids, reports, events } = await scene(4, { 4: backwards, 9: (update) => update.map((x) => -3 * x) });
    const barred = of(events, 'quarantine');
    expect(
      barred.map(({ client, round, until }) => [ids.indexOf(client), round, until]).sort(([a = 0], [b = 0]) => a - b),
    ).toEqual([
      [4, 2, 7],
      [9, 2, 7],
    ]);
    expect(reports.map(({ cohort, survivors }) => [cohort.length, survivors.length])).toEqual([
      [12, 10],
      [12, 10],
      [10, 10],
      [10, 10],
    ]);
  });

  it('stay in when the round can lose no more, and the report names them: a rule never costs the round its threshold', async () => {
    const all = Object.fromEntries(
      [0, 1, 2, 3].map((i) => [i, (update: Float32Array<ArrayBuffer>) => update.map((x) => -(i + 2) * x)]),
    );
    const { reports, events, numberOf } = await scene(1, all);
    expect(reports[0]?.outcome.type).toBe('committed');
    expect(reports[0]?.survivors).toHaveLength(9);
    expect(of(events, 'exclude')).toHaveLength(3);
    expect(of(events, 'spared').map(({ client, from }) => [numberOf(client) < 4, from])).toEqual([[true, 'exclude']]);
  });

  it('who give the last step of the model back are told from those who learn', async () => {
    let before: Float32Array | undefined;
    const replay: Send = (update, round, weights) => {
      const step = before === undefined ? update : weights.map((after, i) => after - (before?.[i] ?? 0));
      before = weights.slice();
      return round === 1 ? update : Float32Array.from(step);
    };
    const { events, numberOf } = await scene(3, { 7: replay });
    const findings = of(events, 'observe').filter(({ finding }) => finding.signal === 'replay');
    expect(findings.map(({ client, round }) => [numberOf(client), round])).toContainEqual([7, 3]);
    expect(new Set(findings.map(({ client }) => numberOf(client)))).toEqual(new Set([7]));
  });

  it('are heard: after an appeal that was granted the client is in the next round, watched, and nothing more', async () => {
    let verdict: MonitorEvent | undefined;
    const { ids, reports, events } = await scene(5, { 4: backwards }, {}, (report, coordinator) => {
      const [barred] = of(report.monitor, 'quarantine');
      if (barred !== undefined && verdict === undefined) {
        verdict = coordinator.appeal(barred.client, true, 'its data are backwards');
        expect(coordinator.monitor().clients.get(barred.client)?.quarantinedUntil).toBe(0);
      }
    });
    expect(verdict).toMatchObject({ type: 'appeal', client: ids[4], granted: true });
    expect(events).toContainEqual(verdict);
    // Quarantined after round 2; the appeal comes with that round's report, when round 3 may be under way without it.
    const after = reports.filter(({ round }) => round >= 4);
    expect(after.every(({ survivors }) => survivors.includes(ids[4] as ClientId))).toBe(true);
    const later = events.filter((event) => event.round >= 4 && 'client' in event && event.client === ids[4]);
    expect(new Set(later.map(({ type }) => type))).toEqual(new Set(['observe']));
  });

  it('are only watched where the settings say so', async () => {
    const { reports, events } = await scene(1, { 4: backwards }, { monitor: { ...WATCHFUL, exclude: false } });
    expect(reports[0]?.survivors).toHaveLength(N);
    expect(of(events, 'observe').length).toBeGreaterThan(0);
    expect(of(events, 'exclude')).toEqual([]);
  });
});

describe('rounds without an attacker', () => {
  it('suspect nobody: the short form of `npm run attack-free`', async () => {
    const result = await runAttackFree({ rounds: 4, clients: 8, alpha: 0.5, seed: 3, dropouts: 1 });
    expect(result).toMatchObject({ committed: 4, quarantines: [], bans: 0, excluded: 0 });
    expect(result.judged).toBeGreaterThanOrEqual(4 * 7);
  });
  it('are judged by the same filters and monitor when they are rehearsed', async () => {
    const options = { rounds: 12, clients: 12, alpha: 0.2, seed: 4, dropouts: 1 };
    const rehearsed = await rehearseAttackFree(options);
    expect(rehearsed).toMatchObject({ committed: 12, quarantines: [], bans: 0, options });
    // One leaves each round; in two of six phases its update is in already, and in one of the others it has sent no sketch.
    expect(rehearsed.judged).toBe(12 * 12 - 8);
  });
});
