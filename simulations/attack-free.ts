// How often an honest fleet is suspected: many rounds without an attacker through the real coordinator, the real clients, real masks
// and verified sketches, over links in memory; data differ between clients as much as is asked, and some leave every round.
// Not here: attackers (run.ts, redteam), the same without masks (attack-free-rehearsed.ts), the same statistics on made-up sketches
// (test/server/monitor.test.ts).

import { FederatedClient, inlineEngine, memoryGuards } from '../client/index.js';
import { generateIdentity } from '../protocol/crypto/identity.js';
import type { Primitives } from '../protocol/crypto/primitives.js';
import { openKernels } from '../protocol/kernels/wasm.js';
import { SIMULATION_GIVES_UP_AFTER } from '../protocol/limits.js';
import { nativeKeystream, nativePrimitives, nativeRng } from '../protocol/native/index.js';
import { openProjector } from '../protocol/sketch/project.js';
import { inProcessEngine, type MonitorEvent, type RoundReport, startCoordinator } from '../server/index.js';
import { type AttackFreeOptions, type AttackFreeResult, countEvents, settingOf } from './attack-free-setting.js';
import { droppingTransport } from './fleet/dropping.js';
import { dropoutsOf } from './fleet/plan.js';
import { createWorld } from './world/index.js';

/** The same seed gives the same data, batches, dropouts and rounding; keys, masks and the matrices of the sketches are fresh. */
export async function runAttackFree({ onRound, ...options }: AttackFreeOptions): Promise<AttackFreeResult> {
  const from = performance.now();
  const { rounds, clients: count } = options;
  const { task, draws, roster, plan, trainerOf } = settingOf(options);
  const primitives = verifyingOnce(nativePrimitives);
  const world = createWorld();
  const identity = generateIdentity(nativePrimitives, nativeRng);
  const random = draws.sampling();
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(task.dimension),
    identity,
    listen: { host: 'memory', port: 0 },
    roster: { kind: 'allowlist', clients: roster.map((client) => client.identity.id) },
    campaign: {
      rounds,
      attemptsPerRound: 3,
      clients: { min: count, waitMs: 60_000 },
      overSelection: 1,
      pauseMs: 0,
      giveUpAfter: SIMULATION_GIVES_UP_AFTER,
    },
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
    onRound?.(report.round);
  });
  const kernels = openKernels(WebAssembly);
  const members = roster.map(({ position, identity: own }, i) => {
    let round = 0;
    const trainer = trainerOf(position, (at) => {
      round = at;
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
        primitives,
        kernels,
        openKeystream: nativeKeystream,
        makeProjector: (matrix) => openProjector(WebAssembly, matrix),
      }),
      guards: memoryGuards(),
      // safe: one transport for each client.
      transport: transports[i]!,
      primitives,
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
  const positions = new Map<string, number>(roster.map(({ identity: { id }, position }) => [id, position]));
  const judged = reports.reduce(
    (sum, { selection }) => sum + (selection === 'none' ? 0 : (selection.reports[0]?.scores.length ?? 0)),
    0,
  );
  return {
    options,
    dimension: task.dimension,
    rows: task.integrity === 'none' ? 0 : task.integrity.rows,
    committed: reports.filter(({ outcome }) => outcome.type === 'committed').length,
    ...countEvents(events, judged, (client) => positions.get(client) ?? -1),
    filtered: reports.reduce((sum, { selection }) => sum + (selection === 'none' ? 0 : selection.excluded.length), 0),
    seconds: Math.round((performance.now() - from) / 1_000),
  };
}

/** Answers kept: more than all the signatures of one round of a hundred clients. */
const MAX_KEPT = 50_000;

/**
 * Every client checks every other's signatures, here in one process, which would be a third of all the time. An answer is a function
 * of key, statement and signature, so it is given once and looked up by their hash afterwards.
 */
function verifyingOnce(primitives: Primitives): Primitives {
  const known = new Map<string, boolean>();
  return {
    ...primitives,
    verify(publicKey, message, signature) {
      const key = Buffer.from(primitives.sha256(publicKey, signature, message)).toString('latin1');
      let answer = known.get(key);
      if (answer === undefined) {
        if (known.size >= MAX_KEPT) known.clear();
        answer = primitives.verify(publicKey, message, signature);
        known.set(key, answer);
      }
      return answer;
    },
  };
}
