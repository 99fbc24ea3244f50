// price(events, δ): what a list of releases about one unit costs. Pure, and only an opinion: the events are the facts, and a better
// accountant prices the same ledger again. Not here: who pays for which event (cohort-ledger.ts), budgets (ledger.ts).
//
// All events are taken to concern the same unit and to compose one after the other. Releases of disjoint groups compose in
// parallel: a client hands in the events of its own group only.

import { SottoError } from '../errors.js';
import { epsilonOf } from './convert.js';
import { countOf, multiplierOf, rememberCurves, type SketchForm } from './curve.js';
import { checkDelta, checkEvent } from './domain.js';
import type { Neighbours, NoiseArithmetic, Observer, PrivacyEvent, PrivacyUnit } from './events.js';
import { composedMultiplier, gaussianEpsilon } from './gaussian.js';
import { ORDERS } from './orders.js';
import { pldEpsilon, type SampledGaussian } from './pld-compose.js';
import { SKETCH_DELTA } from './sketch-noise.js';

/**
 * `rdp`: a bound for every event, valid for rounds chosen adaptively; the one that stops a run.
 * `pld`: tight, for schedules fixed in advance. `gaussian`: exact, where nothing is sampled. Both take integer noise as Gaussian.
 */
export type Accountant = 'rdp' | 'pld' | 'gaussian';

export interface PriceOptions {
  readonly accountant: Accountant;
  /** Strict unless asked otherwise: the average form is for display beside it. */
  readonly sketches?: SketchForm;
  /** Curves computed before, from `rememberCurves` of the same form: for callers who price often. */
  readonly curves?: (event: PrivacyEvent) => Float64Array;
}

export interface Price {
  readonly epsilon: number;
  /** The δ asked for; that of strictly priced sketches is inside it. */
  readonly delta: number;
  readonly accountant: Accountant;
  /** The Rényi order that gave ε; for `rdp` with at least one event. */
  readonly order?: number;
  /** Width of a cell, for `pld`. */
  readonly grid?: number;
  /** `real` as soon as one release drew its noise from floats. */
  readonly arithmetic: NoiseArithmetic;
  /** `bound`, or `gaussian-equivalent` where integer noise was taken as Gaussian: a figure for comparison, not a guarantee. */
  readonly standing: 'bound' | 'gaussian-equivalent';
  /** Whether secret coins of the client amplified (`secret-coins`), or a claim to outsiders rests on an unpublished roster (`hidden-cohort`). */
  readonly sampling: 'none' | 'secret-coins' | 'hidden-cohort';
  readonly warnings: readonly string[];
}

/** What is protected, in what sense, from whom: events that differ here are never summed. */
export interface Statement {
  readonly unit: PrivacyUnit;
  readonly neighbours: Neighbours;
  readonly observer: Observer;
}

/** Exact prices and transforms need no more than this; a list without events costs nothing. */
const INTEGER_NOISE: readonly PrivacyEvent['type'][] = ['distributedGaussian', 'distributedSkellam', 'sketch'];

/**
 * @throws PRIVACY_EVENT, PRIVACY_CLAIM for an event that cannot be priced; PRIVACY_MIXED where units, neighbours or observers differ;
 *   PRIVACY_DELTA, PRIVACY_PLD_RANGE for δ; PRIVACY_ACCOUNTANT for `gaussian` with sampled events; PRIVACY_NO_CONVERGENCE
 */
export function price(events: readonly PrivacyEvent[], delta: number, options: PriceOptions): Price {
  checkDelta(delta);
  for (const event of events) checkEvent(event);
  requireOneStatement(events);
  const form = options.sketches ?? 'strict';
  const left = withoutSketchDelta(events, delta, form);
  const facts = {
    delta,
    accountant: options.accountant,
    arithmetic: events.some(({ arithmetic }) => arithmetic === 'real') ? ('real' as const) : ('exact' as const),
    sampling: samplingOf(events),
  };
  switch (options.accountant) {
    case 'rdp': {
      if (events.length === 0) return { ...facts, epsilon: 0, standing: 'bound', warnings: [] };
      const sum = curveOf(events, options.curves ?? rememberCurves(form));
      const { epsilon, order } = epsilonOf(sum, ORDERS, left);
      return { ...facts, epsilon, order, standing: 'bound', warnings: edgeWarnings(order) };
    }
    case 'pld': {
      const { epsilon, grid } = pldEpsilon(
        events.map((event) => asGaussian(event, form)),
        left,
      );
      return { ...facts, epsilon, grid, standing: standingOf(events), warnings: [] };
    }
    case 'gaussian': {
      const epsilon = gaussianEpsilon(composedMultiplier(events.flatMap((event) => unsampled(event, form))), left);
      return { ...facts, epsilon, standing: standingOf(events), warnings: [] };
    }
    default:
      throw new SottoError(
        'PRIVACY_ACCOUNTANT',
        `there is no accountant ${String(options.accountant satisfies never)}`,
      );
  }
}

