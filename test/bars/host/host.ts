// The parent's side of a coordinator in a process of its own (coordinator-process.ts): start, ask what it costs, stop. Not a test.

import { type ChildProcess, fork } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { TaskConfig } from '../../../protocol/task.js';
import type { CampaignSettings } from '../../../server/index.js';

export interface HostPlan {
  readonly task: TaskConfig;
  readonly campaign: CampaignSettings;
  readonly seed: number;
  readonly directory: string;
  readonly memoryBytes: number | undefined;
  /** No round starts. */
  readonly paused: boolean;
}
export interface Sample {
  /** Bytes, all four. */
  readonly rss: number;
  readonly heapUsed: number;
  readonly external: number;
  readonly arrayBuffers: number;
  /** Of one core, since the sample before. */
  readonly cpuShare: number;
  readonly loopP99Ms: number;
  readonly connected: number;
  readonly checkedIn: number;
  /** Open handles and timers. */
  readonly handles: number;
}
export type ToHost = { readonly type: 'sample'; readonly collect: boolean } | { readonly type: 'stop' };
export type FromHost =
  | { readonly type: 'ready'; readonly url: string; readonly code: string }
  | { readonly type: 'attempt'; readonly round: number; readonly attempt: number }
  | {
      readonly type: 'round';
      readonly round: number;
      /** Of a void round. */
      readonly code: string | undefined;
      /** Members that are not in the sum. */
      readonly lost: number;
      readonly seconds: number;
    }
  | { readonly type: 'sample'; readonly sample: Sample }
  | { readonly type: 'failed'; readonly text: string };
export type RoundTold = Extract<FromHost, { type: 'round' }>;

export class CoordinatorHost {
  readonly url: string;
  /** Signs in as operator. */
  readonly code: string;
  readonly pid: number;
  readonly rounds: RoundTold[] = [];
  readonly #child: ChildProcess;
  readonly #answers: ((sample: Sample) => void)[] = [];
  #failed: (error: Error) => void = () => {};
  #ended = false;

  private constructor(child: ChildProcess, { url, code }: Extract<FromHost, { type: 'ready' }>) {
    this.#child = child;
    this.url = url;
    this.code = code;
    this.pid = child.pid ?? 0;
    child.on('message', (raw) => {
      const message = raw as FromHost;
      if (message.type === 'sample') this.#answers.shift()?.(message.sample);
      if (message.type === 'round') this.rounds.push(message);
      if (message.type === 'failed') this.#failed(new Error(`the coordinator failed: ${message.text}`));
    });
    child.once('exit', (exit, signal) => {
      this.#ended = true;
      this.#failed(new Error(`the coordinator ended: ${signal ?? `exit code ${exit}`}`));
    });
  }

  /** @param heapMiB limit of V8's heap; absent: V8's own */
  static start(plan: HostPlan, heapMiB?: number): Promise<CoordinatorHost> {
    const execArgv = ['--expose-gc', ...(heapMiB === undefined ? [] : [`--max-old-space-size=${heapMiB}`])];
    const child = spawn(new URL('./coordinator-process.js', import.meta.url), execArgv);
    return new Promise((resolve, reject) => {
      child.once('exit', (code) => reject(new Error(`the coordinator did not start: exit code ${code}`)));
      const first = (raw: unknown): void => {
        const message = raw as FromHost;
        if (message.type === 'failed') reject(new Error(message.text));
        if (message.type !== 'ready') return;
        child.off('message', first);
        resolve(new CoordinatorHost(child, message));
      };
      child.on('message', first);
      child.send(plan);
    });
  }

  /** Why it is no longer there; `undefined` as long as it is. */
  get ended(): boolean {
    return this.#ended;
  }

  sample(collect = false): Promise<Sample> {
    return new Promise((resolve, reject) => {
      this.#answers.push(resolve);
      this.#failed = reject;
      this.#child.send({ type: 'sample', collect } satisfies ToHost);
    });
  }

  /** Most resident bytes that the kernel has ever seen of it. `undefined` where there is no /proc. */
  peakBytes(): number | undefined {
    try {
      const line = /^VmHWM:\s+(\d+) kB$/m.exec(readFileSync(`/proc/${this.pid}/status`, 'utf8'));
      return line === null ? undefined : Number(line[1]) * 1_024;
    } catch {
      return undefined;
    }
  }

  async stop(): Promise<void> {
    if (this.#ended) return;
    this.#failed = () => {};
    const gone = new Promise((resolve) => this.#child.once('exit', resolve));
    const patience = setTimeout(() => this.#child.kill('SIGKILL'), 20_000);
    this.#child.send({ type: 'stop' } satisfies ToHost);
    await gone;
    clearTimeout(patience);
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}

/** A process of a bar: nothing inherited but its errors. */
export const spawn = (file: URL, execArgv: readonly string[] = []): ChildProcess =>
  fork(fileURLToPath(file), [], { stdio: ['ignore', 'ignore', 'inherit', 'ipc'], execArgv: [...execArgv] });

/** Files and sockets that a process of ours may open; Node raises it to the hard limit by itself. Infinity where nothing says. */
export function openFilesLimit(): number {
  try {
    const line = /^Max open files\s+\S+\s+(\S+)/m.exec(readFileSync('/proc/self/limits', 'utf8'));
    return line?.[1] === undefined || line[1] === 'unlimited' ? Number.POSITIVE_INFINITY : Number(line[1]);
  } catch {
    return Number.POSITIVE_INFINITY;
  }
}
