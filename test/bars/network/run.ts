// Bar 9 (operations.md §7): real clients and a real coordinator over bad lines. Each client moves a coordinate of its own, so every
// committed sum is compared with the exact one of its recorded survivors; what does not commit must say why. Not here: the proxy
// (proxy.ts), how bad the lines are (lines.ts), what the log must show (check-log.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { weightsFromBytes } from '../../../protocol/chain/model.js';
import type { Hash } from '../../../protocol/ids.js';
import { deriveTask, type TaskConfig } from '../../../protocol/task.js';
import { exportAudit, openExport } from '../../../server/audit/export.js';
import { verifyAudit } from '../../../server/audit/verify.js';
import { openData } from '../../../server/data/open.js';
import { inProcessEngine, type RoundReport, startCoordinator } from '../../../server/index.js';
import { checkLog, STEP } from '../../../simulations/world/check-log.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { identityNumber, killTask } from '../kill/setting.js';
import { generator } from '../random.js';
import { lineOf } from './lines.js';
import { BadLine, type Counts } from './proxy.js';

export interface NetworkOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly cohort: number;
  /** Coordinates of the model. */
  readonly dimension: number;
  /** Rounds between two moments at which every connection is reset at once. */
  readonly storm: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface NetworkResult {
  readonly seed: number;
  readonly rounds: number;
  readonly committed: number;
  readonly committedShare: number;
  /** Rounds that came to nothing, by code. */
  readonly aborted: Readonly<Record<string, number>>;
  /** Sums that are not exactly those of their survivors. */
  readonly inexact: number;
  /** Members of committed rounds that are in no sum. */
  readonly dropped: number;
  readonly attempts: number;
  readonly resumed: number;
  readonly reconnects: number;
  readonly faults: Counts & { readonly storms: number };
  readonly guards: number;
  readonly clientsLost: number;
  readonly roundSeconds: { readonly median: number; readonly worst: number };
  readonly says: readonly string[];
  readonly ok: boolean;
}

/** Of rounds that must commit. */
export const COMMITTED = 0.99;
/** A phase waits so long: a line of 256 KiB/s, an upload that is cut, and a client that comes back after a second. */
const PHASE_MS = 10_000;

