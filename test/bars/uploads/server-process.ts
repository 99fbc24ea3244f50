// The receiving side of the upload bar, in a process of its own: a real coordinator, and beside it a bare websocket server and a bare TCP
// server that only count, for comparison in the same process. Not a test.

import { createServer } from 'node:net';
import { WebSocketServer } from 'ws';
import { startCoordinator } from '../../../server/index.js';
import { identityNumber, STEP, type UploadPlan, uploadTask } from './setting.js';

export type ToServer =
  | { readonly type: 'plan'; readonly plan: UploadPlan; readonly inputBytes: number }
  /** Starts counting anew. */
  | { readonly type: 'mark' }
  | { readonly type: 'stop' };
export type FromServer =
  | { readonly type: 'ready'; readonly url: string; readonly ws: number; readonly tcp: number }
  /** Since the mark before: CPU seconds of the process, threads included; and the most memory, bytes, now and at that mark. */
  | { readonly type: 'marked'; readonly cpu: number; readonly rss: number; readonly rssBefore: number }
  /** R3 has closed in every group. */
  | { readonly type: 'taken'; readonly round: number }
  | { readonly type: 'round'; readonly round: number; readonly survivors: number; readonly attempts: number }
  | { readonly type: 'finished'; readonly exact: boolean }
  | { readonly type: 'failed'; readonly text: string };

const tell = (message: FromServer): void => {
  if (process.connected) process.send?.(message);
};

process.once('disconnect', () => process.exit(0));
process.once('message', (message: ToServer) => {
  if (message.type !== 'plan') return;
  run(message.plan, message.inputBytes).catch((error: unknown) => {
    tell({ type: 'failed', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
  });
});

async function run(plan: UploadPlan, inputBytes: number): Promise<void> {
  const rounds = plan.rounds + plan.cutRounds;
  const task = uploadTask(plan);
  let drawn = plan.seed;
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(plan.dimension),
    identity: identityNumber(plan.seed, -1),
    listen: { host: '127.0.0.1', port: 0 },
    roster: { kind: 'open' },
    campaign: {
      rounds,
      attemptsPerRound: 1,
      clients: { min: plan.clients, waitMs: 120_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    random: () => {
      drawn = (Math.imul(drawn, 1_664_525) + 1_013_904_223) | 0;
      return (drawn >>> 0) / 2 ** 32;
    },
    workers: 1,
  });
  const groups = task.group.count;
  let committed = 0;
  coordinator.on('attempt', () => {
    committed = 0;
  });
  coordinator.on('fact', ({ round, fact }) => {
    if (fact.type === 'phase' && fact.phase === 'committed' && ++committed === groups) tell({ type: 'taken', round });
  });
  coordinator.on('round', ({ round, survivors, attempts }) =>
    tell({ type: 'round', round, survivors: survivors.length, attempts }),
  );
  tell({ type: 'ready', url: coordinator.url, ws: await bareWebsocket(inputBytes), tcp: await bareTcp(inputBytes) });
  watch();
  process.on('message', (message: ToServer) => {
    if (message.type === 'stop') void coordinator.stop('the bar is over').then(() => process.disconnect());
  });
  await coordinator.done;
  // Everybody's step in every round, and nothing else, whatever was cut.
  const expected = new Float32Array(plan.dimension);
  for (let round = 0; round < rounds; round++)
    for (let i = 0; i < plan.clients; i++) expected[i] = Math.fround((expected[i] ?? 0) + STEP / plan.clients);
  const model = coordinator.model();
  tell({ type: 'finished', exact: model.every((value, i) => value === expected[i]) });
}

function watch(): void {
  let cpu = process.cpuUsage();
  let before = process.memoryUsage.rss();
  let most = before;
  setInterval(() => {
    most = Math.max(most, process.memoryUsage.rss());
  }, 100).unref();
  process.on('message', (message: ToServer) => {
    if (message.type !== 'mark') return;
    const used = process.cpuUsage(cpu);
    const rss = Math.max(most, process.memoryUsage.rss());
    tell({ type: 'marked', cpu: (used.user + used.system) / 1e6, rss, rssBefore: before });
    cpu = process.cpuUsage();
    before = process.memoryUsage.rss();
    most = before;
  });
}

/** Answers with one byte for each input that has come whole. */
function bareWebsocket(inputBytes: number): Promise<number> {
  const server = new WebSocketServer({ port: 0, host: '127.0.0.1', perMessageDeflate: false, maxPayload: 1 << 20 });
  server.on('connection', (socket) => {
    let bytes = 0;
    socket.on('message', (data: Buffer) => {
      bytes += data.length;
      for (; bytes >= inputBytes; bytes -= inputBytes) socket.send(new Uint8Array(1));
    });
  });
  return new Promise((resolve) => {
    server.once('listening', () => resolve((server.address() as { port: number }).port)); // safe: it listens on TCP
  });
}

function bareTcp(inputBytes: number): Promise<number> {
  const server = createServer((socket) => {
    let bytes = 0;
    socket.on('error', () => {});
    socket.on('data', (data) => {
      bytes += data.length;
      for (; bytes >= inputBytes; bytes -= inputBytes) socket.write(new Uint8Array(1));
    });
  });
  return new Promise((resolve) => {
    server.listen(0, '127.0.0.1', () => resolve((server.address() as { port: number }).port)); // safe: as above
  });
}
