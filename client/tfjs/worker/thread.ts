// Starts one training worker, of the kind this runtime has, behind four functions. Not here: what is said to it (pool.ts).

import type { FromWorker, ToWorker } from './messages.js';

export interface Thread {
  post(message: ToWorker, transfer?: readonly ArrayBuffer[]): void;
  /** Whether this worker alone keeps the program running. Browsers have no such notion. */
  hold(busy: boolean): void;
  terminate(): Promise<void>;
}
export interface ThreadEvents {
  message(message: FromWorker): void;
  /** The worker is gone for good, unasked. Called at most once. */
  ended(reason: string): void;
}

/** @param make of browsers only: the app's own worker, where a bundler does not follow `new URL(…, import.meta.url)` */
export async function startThread(events: ThreadEvents, make?: () => Worker): Promise<Thread> {
  const node = (globalThis as { process?: { versions?: { node?: string } } }).process?.versions?.node;
  return node !== undefined && !make ? startNodeThread(events) : startWebWorker(events, make);
}

async function startNodeThread(events: ThreadEvents): Promise<Thread> {
  // Not a literal: bundlers for the browser must not try to resolve it.
  const specifier: string = 'node:worker_threads';
  const threads = (await import(
    /* @vite-ignore */ /* webpackIgnore: true */ specifier
  )) as typeof import('node:worker_threads');
  const worker = new threads.Worker(new URL('./node.js', import.meta.url));
  worker.unref();
  let reason = 'it ended';
  let asked = false;
  worker.on('message', (message: FromWorker) => events.message(message));
  worker.on('error', (error) => {
    reason = error.message;
  });
  worker.on('exit', (code) => {
    if (!asked) events.ended(`${reason} (exit code ${code})`);
  });
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    hold: (busy) => (busy ? worker.ref() : worker.unref()),
    terminate: async () => {
      asked = true;
      await worker.terminate();
    },
  };
}

function startWebWorker(events: ThreadEvents, make?: () => Worker): Thread {
  const worker = make ? make() : new Worker(new URL('./browser.js', import.meta.url), { type: 'module' });
  worker.onmessage = ({ data }: MessageEvent<FromWorker>) => events.message(data);
  worker.onerror = (event) => {
    worker.onerror = null;
    worker.terminate();
    events.ended(event.message || 'it could not be loaded');
  };
  return {
    post: (message, transfer = []) => worker.postMessage(message, [...transfer]),
    hold: () => {},
    terminate: async () => worker.terminate(),
  };
}
