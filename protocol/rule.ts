// The aggregation rule of a task, as data: part of the signed configuration, so that clients know what is done with their sums.
// Not here: the rules themselves (server/aggregate), what the sketches of profile `sketch` decide (selection.ts), and which rule
// a profile allows (task.ts).
// Discussion: every parameter is in the text that clients sign; a rule has no default for any. `pre` is absent where there is
// no step and never an empty list, so that one meaning has one canonical text, the one it had before there were steps.

import { SottoError } from './errors.js';
import { MAX_PRE_STEPS, MAX_RULE_STEPS, MAX_RULE_SUBSETS } from './limits.js';

export { isPlainMean } from './plain-mean.js';

/** How many nearest others a Krum score sums over. `n-f-2` is Blanchard et al. 2017; `n-f-1` is n − f counting the row itself. */
export const NEIGHBOURS = ['n-f-2', 'n-f-1'] as const;
export type Neighbours = (typeof NEIGHBOURS)[number];
/** Where Weiszfeld's iteration begins. With few steps the result depends on it. */
export const MEDIAN_STARTS = ['zero', 'median'] as const;
export type MedianStart = (typeof MEDIAN_STARTS)[number];
/** Where centred clipping begins: `previous` is the last aggregate of the task, zero in the first round. */
export const CLIPPING_STARTS = ['previous', 'zero', 'median'] as const;
export type ClippingStart = (typeof CLIPPING_STARTS)[number];

/** A stage before the rule. `arc` and `nnm` take f from the rule behind them. */
export type PreSpec =
  | { readonly name: 'clip'; readonly norm: number }
  | { readonly name: 'arc' }
  | { readonly name: 'nnm' }
  | { readonly name: 'bucketing'; readonly size: number };

/** The last stage. `faulty` is f, the number of bad inputs (groups or clients) the task is ready for. */
export type CoreSpec =
  | { readonly name: 'mean' }
  | { readonly name: 'median' | 'trimmed-mean' | 'meamed' | 'bulyan'; readonly faulty: number }
  /** For comparison among few inputs: `mda` and `smea` look at every subset. */
  | { readonly name: 'mda' | 'smea' | 'caf'; readonly faulty: number }
  | {
      readonly name: 'dnc';
      readonly faulty: number;
      /** c: an iteration leaves out ⌊c·f⌋ inputs. */
      readonly filter: number;
      readonly iterations: number;
      /** Coordinates sampled in an iteration. */
      readonly coordinates: number;
    }
  | {
      readonly name: 'geometric-median';
      readonly faulty: number;
      /** Distances below count as this: smooths the iteration near an input. */
      readonly nu: number;
      readonly steps: number;
      readonly start: MedianStart;
    }
  | {
      readonly name: 'centred-clipping';
      readonly faulty: number;
      /** How far from the centre an input pulls with all its length. */
      readonly tau: number;
      readonly steps: number;
      readonly start: ClippingStart;
    }
  | {
      readonly name: 'krum';
      readonly faulty: number;
      readonly neighbours: Neighbours;
      /** Runs with fewer than 2f + 3 inputs, where nothing is proven. */
      readonly force: boolean;
    }
  | {
      readonly name: 'multi-krum';
      readonly faulty: number;
      readonly neighbours: Neighbours;
      /** K, the inputs that are averaged; at most inputs − f. */
      readonly keep: number;
      readonly force: boolean;
    };

/** Stages from left to right, then the rule: [nnm, clip] is not [clip, nnm]. */
export type RuleSpec = CoreSpec & { readonly pre?: readonly PreSpec[] };

/** The fields of each rule and step beside its name; the configuration and the documents are checked against them. */
export const RULE_FIELDS = {
  mean: [],
  median: ['faulty'],
  'trimmed-mean': ['faulty'],
  meamed: ['faulty'],
  'geometric-median': ['faulty', 'nu', 'steps', 'start'],
  'centred-clipping': ['faulty', 'tau', 'steps', 'start'],
  krum: ['faulty', 'neighbours', 'force'],
  'multi-krum': ['faulty', 'neighbours', 'keep', 'force'],
  bulyan: ['faulty'],
  mda: ['faulty'],
  smea: ['faulty'],
  caf: ['faulty'],
  dnc: ['faulty', 'filter', 'iterations', 'coordinates'],
} as const satisfies Record<CoreSpec['name'], readonly string[]>;
export const PRE_FIELDS = {
  clip: ['norm'],
  arc: [],
  nnm: [],
  bucketing: ['size'],
} as const satisfies Record<PreSpec['name'], readonly string[]>;

