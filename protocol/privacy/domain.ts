// What an event must look like to have a price at all: known type, numbers inside their domain, a claim that sampling or placement
// does not contradict. Refused, never priced at 0. Not here: prices (price.ts), budgets (ledger.ts).

import { SottoError } from '../errors.js';
import type { Neighbours, NoiseArithmetic, Observer, PrivacyEvent, PrivacyUnit } from './events.js';

const UNITS: readonly PrivacyUnit[] = ['record', 'client'];
const NEIGHBOURS: readonly Neighbours[] = ['add-or-remove', 'replace-one'];
const OBSERVERS: readonly Observer[] = ['coordinator', 'participant', 'auditor', 'released-model'];
const ARITHMETIC: readonly NoiseArithmetic[] = ['exact', 'real'];

/** Where the noise is added (privacy.md 1). */
export type Placement = 'record' | 'distributed' | 'central';

/**
 * Whether anybody may claim this at all.
 * @param samplingRate of whole clients for `distributed` and `central`, of records for `record`
 * @throws PRIVACY_CLAIM
 */
export function checkClaim(claim: {
  readonly observer: Observer;
  readonly placement: Placement;
  readonly samplingRate: number;
}): void {
  const { observer, placement, samplingRate } = claim;
  if (placement === 'central' && observer === 'coordinator')
    throw new SottoError(
      'PRIVACY_CLAIM',
      'central noise is added by the coordinator, so it protects nobody from the coordinator; use placement `distributed` or `record`, or claim it against another observer',
      { observer, placement },
    );
  // Records are sampled by coins that never leave the device.
  if (placement !== 'record' && samplingRate !== 1 && observer !== 'released-model')
    throw new SottoError(
      'PRIVACY_CLAIM',
      `a sampling rate of ${samplingRate} for clients against the ${observer}: whoever picks the cohort or reads rosters knows who was sampled; claim 1, or the observer \`released-model\``,
      { observer, placement, samplingRate },
    );
}

/** @throws PRIVACY_DELTA unless 0 < δ < 1 */
export function checkDelta(delta: number): void {
  if (!(delta > 0 && delta < 1))
    throw new SottoError(
      'PRIVACY_DELTA',
      `delta is ${delta}; it must lie between 0 and 1, both excluded; take less than one over the number of units`,
      { delta },
    );
}

/** @throws PRIVACY_BUDGET unless ε > 0 and 0 < δ < 1 */
export function checkBudget({ epsilon, delta }: { readonly epsilon: number; readonly delta: number }): void {
  checkDelta(delta);
  if (!(epsilon > 0 && epsilon < Infinity))
    throw new SottoError('PRIVACY_EPSILON', `epsilon is ${epsilon}; it must be a finite number above 0`, { epsilon });
}

/** @throws PRIVACY_EVENT for an unknown type or a number outside its domain, PRIVACY_CLAIM */
export function checkEvent(event: PrivacyEvent): void {
  oneOf(event, 'unit', UNITS);
  oneOf(event, 'neighbours', NEIGHBOURS);
  oneOf(event, 'observer', OBSERVERS);
  oneOf(event, 'arithmetic', ARITHMETIC);
  switch (event.type) {
    case 'poissonGaussian': {
      inRange(event, 'samplingRate', event.samplingRate, 0, 1);
      positive(event, 'noiseMultiplier', event.noiseMultiplier);
      count(event, 'count', event.count, 0);
      const { observer, samplingRate } = event;
      checkClaim({ observer, placement: event.unit === 'record' ? 'record' : 'distributed', samplingRate });
      if (event.neighbours === 'replace-one' && samplingRate < 1 && samplingRate > 0)
        throw bad(event, 'neighbours', 'replace-one', 'for a sampled Gaussian: only add-or-remove is proven here');
      return;
    }
    case 'gaussian':
      positive(event, 'noiseMultiplier', event.noiseMultiplier);
      count(event, 'count', event.count, 0);
      if (event.unit === 'client') checkClaim({ observer: event.observer, placement: 'central', samplingRate: 1 });
      return;
    case 'distributedGaussian':
    case 'distributedSkellam':
      count(event, 'honestShares', event.honestShares, 1);
      positive(event, 'localVariance', event.localVariance);
      positive(event, 'l2', event.l2);
      positive(event, 'l1', event.l1);
      count(event, 'dimension', event.dimension, 1);
      return;
    case 'sketch':
      positive(event, 'localVariance', event.localVariance);
      positive(event, 'l2', event.l2);
      count(event, 'k', event.k, 1);
      count(event, 'dimension', event.dimension, 1);
      return;
    case 'clipBit':
      positive(event, 'std', event.std);
      return;
    case 'histogram':
      positive(event, 'variance', event.variance);
      positive(event, 'l2', event.l2);
      return;
    default:
      throw unknownType(event satisfies never);
  }
}

/** Ledgers are read from files and may be newer than this code. */
const unknownType = (event: { readonly type?: unknown }): SottoError =>
  new SottoError(
    'PRIVACY_EVENT',
    `nobody can price an event of type ${String(event?.type)}; shuffled, truncated and fixed-size batches are such types. Update Sotto, or take the release out of the plan`,
    { type: String(event?.type) },
  );

const bad = (event: PrivacyEvent, field: string, value: unknown, must: string): SottoError =>
  new SottoError('PRIVACY_EVENT', `${event.type}: ${field} is ${String(value)}, ${must}`, {
    type: String(event.type),
    field,
  });

function oneOf<F extends 'unit' | 'neighbours' | 'observer' | 'arithmetic'>(
  event: PrivacyEvent,
  field: F,
  values: readonly string[],
): void {
  if (!values.includes(event[field])) throw bad(event, field, event[field], `which is none of ${values.join(', ')}`);
}

function positive(event: PrivacyEvent, field: string, value: number): void {
  if (!(typeof value === 'number' && value > 0 && value < Infinity))
    throw bad(event, field, value, 'and must be a finite number above 0: without noise the price is infinite');
}

function inRange(event: PrivacyEvent, field: string, value: number, low: number, high: number): void {
  if (!(typeof value === 'number' && value >= low && value <= high))
    throw bad(event, field, value, `and must lie in [${low}, ${high}]`);
}

function count(event: PrivacyEvent, field: string, value: number, least: number): void {
  if (!Number.isSafeInteger(value) || value < least)
    throw bad(event, field, value, `and must be a whole number of at least ${least}`);
}
