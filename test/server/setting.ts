// A coordinator on loopback with small real tasks, and a fleet of raw clients for it. Not a test.

import { generateIdentity } from '../../protocol/crypto/identity.js';
import { type ClientId, fromHex } from '../../protocol/ids.js';
import { nativePrimitives, nativeRng } from '../../protocol/native/index.js';
import type { TaskConfig } from '../../protocol/task.js';
import type { CampaignResult, ClientNotice, Coordinator, CoordinatorOptions, RoundReport } from '../../server/index.js';
import { inProcessEngine, startCoordinator } from '../../server/index.js';
import { gridUpdate } from '../protocol/world.js';
import { ManualClock } from './manual-clock.js';
import { RawClient, type RawClientOptions } from './raw-client.js';

export interface Setting {
  readonly coordinator: Coordinator;
  readonly clients: readonly RawClient[];
  readonly updates: readonly Float32Array<ArrayBuffer>[];
  readonly notices: ClientNotice[];
  readonly reports: RoundReport[];
  /** Everybody joins; resolves with the campaign's result; stops the coordinator. */
  run(): Promise<CampaignResult>;
  idOf(index: number): ClientId;
  /** Moves only when a test says so: deadlines pass because they are meant to, never because the machine is slow. */
  readonly clock: ManualClock;
  /** Does this once the condition holds; looks again and again. */
  when(condition: () => boolean, act: () => void): void;
  /** Facts so far, as text: `1.1 group 0 keys`. */
  readonly phases: string[];
}

export interface SettingOptions {
  readonly config: TaskConfig;
  readonly count?: number;
  readonly campaign?: Partial<CoordinatorOptions['campaign']>;
  readonly coordinator?: Partial<CoordinatorOptions>;
  readonly client?: (index: number) => Partial<RawClientOptions>;
}

export async function arrange({
  config,
  count,
  campaign,
  coordinator: extra,
  client,
}: SettingOptions): Promise<Setting> {
  const clock = new ManualClock();
  const total = count ?? config.group.size * config.group.count;
  const coordinator = await startCoordinator({
    task: config,
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds: 1,
      attemptsPerRound: 3,
      clients: { min: total, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
      ...campaign,
    },
    random: () => 0.5,
    engine: inProcessEngine(),
    clock,
    ...extra,
  });
  const phases: string[] = [];
  coordinator.on('fact', ({ round, attempt, fact }) => {
    if (fact.type === 'phase') phases.push(`${round}.${attempt} group ${fact.group} ${fact.phase}`);
  });
  const notices: ClientNotice[] = [];
  const reports: RoundReport[] = [];
  coordinator.on('client', (notice) => notices.push(notice));
  coordinator.on('round', (report) => reports.push(report));
  const updates = Array.from({ length: total }, (_, i) => Float32Array.from(gridUpdate(config.dimension, i)));
  const clients = updates.map(
    (update, i) =>
      new RawClient({
        url: coordinator.url,
        identity: generateIdentity(nativePrimitives, nativeRng),
        coordinator: fromHex(coordinator.id),
        update,
        ...client?.(i),
      }),
  );
  return {
    coordinator,
    clients,
    updates,
    notices,
    reports,
    clock,
    phases,
    when(condition, act) {
      const timer = setInterval(() => {
        if (!condition()) return;
        clearInterval(timer);
        act();
      }, 2);
      timer.unref();
    },
    // safe: tests ask for clients that they have arranged
    idOf: (index) => clients[index]!.identity.id,
    async run() {
      await Promise.all(clients.map((one) => one.join()));
      try {
        return await coordinator.done;
      } finally {
        for (const one of clients) one.bye();
        await coordinator.stop('the test is over');
      }
    },
  };
}

/** The mean of the updates of these clients, as the weights after one FedAvg round from zero. */
export function meanOf(setting: Setting, survivors: readonly ClientId[]): number[] {
  const rows = setting.updates.filter((_, i) => survivors.includes(setting.idOf(i)));
  const first = rows[0] ?? new Float32Array(0);
  return Array.from(first, (_, k) =>
    Math.fround(rows.reduce((sum, row) => sum + (row[k] ?? Number.NaN), 0) / rows.length),
  );
}
