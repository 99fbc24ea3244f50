// A coordinator in a process of its own, for bars that measure its memory and its time: with durable state, the HTTP side and the board,
// as `sotto coordinator` runs it. Not a test. Not here: the parent's side (host.ts).

import { monitorEventLoopDelay } from 'node:perf_hooks';
import { createHttp, startCoordinator } from '../../../server/index.js';
import { identityNumber } from '../kill/setting.js';
import { generator } from '../random.js';
import type { FromHost, HostPlan, Sample, ToHost } from './host.js';

const tell = (message: FromHost): void => {
  if (process.connected) process.send?.(message);
};
/** Between two fires of the timer that measures the event loop; what it waits longer than this is delay. */
const LOOK_MS = 5;
const HOST = '127.0.0.1';

process.once('disconnect', () => process.exit(1));
process.once('message', (message) => {
  void run(message as HostPlan).catch((error: unknown) => {
    tell({ type: 'failed', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exitCode = 1;
  });
});

async function run(plan: HostPlan): Promise<void> {
  const { task, campaign, seed, directory, memoryBytes, paused } = plan;
  const http = createHttp({ tokens: [], listenHost: HOST });
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(task.dimension),
    identity: identityNumber(seed, -1),
    listen: { host: HOST, port: 0 },
    roster: { kind: 'open' },
    campaign,
    random: generator(seed),
    workers: 1,
    data: { directory, keptModels: 3, backupRounds: 0 },
    ...(memoryBytes !== undefined && { memoryBytes }),
    fetch: http.fetch,
  });
  const { attached } = http.attach(coordinator, { task, campaign, evaluates: false, version: 'bar' });
  if (paused) coordinator.admin.pause({ by: 'bar', reason: 'nobody trains here' });
  coordinator.on('attempt', ({ round, attempt }) => tell({ type: 'attempt', round, attempt }));
  coordinator.on('round', ({ round, outcome, cohort, survivors, seconds }) =>
    tell({
      type: 'round',
      round,
      code: outcome.type === 'committed' ? undefined : outcome.code,
      lost: cohort.length - survivors.length,
      seconds,
    }),
  );
  const loop = monitorEventLoopDelay({ resolution: LOOK_MS });
  loop.enable();
  let cpu = process.cpuUsage();
  let since = performance.now();
  const sample = (): Sample => {
    const used = process.cpuUsage(cpu);
    const ms = performance.now() - since;
    cpu = process.cpuUsage();
    since = performance.now();
    const { rss, heapUsed, external, arrayBuffers } = process.memoryUsage();
    const result = {
      rss,
      heapUsed,
      external,
      arrayBuffers,
      cpuShare: (used.user + used.system) / 1_000 / ms,
      loopP99Ms: Math.max(0, loop.percentile(99) / 1e6 - LOOK_MS),
      connected: coordinator.admin.status().connected,
      checkedIn: coordinator.admin.status().checkedIn,
      handles: process.getActiveResourcesInfo().length,
    };
    loop.reset();
    return result;
  };
  process.on('message', (raw) => {
    const message = raw as ToHost;
    if (message.type === 'sample') {
      // First: what it leaves behind is collected as well.
      attached.refresh();
      // Three times: weak references and finalisers take more than one.
      if (message.collect) for (let i = 0; i < 3; i++) globalThis.gc?.();
      tell({ type: 'sample', sample: sample() });
    }
    if (message.type === 'stop')
      void coordinator.stop('the bar is over').then(() => {
        http.close();
        process.disconnect();
      });
  });
  tell({ type: 'ready', url: coordinator.url, code: http.startCode() ?? '' });
  coordinator.done.catch((error: unknown) => tell({ type: 'failed', text: String(error) }));
}
