// A web service that takes part in a federation beside its real work: it learns from what it has seen, and never sends it.
// Settings come from the environment (README.md). Not here: the coordinator.
import { createServer } from 'node:http';
import { join } from 'node:path';
import { FederatedClient, fileGuards, loadOrCreateIdentity } from 'sotto/client';
import { linearTrainer } from '../linear-trainer.mjs';

const { SOTTO_URL, SOTTO_COORDINATOR, SOTTO_TASK, SOTTO_DIR = '.sotto', PORT = '0' } = process.env;

// What the service has seen. Yours comes from its database; a trainer may read it anew each round.
const rows = Array.from({ length: 40 }, (_, i) => ({ x: [Math.sin(i), Math.cos(i)], y: Math.sin(i) > 0 ? 1 : 0 }));

const client = new FederatedClient({
  url: SOTTO_URL,
  coordinator: SOTTO_COORDINATOR,
  task: SOTTO_TASK,
  identity: await loadOrCreateIdentity(join(SOTTO_DIR, 'identity.json')),
  guards: fileGuards(SOTTO_DIR),
  trainer: linearTrainer(rows),
  policy: {
    profiles: ['cohort', 'sketch'],
    minGroup: 4,
    minThreshold: 3,
    minColluders: 0,
    maxClipNorm: 10,
    maxRounds: 1_000,
    privacy: 'any', // or {epsilon, delta}: a limit of its own, kept on its own ledger
    catchUp: 'chain',
  },
});

const state = { connected: false, rounds: 0, lastError: undefined };
client.on('connected', () => Object.assign(state, { connected: true }));
client.on('disconnected', () => Object.assign(state, { connected: false }));
client.on('round', ({ stage, how }) => {
  if (stage === 'ended' && (how === 'answered' || how === 'contributed')) state.rounds++;
});
client.on('error', ({ code }) => Object.assign(state, { lastError: code }));

const server = createServer((request, response) => {
  if (request.url === '/healthz') response.end(JSON.stringify(state));
  else response.end('the real work of this service\n');
}).listen(Number(PORT), '127.0.0.1', () => console.log(`listening on ${server.address().port}`));

// Leaves the round politely: the others go on without waiting.
const stop = async (reason) => {
  await client.stop(reason);
  server.close();
};
for (const signal of ['SIGTERM', 'SIGINT']) process.once(signal, () => stop('the service stops'));

// A federation that cannot be joined is no reason to stop serving.
client.run().then(
  ({ how, contributed }) => {
    console.log(`${how} after ${contributed} rounds`);
    if (how === 'finished') server.close();
  },
  (error) => console.error(`no federation: ${error.message}`),
);
