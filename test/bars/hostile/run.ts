// Bar 3 (operations.md §7): the attacks of §3.2 one after the other against a coordinator with a memory limit, while honest clients run
// rounds. The limit must never be passed, and no honest client may be dropped. Not here: the attacks (attacks.ts).

import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TaskConfig } from '../../../protocol/task.js';
import { CoordinatorHost, openFilesLimit, spawn } from '../host/host.js';
import { LightClient, type LightOptions } from '../host/light-client.js';
import { identityNumber, killTask } from '../kill/setting.js';
import type { Fate } from './attack.js';
import type { FromAttacker, ToAttacker } from './attacker-process.js';
import { ATTACKS } from './attacks.js';
import type { FromHonest, HonestPlan, ToHonest } from './honest-process.js';
import { Probes } from './probes.js';

export interface HostileOptions {
  readonly honest: number;
  /** Of them in one round. */
  readonly cohort: number;
  /** Coordinates of the model. */
  readonly dimension: number;
  /** Of the attackers' counts, per cent. */
  readonly scale: number;
  /** Each attack holds on for so long. */
  readonly seconds: number;
  /** MB of resident memory that the coordinator may have. */
  readonly limit: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface AttackResult extends Fate {
  readonly name: string;
  readonly row: string;
  readonly count: number;
  readonly seconds: number;
  /** Most resident MB seen while it went on. */
  readonly peakMB: number;
  /** Of pings of authenticated clients meanwhile, ms. */
  readonly pingP99Ms: number;
  /** Rounds that committed meanwhile. */
  readonly rounds: number;
}
export interface HostileResult {
  readonly seed: number;
  readonly limitMB: number;
  /** Before the first attack, and the most that the kernel has seen. */
  readonly residentMB: { readonly before: number; readonly peak: number };
  readonly attacks: readonly AttackResult[];
  readonly honest: {
    readonly clients: number;
    /** Connections that were lost, guards that spoke, clients that gave up. */
    readonly dropped: number;
    readonly rounds: number;
    readonly voidRounds: number;
    /** Members of rounds that are in no sum. */
    readonly leftOut: number;
    readonly says: readonly string[];
  };
  /** Of pings of authenticated clients, ms; beside the attackers on the same cores. */
  readonly heartbeatMs: {
    readonly before: { readonly median: number; readonly p99: number };
    readonly attacked: { readonly median: number; readonly p99: number };
  };
  /** From the end of the attacks until somebody new gets in; absent: a minute was not enough. */
  readonly admittedAfterSeconds: number | undefined;
  readonly ok: boolean;
}

const PROBES = 3;
/** Of honest clients. */
const PROCESSES = 2;
/** V8's own limit: half of the budget, the other half is for what lies outside its heap. */
const HEAP_SHARE = 0.5;
const PHASE_MS = 60_000;

/** @throws Error where the machine lets a process open too few sockets */
export async function hostileBar(options: HostileOptions): Promise<HostileResult> {
  const { honest, cohort, dimension, scale, seconds, limit, seed, say } = options;
  const most = Math.max(...ATTACKS.map(({ count }) => (count > 100_000 ? 0 : count)));
  const sockets = Math.ceil((most * scale) / 100) + 300;
  if (openFilesLimit() < sockets) throw new Error(`needs \`ulimit -n ${sockets}\`; it is ${openFilesLimit()}`);
  const root = mkdtempSync(join(tmpdir(), 'sotto-hostile-'));
  const setting = killTask({ clients: honest, cohort, seed, directory: root, port: 0 });
  const windows = Object.keys(setting.windows).map((phase) => [
    phase,
    { count: { min: cohort, max: cohort }, time: { min: 0, max: PHASE_MS } },
  ]);
  const task: TaskConfig = { ...setting, dimension, windows: Object.fromEntries(windows) as TaskConfig['windows'] };
  const campaign = {
    rounds: 1_000_000,
    attemptsPerRound: 1,
    clients: { min: honest, waitMs: PHASE_MS },
    overSelection: 1,
    pauseMs: 0,
  };
  const limitBytes = limit * 1e6;
  const plan = { task, campaign, seed, directory: join(root, 'data'), memoryBytes: limitBytes, paused: false };
  const host = await CoordinatorHost.start(plan, Math.floor((limitBytes * HEAP_SHARE) / 2 ** 20));
  const fleet = Array.from({ length: PROCESSES }, () => spawn(new URL('./honest-process.js', import.meta.url)));
  const attacker = spawn(new URL('./attacker-process.js', import.meta.url));
  const dropped: string[] = [];
  const probes = new Probes();
  const ready = Promise.all(
    fleet.map(
      (one) =>
        new Promise<void>((resolve, reject) => {
          one.once('exit', () => reject(new Error('the honest clients ended')));
          one.on('message', (raw) => {
            const message = raw as FromHonest;
            if (message.type === 'ready') resolve();
            else dropped.push(`client ${message.client}: ${message.text}`);
          });
        }),
    ),
  );
  try {
    fleet.forEach((one, i) => {
      const [from = 0, to = 0] = [i, i + 1].map((n) => Math.floor((n * honest) / PROCESSES));
      one.send({ url: host.url, task: task.task, seed, from, to } satisfies HonestPlan);
    });
    await ready;
    const known = { url: host.url, coordinator: identityNumber(seed, -1).id, task: undefined };
    for (let i = 0; i < PROBES; i++) await probes.add({ ...known, identity: identityNumber(seed, honest + i) });
    await roundsFrom(host, 2);
    probes.beats();
    await new Promise((resolve) => setTimeout(resolve, Math.max(5_000, seconds * 2_000)));
    const quiet = probes.beats();
    const before = (await host.sample()).rss;
    say(`${honest} honest clients run rounds; ${Math.round(before / 1e6)} MB`);

    const results: AttackResult[] = [];
    const attacked: number[] = [];
    for (const [i, { name, row, count: full }] of ATTACKS.entries()) {
      const count = Math.max(1, Math.ceil((full * scale) / 100));
      const rounds = host.rounds.length;
      const began = performance.now();
      let peak = (await host.sample()).rss;
      const watching = setInterval(
        () => void host.sample().then(({ rss }) => (peak = Math.max(peak, rss)), ignore),
        100,
      );
      const target = { port: Number(new URL(host.url).port), id: identityNumber(seed, -1).id, task: task.task, seed };
      const fate = await under(attacker, { target, attack: i, count, seconds });
      clearInterval(watching);
      peak = Math.max(peak, (await host.sample()).rss);
      const beats = probes.beats();
      attacked.push(...beats);
      results.push({
        name,
        row,
        count,
        ...fate,
        seconds: Math.round((performance.now() - began) / 1_000),
        peakMB: Math.round(peak / 1e6),
        pingP99Ms: quantiles(beats).p99,
        rounds: host.rounds.length - rounds,
      });
      say(`${row} ${name}: ${count}, peak ${Math.round(peak / 1e6)} MB, closed ${JSON.stringify(fate.closed)}`);
    }
    // The last round that began under attack must end as well.
    await roundsFrom(host, host.rounds.length + 1);
    attacked.push(...probes.beats());
    const admitted = await newcomer({ ...known, identity: identityNumber(seed, honest + PROBES) });
    probes.end();
    dropped.push(...probes.lost);
    for (const one of fleet) one.send({ type: 'stop' } satisfies ToHonest);
    const peakBytes = host.peakBytes() ?? Math.max(...results.map(({ peakMB }) => peakMB * 1e6));
    const voidRounds = host.rounds.filter(({ code }) => code !== undefined);
    const leftOut = host.rounds.reduce((sum, { lost }) => sum + lost, 0);
    const says = [...dropped, ...voidRounds.map(({ round, code }) => `round ${round} void: ${code}`)];
    return {
      seed,
      limitMB: limit,
      residentMB: { before: Math.round(before / 1e6), peak: Math.round(peakBytes / 1e6) },
      attacks: results,
      honest: {
        clients: honest,
        dropped: dropped.length,
        rounds: host.rounds.length - voidRounds.length,
        voidRounds: voidRounds.length,
        leftOut,
        says: says.slice(0, 20),
      },
      heartbeatMs: { before: quantiles(quiet), attacked: quantiles(attacked) },
      admittedAfterSeconds: admitted,
      ok:
        peakBytes <= limitBytes &&
        admitted !== undefined &&
        dropped.length === 0 &&
        voidRounds.length === 0 &&
        leftOut === 0,
    };
  } finally {
    for (const child of [attacker, ...fleet]) child.kill('SIGKILL');
    await host.stop();
    rmSync(root, { recursive: true, force: true });
  }
}

const ignore = (): void => {};

/** @throws Error where no round ends for two minutes, or the coordinator dies */
async function roundsFrom(host: CoordinatorHost, count: number): Promise<void> {
  const until = performance.now() + 2 * PHASE_MS;
  while (host.rounds.length < count) {
    if (host.ended) throw new Error('the coordinator ended');
    if (performance.now() > until) throw new Error(`${host.rounds.length} rounds ended, and then no more`);
    await new Promise((resolve) => setTimeout(resolve, 100));
  }
}

async function newcomer(options: LightOptions): Promise<number | undefined> {
  const began = performance.now();
  while (performance.now() - began < 60_000) {
    const came = await LightClient.connect(options);
    if (came.type === 'in') {
      came.client.cut();
      return Number(((performance.now() - began) / 1_000).toFixed(1));
    }
    await new Promise((resolve) => setTimeout(resolve, 500));
  }
  return undefined;
}

function under(attacker: ReturnType<typeof spawn>, order: ToAttacker): Promise<Fate> {
  return new Promise((resolve, reject) => {
    const ended = (): void => reject(new Error('the attackers ended'));
    attacker.once('exit', ended);
    attacker.once('message', (raw) => {
      attacker.off('exit', ended);
      const message = raw as FromAttacker;
      if ('failed' in message) reject(new Error(message.failed));
      else resolve(message.fate);
    });
    attacker.send(order);
  });
}

function quantiles(values: readonly number[]): { median: number; p99: number } {
  const sorted = [...values].sort((a, b) => a - b);
  const at = (share: number): number => Number((sorted[Math.floor(share * (sorted.length - 1))] ?? 0).toFixed(1));
  return { median: at(0.5), p99: at(0.99) };
}
