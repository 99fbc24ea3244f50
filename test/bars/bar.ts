// What a bar is: a claim of operations.md §7 as a script with numbers for options. Not here: which there are (table.ts), the command
// line (main.ts).

export interface Verdict {
  /** Whether the bar holds, its times included. */
  readonly ok: boolean;
}
export type Say = (text: string) => void;

export interface Bar {
  readonly name: string;
  /** What must hold, in one line. */
  readonly claims: string;
  /** Defaults of the long form. */
  readonly long: Readonly<Record<string, number>>;
  /** What the short form has other: `--short`. */
  readonly short: Readonly<Record<string, number>>;
  /** @param value of an option of `long` @returns plain data, printed as JSON */
  run(value: (option: string) => number, say: Say): Promise<Verdict>;
}

/** Options that are not among the names of `long` are a mistake in the bar. */
export function bar<O extends Readonly<Record<string, number>>>(spec: {
  readonly name: string;
  readonly claims: string;
  readonly long: O;
  readonly short?: Partial<Record<keyof O, number>>;
  readonly run: (options: { readonly [K in keyof O]: number }, say: Say) => Promise<Verdict> | Verdict;
}): Bar {
  const { name, claims, long, short = {}, run } = spec;
  return {
    name,
    claims,
    long,
    short: short as Readonly<Record<string, number>>, // safe: a missing option stays missing
    async run(value, say) {
      const options = Object.fromEntries(Object.keys(long).map((option) => [option, value(option)]));
      return run(options as { [K in keyof O]: number }, say); // safe: one value for each name of `long`
    },
  };
}
