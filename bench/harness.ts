// How speed is measured: what a bench is, and clocks that give the same answer twice. Not here: what is measured (a module
// each, listed in main.ts), and tests, which never assert a time.
//
// The machines we measure on are shared. So a figure is the best of several short batches (noise only ever adds time), a
// claim is a ratio of two figures of the same run wherever it can be, and a bound on a clock is a target, not a test.

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What was promised, as text: "≥ 2.5 x". */
  readonly target?: string;
  /** Whether the promise was kept in this run. Goes with `target`. */
  readonly met?: boolean;
}

export interface Bench {
  /** One word, for the command line. */
  readonly name: string;
  /** One line, for people. */
  readonly title: string;
  run(): Promise<Row[]>;
}

export const row = (what: string, value: number, unit: string): Row => ({ what, value, unit });
export const atLeast = (bound: number, of: Row): Row => ({
  ...of,
  target: `≥ ${bound} ${of.unit}`,
  met: of.value >= bound,
});
export const atMost = (bound: number, of: Row): Row => ({
  ...of,
  target: `≤ ${bound} ${of.unit}`,
  met: of.value <= bound,
});

const now = (): number => Number(process.hrtime.bigint()) / 1e6;

/**
 * Milliseconds of one call of `work`: the best mean of `batches` batches, each as many calls as fit about `batchMs`, after
 * one batch to warm up. For work of microseconds to a second.
 */
export function msPerCall(work: () => unknown, { batches = 5, batchMs = 60 } = {}): number {
  const timed = (calls: number): number => {
    const start = now();
    for (let i = 0; i < calls; i++) work();
    return now() - start;
  };
  let calls = 1;
  while (timed(calls) < batchMs && calls < 1e7) calls *= 2; // warms up as well
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < batches; i++) best = Math.min(best, timed(calls) / calls);
  return best;
}

/** As `msPerCall`, for work that gives promises; calls do not overlap. */
export async function msPerCallAsync(
  work: () => Promise<unknown>,
  { batches = 5, batchMs = 60 } = {},
): Promise<number> {
  const timed = async (calls: number): Promise<number> => {
    const start = now();
    for (let i = 0; i < calls; i++) await work();
    return now() - start;
  };
  let calls = 1;
  while ((await timed(calls)) < batchMs && calls < 1e7) calls *= 2;
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < batches; i++) best = Math.min(best, (await timed(calls)) / calls);
  return best;
}

/** CPU milliseconds of this process (all of its threads) that one run of `work` takes: the measure of "costs the client". */
export async function cpuMs(work: () => unknown): Promise<number> {
  const before = process.cpuUsage();
  await work();
  const { user, system } = process.cpuUsage(before);
  return (user + system) / 1000;
}

/** GB/s (10^9 bytes) of something that takes `ms` for `bytes`. */
export const gigabytesPerSecond = (bytes: number, ms: number): number => bytes / ms / 1e6;