/** RDP of all events at ORDERS; the caller has checked them. */
export function curveOf(events: readonly PrivacyEvent[], curve: (event: PrivacyEvent) => Float64Array): Float64Array {
  const sum = new Float64Array(ORDERS.length);
  for (const event of events) {
    const one = curve(event);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (one[i] as number);
  }
  return sum;
}

/** The tight price beside the bound: exact where nothing is sampled, else PLD. @throws as `price` */
export function tightPrice(events: readonly PrivacyEvent[], delta: number, sketches: SketchForm = 'strict'): Price {
  const sampled = events.some((event) => event.type === 'poissonGaussian' && event.samplingRate < 1);
  return price(events, delta, { accountant: sampled ? 'pld' : 'gaussian', sketches });
}

export const sameStatement = (a: Statement, b: Statement): boolean =>
  a.unit === b.unit && a.neighbours === b.neighbours && a.observer === b.observer;

/** Events by what they say, in order of appearance. Each list can be priced; their ε must not be added. */
export function statementsOf(
  events: readonly PrivacyEvent[],
): readonly { readonly statement: Statement; readonly events: readonly PrivacyEvent[] }[] {
  const lists = new Map<string, { statement: Statement; events: PrivacyEvent[] }>();
  for (const event of events) {
    const { unit, neighbours, observer } = event;
    const key = `${unit} ${neighbours} ${observer}`;
    const list = lists.get(key) ?? { statement: { unit, neighbours, observer }, events: [] };
    list.events.push(event);
    lists.set(key, list);
  }
  return [...lists.values()];
}

function requireOneStatement(events: readonly PrivacyEvent[]): void {
  const [first, second] = statementsOf(events);
  if (first === undefined || second === undefined) return;
  const say = ({ unit, neighbours, observer }: Statement): string => `${unit}/${neighbours}/${observer}`;
  throw new SottoError(
    'PRIVACY_MIXED',
    `events about ${say(first.statement)} and ${say(second.statement)} are separate statements; price each list of statementsOf by itself and add nothing`,
  );
}

/** δ that is left for the conversion after each strict sketch took its 2^-30. @throws PRIVACY_DELTA where nothing is left */
function withoutSketchDelta(events: readonly PrivacyEvent[], delta: number, form: SketchForm): number {
  if (form === 'average') return delta;
  const sketches = events.filter(({ type }) => type === 'sketch').length;
  const left = delta - sketches * SKETCH_DELTA;
  if (left > 0) return left;
  throw new SottoError(
    'PRIVACY_DELTA',
    `${sketches} sketches at 2^-30 each use up the delta of ${delta}; allow a larger delta or fewer rounds`,
    { delta, sketches },
  );
}

const asGaussian = (event: PrivacyEvent, form: SketchForm): SampledGaussian => ({
  samplingRate: event.type === 'poissonGaussian' ? event.samplingRate : 1,
  noiseMultiplier: multiplierOf(event, form),
  count: countOf(event),
});

function unsampled(event: PrivacyEvent, form: SketchForm): number[] {
  const { samplingRate, noiseMultiplier, count } = asGaussian(event, form);
  if (samplingRate === 0 || count === 0) return [];
  if (samplingRate < 1)
    throw new SottoError(
      'PRIVACY_ACCOUNTANT',
      'the accountant `gaussian` is exact for unsampled releases only; use `rdp` or `pld` for sampled ones',
      { samplingRate },
    );
  return [noiseMultiplier / Math.sqrt(count)];
}

const standingOf = (events: readonly PrivacyEvent[]): Price['standing'] =>
  events.some(({ type }) => INTEGER_NOISE.includes(type)) ? 'gaussian-equivalent' : 'bound';

function samplingOf(events: readonly PrivacyEvent[]): Price['sampling'] {
  const sampled = events.filter((event) => event.type === 'poissonGaussian' && event.samplingRate < 1);
  if (sampled.length === 0) return 'none';
  return sampled.some(({ unit }) => unit === 'client') ? 'hidden-cohort' : 'secret-coins';
}

const edgeWarnings = (order: number): readonly string[] =>
  order === ORDERS[0] || order === ORDERS.at(-1)
    ? [`the best order is ${order}, at the edge of the grid: another might give less`]
    : [];
