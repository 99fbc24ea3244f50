// Real clients for the kill bar, many in one process, over real sockets. They reconnect by themselves and follow the whole model
// chain; whatever a guard of theirs says is told to the parent. Not a test.

import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { STEP } from '../../../simulations/world/check-log.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { identityNumber, type KillPlan } from './setting.js';

export interface ClientsPlan extends KillPlan {
  readonly from: number;
  readonly to: number;
}
export type FromClients =
  | { readonly type: 'model'; readonly client: number; readonly round: number; readonly model: string }
  | { readonly type: 'joined'; readonly round: number; readonly attempt: number }
  | { readonly type: 'guard'; readonly client: number; readonly code: string; readonly text: string }
  | { readonly type: 'ended'; readonly client: number; readonly text: string };

const tell = (message: FromClients): void => {
  if (process.connected) process.send?.(message);
};

process.once('disconnect', () => process.exit(0));
process.once('message', (message) => {
  const plan = message as ClientsPlan;
  for (let i = plan.from; i < plan.to; i++) start(plan, i);
});

function start(plan: ClientsPlan, index: number): void {
  const client = new FederatedClient({
    url: `ws://127.0.0.1:${plan.port}`,
    identity: identityNumber(plan.seed, index),
    coordinator: identityNumber(plan.seed, -1).id,
    task: 'kill',
    policy: { ...WEAK_POLICY, maxRounds: 1_000_000 },
    trainer: {
      init: async ({ dimension }) => ({ dimension, variables: [{ name: 'w', shape: [dimension], offset: 0 }] }),
      train: async (weights) => {
        const update = new Float32Array(weights.length);
        update[index] = STEP;
        return { update, examples: 1, metrics: {} };
      },
    },
    guards: memoryGuards(),
    reconnect: { minMs: 200, maxMs: 1_000 },
  });
  client.on('model', ({ round, model }) => tell({ type: 'model', client: index, round, model }));
  client.on('round', (event) => {
    if (event.stage === 'joined') tell({ type: 'joined', round: event.run.round, attempt: event.run.attempt });
  });
  client.on('guard', ({ code, text }) => tell({ type: 'guard', client: index, code, text }));
  client.run().then(
    ({ how }) => tell({ type: 'ended', client: index, text: how }),
    (error: unknown) => tell({ type: 'ended', client: index, text: String(error) }),
  );
}
