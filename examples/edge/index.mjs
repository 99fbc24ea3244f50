// A small device that takes part only when it costs its owner nothing: on mains, idle, at the right hours, with a line that comes and
// goes. The client core alone: no TensorFlow.js, no server. Settings come from the environment (README.md).
import { join } from 'node:path';
import { FederatedClient, fileGuards, loadOrCreateIdentity } from 'sotto/client';
import { linearTrainer } from '../linear-trainer.mjs';
import { all, idle, onMains, onUnmeteredNetwork, withinHours } from './rules.mjs';

const {
  SOTTO_URL,
  SOTTO_COORDINATOR,
  SOTTO_TASK,
  SOTTO_DIR = '.sotto',
  SOTTO_HOURS = '0-24',
  SOTTO_RECHECK_MS = '60000',
} = process.env;
const rows = Array.from({ length: 20 }, (_, i) => ({ x: [Math.cos(i), Math.sin(i)], y: Math.cos(i) > 0 ? 1 : 0 }));

const client = new FederatedClient({
  url: SOTTO_URL,
  coordinator: SOTTO_COORDINATOR,
  task: SOTTO_TASK,
  identity: await loadOrCreateIdentity(join(SOTTO_DIR, 'identity.json')),
  guards: fileGuards(SOTTO_DIR),
  trainer: linearTrainer(rows),
  policy: {
    profiles: ['cohort'],
    minGroup: 4,
    minThreshold: 3,
    minColluders: 0,
    maxClipNorm: 10,
    maxRounds: 100,
    privacy: 'any', // or {epsilon, delta}: a limit of its own, kept on its own ledger
    catchUp: 'signed-checkpoint',
  },
  // Asked before each connection, before each round, and while it waits in the pool.
  available: all(withinHours(SOTTO_HOURS), onMains(), onUnmeteredNetwork(), idle()),
  recheckMs: Number(SOTTO_RECHECK_MS),
  // A line that is often down: wait long, and never give up.
  reconnect: { minMs: 2_000, maxMs: 120_000 },
});
client.on('unavailable', ({ recheckMs }) => console.log(`not now; looking again in ${recheckMs} ms`));
client.on('accepted', ({ round }) => console.log(`ready for round ${round}`));
client.on('round', (news) => news.stage === 'ended' && console.log(`round ${news.run.round}: ${news.how}`));
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => client.stop('the device sleeps'));

const { how, contributed } = await client.run();
console.log(`${how} after ${contributed} rounds, ${Math.round(process.memoryUsage().rss / 2 ** 20)} MiB resident`);