/** f of a rule; the mean is ready for none. */
export const faultyOf = (spec: RuleSpec): number => (spec.name === 'mean' ? 0 : spec.faulty);

export const preOf = (spec: RuleSpec): readonly PreSpec[] => spec.pre ?? [];

/** Whether it draws: a rule that does not leaves the coordinator's stream of chance alone. */
export const isRandomised = (spec: RuleSpec): boolean =>
  spec.name === 'dnc' || preOf(spec).some(({ name }) => name === 'bucketing');

/** C(n, f), the subsets that `mda` and `smea` compare; exact below 2^53, Infinity where it is far beyond every budget. */
export function subsetsOf(n: number, faulty: number): number {
  let count = 1;
  for (let i = 1; i <= Math.min(faulty, n - faulty) && count < 2 ** 53; i++) count = (count * (n - i + 1)) / i;
  return count < 2 ** 53 ? Math.round(count) : Number.POSITIVE_INFINITY;
}

/** Whether the next round needs what the last one gave. */
export const isStateful = (spec: RuleSpec): boolean => spec.name === 'centred-clipping' && spec.start === 'previous';

/**
 * The fewest inputs a rule makes sense with. 2f < inputs for all (Yin et al. 2018; no rule survives half), for the Krum family
 * 2f + 3 (Blanchard et al. 2017, Proposition 4.2) unless forced, for Bulyan 4f + 3 (El Mhamdi et al. 2018, §4); with f = 0 nothing is
 * claimed and one will do. A rule behind buckets of s needs as many buckets: (least − 1)·s + 1 inputs.
 */
export function leastInputs(spec: RuleSpec): number {
  const least = preOf(spec).reduceRight(
    (needed, step) => (step.name === 'bucketing' ? (needed - 1) * step.size + 1 : needed),
    leastOfCore(spec),
  );
  return Math.max(least, 2 * faultyOf(spec) + 1);
}

function leastOfCore(spec: CoreSpec): number {
  switch (spec.name) {
    case 'mean':
      return 1;
    case 'krum':
    case 'multi-krum': {
      const proven = 2 * spec.faulty + (spec.faulty > 0 && !spec.force ? 3 : 1);
      return spec.name === 'krum' ? proven : Math.max(proven, spec.keep + spec.faulty);
    }
    case 'bulyan':
      return spec.faulty > 0 ? 4 * spec.faulty + 3 : 1;
    default:
      return 2 * spec.faulty + 1;
  }
}

/** `code`: a count that does not fit the others is CONFIG_RULE_COUNT, a value that fits nothing CONFIG_INVALID. */
interface Range {
  readonly holds: (value: unknown) => boolean;
  readonly says: string;
  readonly code: 'CONFIG_RULE_COUNT' | 'CONFIG_INVALID';
}
const oneOf = (names: readonly string[]): Range => ({
  holds: (value) => typeof value === 'string' && names.includes(value),
  says: `one of ${names.join(', ')}`,
  code: 'CONFIG_INVALID',
});
const integer = (least: number, most = Number.MAX_SAFE_INTEGER): Range => ({
  holds: (value) => Number.isSafeInteger(value) && (value as number) >= least && (value as number) <= most,
  says: most === Number.MAX_SAFE_INTEGER ? `an integer of at least ${least}` : `an integer from ${least} to ${most}`,
  code: 'CONFIG_RULE_COUNT',
});
const positive: Range = {
  holds: (value) => typeof value === 'number' && Number.isFinite(value) && value > 0,
  says: 'a finite number above 0',
  code: 'CONFIG_INVALID',
};
const RANGES: Readonly<Record<string, Range>> = {
  faulty: integer(0),
  keep: integer(1),
  size: integer(1),
  iterations: integer(1, MAX_RULE_STEPS),
  coordinates: integer(1),
  filter: positive,
  steps: integer(1, MAX_RULE_STEPS),
  nu: positive,
  tau: positive,
  norm: positive,
  neighbours: oneOf(NEIGHBOURS),
  force: { holds: (value) => typeof value === 'boolean', says: 'true or false', code: 'CONFIG_INVALID' },
};

