// Entry of a training worker in browsers (a module Web Worker). Loaded by pool.ts or bundled by the app, never imported.

import { hostTrainers } from './host.js';
import type { FromWorker, ToWorker } from './messages.js';

/** The few members of DedicatedWorkerGlobalScope used here; the project is typed for pages. */
interface WorkerScope {
  onmessage: ((event: { readonly data: ToWorker }) => void) | null;
  postMessage(message: FromWorker, transfer: readonly ArrayBuffer[]): void;
}
const scope = globalThis as unknown as WorkerScope;
const receive = hostTrainers((message, transfer) => scope.postMessage(message, transfer));
scope.onmessage = ({ data }) => receive(data);
