// How often an honest fleet is suspected: many rounds without an attacker through the real coordinator, the real clients, real masks
// and verified sketches, over links in memory; data differ between clients as much as is asked, and some leave every round.
// Not here: attackers (run.ts, redteam), the same statistics on made-up sketches (test/server/monitor.test.ts).

import { FederatedClient, inlineEngine, memoryGuards } from '../client/index.js';
import { generateIdentity } from '../protocol/crypto/identity.js';
import type { ClientId } from '../protocol/ids.js';
import { openKernels } from '../protocol/kernels/wasm.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../protocol/native/index.js';
import { openProjector } from '../protocol/sketch/project.js';
import type { TaskConfig } from '../protocol/task.js';
import { defineTask, inProcessEngine, type MonitorEvent, type RoundReport, startCoordinator } from '../server/index.js';
import { gaussianBlobs } from './datasets/synthetic.js';
import { drawsOf } from './draws.js';
import { droppingTransport } from './fleet/dropping.js';
import { dropoutsOf, PHASES, planDropouts } from './fleet/plan.js';
import { partition } from './partition.js';
import { createRoster } from './roster.js';
import { softmaxDimension, softmaxTrainer } from './softmax.js';
import { createWorld } from './world/index.js';

export interface AttackFreeOptions {
  readonly rounds: number;
  readonly clients: number;
  /** Dirichlet concentration of the classes over clients. */
  readonly alpha: number;
  readonly seed: number;
  /** Honest clients that leave in each round. */
  readonly dropouts: number;
  readonly onRound?: (report: RoundReport) => void;
}

export interface AttackFreeResult {
  readonly options: Omit<AttackFreeOptions, 'onRound'>;
  readonly dimension: number;
  readonly rows: number;
  readonly committed: number;
  /** Sketches that were judged: what rates are relative to. */
  readonly judged: number;
  /** By signal: sketches of honest clients that failed a test. */
  readonly findings: Readonly<Record<string, number>>;
  /** Sketches with any finding ÷ sketches; the monitor states 10⁻³. */
  readonly findingRate: number;
  /** Left out by the filter of the task, and by the monitor. */
  readonly filtered: number;
  readonly excluded: number;
  readonly quarantines: readonly { readonly client: number; readonly round: number; readonly says: string }[];
  readonly bans: number;
  readonly seconds: number;
}

const CLASSES = 10;
const INPUTS = 700;
/** So close that no linear model tells them apart: updates of the 500th round are as large as those of the tenth. */
const CLOUDS = { separation: 0.06, spread: 1 };
const EXAMPLES_EACH = 100;

function taskFor(clients: number): TaskConfig {
  return defineTask({
    task: 'attack-free',
    profile: 'sketch',
    dimension: softmaxDimension(INPUTS, CLASSES),
    group: { size: clients },
    sketch: { malicious: 1 },
    encoding: { clipNorm: 4, bits: 12 },
    optimizer: { name: 'fedavg', learningRate: 1 },
    training: { algorithm: 'fedavg', epochs: 1, batchSize: 10, learningRate: 0.02, optimizer: 'sgd', maxExamples: 40 },
  });
}

