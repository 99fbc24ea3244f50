// The settings of the aggregation rule, and what is filled in where a file leaves a number of a rule open. Not here: whether the
// counts fit together (protocol/rule.ts checkRule), which profile allows which rule (protocol/task.ts).

import * as v from 'valibot';
import { MAX_DIMENSION, MAX_GROUPS, MAX_OPEN_COHORT, MAX_PRE_STEPS, MAX_RULE_STEPS } from '../../protocol/limits.js';
import {
  CLIPPING_STARTS,
  type CoreSpec,
  MEDIAN_STARTS,
  NEIGHBOURS,
  type PreSpec,
  type RuleSpec,
} from '../../protocol/rule.js';
import { choice, listOf, maybe, oneOf, positive, says, settings, whole } from './values.js';

const literal = <const T extends string>(name: T) => v.literal(name, `${name}`);

/**
 * What a rule gets where the file is silent. Each is the choice of the paper or of robustness.md §1.2; they stand in the signed
 * settings of the task like anything that was typed.
 */
export const RULE_FILL = {
  'geometric-median': { nu: 0.1, steps: 3, start: 'zero' },
  'centred-clipping': { tau: 10, steps: 3, start: 'previous' },
  krum: { neighbours: 'n-f-2', force: false },
  dnc: { filter: 1, iterations: 3, coordinates: 10_000 },
} as const;

const faulty = says(
  'Bad inputs the rule is ready for, f, each side for a trimmed mean. Inputs are groups in profile `grouped`, clients in `open`; 2f must stay below their number, 2f + 3 (`krum`, `multi-krum`) or 4f + 3 (`bulyan`) be reached.',
  whole(0, MAX_GROUPS),
);
const steps = (fill: number, text: string) => maybe(`${fill}`, says(text, whole(1, MAX_RULE_STEPS)));
const pre = maybe(
  'no step',
  says(
    'Steps before the rule, from first to last; the order is part of the meaning.',
    listOf(
      choice('name', [
        settings({
          name: says('Scales longer inputs down to a norm.', literal('clip')),
          norm: says('The norm, L2, in the unit of an update.', positive()),
        }),
        settings({ name: says('Scales the longest inputs down to the norm of the next.', literal('arc')) }),
        settings({
          name: says('Replaces each input by the mean of its n − f nearest, itself included.', literal('nnm')),
        }),
        settings({
          name: says(
            'Averages inputs drawn at random, a few at a time; the rule sees the averages.',
            literal('bucketing'),
          ),
          size: says('Inputs in one average; 2f must stay below the number of averages.', whole(1, MAX_OPEN_COHORT)),
        }),
      ]),
      1,
      MAX_PRE_STEPS,
    ),
  ),
);
const neighbours = maybe(
  RULE_FILL.krum.neighbours,
  says('Nearest others a score sums over: of Blanchard et al. 2017, or one more.', oneOf(NEIGHBOURS)),
);
const force = maybe(
  'false',
  says(
    'Runs with fewer than 2f + 3 inputs, where nothing is proven.',
    v.pipe(v.boolean('true or false'), v.metadata({ must: 'true or false' })),
  ),
);

