// Bar 4 (operations.md §7): thousands of authenticated clients on one coordinator. What each costs in memory, how long all need to come in
// and to come back at once, what their heartbeats cost, and whether metrics and dashboard stay quick. Not here: the clients
// (clients-process.ts), the coordinator (host/).

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { MAX_POOL } from '../../../protocol/limits.js';
import { CoordinatorHost, openFilesLimit, spawn } from '../host/host.js';
import type { LightOptions } from '../host/light-client.js';
import { ThinClient } from '../host/thin-client.js';
import { identityNumber, killTask } from '../kill/setting.js';
import { watchFeed } from './admin.js';
import { type CrowdPlan, type FromCrowd, next, type ToCrowd } from './clients-process.js';

export interface CrowdOptions {
  readonly clients: number;
  /** Seconds of heartbeats. */
  readonly seconds: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface Storm {
  readonly seconds: number;
  readonly handshakesPerSecond: number;
  /** Tries that came to nothing, by what was said: `busy`, or that the handshake took too long. */
  readonly again: Readonly<Record<string, number>>;
  readonly handshakeMs: { readonly median: number; readonly p99: number };
  /** Of the coordinator: what it would have taken with a core of its own. */
  readonly cpuSeconds: number;
  /** Of the clients' side, on the same machine. */
  readonly clientsCpuSeconds: number;
}
export interface CrowdResult {
  readonly seed: number;
  readonly clients: number;
  /** Resident bytes of the coordinator after a collection, before and after; the difference for each client. */
  readonly bytesPerClient: number;
  readonly heapBytesPerClient: number;
  readonly residentMiB: { readonly before: number; readonly after: number; readonly peak: number };
  readonly connect: Storm;
  /** Everybody cut, and back at once. */
  readonly reconnect: Storm;
  readonly idle: {
    readonly seconds: number;
    readonly cpuShare: number;
    readonly loopP99Ms: number;
    readonly lost: number;
    /** Frames of the dashboard's feed, while somebody comes and goes, so that each has something to say. */
    readonly feedPerSecond: number;
  };
  readonly metrics: { readonly worstMs: number; readonly medianMs: number; readonly kilobytes: number };
  /** Which targets of operations.md are missed. */
  readonly missed: readonly string[];
  readonly ok: boolean;
}

export const TARGETS = {
  bytesPerClient: 20_000,
  stormSeconds: 8,
  idleCpuShare: 0.05,
  loopP99Ms: 50,
  /** At most one each 250 ms: the feed's own timer makes them a little fewer than four. */
  feedPerSecond: 3.5,
  metricsMs: 20,
  metricsKilobytes: 200,
} as const;

/** Handshakes at a time. All 10,000 at once would be told to come back by 1,024 at a time, and need longer. */
const IN_FLIGHT = 256;

const GUEST_MS = 250;

/** Of clients. One leaves the other core to the coordinator. */
const PROCESSES = 1;

/** @throws Error where the machine lets a process open too few sockets */
export async function crowdBar({ clients, seconds, seed, say }: CrowdOptions): Promise<CrowdResult> {
  const limit = openFilesLimit();
  if (limit < clients + 200) throw new Error(`${clients} sockets need \`ulimit -n ${clients + 200}\`; it is ${limit}`);
  if (clients > MAX_POOL) throw new Error(`a coordinator keeps at most ${MAX_POOL} clients`);
  const directory = mkdtempSync(join(tmpdir(), 'sotto-crowd-'));
  const task = { ...killTask({ clients: 10, cohort: 10, seed, directory, port: 0 }), dimension: 1_000 };
  const campaign = {
    rounds: 1,
    attemptsPerRound: 1,
    clients: { min: 10, waitMs: 3_600_000 },
    overSelection: 1,
    pauseMs: 0,
  };
  const plan = { task, campaign, seed, directory: join(directory, 'data'), memoryBytes: undefined, paused: true };
  const fleet: ChildProcess[] = [];
  const host = await CoordinatorHost.start(plan);
  try {
    const crowd = { url: host.url, task: task.task, seed, inFlight: IN_FLIGHT / PROCESSES };
    for (let i = 0; i < PROCESSES; i++) {
      const [from = 0, to = 0] = [i, i + 1].map((n) => Math.floor((n * clients) / PROCESSES));
      const child = spawn(new URL('./clients-process.js', import.meta.url));
      fleet.push(child);
      const prepared = next(child, 'prepared');
      child.send({ ...crowd, from, to } satisfies CrowdPlan);
      await prepared;
    }
    let lost = 0;
    for (const child of fleet)
      child.on('message', (raw) => {
        if ((raw as FromCrowd).type === 'lost') lost++;
      });
    const before = await host.sample(true);
    const connect = await storm(host, fleet, clients);
    say(`${clients} in after ${connect.seconds} s`);
    const after = await host.sample(true);
    if (after.checkedIn !== clients) throw new Error(`${after.checkedIn} of ${clients} clients are checked in`);

    const feed = await watchFeed(host.url, host.code);
    const guest = comeAndGo({
      url: host.url,
      identity: identityNumber(seed, clients),
      coordinator: identityNumber(seed, -1).id,
    });
    await host.sample();
    const asked: { ms: number; bytes: number }[] = [];
    const until = performance.now() + seconds * 1_000;
    const idle: { cpuShare: number; loopP99Ms: number }[] = [];
    while (performance.now() < until) {
      await new Promise((resolve) => setTimeout(resolve, Math.min(5_000, until - performance.now())));
      // Before the scrape, which is measured by itself.
      idle.push(await host.sample());
      asked.push(await scrape(host.url));
      await host.sample();
    }
    feed.stop();
    await guest.stop();
    const idleLost = lost;
    say(`${seconds} s of heartbeats: ${idleLost} lost`);
    const cut = clients;
    for (const child of fleet) child.send({ type: 'cut' } satisfies ToCrowd);
    const reconnect = await storm(host, fleet, cut);
    say(`${clients} back after ${reconnect.seconds} s`);
    const mean = (of: (one: (typeof idle)[number]) => number): number =>
      idle.reduce((sum, one) => sum + of(one), 0) / Math.max(1, idle.length);
    const times = asked.map(({ ms }) => ms).sort((a, b) => a - b);
    const MiB = 2 ** 20;
    const figures = {
      bytesPerClient: Math.round((after.rss - before.rss) / clients),
      heapBytesPerClient: Math.round((after.heapUsed - before.heapUsed) / clients),
      residentMiB: {
        before: Math.round(before.rss / MiB),
        after: Math.round(after.rss / MiB),
        peak: Math.round((host.peakBytes() ?? Number.NaN) / MiB),
      },
      connect,
      reconnect,
      idle: {
        seconds,
        cpuShare: Number(mean(({ cpuShare }) => cpuShare).toFixed(4)),
        loopP99Ms: Number(Math.max(0, ...idle.map(({ loopP99Ms }) => loopP99Ms)).toFixed(1)),
        lost: idleLost,
        feedPerSecond: Number((feed.frames / seconds).toFixed(2)),
      },
      metrics: {
        worstMs: Number((times.at(-1) ?? 0).toFixed(1)),
        medianMs: Number((times[times.length >> 1] ?? 0).toFixed(1)),
        kilobytes: Number((Math.max(0, ...asked.map(({ bytes }) => bytes)) / 1_000).toFixed(1)),
      },
    };
    const missed = [
      figures.bytesPerClient > TARGETS.bytesPerClient && `bytes per client: ${TARGETS.bytesPerClient}`,
      connect.seconds > TARGETS.stormSeconds && `connect storm: ${TARGETS.stormSeconds} s`,
      figures.idle.cpuShare > TARGETS.idleCpuShare && `heartbeats: ${TARGETS.idleCpuShare} of a core`,
      figures.idle.loopP99Ms > TARGETS.loopP99Ms && `event loop: p99 ${TARGETS.loopP99Ms} ms`,
      figures.idle.feedPerSecond < TARGETS.feedPerSecond && `dashboard: ${TARGETS.feedPerSecond} frames/s`,
      figures.metrics.medianMs > TARGETS.metricsMs && `metrics: ${TARGETS.metricsMs} ms`,
      figures.metrics.kilobytes > TARGETS.metricsKilobytes && `metrics: ${TARGETS.metricsKilobytes} kB`,
      idleLost > 0 && 'lost clients: none',
    ].filter((one) => one !== false);
    return { seed, clients, ...figures, missed, ok: missed.length === 0 };
  } finally {
    for (const child of fleet) child.kill('SIGKILL');
    await host.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

/** One more client, outside the pool, who is there every other quarter of a second. */
function comeAndGo(who: Omit<LightOptions, 'task'>): { stop(): Promise<void> } {
  let going = true;
  const pause = (): Promise<void> => new Promise((resolve) => setTimeout(resolve, GUEST_MS));
  const all = (async () => {
    while (going) {
      const came = await ThinClient.connect({ ...who, task: undefined });
      await pause();
      if (came.type === 'in') came.client.cut();
      await pause();
    }
  })();
  return {
    stop() {
      going = false;
      return all;
    },
  };
}

async function storm(host: CoordinatorHost, fleet: readonly ChildProcess[], clients: number): Promise<Storm> {
  await host.sample();
  const began = performance.now();
  const coming = fleet.map((child) => next(child, 'in'));
  for (const child of fleet) child.send({ type: 'connect' } satisfies ToCrowd);
  const all = await Promise.all(coming);
  const seconds = (performance.now() - began) / 1_000;
  const { cpuShare } = await host.sample();
  const again: Record<string, number> = {};
  for (const [why, times] of all.flatMap((one) => Object.entries(one.again))) again[why] = (again[why] ?? 0) + times;
  return {
    seconds: Number(seconds.toFixed(2)),
    handshakesPerSecond: Math.round(clients / seconds),
    again,
    handshakeMs: {
      median: Math.max(...all.map(({ handshakeMs }) => handshakeMs.median)),
      p99: Math.max(...all.map(({ handshakeMs }) => handshakeMs.p99)),
    },
    cpuSeconds: Number((cpuShare * seconds).toFixed(2)),
    clientsCpuSeconds: Number((all.reduce((sum, { cpuMs }) => sum + cpuMs, 0) / 1_000).toFixed(2)),
  };
}

async function scrape(url: string): Promise<{ ms: number; bytes: number }> {
  const began = performance.now();
  const answer = await fetch(`${url.replace(/^ws/, 'http')}/metrics`);
  const text = await answer.text();
  if (!answer.ok) throw new Error(`/metrics says ${answer.status}`);
  return { ms: performance.now() - began, bytes: text.length };
}
