// Each event as an accountant sees it: its Rényi curve at the fixed orders, and the Gaussian it would be if its noise were one.
// Not here: which events are legal (domain.ts), sums and conversion (price.ts).

import type { PrivacyEvent } from './events.js';
import { discreteGaussianTau, rdpDiscreteGaussian, rdpSkellam } from './integer-noise.js';
import { ORDERS } from './orders.js';
import { rdpSampledGaussian } from './rdp-sampled.js';
import { sketchMultiplier, sketchUpperFactor } from './sketch-noise.js';

/** `strict` holds whatever A shows of the update, except with probability 2^-30; `average` is what an average A shows. */
export type SketchForm = 'strict' | 'average';

/** Replacing a unit moves a sum twice as far as leaving it out. */
const sensitivityFactor = (event: PrivacyEvent): number => (event.neighbours === 'replace-one' ? 2 : 1);

/** How often the release of the event was made. */
export const countOf = (event: PrivacyEvent): number => ('count' in event ? event.count : 1);

/**
 * The multiplier of one unsampled Gaussian with the same spread and sensitivity; of a sampled one that of its noise alone.
 * A bit has sensitivity ½, so its multiplier is 2σ_b. Integer noise taken as Gaussian is an equivalent, not a guarantee.
 */
export function multiplierOf(event: PrivacyEvent, form: SketchForm): number {
  const factor = sensitivityFactor(event);
  switch (event.type) {
    case 'poissonGaussian':
    case 'gaussian':
      return event.noiseMultiplier / factor;
    case 'distributedGaussian':
    case 'distributedSkellam':
      return Math.sqrt(event.honestShares * event.localVariance) / (event.l2 * factor);
    case 'sketch': {
      const upper = form === 'strict' ? sketchUpperFactor(event.k) : 1;
      return sketchMultiplier(event.localVariance, event.l2 * factor, event.k, event.dimension, upper);
    }
    case 'clipBit':
      return (2 * event.std) / factor;
    case 'histogram':
      return Math.sqrt(event.variance) / (event.l2 * factor);
    default:
      return event satisfies never;
  }
}

/** RDP of all `count` releases of one legal event at each of ORDERS. @throws PRIVACY_NO_CONVERGENCE */
export function rdpCurve(event: PrivacyEvent, form: SketchForm): Float64Array {
  const at = rdpOf(event, form);
  const count = countOf(event);
  return Float64Array.from(ORDERS, (order) => count * at(order));
}

function rdpOf(event: PrivacyEvent, form: SketchForm): (order: number) => number {
  const factor = sensitivityFactor(event);
  switch (event.type) {
    case 'poissonGaussian':
      return (order) => rdpSampledGaussian(event.samplingRate, event.noiseMultiplier / factor, order);
    case 'distributedGaussian': {
      const { honestShares: shares, localVariance, dimension } = event;
      const sum = { shares, localVariance, dimension, l2: event.l2 * factor, l1: event.l1 * factor };
      const tau = discreteGaussianTau(shares, localVariance);
      return (order) => rdpDiscreteGaussian(sum, tau, order);
    }
    case 'distributedSkellam':
      return (order) =>
        rdpSkellam(event.honestShares * event.localVariance, event.l2 * factor, event.l1 * factor, order);
    default: {
      const z = multiplierOf(event, form);
      return (order) => order / (2 * z * z);
    }
  }
}

/** Curves of events, each distinct release computed once: a ledger of a thousand like rounds costs one. */
export function rememberCurves(form: SketchForm): (event: PrivacyEvent) => Float64Array {
  const known = new Map<string, Float64Array>();
  return (event) => {
    const { task: _t, round: _r, attempt: _a, group: _g, unit: _u, observer: _o, arithmetic: _n, ...release } = event;
    const key = JSON.stringify(release);
    const curve = known.get(key) ?? rdpCurve(event, form);
    known.set(key, curve);
    return curve;
  };
}
