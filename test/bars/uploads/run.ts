// Bar 5 (operations.md §7): how many masked, chunked, signed and hashed inputs a real coordinator takes in a second, beside what bare
// websockets and bare TCP carry between the same two processes, in turns; then rounds with cut lines, whose sum must be exact.

import { type ChildProcess, fork } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { ticketsFor } from '../../../server/uploads/tickets.js';
import type { FromFleet, ToFleet } from './fleet-process.js';
import type { FromServer, ToServer } from './server-process.js';
import type { UploadPlan } from './setting.js';

export interface UploadOptions extends UploadPlan {
  readonly say: (text: string) => void;
}
interface Sample {
  readonly perSecond: number;
  /** Of the coordinator's process, its threads included. */
  readonly cpuSecondsPerGb: number;
  readonly rssGrowth: number;
}
interface Round {
  readonly sotto: Sample;
  readonly ws: Sample;
  readonly tcp: Sample;
}
export interface UploadResult extends UploadPlan {
  readonly inputBytes: number;
  /** Inputs per second, median of all rounds without cuts, as all medians here. */
  readonly accepted: number;
  readonly ws: number;
  readonly tcp: number;
  readonly ofWs: number;
  readonly ofTcp: number;
  /** CPU seconds per GB (10^9 bytes) of the receiving process, median. */
  readonly cpuSecondsPerGb: number;
  readonly wsCpuSecondsPerGb: number;
  /** Most memory in any round above what was there when it began, MiB; and what the bar allows. */
  readonly rssGrowthMib: number;
  readonly rssAllowedMib: number;
  readonly cuts: number;
  /** Every input of every round is in the model exactly once. */
  readonly exact: boolean;
  readonly lost: number;
  /** That of a process that has just started. It counts like all others. */
  readonly firstRound: Round | undefined;
  readonly samples: readonly Round[];
  readonly ok: boolean;
}

/** Targets of operations.md §7, and the inputs that they are of. */
const INPUT_BYTES = 2 ** 22;
const PER_SECOND = 100;
const CPU_SECONDS_PER_GB = 1.5;
const OF_WS = 0.35;
const OF_TCP = 0.15;
const ROOM_MIB = 64;
/** Longest time from one expected message to the next before the bar gives up, ms. */
const PATIENCE_MS = 300_000;

