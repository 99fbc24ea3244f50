// The coordinator that is killed: a real one on a port and a data directory. Tells its parent when it is ready, what it is doing,
// and every head that it was promised is durable. Not a test.

import type { AuditLog } from '../../../server/audit/log.js';
import { beginOpening } from '../../../server/data/begin.js';
import { identityNumber, type KillPlan, killTask } from './setting.js';

export type FromCoordinator =
  | { readonly type: 'ready' }
  | { readonly type: 'head'; readonly seq: number; readonly hash: string }
  | { readonly type: 'attempt'; readonly round: number; readonly attempt: number }
  | { readonly type: 'phase'; readonly phase: string }
  | { readonly type: 'round'; readonly round: number; readonly committed: boolean }
  | { readonly type: 'failed'; readonly text: string };

const tell = (message: FromCoordinator): void => {
  if (process.connected) process.send?.(message);
};

/** What was acknowledged, as the coordinator itself learns it. */
function observe(log: typeof AuditLog): void {
  const { record } = log.prototype;
  log.prototype.record = async function observed(...args) {
    const head = await record.apply(this, args);
    tell({ type: 'head', seq: head.seq, hash: head.hash });
    return head;
  };
}

process.once('disconnect', () => process.exit(1));
process.once('message', (message) => {
  void run(message as KillPlan).catch((error: unknown) => {
    tell({ type: 'failed', text: error instanceof Error ? (error.stack ?? error.message) : String(error) });
    process.exitCode = 1;
  });
});

async function run(plan: KillPlan): Promise<void> {
  // As `sotto coordinator` starts: the database is looked at while the rest is loaded.
  const begun = beginOpening(plan.directory, identityNumber(plan.seed, -1).id);
  const [{ startCoordinator }, { directoryPlace }, log] = await Promise.all([
    import('../../../server/index.js'),
    import('../../../server/audit/durable.js'),
    import('../../../server/audit/log.js'),
  ]);
  observe(log.AuditLog);
  let drawn = plan.seed;
  const coordinator = await startCoordinator({
    task: killTask(plan),
    initialWeights: new Float32Array(plan.clients),
    identity: identityNumber(plan.seed, -1),
    listen: { host: '127.0.0.1', port: plan.port },
    roster: { kind: 'open' },
    campaign: {
      rounds: 1_000_000,
      attemptsPerRound: 3,
      clients: { min: plan.cohort, waitMs: 20_000 },
      overSelection: 1,
      pauseMs: 0,
    },
    // mulberry32
    random: () => {
      drawn = (drawn + 0x6d2b79f5) | 0;
      let t = Math.imul(drawn ^ (drawn >>> 15), 1 | drawn);
      t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
      return ((t ^ (t >>> 14)) >>> 0) / 2 ** 32;
    },
    workers: 1,
    data: { directory: plan.directory, keptModels: 3, backupRounds: 20 },
    openData: directoryPlace(begun),
  });
  coordinator.on('attempt', ({ round, attempt }) => tell({ type: 'attempt', round, attempt }));
  coordinator.on('fact', ({ fact }) => fact.type === 'phase' && tell({ type: 'phase', phase: fact.phase }));
  coordinator.on('round', ({ round, outcome }) =>
    tell({ type: 'round', round, committed: outcome.type === 'committed' }),
  );
  tell({ type: 'ready' });
  process.on('SIGTERM', () => {
    void coordinator.stop('the bar is over').then(() => process.disconnect());
  });
  await coordinator.done;
}
