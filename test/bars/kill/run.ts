// Bar 2 (operations.md §7): a real coordinator is killed with SIGKILL at random points of real rounds, and started again on its
// data, while real clients in other processes reconnect by themselves. Not here: what the log must show (check-log.ts).

import { type ChildProcess, fork } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { createServer } from 'node:net';
import { availableParallelism, tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { weightsFromBytes } from '../../../protocol/chain/model.js';
import type { Hash } from '../../../protocol/ids.js';
import { checkDatabase, verdictOf } from '../../../server/data/check.js';
import { databaseOf } from '../../../server/data/layout.js';
import { openData } from '../../../server/data/open.js';
import { checkLog, type LogFindings } from '../../../simulations/world/check-log.js';
import { generator } from '../random.js';
import type { FromClients } from './clients-process.js';
import type { FromCoordinator } from './coordinator-process.js';
import { identityNumber, type KillPlan } from './setting.js';

export interface KillOptions {
  readonly kills: number;
  readonly clients: number;
  readonly cohort: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface KillResult extends LogFindings {
  readonly seed: number;
  readonly kills: number;
  readonly clients: number;
  readonly cohort: number;
  readonly events: number;
  /** From the start of the process to clients may connect, loading and the check in the child included, ms. */
  readonly readyMs: { readonly worst: number; readonly median: number };
  /** From the start of the process to the first attempt, ms. */
  readonly continuedMs: { readonly worst: number; readonly median: number };
  /** Stores that did not verify after a kill (chain, blobs, rows against a replay). */
  readonly damaged: number;
  /** Guards of clients that said something. */
  readonly guards: number;
  readonly clientsLost: number;
  readonly ok: boolean;
}

const PHASES = ['keys', 'shares', 'masked', 'consistency', 'agreed', 'unmask', 'opening', 'done'];
/** Longest time from one expected message to the next before the bar gives up, ms: at load 25 rounds are void one after the other. */
const PATIENCE_MS = 240_000;

export async function killBar({ kills, clients, cohort, seed, say }: KillOptions): Promise<KillResult> {
  const directory = mkdtempSync(join(tmpdir(), 'sotto-kill-'));
  const plan: KillPlan = { clients, cohort, seed, directory: join(directory, 'data'), port: await freePort() };
  const identity = identityNumber(seed, -1);
  const random = generator(seed);
  const heads = new Map<number, string>();
  const models = new Map<number, Set<string>>();
  const joined = new Set<string>();
  const trouble: string[] = [];
  let guards = 0;
  let clientsLost = 0;
  const fleet = startFleet(plan, (message) => {
    if (message.type === 'model')
      models.set(message.round, (models.get(message.round) ?? new Set()).add(message.model));
    if (message.type === 'joined') joined.add(`${message.round}.${message.attempt}`);
    if (message.type === 'guard') {
      guards++;
      trouble.push(`client ${message.client}: ${message.code} ${message.text}`);
    }
    if (message.type === 'ended') {
      clientsLost++;
      trouble.push(`client ${message.client} ended: ${message.text}`);
    }
  });
  const ready: number[] = [];
  const continued: number[] = [];
  let damaged = 0;
  try {
    for (let n = 0; n <= kills; n++) {
      const started = performance.now();
      const run = new Run(plan, (head) => heads.set(head.seq, head.hash));
      await run.until('ready');
      ready.push(performance.now() - started);
      await run.until('attempt');
      if (n > 0) continued.push(performance.now() - started);
      // A first round goes through, so that there is something to lose.
      if (n === 0) await run.until('round');
      if (n === kills) {
        await run.until('round');
        await run.stop();
        break;
      }
      const phase = PHASES[Math.floor(random() * PHASES.length)] ?? 'keys';
      await run.untilPhase(phase);
      await new Promise((resolve) => setTimeout(resolve, random() * 30));
      await run.kill();
      const verdict = verdictOf(
        await checkDatabase({ database: databaseOf(plan.directory), coordinator: identity.id, depth: 'all' }),
      );
      if (verdict !== undefined) {
        damaged++;
        trouble.push(`after kill ${n + 1}: ${verdict}`);
      }
      say(`kill ${n + 1} of ${kills} in phase ${phase}; ${heads.size} heads acknowledged`);
    }
    for (const child of fleet) child.kill('SIGKILL');
    const data = await openData({ directory: plan.directory, identity, limitBytes: 2 ** 40 });
    const events = [...data.store.events(1)];
    const index = new Map(Array.from({ length: clients }, (_, i) => [identityNumber(seed, i).id as string, i]));
    const findings = checkLog(
      events,
      { heads, models, joined },
      (hash) =>
        data.store.hasBlob(hash as Hash) ? weightsFromBytes(data.store.blob(hash as Hash), clients) : undefined,
      (client) => index.get(client) ?? -1,
    );
    await data.close();
    const readyMs = summary(ready);
    const continuedMs = summary(continued);
    const { acknowledgedLost, forks, countedTwice, wentBack, wrongRoundAfterRestart } = findings;
    const bad = acknowledgedLost + forks + countedTwice + wentBack + wrongRoundAfterRestart + damaged + guards;
    return {
      seed,
      kills,
      clients,
      cohort,
      events: events.length,
      ...findings,
      says: [...findings.says, ...trouble.slice(0, 20)],
      readyMs,
      continuedMs,
      damaged,
      guards,
      clientsLost,
      ok: bad === 0 && clientsLost === 0 && findings.restarts === kills,
    };
  } finally {
    for (const child of fleet) child.kill('SIGKILL');
    rmSync(directory, { recursive: true, force: true });
  }
}

type Of<T extends FromCoordinator['type']> = Extract<FromCoordinator, { type: T }>;

/** One life of the coordinator. */
class Run {
  readonly #child: ChildProcess;
  readonly #waiting: {
    readonly fits: (message: FromCoordinator) => boolean;
    readonly done: (m: FromCoordinator) => void;
  }[] = [];
  readonly #exit: Promise<void>;
  #failed: (error: Error) => void = () => {};

  constructor(plan: KillPlan, acknowledged: (head: Of<'head'>) => void) {
    this.#child = child('coordinator-process');
    this.#child.on('message', (raw) => {
      const message = raw as FromCoordinator;
      if (message.type === 'head') acknowledged(message);
      if (message.type === 'failed') this.#failed(new Error(`the coordinator failed: ${message.text}`));
      for (const one of [...this.#waiting]) {
        if (!one.fits(message)) continue;
        this.#waiting.splice(this.#waiting.indexOf(one), 1);
        one.done(message);
      }
    });
    this.#exit = new Promise((resolve) => {
      this.#child.once('exit', () => resolve());
    });
    this.#child.send(plan);
  }

  until<T extends FromCoordinator['type']>(type: T): Promise<Of<T>> {
    return this.#next(type, (message) => message.type === type) as Promise<Of<T>>;
  }

  async untilPhase(phase: string): Promise<void> {
    await this.#next(phase, (message) => message.type === 'phase' && message.phase === phase);
  }

  #next(what: string, fits: (message: FromCoordinator) => boolean): Promise<FromCoordinator> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => reject(new Error(`no ${what} for ${PATIENCE_MS} ms`)), PATIENCE_MS);
      this.#failed = (error) => {
        clearTimeout(timer);
        reject(error);
      };
      this.#waiting.push({
        fits,
        done: (message) => {
          clearTimeout(timer);
          resolve(message);
        },
      });
    });
  }

  async kill(): Promise<void> {
    this.#child.kill('SIGKILL');
    await this.#exit;
  }

  async stop(): Promise<void> {
    this.#child.kill('SIGTERM');
    await this.#exit;
  }
}

function startFleet(plan: KillPlan, hear: (message: FromClients) => void): ChildProcess[] {
  const processes = Math.min(4, Math.max(1, availableParallelism()));
  return Array.from({ length: processes }, (_, i) => {
    const one = child('clients-process');
    one.on('message', (message) => hear(message as FromClients));
    const [from, to] = [i, i + 1].map((n) => Math.floor((n * plan.clients) / processes));
    one.send({ ...plan, from, to });
    return one;
  });
}

const child = (name: string): ChildProcess =>
  fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [], {
    stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
    execArgv: [],
  });

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const address = server.address();
      const port = typeof address === 'object' && address !== null ? address.port : 0;
      server.close(() => resolve(port));
    });
  });
}

function summary(values: readonly number[]): { worst: number; median: number } {
  const sorted = [...values].sort((a, b) => a - b).map(Math.round);
  return { worst: sorted.at(-1) ?? 0, median: sorted[Math.floor(sorted.length / 2)] ?? 0 };
}