export async function networkBar(options: NetworkOptions): Promise<NetworkResult> {
  const { rounds, clients, cohort, dimension, storm, seed, say } = options;
  const root = mkdtempSync(join(tmpdir(), 'sotto-network-'));
  const plan = { clients, cohort, seed, directory: join(root, 'data'), port: 0 };
  const task = killTask(plan);
  const windows = Object.entries(task.windows).map(([phase, one]) => [
    phase,
    { ...one, time: { min: 0, max: PHASE_MS } },
  ]);
  const config: TaskConfig = { ...task, dimension, windows: Object.fromEntries(windows) as TaskConfig['windows'] };
  const { inputBytes } = deriveTask(config);
  const identity = identityNumber(seed, -1);
  const random = generator(seed);
  const coordinator = await startCoordinator({
    task: config,
    initialWeights: new Float32Array(dimension),
    identity,
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds, attemptsPerRound: 3, clients: { min: cohort, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    random,
    engine: inProcessEngine(),
    data: { directory: plan.directory, keptModels: 3, backupRounds: 0 },
  });
  const counts: Counts = { connections: 0, resets: 0, deaf: 0, stalls: 0, bytes: 0 };
  const reports: RoundReport[] = [];
  const trouble: string[] = [];
  const models = new Map<number, Set<string>>();
  const joined = new Set<string>();
  const seen = { guards: 0, lost: 0, resumed: 0, reconnects: 0, storms: 0 };
  const target = Number(new URL(coordinator.url).port);
  const proxies = await Promise.all(
    Array.from({ length: clients }, (_, i) => {
      const own = generator(seed * 1_000 + i);
      return BadLine.open(target, () => lineOf(i, inputBytes, own), own, counts);
    }),
  );
  const fleet = proxies.map(({ port }, index) => {
    const client = new FederatedClient({
      url: `ws://127.0.0.1:${port}`,
      identity: identityNumber(seed, index),
      coordinator: identity.id,
      task: 'kill',
      policy: { ...WEAK_POLICY, maxRounds: 1_000_000 },
      trainer: {
        init: async () => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
        train: async (weights) => {
          const update = new Float32Array(weights.length);
          update[index] = STEP;
          return { update, examples: 1, metrics: {} };
        },
      },
      guards: memoryGuards(),
      reconnect: { minMs: 250, maxMs: 2_000 },
    });
    client.on('model', ({ round, model }) => models.set(round, (models.get(round) ?? new Set()).add(model)));
    client.on('connected', ({ again }) => void (again && seen.reconnects++));
    client.on('round', (news) => {
      if (news.stage === 'joined') joined.add(`${news.run.round}.${news.run.attempt}`);
      if (news.stage === 'resumed') seen.resumed++;
    });
    client.on('guard', ({ code, text }) => {
      seen.guards++;
      trouble.push(`client ${index}: ${code} ${text}`);
    });
    return client;
  });
  const ends = fleet.map((client, i) =>
    client.run().catch((error: unknown) => {
      seen.lost++;
      trouble.push(`client ${i} ended: ${String(error)}`);
    }),
  );
  const timers = new Set<NodeJS.Timeout>();
  coordinator.on('attempt', ({ round, attempt }) => {
    if (attempt > 1 || storm === 0 || round % storm !== 0) return;
    const timer = setTimeout(() => {
      seen.storms++;
      for (const proxy of proxies) proxy.resetAll();
    }, random() * 4_000);
    timers.add(timer);
  });
  coordinator.on('round', (report) => {
    reports.push(report);
    const how = report.outcome.type === 'committed' ? 'committed' : `void: ${report.outcome.code}`;
    if (report.outcome.type !== 'committed' || report.round % 10 === 0)
      say(`round ${report.round} of ${rounds} ${how}, attempts ${report.attempts}; ${counts.resets} resets so far`);
  });
  try {
    await coordinator.done;
    // The lines are still bad: some hear of the end late, or are stopped.
    const patience = setTimeout(() => void Promise.all(fleet.map((client) => client.stop())), 5_000);
    await Promise.all(ends);
    clearTimeout(patience);
    await coordinator.stop('the bar is over');
    const data = await openData({ directory: plan.directory, identity, limitBytes: 2 ** 40 });
    const index = new Map(Array.from({ length: clients }, (_, i) => [identityNumber(seed, i).id as string, i]));
    const findings = checkLog(
      [...data.store.events(1)],
      { heads: new Map(), models, joined },
      (hash) =>
        data.store.hasBlob(hash as Hash) ? weightsFromBytes(data.store.blob(hash as Hash), dimension) : undefined,
      (client) => index.get(client) ?? -1,
    );
    exportAudit(data.store, identity.id, join(root, 'export'));
    await data.close();
    const { problems } = await verifyAudit(await openExport(join(root, 'export')));
    const committed = reports.filter(({ outcome }) => outcome.type === 'committed');
    const aborted: Record<string, number> = {};
    for (const { outcome } of reports)
      if (outcome.type === 'void') aborted[outcome.code] = (aborted[outcome.code] ?? 0) + 1;
    const seconds = reports.map((report) => report.seconds).sort((a, b) => a - b);
    const committedShare = committed.length / rounds;
    const { acknowledgedLost, forks, countedTwice, wentBack } = findings;
    const bad = acknowledgedLost + forks + countedTwice + wentBack + problems.length + seen.guards + seen.lost;
    return {
      seed,
      rounds: reports.length,
      committed: committed.length,
      committedShare: Number(committedShare.toFixed(4)),
      aborted,
      inexact: countedTwice,
      dropped: committed.reduce((sum, { cohort: members, survivors }) => sum + members.length - survivors.length, 0),
      attempts: reports.reduce((sum, { attempts }) => sum + attempts, 0),
      resumed: seen.resumed,
      reconnects: seen.reconnects,
      faults: { ...counts, storms: seen.storms },
      guards: seen.guards,
      clientsLost: seen.lost,
      roundSeconds: {
        median: Number((seconds[seconds.length >> 1] ?? 0).toFixed(2)),
        worst: Number((seconds.at(-1) ?? 0).toFixed(2)),
      },
      says: [...findings.says, ...problems.map(String), ...trouble].slice(0, 20),
      ok:
        bad === 0 &&
        reports.length === rounds &&
        committed.length >= Math.floor(COMMITTED * rounds) &&
        aborted.INTERNAL === undefined,
    };
  } finally {
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(proxies.map((proxy) => proxy.close()));
    rmSync(root, { recursive: true, force: true });
  }
}