export const ruleSettings = choice('name', [
  settings({ name: says('The plain mean: ready for no bad input.', literal('mean')), pre }),
  settings({ name: says('Coordinate-wise median.', literal('median')), faulty, pre }),
  settings({
    name: says('Coordinate-wise mean without the f largest and f smallest.', literal('trimmed-mean')),
    faulty,
    pre,
  }),
  settings({
    name: says('Coordinate-wise mean of all but the f values farthest from the median.', literal('meamed')),
    faulty,
    pre,
  }),
  settings({
    name: says('The point with the least sum of distances, by smoothed Weiszfeld steps.', literal('geometric-median')),
    faulty,
    nu: maybe(
      `${RULE_FILL['geometric-median'].nu}`,
      says('Distances below count as this, in the unit of an update.', positive()),
    ),
    steps: steps(RULE_FILL['geometric-median'].steps, 'At most so many steps; 200 with nu 1e-6 is accurate.'),
    start: maybe(
      RULE_FILL['geometric-median'].start,
      says('Where it begins: zero, or the coordinate-wise median.', oneOf(MEDIAN_STARTS)),
    ),
    pre,
  }),
  settings({
    name: says(
      'Every input pulls at a centre with at most the same force. Wants client momentum; no defence against backdoors.',
      literal('centred-clipping'),
    ),
    faulty,
    tau: maybe(
      `${RULE_FILL['centred-clipping'].tau}`,
      says('The farthest an input pulls, in the unit of an update.', positive()),
    ),
    steps: steps(RULE_FILL['centred-clipping'].steps, 'Pulls in a round.'),
    start: maybe(
      RULE_FILL['centred-clipping'].start,
      says('Where a round begins: the last aggregate, zero, or the coordinate-wise median.', oneOf(CLIPPING_STARTS)),
    ),
    pre,
  }),
  settings({
    name: says('The one input with the nearest company.', literal('krum')),
    faulty,
    neighbours,
    force,
    pre,
  }),
  settings({
    name: says('The mean of the inputs with the nearest company.', literal('multi-krum')),
    faulty,
    neighbours,
    keep: maybe(
      'groups less 2f, so that f of them may be lost; the quorum less f in profile `open`',
      says('Inputs that are averaged, at most those there are less f.', whole(1, MAX_OPEN_COHORT)),
    ),
    force,
    pre,
  }),
  settings({ name: says('Krum again and again, then the mean around the median.', literal('bulyan')), faulty, pre }),
  settings({
    name: says('For comparison: the mean of the inputs with the smallest diameter, of all subsets.', literal('mda')),
    faulty,
    pre,
  }),
  settings({
    name: says(
      'For comparison: the mean of the inputs with the smallest top eigenvalue, of all subsets.',
      literal('smea'),
    ),
    faulty,
    pre,
  }),
  settings({
    name: says('For comparison: weighs inputs down along the direction in which they spread most.', literal('caf')),
    faulty,
    pre,
  }),
  settings({
    name: says(
      'For comparison: leaves out what is farthest along the top direction of sampled coordinates.',
      literal('dnc'),
    ),
    faulty,
    filter: maybe(`${RULE_FILL.dnc.filter}`, says('An iteration leaves out this times f inputs.', positive())),
    iterations: maybe(
      `${RULE_FILL.dnc.iterations}`,
      says('Who is left out in any of them is left out.', whole(1, MAX_RULE_STEPS)),
    ),
    coordinates: maybe(
      `${RULE_FILL.dnc.coordinates}`,
      says('Coordinates sampled in an iteration.', whole(1, MAX_DIMENSION)),
    ),
    pre,
  }),
]);

export type RuleFile = v.InferOutput<typeof ruleSettings>;

/**
 * The rule as it is signed. @param inputs the fewest the rule will see, before its steps: what `keep` is filled in from
 */
export function fillRule(file: RuleFile, inputs: number): RuleSpec {
  const { pre: steps, ...core } = file;
  return steps === undefined ? fillCore(core, inputs) : { ...fillCore(core, seenBehind(steps, inputs)), pre: steps };
}

function fillCore(file: DistributiveOmit<RuleFile, 'pre'>, inputs: number): CoreSpec {
  switch (file.name) {
    case 'mean':
    case 'median':
    case 'trimmed-mean':
    case 'meamed':
    case 'bulyan':
    case 'mda':
    case 'smea':
    case 'caf':
      return file;
    case 'dnc':
    case 'geometric-median':
    case 'centred-clipping': {
      // safe: what is undefined is left to the fill, and the shapes are those of the name.
      return { ...RULE_FILL[file.name], ...given(file) } as CoreSpec;
    }
    case 'krum':
      return { ...RULE_FILL.krum, ...given(file) } as CoreSpec;
    case 'multi-krum':
      return { ...RULE_FILL.krum, keep: Math.max(1, inputs - file.faulty), ...given(file) } as CoreSpec;
    default:
      return file satisfies never;
  }
}

type DistributiveOmit<T, K extends PropertyKey> = T extends unknown ? Omit<T, K> : never;

const given = (file: object): object =>
  Object.fromEntries(Object.entries(file).filter(([, value]) => value !== undefined));

const seenBehind = (steps: readonly PreSpec[], inputs: number): number =>
  steps.reduce((count, step) => (step.name === 'bucketing' ? Math.ceil(count / step.size) : count), inputs);
