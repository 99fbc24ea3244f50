// One campaign of the network bar: a coordinator, and clients of which each has a bad line of its own. Each client moves a coordinate of
// its own, so every committed sum is compared with the exact one of its recorded survivors; what does not commit must say why.
// Not here: the proxy (proxy.ts), how bad the lines are (lines.ts), several campaigns at once and the verdict (run.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { weightsFromBytes } from '../../../protocol/chain/model.js';
import type { Hash } from '../../../protocol/ids.js';
import type { RoundFact } from '../../../protocol/round/types.js';
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

export interface CampaignPlan {
  readonly rounds: number;
  readonly clients: number;
  readonly cohort: number;
  /** Coordinates of the model. */
  readonly dimension: number;
  /** Rounds between two moments at which every connection is reset at once; 0: never. */
  readonly storm: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface Faults extends Counts {
  storms: number;
}
export interface CampaignFindings {
  readonly reports: readonly RoundReport[];
  /** Why attempts failed, those of rounds that committed later included: the coordinator's own words. */
  readonly failures: readonly string[];
  /** Sums that are not exactly those of their survivors. */
  readonly inexact: number;
  readonly resumed: number;
  readonly reconnects: number;
  readonly faults: Faults;
  readonly guards: number;
  readonly clientsLost: number;
  /** Milliseconds that groups were in each phase. */
  readonly phases: ReadonlyMap<string, readonly number[]>;
  /** Whatever must not be, in words. */
  readonly problems: readonly string[];
}

/** A phase waits so long: a line of 256 KiB/s, an upload that is cut, and a client that comes back after a second. */
const PHASE_MS = 20_000;
/** After the campaign: the lines are still bad, so some hear of the end late, or are stopped. */
const PATIENCE_MS = 5_000;

export async function networkCampaign(plan: CampaignPlan): Promise<CampaignFindings> {
  const root = mkdtempSync(join(tmpdir(), 'sotto-network-'));
  try {
    return await run(plan, root);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

async function run({ rounds, clients, cohort, dimension, storm, seed, say }: CampaignPlan, root: string) {
  const directory = join(root, 'data');
  const config = taskOf({ clients, cohort, dimension });
  const { inputBytes } = deriveTask(config);
  const identity = identityNumber(seed, -1);
  const random = generator(seed);
  const failures: string[] = [];
  const phases = new PhaseTimes();
  const nothing = (): void => {};
  const coordinator = await startCoordinator({
    task: config,
    initialWeights: new Float32Array(dimension),
    identity,
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: { rounds, attemptsPerRound: 3, clients: { min: cohort, waitMs: 60_000 }, overSelection: 1, pauseMs: 0 },
    random,
    engine: inProcessEngine(),
    data: { directory, keptModels: 3, backupRounds: 0 },
    log: {
      debug: nothing,
      info: nothing,
      error: nothing,
      warn: (fields, text) => {
        if (text === 'attempt failed') failures.push(failureText(fields));
      },
    },
  });
  const faults: Faults = { connections: 0, resets: 0, deaf: 0, stalls: 0, bytes: 0, storms: 0 };
  const reports: RoundReport[] = [];
  const trouble: string[] = [];
  const models = new Map<number, Set<string>>();
  const joined = new Set<string>();
  const seen = { guards: 0, lost: 0, resumed: 0, reconnects: 0 };
  const target = Number(new URL(coordinator.url).port);
  const proxies = await Promise.all(
    Array.from({ length: clients }, (_, i) => {
      const own = generator(seed * 1_000 + i);
      return BadLine.open(target, () => lineOf(i, inputBytes, own), own, faults);
    }),
  );
  const fleet = proxies.map(({ port }, index) => {
    const client = new FederatedClient({
      url: `ws://127.0.0.1:${port}`,
      identity: identityNumber(seed, index),
      coordinator: identity.id,
      task: config.task,
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
      faults.storms++;
      for (const proxy of proxies) proxy.resetAll();
    }, random() * 4_000);
    timers.add(timer);
  });
  coordinator.on('fact', ({ fact }) => phases.hear(fact));
  coordinator.on('round', (report) => {
    reports.push(report);
    const { round, attempts, outcome } = report;
    if (outcome.type === 'committed' && round % 10 !== 0) return;
    const how = outcome.type === 'committed' ? 'committed' : `void: ${outcome.code}, ${outcome.text}`;
    say(`round ${round} of ${rounds} ${how}, attempts ${attempts}; ${faults.resets} resets so far`);
  });
  try {
    await coordinator.done;
    const patience = setTimeout(() => void Promise.all(fleet.map((client) => client.stop())), PATIENCE_MS);
    await Promise.all(ends);
    clearTimeout(patience);
    await coordinator.stop('the bar is over');
  } finally {
    for (const timer of timers) clearTimeout(timer);
    await Promise.all(proxies.map((proxy) => proxy.close()));
  }
  const data = await openData({ directory, identity, limitBytes: 2 ** 40 });
  const index = new Map(Array.from({ length: clients }, (_, i) => [identityNumber(seed, i).id as string, i]));
  const { says, countedTwice } = checkLog(
    [...data.store.events(1)],
    { heads: new Map(), models, joined },
    (hash) =>
      data.store.hasBlob(hash as Hash) ? weightsFromBytes(data.store.blob(hash as Hash), dimension) : undefined,
    (client) => index.get(client) ?? -1,
  );
  exportAudit(data.store, identity.id, join(root, 'export'));
  await data.close();
  const audit = await verifyAudit(await openExport(join(root, 'export')));
  return {
    reports,
    failures,
    inexact: countedTwice,
    resumed: seen.resumed,
    reconnects: seen.reconnects,
    faults,
    guards: seen.guards,
    clientsLost: seen.lost,
    phases: phases.times,
    problems: [...says, ...audit.problems.map(String), ...trouble],
  };
}

function taskOf({ clients, cohort, dimension }: Pick<CampaignPlan, 'clients' | 'cohort' | 'dimension'>): TaskConfig {
  const task = killTask({ clients, cohort, seed: 0, directory: '', port: 0 });
  const windows = Object.entries(task.windows).map(([phase, one]) => [
    phase,
    { ...one, time: { min: 0, max: PHASE_MS } },
  ]);
  return { ...task, dimension, windows: Object.fromEntries(windows) as TaskConfig['windows'] };
}

function failureText(fields: object): string {
  const { round, attempt, code, text } = fields as Readonly<Record<string, unknown>>;
  return `${round}.${attempt}: ${code}, ${text}`;
}

/** How long the one group of a cohort is in each phase. */
class PhaseTimes {
  readonly times = new Map<string, number[]>();
  #phase = '';
  #since = 0;

  hear(fact: RoundFact): void {
    if (fact.type !== 'phase') return;
    if (this.#phase !== '' && fact.phase !== 'keys') {
      const times = this.times.get(this.#phase) ?? [];
      times.push(fact.at - this.#since);
      this.times.set(this.#phase, times);
    }
    this.#phase = fact.phase;
    this.#since = fact.at;
  }
}
