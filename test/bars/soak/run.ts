// Bar 12 (operations.md §7), compressed: many short rounds of real clients on one coordinator with durable state, HTTP side and board. Once it
// is warm, nothing may rise: not memory after a collection beyond what a round leaves behind for good, not handles, not the time of a
// round. Not here: the statistics (slope.ts), the coordinator (host/).

import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskConfig } from '../../../protocol/task.js';
import { databaseOf, dataFileOf } from '../../../server/data/layout.js';
import { CoordinatorHost, type Sample, spawn } from '../host/host.js';
import type { FromHonest, HonestPlan } from '../hostile/honest-process.js';
import { killTask } from '../kill/setting.js';
import { type Slope, slopeOf } from './slope.js';

export interface SoakOptions {
  readonly rounds: number;
  readonly clients: number;
  readonly cohort: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface SoakResult {
  readonly seed: number;
  readonly rounds: number;
  readonly voidRounds: number;
  readonly clients: number;
  readonly cohort: number;
  readonly samples: number;
  /** Of heap and buffers after a collection, bytes for each round. */
  readonly memory: Slope;
  /** Resident, bytes for each round. */
  readonly resident: Slope;
  readonly handles: Slope;
  /** Seconds of one round, for each round. */
  readonly roundSeconds: Slope;
  /** Of the database file at the end, for each client round. */
  readonly storeBytesPerClientRound: number;
  readonly missed: readonly string[];
  readonly ok: boolean;
}

/**
 * What may rise for each round: the chain record, the report and the board's row of the round stay in memory by design, some kilobytes.
 * Handles and round time may not rise at all: over the whole run by less than one handle, and by less than a tenth of a round.
 */
export const LEFT_BEHIND = { bytes: 300, bytesPerMember: 400 } as const;
const SAMPLES = 60;
/** Of the run, before anything is looked at. */
const WARM_UP = 0.25;
const PHASE_MS = 60_000;

export async function soakBar({ rounds, clients, cohort, seed, say }: SoakOptions): Promise<SoakResult> {
  const root = mkdtempSync(join(tmpdir(), 'sotto-soak-'));
  const setting = killTask({ clients, cohort, seed, directory: root, port: 0 });
  const windows = Object.entries(setting.windows).map(([phase, { count }]) => [
    phase,
    { count, time: { min: 0, max: PHASE_MS } },
  ]);
  const task: TaskConfig = { ...setting, windows: Object.fromEntries(windows) as TaskConfig['windows'] };
  const campaign = {
    rounds: 1_000_000,
    attemptsPerRound: 2,
    clients: { min: clients, waitMs: PHASE_MS },
    overSelection: 1,
    pauseMs: 0,
  };
  const directory = join(root, 'data');
  const host = await CoordinatorHost.start({ task, campaign, seed, directory, memoryBytes: undefined, paused: false });
  const fleet = spawn(new URL('../hostile/honest-process.js', import.meta.url));
  const trouble: string[] = [];
  fleet.on('message', (raw) => {
    const message = raw as FromHonest;
    if (message.type === 'dropped') trouble.push(`client ${message.client}: ${message.text}`);
  });
  const samples: { readonly round: number; readonly sample: Sample }[] = [];
  try {
    fleet.send({ url: host.url, task: task.task, seed, from: 0, to: clients } satisfies HonestPlan);
    const every = Math.max(1, Math.floor(rounds / SAMPLES));
    let next = every;
    let quietSince = performance.now();
    while (host.rounds.length < rounds) {
      await new Promise((resolve) => setTimeout(resolve, 20));
      if (host.ended) throw new Error('the coordinator ended');
      if (host.rounds.length >= next) {
        samples.push({ round: host.rounds.length, sample: await host.sample(true) });
        next = host.rounds.length + every;
        quietSince = performance.now();
        if (samples.length % 10 === 0) say(`${host.rounds.length} of ${rounds} rounds`);
      }
      if (performance.now() - quietSince > 5 * PHASE_MS) throw new Error(`no round ends after ${host.rounds.length}`);
    }
    const warm = samples.filter(({ round }) => round >= WARM_UP * rounds);
    const slope = (of: (sample: Sample) => number): Slope =>
      slopeOf(
        warm.map(({ round }) => round),
        warm.map(({ sample }) => of(sample)),
      );
    const told = host.rounds.slice(Math.ceil(WARM_UP * rounds), rounds);
    const figures = {
      memory: slope(({ heapUsed, external }) => heapUsed + external),
      resident: slope(({ rss }) => rss),
      handles: slope(({ handles }) => handles),
      roundSeconds: slopeOf(
        told.map(({ round }) => round),
        told.map(({ seconds }) => seconds),
      ),
    };
    const voidRounds = host.rounds.filter(({ code }) => code !== undefined).length;
    const missed = [
      figures.memory.atLeast > LEFT_BEHIND.bytes + LEFT_BEHIND.bytesPerMember * cohort && 'memory',
      figures.handles.atLeast * rounds > 1 && 'handles',
      figures.roundSeconds.atLeast * rounds > figures.roundSeconds.mean / 10 && 'round time',
      voidRounds > 0 && 'void rounds',
      trouble.length > 0 && `clients: ${trouble[0]}`,
    ].filter((one) => one !== false);
    return {
      seed,
      rounds,
      voidRounds,
      clients,
      cohort,
      samples: warm.length,
      ...rounded(figures),
      storeBytesPerClientRound: Math.round(
        statSync(dataFileOf(databaseOf(directory))).size / host.rounds.length / cohort,
      ),
      missed,
      ok: missed.length === 0,
    };
  } finally {
    fleet.kill('SIGKILL');
    await host.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

function rounded<K extends string>(slopes: Record<K, Slope>): Record<K, Slope> {
  const short = (value: number): number => Number(value.toPrecision(4));
  const all = Object.entries<Slope>(slopes).map(([name, { slope, atLeast, mean }]) => [
    name,
    { slope: short(slope), atLeast: short(atLeast), mean: short(mean) },
  ]);
  return Object.fromEntries(all) as Record<K, Slope>; // safe: the same names
}