export async function uploadBar({ say, ...plan }: UploadOptions): Promise<UploadResult> {
  const inputBytes = 4 * plan.dimension;
  const server = new Side<ToServer, FromServer>('server-process');
  const fleet = new Side<ToFleet, FromFleet>('fleet-process');
  const lines = ticketsFor(inputBytes).parallel;
  try {
    server.send({ type: 'plan', plan, inputBytes });
    const { url, ws, tcp } = await server.next('ready');
    fleet.send({ type: 'plan', plan, url, inputBytes });
    const measure = async (go: () => void, done: Promise<unknown>): Promise<Sample> => {
      server.send({ type: 'mark' });
      await server.next('marked');
      const began = performance.now();
      go();
      await done;
      const seconds = (performance.now() - began) / 1_000;
      server.send({ type: 'mark' });
      const { cpu, rss, rssBefore } = await server.next('marked');
      return {
        perSecond: plan.clients / seconds,
        cpuSecondsPerGb: cpu / ((plan.clients * inputBytes) / 1e9),
        rssGrowth: rss - rssBefore,
      };
    };
    const bare = (over: 'ws' | 'tcp', port: number): Promise<Sample> =>
      measure(() => fleet.send({ type: 'bare', over, port, lines }), fleet.next('bare done'));
    const samples: Round[] = [];
    let lost = 0;
    for (let round = 1; round <= plan.rounds + plan.cutRounds; round++) {
      const ended = server.next('round');
      await fleet.next('computed');
      const cut = round > plan.rounds;
      // What was computed waits meanwhile.
      const others = cut ? undefined : { tcp: await bare('tcp', tcp), ws: await bare('ws', ws) };
      const sotto = await measure(() => fleet.send({ type: 'go' }), server.next('taken'));
      if (others !== undefined) samples.push({ sotto, ...others });
      const { survivors } = await ended;
      lost += plan.clients - survivors;
      say(`round ${round}${cut ? ', with cuts' : ''}: ${sotto.perSecond.toFixed(1)} inputs/s, ${survivors} in the sum`);
    }
    const { exact } = await server.next('finished');
    const of = (name: 'sotto' | 'ws' | 'tcp', value: (one: Sample) => number): number =>
      median(samples.map((one) => value(one[name])));
    const rate = (one: Sample): number => one.perSecond;
    const ratio = (other: 'ws' | 'tcp'): number =>
      median(samples.map((one) => one.sotto.perSecond / one[other].perSecond));
    const rssGrowthMib = Math.max(...samples.map(({ sotto }) => sotto.rssGrowth)) / 2 ** 20;
    const result = {
      ...plan,
      inputBytes,
      accepted: of('sotto', rate),
      ws: of('ws', rate),
      tcp: of('tcp', rate),
      ofWs: ratio('ws'),
      ofTcp: ratio('tcp'),
      cpuSecondsPerGb: of('sotto', (one) => one.cpuSecondsPerGb),
      wsCpuSecondsPerGb: of('ws', (one) => one.cpuSecondsPerGb),
      rssGrowthMib,
      rssAllowedMib: (lines * inputBytes) / 2 ** 20 + ROOM_MIB,
      cuts: fleet.cuts,
      exact,
      lost,
      firstRound: samples[0],
      samples,
    };
    const whole = exact && lost === 0 && (plan.cutRounds === 0 || result.cuts > 0);
    // Times and memory are of inputs of 4 MiB; shorter ones say nothing about them.
    if (inputBytes < INPUT_BYTES) return { ...result, ok: whole };
    const fast = result.accepted >= PER_SECOND && result.ofWs >= OF_WS && result.ofTcp >= OF_TCP;
    const cheap = result.cpuSecondsPerGb <= CPU_SECONDS_PER_GB && rssGrowthMib <= result.rssAllowedMib;
    return { ...result, ok: fast && cheap && whole };
  } finally {
    fleet.kill();
    server.kill();
  }
}

const median = (values: readonly number[]): number =>
  [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? Number.NaN;

interface Told {
  readonly type: string;
}

/** One of the two processes, as a queue of what it says. */
class Side<In extends Told, Out extends Told> {
  readonly #child: ChildProcess;
  readonly #said: Out[] = [];
  #hear: () => void = () => {};
  #failed: string | undefined;
  cuts = 0;

  constructor(name: string) {
    this.#child = fork(fileURLToPath(new URL(`./${name}.js`, import.meta.url)), [], {
      stdio: ['ignore', 'ignore', 'inherit', 'ipc'],
      execArgv: [],
    });
    this.#child.on('message', (raw) => {
      const message = raw as Told & { readonly text?: string; readonly count?: number }; // safe: our own processes
      if (message.type === 'failed') this.#failed = message.text ?? '';
      if (message.type === 'cuts') this.cuts = message.count ?? 0;
      else this.#said.push(raw as Out); // safe: as above
      this.#hear();
    });
    this.#child.once('exit', (code) => {
      this.#failed ??= `${name} ended with ${code}`;
      this.#hear();
    });
  }

  send(message: In): void {
    this.#child.send(message);
  }

  async next<T extends Out['type']>(type: T): Promise<Extract<Out, { type: T }>> {
    const until = performance.now() + PATIENCE_MS;
    for (;;) {
      if (this.#failed !== undefined) throw new Error(this.#failed);
      const at = this.#said.findIndex((one) => one.type === type);
      const [found] = at < 0 ? [] : this.#said.splice(at, 1);
      if (found !== undefined) return found as Extract<Out, { type: T }>; // safe: by its type
      if (performance.now() > until) throw new Error(`no ${type} for ${PATIENCE_MS} ms`);
      await this.#more();
    }
  }

  #more(): Promise<void> {
    return new Promise((resolve) => {
      const before = this.#hear;
      const timer = setTimeout(resolve, 1_000);
      this.#hear = () => {
        clearTimeout(timer);
        before();
        resolve();
      };
    });
  }

  kill(): void {
    this.#child.kill('SIGKILL');
  }
}
