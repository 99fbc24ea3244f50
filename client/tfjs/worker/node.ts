// Entry of a training worker in Node (worker_threads). Loaded by pool.ts, never imported.

import type { ToWorker } from './messages.js';

const { parentPort } = await import('node:worker_threads');
if (parentPort) {
  const port = parentPort;
  const { hostTrainers } = await import('./host.js');
  port.on(
    'message',
    hostTrainers((message, transfer) => port.postMessage(message, [...transfer])) as (message: ToWorker) => void,
  );
}
