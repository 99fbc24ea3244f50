// The shape of a benchmark and how a time is taken. Not here: the list of benchmarks (main.ts) and any assertion in the suite.

export interface Row {
  readonly what: string;
  readonly value: number;
  readonly unit: string;
  /** What the design asks for, in the same unit. */
  readonly target?: number;
  /** Whether the target is met in this run; a busy machine may say no. */
  readonly met?: boolean;
}

export interface Bench {
  readonly name: string;
  readonly title: string;
  run(): Promise<readonly Row[]>;
}

/** Smallest of `repeats` wall times, milliseconds: other programs only ever add to one. Run it once before for the compilers. */
export function bestMs(repeats: number, work: () => void): number {
  let best = Number.POSITIVE_INFINITY;
  for (let i = 0; i < repeats; i++) {
    const start = performance.now();
    work();
    best = Math.min(best, performance.now() - start);
  }
  return best;
}

/** A row whose value must not exceed `target`. */
export const atMost = (what: string, value: number, unit: string, target: number): Row => ({
  what,
  value,
  unit,
  target,
  met: value <= target,
});

/** A row whose value must reach `target`. */
export const atLeast = (what: string, value: number, unit: string, target: number): Row => ({
  what,
  value,
  unit,
  target,
  met: value >= target,
});