/** The same seed gives the same data, batches, dropouts and rounding; keys, masks and the matrices of the sketches are fresh. */
export async function runAttackFree({ onRound, ...options }: AttackFreeOptions): Promise<AttackFreeResult> {
  const from = performance.now();
  const { rounds, clients: count, alpha, seed, dropouts } = options;
  const task = taskFor(count);
  const draws = drawsOf(seed);
  const size = count * EXAMPLES_EACH;
  const data = gaussianBlobs({ size, classes: CLASSES, shape: [INPUTS], ...CLOUDS }, draws.data.fork('examples'));
  const spec = { kind: 'dirichlet', alpha } as const;
  const shards = partition(Uint8Array.from(data.labels), spec, { clients: count, minimum: 20 }, draws.partition);
  const roster = createRoster(count, nativePrimitives, nativeRng);
  const plan = planDropouts(
    {
      rounds,
      firstRound: 1,
      perRound: dropouts,
      maxPerGroup: dropouts,
      phases: dropouts * rounds < PHASES.length ? PHASES.slice(0, Math.max(1, dropouts * rounds)) : PHASES,
      candidates: roster.map(({ position }) => position),
      groupOf: () => 0,
    },
    draws.dropouts,
  );
  const world = createWorld();
  const identity = generateIdentity(nativePrimitives, nativeRng);
  const random = draws.sampling();
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(task.dimension),
    identity,
    listen: { host: 'memory', port: 0 },
    roster: { kind: 'allowlist', clients: roster.map((client) => client.identity.id) },
    campaign: { rounds, attemptsPerRound: 3, clients: { min: count, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    random: () => random.uniform(),
    engine: inProcessEngine(),
    openListener: world.openListener,
  });
  const transports = roster.map(({ position }) =>
    droppingTransport({ inner: world.transport, script: dropoutsOf(plan, position), onCut: () => undefined }),
  );
  const events: MonitorEvent[] = [];
  const reports: RoundReport[] = [];
  coordinator.on('monitor', (event) => events.push(event));
  // Whoever was cut comes back as soon as the sum is out of its reach; the round's report would be too late for a full next one.
  coordinator.on('fact', ({ round, fact }) => {
    if (fact.type !== 'phase' || (fact.phase !== 'done' && fact.phase !== 'failed')) return;
    for (const transport of transports) transport.release(round);
  });
  coordinator.on('round', (report) => {
    reports.push(report);
    onRound?.(report);
  });
  const kernels = openKernels(WebAssembly);
  const members = roster.map(({ position, identity: own }, i) => {
    const order = draws.attack(position, 0).fork('order');
    let round = 0;
    const rows = shards[position] ?? new Uint32Array(0);
    const trainer = softmaxTrainer({ ...data, rows }, (at) => {
      round = at;
      return order.fork(at);
    });
    return new FederatedClient({
      url: coordinator.url,
      identity: own,
      coordinator: identity.publicKey,
      task: task.task,
      policy: {
        profiles: ['sketch'],
        minGroup: count,
        minThreshold: 1,
        minColluders: 0,
        maxClipNorm: task.encoding.clipNorm,
        maxRounds: Number.MAX_SAFE_INTEGER,
        privacy: 'any',
        catchUp: 'chain',
      },
      trainer,
      engine: inlineEngine({
        primitives: nativePrimitives,
        kernels,
        openKeystream: nativeKeystream,
        makeProjector: (matrix) => openProjector(WebAssembly, matrix),
      }),
      guards: memoryGuards(),
      // safe: one transport for each client.
      transport: transports[i]!,
      primitives: nativePrimitives,
      rng: nativeRng,
      rounding: (length) => draws.rounding(position, round).bytes(length),
      reconnect: { minMs: 1, maxMs: 10, factor: 2, jitter: 0, tries: Number.POSITIVE_INFINITY },
    });
  });
  try {
    const runs = members.map((member) => member.run().catch(() => undefined));
    await coordinator.done;
    await Promise.all(members.map((member) => member.stop()));
    await Promise.all(runs);
  } finally {
    await coordinator.stop('the run is over');
  }
  const positionOf = new Map<ClientId, number>(roster.map(({ identity: { id }, position }) => [id, position]));
  return {
    options,
    dimension: task.dimension,
    rows: task.integrity === 'none' ? 0 : task.integrity.rows,
    ...summary(reports, events, positionOf),
    seconds: Math.round((performance.now() - from) / 1_000),
  };
}

function summary(
  reports: readonly RoundReport[],
  events: readonly MonitorEvent[],
  positionOf: ReadonlyMap<ClientId, number>,
): Omit<AttackFreeResult, 'options' | 'dimension' | 'rows' | 'seconds'> {
  const findings: Record<string, number> = {};
  const failed = new Set<string>();
  for (const event of events) {
    // Who leaves, and what offends the protocol, is not in a sketch.
    if (event.type !== 'observe' || ['participation', 'offence'].includes(event.finding.signal)) continue;
    const { signal } = event.finding;
    findings[signal] = (findings[signal] ?? 0) + 1;
    failed.add(`${event.round} ${event.client}`);
  }
  const judged = reports.reduce(
    (sum, { selection }) => sum + (selection === 'none' ? 0 : (selection.reports[0]?.scores.length ?? 0)),
    0,
  );
  return {
    committed: reports.filter(({ outcome }) => outcome.type === 'committed').length,
    judged,
    findings,
    findingRate: judged === 0 ? 0 : failed.size / judged,
    filtered: reports.reduce((sum, { selection }) => sum + (selection === 'none' ? 0 : selection.excluded.length), 0),
    excluded: events.filter(({ type }) => type === 'exclude').length,
    quarantines: events.flatMap((event) =>
      event.type === 'quarantine'
        ? [{ client: positionOf.get(event.client) ?? -1, round: event.round, says: event.says }]
        : [],
    ),
    bans: events.filter(({ type }) => type === 'ban').length,
  };
}
