// The honest side of the bar of hostile memory: real clients that run rounds, and some probes that measure how fast a ping comes back. Not
// a test.

import { FederatedClient, memoryGuards } from '../../../client/node/index.js';
import { STEP } from '../../../simulations/world/check-log.js';
import { WEAK_POLICY } from '../../protocol/tasks.js';
import { LightClient } from '../host/light-client.js';
import { identityNumber } from '../kill/setting.js';

export interface HonestPlan {
  readonly url: string;
  readonly task: string;
  readonly seed: number;
  readonly clients: number;
  readonly probes: number;
}
export type ToHonest = { readonly type: 'beats' } | { readonly type: 'stop' };
export type FromHonest =
  | { readonly type: 'ready' }
  | { readonly type: 'dropped'; readonly client: number; readonly text: string }
  /** Round trips of pings since the last time, ms. */
  | { readonly type: 'beats'; readonly ms: readonly number[] };

const BEAT_MS = 200;
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
  for (let index = 0; index < plan.clients; index++) {
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
  let beats: number[] = [];
  for (let i = 0; i < plan.probes; i++) {
    const identity = identityNumber(plan.seed, plan.clients + i);
    const came = await LightClient.connect({ url: plan.url, identity, coordinator, task: undefined });
    if (came.type !== 'in') throw new Error(`a probe did not get in: ${JSON.stringify(came)}`);
    const { client } = came;
    client.lost = (code) => dropped(plan.clients + i, `a probe was cut: ${code}`);
    let sentAt: number | undefined;
    client.socket.on('pong', () => {
      if (sentAt !== undefined) beats.push(performance.now() - sentAt);
      sentAt = undefined;
    });
    setInterval(() => {
      if (sentAt !== undefined) return; // the last one is still on its way: its time says so
      sentAt = performance.now();
      client.socket.ping();
    }, BEAT_MS);
  }
  process.on('message', (raw) => {
    const message = raw as ToHonest;
    if (message.type === 'stop') stopping = true;
    else {
      tell({ type: 'beats', ms: beats });
      beats = [];
    }
  });
  tell({ type: 'ready' });
}
