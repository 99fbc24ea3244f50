// Bar 9, second part (operations.md §7): a coordinator that thousands are connected to dies or is stopped, and is there again at once.
// Whoever comes back is told when, so that handshakes spread; nobody is lost. Not here: the two kinds of processes.

import type { ChildProcess } from 'node:child_process';
import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openFilesLimit, spawn } from '../host/host.js';
import type { FleetPlan, FromFleet } from './clients-process.js';
import type { FromCoordinator, ReconnectPlan } from './coordinator-process.js';

export interface ReconnectOptions {
  readonly clients: number;
  readonly seed: number;
  readonly say: (text: string) => void;
}
export interface Return {
  /** Until all were in. */
  readonly seconds: number;
  /** Most handshakes that the coordinator finished in any second. */
  readonly peakPerSecond: number;
  /** Times that somebody was told when to come back. */
  readonly told: number;
  /** Tries that came to nothing without such a word: refused, cut, or no room. */
  readonly failed: Readonly<Record<string, number>>;
  readonly lost: number;
}
export interface ReconnectResult {
  readonly seed: number;
  readonly clients: number;
  /** All at once, to a coordinator that knows none of them. */
  readonly first: Return;
  /** After kill -9. */
  readonly killed: Return;
  /** After a stop, at which everybody is told when to come back. */
  readonly stopped: Return;
  readonly missed: readonly string[];
  readonly ok: boolean;
}

/** Handshakes in any second. */
export const MOST_PER_SECOND = 600;
/** After so long whoever is not in is lost. */
const PATIENCE_MS = 120_000;
const FLEETS = 2;

/** @throws Error where the machine lets a process open too few sockets */
export async function reconnectBar({ clients, seed, say }: ReconnectOptions): Promise<ReconnectResult> {
  const limit = openFilesLimit();
  if (limit < clients + 200) throw new Error(`${clients} sockets need \`ulimit -n ${clients + 200}\`; it is ${limit}`);
  const root = mkdtempSync(join(tmpdir(), 'sotto-reconnect-'));
  const scene = new Scene(clients, { seed, directory: join(root, 'data'), port: 0 });
  try {
    await scene.start();
    scene.join();
    const first = await scene.everybody();
    say(`${clients} in after ${first.seconds} s, at most ${first.peakPerSecond} a second`);
    await scene.kill();
    await scene.start();
    const killed = await scene.everybody();
    say(`killed: all back after ${killed.seconds} s, at most ${killed.peakPerSecond} a second`);
    await scene.stop();
    await scene.start();
    const stopped = await scene.everybody();
    say(`stopped: all back after ${stopped.seconds} s, at most ${stopped.peakPerSecond} a second`);
    const missed = Object.entries({ first, killed, stopped }).flatMap(([what, { peakPerSecond, lost }]) => [
      ...(peakPerSecond > MOST_PER_SECOND ? [`${what}: ${MOST_PER_SECOND} handshakes a second`] : []),
      ...(lost > 0 ? [`${what}: nobody lost`] : []),
    ]);
    return { seed, clients, first, killed, stopped, missed, ok: missed.length === 0 };
  } finally {
    scene.end();
    rmSync(root, { recursive: true, force: true });
  }
}

class Scene {
  readonly #clients: number;
  readonly #plan: ReconnectPlan;
  #port = 0;
  #coordinator: ChildProcess | undefined;
  readonly #fleets: ChildProcess[] = [];
  readonly #inside: number[] = Array(FLEETS).fill(0);
  #began = 0;
  #came: number[] = [];
  #checkedIn = 0;
  #told = 0;
  #failed: Record<string, number> = {};

  constructor(clients: number, plan: ReconnectPlan) {
    this.#clients = clients;
    this.#plan = plan;
  }

  /** The same directory, and from the second time on the same port. */
  async start(): Promise<void> {
    const child = spawn(new URL('./coordinator-process.js', import.meta.url));
    this.#coordinator = child;
    this.#came = [];
    this.#checkedIn = 0;
    await new Promise<void>((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the coordinator ended: exit code ${code}`)));
      child.on('message', (raw) => {
        const message = raw as FromCoordinator;
        if (message.type === 'failed') reject(new Error(message.text));
        if (message.type === 'ready') {
          this.#port = message.port;
          resolve();
        }
        if (message.type === 'came' && child === this.#coordinator) {
          this.#came.push(...message.at);
          this.#checkedIn = message.connected;
        }
      });
      child.send({ ...this.#plan, port: this.#port });
    });
  }

  join(): void {
    this.#begin();
    for (let i = 0; i < FLEETS; i++) {
      const [from = 0, to = 0] = [i, i + 1].map((n) => Math.floor((n * this.#clients) / FLEETS));
      const child = spawn(new URL('./clients-process.js', import.meta.url));
      this.#fleets.push(child);
      child.on('message', (raw) => {
        const { inside, told, failed } = raw as FromFleet;
        this.#inside[i] = inside;
        this.#told += told;
        for (const [why, times] of Object.entries(failed)) this.#failed[why] = (this.#failed[why] ?? 0) + times;
      });
      const url = `ws://127.0.0.1:${this.#port}`;
      child.send({ url, task: 'kill', seed: this.#plan.seed, from, to } satisfies FleetPlan);
    }
  }

  /** Until all are in, or patience is at its end. */
  async everybody(): Promise<Return> {
    const isIn = (): boolean =>
      this.#checkedIn === this.#clients && this.#inside.reduce((sum, one) => sum + one, 0) === this.#clients;
    while (!isIn() && performance.now() - this.#began < PATIENCE_MS)
      await new Promise((resolve) => setTimeout(resolve, 100));
    return {
      seconds: Number(((performance.now() - this.#began) / 1_000).toFixed(1)),
      peakPerSecond: peak(this.#came),
      told: this.#told,
      failed: this.#failed,
      lost: this.#clients - this.#checkedIn,
    };
  }

  async kill(): Promise<void> {
    this.#begin();
    await this.#ended((child) => child.kill('SIGKILL'));
  }

  /** As an operator stops it. */
  async stop(): Promise<void> {
    this.#begin();
    await this.#ended((child) => child.send('stop'));
  }

  end(): void {
    for (const child of [...this.#fleets, this.#coordinator]) child?.kill('SIGKILL');
  }

  #begin(): void {
    this.#began = performance.now();
    this.#told = 0;
    this.#failed = {};
  }

  async #ended(how: (child: ChildProcess) => void): Promise<void> {
    const child = this.#coordinator;
    if (child === undefined) return;
    const gone = new Promise((resolve) => child.once('exit', resolve));
    how(child);
    await gone;
  }
}

/** @param times milliseconds */
function peak(times: readonly number[]): number {
  const sorted = [...times].sort((a, b) => a - b);
  let [most, from] = [0, 0];
  for (const [i, at] of sorted.entries()) {
    while ((sorted[from] ?? 0) <= at - 1_000) from++;
    most = Math.max(most, i - from + 1);
  }
  return most;
}