interface Problem {
  readonly code: Range['code'];
  readonly text: string;
}

/**
 * What is wrong with a rule by itself: an unknown name or field, a missing one, a value out of its range, a step that means nothing.
 * Total on anything that was parsed. The schema of a task reads rules with it, so there is one list of what a rule may say.
 */
export function ruleProblem(given: unknown): Problem | undefined {
  const problem = fieldProblem('rule', given, RULE_FIELDS, 'pre');
  const { name, pre } = { ...(given as { name?: unknown; pre?: unknown }) };
  if (problem !== undefined || pre === undefined) return problem;
  if (!Array.isArray(pre) || pre.length === 0 || pre.length > MAX_PRE_STEPS) {
    return invalid(`rule.pre must be a list of 1 to ${MAX_PRE_STEPS} steps; leave it out where there is none`);
  }
  const steps: readonly unknown[] = pre;
  return steps
    .map((step, i) => stepProblem(`rule.pre.${i}`, step, name === 'mean'))
    .find((found) => found !== undefined);
}

function stepProblem(where: string, step: unknown, beforeMean: boolean): Problem | undefined {
  const problem = fieldProblem(where, step, PRE_FIELDS);
  const { name } = { ...(step as { name?: unknown }) };
  if (problem !== undefined || !beforeMean || (name !== 'arc' && name !== 'nnm')) return problem;
  return invalid(`${where}: ${name} takes f from its rule, and the mean has none; use trimmed-mean`);
}

const invalid = (text: string): Problem => ({ code: 'CONFIG_INVALID', text });

/** Unknown fields are refused: a misspelt `force` must not vanish. */
function fieldProblem(
  where: string,
  given: unknown,
  table: Readonly<Record<string, readonly string[]>>,
  optional?: string,
): Problem | undefined {
  const values: Readonly<Record<string, unknown>> = { ...(given as object) };
  const name = String(values.name);
  const fields = Object.hasOwn(table, name) ? table[name] : undefined;
  if (fields === undefined) {
    return invalid(`${where}.name is "${name}"; it must be one of ${Object.keys(table).join(', ')}`);
  }
  for (const field of fields) {
    const range = field === 'start' ? startOf(name) : RANGES[field];
    if (range === undefined || range.holds(values[field])) continue;
    return { code: range.code, text: `${where}.${field} of ${name} is ${values[field]}; it must be ${range.says}` };
  }
  const unknown = Object.keys(values).find((key) => key !== 'name' && key !== optional && !fields.includes(key));
  return unknown === undefined ? undefined : invalid(`${where}.${unknown} is no setting of ${name}`);
}

const startOf = (name: string): Range => oneOf(name === 'centred-clipping' ? CLIPPING_STARTS : MEDIAN_STARTS);

/**
 * @param inputs how many groups or clients the rule will see.
 * @throws CONFIG_RULE_COUNT where a count is none, the inputs are too few for the claim, or too many to compare all subsets;
 *   CONFIG_INVALID for the other problems
 */
export function checkRule(spec: RuleSpec, inputs: number): void {
  const problem = ruleProblem(spec);
  if (problem !== undefined) throw new SottoError(problem.code, problem.text, { field: 'rule' });
  const least = leastInputs(spec);
  const faulty = faultyOf(spec);
  if (inputs >= least) {
    const subsets = spec.name === 'mda' || spec.name === 'smea' ? subsetsOf(inputs, faulty) : 0;
    if (subsets <= MAX_RULE_SUBSETS) return;
    throw new SottoError(
      'CONFIG_RULE_COUNT',
      `${spec.name} with faulty ${faulty} would compare ${subsets} subsets of ${inputs} inputs, ${MAX_RULE_SUBSETS} is the most; use caf, or lower faulty`,
      { faulty, inputs, field: 'rule' },
    );
  }
  const steps = preOf(spec).map((step) => `${step.name} → `);
  const keep = spec.name === 'multi-krum' ? ' or keep' : '';
  const buckets = isRandomised(spec) ? ' or buckets' : '';
  throw new SottoError(
    'CONFIG_RULE_COUNT',
    `${steps.join('')}${spec.name} with faulty ${faulty} needs at least ${least} inputs, there are ${inputs}; lower faulty${keep} or make more, smaller groups${buckets}`,
    { faulty, inputs },
  );
}
