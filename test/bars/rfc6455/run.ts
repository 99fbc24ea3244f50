// Bar 10 (operations.md §7): raw bytes of RFC 6455 and HTTP against a running coordinator. Each case must end with the right status or
// close code, the socket must be free soon after, nothing may reach the log as an error, and a client must get in afterwards.
// Not here: the cases (cases.ts).

import { WebSocket } from 'ws';
import { generateIdentity } from '../../../protocol/crypto/identity.js';
import { nativePrimitives, nativeRng } from '../../../protocol/native/index.js';
import { inProcessEngine, startCoordinator } from '../../../server/index.js';
import { taskOf } from '../../protocol/tasks.js';
import { type Case, cases } from './cases.js';
import { talk } from './wire.js';

export interface Rfc6455Result {
  readonly cases: number;
  readonly failed: readonly string[];
  /** From the end of the connection on one side to its end on both, ms: the slowest. */
  readonly freedMs: number;
  /** What the coordinator logged as an error. */
  readonly errors: readonly string[];
  readonly ok: boolean;
}

const ORIGIN = 'https://fl.example.org';

export async function rfc6455Bar(chosen: (name: string) => boolean = () => true): Promise<Rfc6455Result> {
  const errors: string[] = [];
  const quiet = (): void => {};
  const config = taskOf({ size: 3 });
  const coordinator = await startCoordinator({
    task: config,
    initialWeights: new Float32Array(config.dimension),
    identity: generateIdentity(nativePrimitives, nativeRng),
    listen: { host: '127.0.0.1', port: 0, origins: [ORIGIN] },
    roster: { kind: 'open' },
    campaign: { rounds: 1, attemptsPerRound: 1, clients: { min: 3, waitMs: 600_000 }, overSelection: 1, pauseMs: 0 },
    random: () => 0.5,
    engine: inProcessEngine(),
    log: {
      debug: quiet,
      info: quiet,
      warn: quiet,
      error: (fields, text) => errors.push(`${text} ${JSON.stringify(fields)}`),
    },
  });
  const port = Number(new URL(coordinator.url).port);
  const all = cases(ORIGIN).filter(({ name }) => chosen(name));
  const failed: string[] = [];
  let freedMs = 0;
  try {
    // Some cases wait for a time limit of HTTP: a few at once.
    const waiting = [...all];
    const work = async (): Promise<void> => {
      for (let one = waiting.shift(); one !== undefined; one = waiting.shift()) {
        const heard = await talk(port, one.head, one.behind, one.early);
        freedMs = Math.max(freedMs, heard.freedMs);
        const wrong = verdict(one, heard);
        if (wrong !== undefined) failed.push(`${one.name}: ${wrong}`);
      }
    };
    await Promise.all(Array.from({ length: 8 }, work));
    if (!(await alive(coordinator.url))) failed.push('afterwards nobody gets in');
  } finally {
    await coordinator.stop('the bar is over');
  }
  return {
    cases: all.length,
    failed,
    freedMs: Math.round(freedMs),
    errors,
    ok: failed.length === 0 && errors.length === 0 && freedMs <= 1_000,
  };
}

function verdict(one: Case, heard: { status: number; closed: number; pong: string }): string | undefined {
  if (!one.status.includes(heard.status)) return `status ${heard.status}, expected ${one.status.join(' or ')}`;
  if (one.pong !== undefined) return heard.pong === one.pong ? undefined : `pong "${heard.pong}"`;
  if (one.closed !== undefined && heard.closed !== one.closed)
    return `closed with ${heard.closed}, expected ${one.closed}`;
  return undefined;
}

const alive = (url: string): Promise<boolean> =>
  new Promise((resolve) => {
    const socket = new WebSocket(url, 'sotto.v1');
    socket.once('error', () => resolve(false));
    socket.once('open', () => {
      socket.terminate();
      resolve(true);
    });
  });
