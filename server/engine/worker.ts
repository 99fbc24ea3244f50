// The entry of a worker thread: answers requests one after the other. Not here: everything else (home.ts, workbench.ts).

import { parentPort } from 'node:worker_threads';
import { type HomeAnswer, type HomeRequest, HomeServer } from './home.js';

export interface Envelope {
  readonly id: number;
  readonly request: HomeRequest;
}
export interface Reply {
  readonly id: number;
  readonly answer: HomeAnswer;
}

const server = new HomeServer();
parentPort?.on('message', ({ id, request }: Envelope) => {
  const { answer, transfer } = server.answer(request);
  const reply: Reply = { id, answer };
  parentPort?.postMessage(reply, transfer);
});
