// The coordinator of the reconnect bar: a real one on a port and a data directory, in which no round starts. Tells its parent of every
// handshake that it finishes. Not a test.

import { startCoordinator } from '../../../server/index.js';
import { identityNumber, killTask } from '../kill/setting.js';

export interface ReconnectPlan {
  readonly seed: number;
  readonly directory: string;
  /** 0: any. */
  readonly port: number;
}
export type FromCoordinator =
  | { readonly type: 'ready'; readonly port: number }
  /** Handshakes that ended since it was last told, at these times: milliseconds since 1970. */
  | { readonly type: 'came'; readonly at: readonly number[]; readonly connected: number }
  | { readonly type: 'failed'; readonly text: string };

const TELL_MS = 200;

const tell = (message: FromCoordinator): void => {
  if (process.connected) process.send?.(message);
};

process.once('disconnect', () => process.exit(1));
process.once('message', (message) => {
  void run(message as ReconnectPlan).catch((error: unknown) => {
    tell({ type: 'failed', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exitCode = 1;
  });
});

async function run({ seed, directory, port }: ReconnectPlan): Promise<void> {
  const task = killTask({ clients: 10, cohort: 10, seed, directory, port });
  const coordinator = await startCoordinator({
    task,
    initialWeights: new Float32Array(task.dimension),
    identity: identityNumber(seed, -1),
    listen: { host: '127.0.0.1', port },
    roster: { kind: 'open' },
    campaign: {
      rounds: 1,
      attemptsPerRound: 1,
      clients: { min: 10, waitMs: 3_600_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    random: Math.random,
    workers: 1,
    data: { directory, keptModels: 1, backupRounds: 0 },
  });
  coordinator.admin.pause({ by: 'bar', reason: 'nobody trains here' });
  let came: number[] = [];
  coordinator.on('client', (notice) => {
    if (notice.type === 'connected') came.push(Date.now());
  });
  const telling = setInterval(() => {
    tell({ type: 'came', at: came, connected: coordinator.admin.status().checkedIn });
    came = [];
  }, TELL_MS);
  process.on('message', () => {
    clearInterval(telling);
    void coordinator.stop('the bar says so').then(() => process.disconnect());
  });
  tell({ type: 'ready', port: Number(new URL(coordinator.url).port) });
}
