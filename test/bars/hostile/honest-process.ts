// The honest side of the bar of hostile memory: real clients that run rounds. Not a test.

import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { STEP } from '../../../simulations/world/check-log.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { identityNumber } from '../kill/setting.js';

export interface HonestPlan {
  readonly url: string;
  readonly task: string;
  readonly seed: number;
  readonly from: number;
  readonly to: number;
}
export interface ToHonest {
  readonly type: 'stop';
}
export type FromHonest =
  | { readonly type: 'ready' }
  | { readonly type: 'dropped'; readonly client: number; readonly text: string };

const tell = (message: FromHonest): void => {
  if (process.connected) process.send?.(message);
};
let stopping = false;

process.once('disconnect', () => process.exit(0));
process.once('message', (message) => void start(message as HonestPlan));

async function start(plan: HonestPlan): Promise<void> {
  const coordinator = identityNumber(plan.seed, -1).id;
  const dropped = (client: number, text: string): void => {
    if (!stopping) tell({ type: 'dropped', client, text });
  };
  const connected: Promise<void>[] = [];
  for (let index = plan.from; index < plan.to; index++) {
    const client = new FederatedClient({
      url: plan.url,
      identity: identityNumber(plan.seed, index),
      coordinator,
      task: plan.task,
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
    });
    connected.push(new Promise((resolve) => client.on('accepted', () => resolve())));
    client.on('disconnected', ({ code, reason }) => dropped(index, `disconnected ${code} ${reason}`));
    client.on('guard', ({ code, text }) => dropped(index, `guard ${code} ${text}`));
    client.run().catch((error: unknown) => dropped(index, String(error)));
  }
  await Promise.all(connected);
  process.on('message', (raw) => {
    if ((raw as ToHonest).type === 'stop') stopping = true;
  });
  tell({ type: 'ready' });
}
