// What decides over sketches who is in the sum, as data. A list of filters: the norm bound first, always, then others.
// Not here: the filters (server/aggregate/selection), the sketches and their checks (sketch/), how many a round can lose (task.ts).

import { SottoError } from './errors.js';
import { MAX_PRE_STEPS, MAX_RULE_STEPS } from './limits.js';
import { NEIGHBOURS, type Neighbours } from './rule.js';

/** Where the honest sketches are thought to lie. All but the mean's friends: none moves far for f < n/2 bad ones. */
export type CentreSpec =
  | { readonly name: 'median' | 'trimmed-mean' | 'nnm-trimmed-mean' }
  | { readonly name: 'geometric-median'; readonly nu: number; readonly steps: number };

/** `faulty` is f, bad clients among those that sent a sketch; 2f below their number. */
export type FilterSpec =
  /** Out: ‖v‖ > bound · √(k/2 · slack). `slack` is u_k of protocol.md §7, or 1 + z·√(2/k). */
  | { readonly name: 'norm'; readonly bound: number; readonly slack: number }
  /** Out: farther from the centre than `factor` times the median distance. */
  | { readonly name: 'distance'; readonly faulty: number; readonly centre: CentreSpec; readonly factor: number }
  /** Out: a cosine to the centre below `least`. */
  | { readonly name: 'cosine'; readonly faulty: number; readonly centre: CentreSpec; readonly least: number }
  /** Out: the f with the highest Krum scores. */
  | { readonly name: 'multi-krum'; readonly faulty: number; readonly neighbours: Neighbours; readonly force: boolean };

export type SelectionSpec = readonly [
  Extract<FilterSpec, { name: 'norm' }>,
  ...Exclude<FilterSpec, { name: 'norm' }>[],
];

const CENTRES = ['median', 'trimmed-mean', 'nnm-trimmed-mean', 'geometric-median'];

/**
 * @param clients how many sketches there will be at least
 * @throws CONFIG_INVALID for a list that does not begin with its only norm bound, an unknown name and a number out of its range;
 *   CONFIG_RULE_COUNT where 2f ≥ clients, or n < 2f + 3 under Krum without `force`
 */
export function checkSelection(spec: SelectionSpec, clients: number): void {
  const filters: readonly FilterSpec[] = spec;
  if (filters[0]?.name !== 'norm' || filters.slice(1).some(({ name }) => name === 'norm')) {
    throw invalid('must begin with the norm bound, which is always on, and have it once');
  }
  if (filters.length > MAX_PRE_STEPS)
    throw invalid(`has ${filters.length} filters, at most ${MAX_PRE_STEPS} are taken`);
  for (const filter of filters) checkFilter(filter, clients);
}

function checkFilter(filter: FilterSpec, clients: number): void {
  switch (filter.name) {
    case 'norm':
      demand('norm.bound', filter.bound, filter.bound > 0, 'above 0');
      demand('norm.slack', filter.slack, filter.slack >= 1, 'at least 1');
      return;
    case 'distance':
      demand('distance.factor', filter.factor, filter.factor > 1, 'above 1');
      checkCentre(filter.centre);
      break;
    case 'cosine':
      demand('cosine.least', filter.least, filter.least >= -1 && filter.least < 1, 'from −1 to below 1');
      checkCentre(filter.centre);
      break;
    case 'multi-krum':
      if (!NEIGHBOURS.includes(filter.neighbours)) throw invalid(`.neighbours must be one of ${NEIGHBOURS.join(', ')}`);
      break;
    default:
      throw invalid(
        `.name is "${(filter satisfies never as FilterSpec).name}"; one of norm, distance, cosine, multi-krum`,
      );
  }
  const { faulty } = filter;
  const least = filter.name === 'multi-krum' && faulty > 0 && !filter.force ? 2 * faulty + 3 : 2 * faulty + 1;
  if (!Number.isSafeInteger(faulty) || faulty < 0 || clients < least) {
    const text = `selection.${filter.name} with faulty ${faulty} needs at least ${least} clients, there are ${clients}; lower faulty, or sample more`;
    throw new SottoError('CONFIG_RULE_COUNT', text, { faulty, clients });
  }
}

function checkCentre(centre: CentreSpec): void {
  if (!CENTRES.includes(centre.name)) throw invalid(`.centre.name is "${centre.name}"; one of ${CENTRES.join(', ')}`);
  if (centre.name !== 'geometric-median') return;
  demand('centre.nu', centre.nu, centre.nu > 0, 'above 0');
  const isCount = Number.isSafeInteger(centre.steps) && centre.steps >= 1 && centre.steps <= MAX_RULE_STEPS;
  demand('centre.steps', centre.steps, isCount, `a whole number from 1 to ${MAX_RULE_STEPS}`);
}

function demand(field: string, value: number, holds: boolean, says: string): void {
  if (!Number.isFinite(value) || !holds) throw invalid(`.${field} is ${value}; it must be ${says}`);
}

const invalid = (text: string): SottoError =>
  new SottoError('CONFIG_INVALID', `selection ${text}`.replace('selection .', 'selection.'), { field: 'selection' });
