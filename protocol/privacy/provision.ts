// What follows from a task's privacy settings: sensitivity, shares, survivor floor, head-room of the ring. Both sides compute it from
// the same signed text. Not here: the settings (spec.ts), the shares' formulas (noise-share.ts), drawing noise (discrete/), prices.

import { SottoError } from '../errors.js';
import { MAX_CLIP_STEPS, MAX_LOCAL_DEVIATION, MAX_NOISE_DEVIATION, MIN_LOCAL_DEVIATION } from '../limits.js';
import type { TaskConfig } from '../terms.js';
import { bitSteps, updateMultiplier } from './adaptive-clip.js';
import { checkBudget } from './domain.js';
import { honestShares, localVariance, survivorFloor } from './noise-share.js';
import { roundedSensitivity } from './sensitivity.js';
import type { CentralSpec, DistributedSpec } from './spec.js';

/** A rounding is drawn again with at most this probability: the β of Kairouz, Liu, Steinke 2021 §4. */
export const ROUNDING_BETA = Math.exp(-0.5);
/** Standard deviations of the summed noise that the ring must hold beside the sum. */
const NOISE_TAIL = 10;
/** Standard deviations of a rotated coordinate that the ring counts on. */
const COORDINATE_TAIL = 5;

/** Everything in grid steps. */
export interface NoisePlan {
  readonly placement: 'distributed' | 'central';
  /** Δ₂ and Δ₁ of a rounded update. */
  readonly l2: number;
  readonly l1: number;
  /** ⌊Δ₂²⌋: the whole number that every rounded update is compared with. */
  readonly maxSquare: number;
  /** σ_l², rounded up; 0 with central noise. */
  readonly localVariance: number;
  /** Of the noise that the coordinator adds; 0 with distributed noise. */
  readonly centralVariance: number;
  /** Survivors without whom no sum is opened, g − D. 0 with central noise. */
  readonly floor: number;
  /** f_c; 0 with central noise. */
  readonly noiseless: number;
  /** The bit of adaptive clipping: ±steps, one more coordinate with its own noise. 0 where the norm is fixed. */
  readonly bitSteps: number;
  readonly bitVariance: number;
  /** Bits of the ring that hold the noised sum. */
  readonly ringBits: number;
}

const refuse = (field: string, text: string): SottoError =>
  new SottoError('CONFIG_PRIVACY', `privacy.${field} ${text}`, { field: `privacy.${field}` });

/**
 * @param threshold t of the task
 * @throws SottoError CONFIG_PRIVACY, PRIVACY_SHARES, PRIVACY_EPSILON, PRIVACY_DELTA: field, value and a way out
 */
export function planNoise(config: TaskConfig, threshold: number): NoisePlan | 'none' {
  const { privacy: spec, dimension } = config;
  if (spec === 'none') return 'none';
  checkClaim(config, spec);
  checkGrid(config, spec);
  const { l2, l1 } = roundedSensitivity(spec.clipSteps, dimension, ROUNDING_BETA);
  const common = { l2, l1, maxSquare: Math.floor(l2 * l2) };
  const largest = largestLevel(spec, dimension);
  const { size } = config.group;
  if (spec.placement === 'central') {
    const centralVariance = Math.ceil((spec.noiseMultiplier * l2) ** 2);
    if (centralVariance > MAX_NOISE_DEVIATION ** 2)
      throw refuse(
        'clipSteps',
        `${spec.clipSteps} makes the noise ${Math.sqrt(centralVariance).toFixed(0)} grid steps wide, more than ${MAX_NOISE_DEVIATION}; use fewer steps`,
      );
    const ringBits = bitsNeeded(size, largest, 0, NOISE_TAIL);
    const none = {
      localVariance: 0,
      floor: 0,
      noiseless: 0,
      bitSteps: 0,
      bitVariance: 0,
    };
    return { placement: 'central', ...common, ...none, centralVariance, ringBits };
  }
  const setting = { group: size, toleratedDropouts: spec.losses, colluders: spec.noiseless };
  const shares = honestShares(setting);
  const floor = survivorFloor(setting);
  if (floor < threshold)
    throw refuse(
      'losses',
      `is ${spec.losses}, but threshold ${threshold} lets a group of ${size} lose ${size - threshold}; lower it`,
    );
  const { clipping } = spec;
  const deviation = clipping.by === 'quantile' ? clipping.bitDeviation : Number.POSITIVE_INFINITY;
  const z = clipping.by === 'quantile' ? updateMultiplier(spec.noiseMultiplier, deviation) : spec.noiseMultiplier;
  const variance = Math.ceil(localVariance(setting, z, l2));
  requireLocalDeviation(Math.sqrt(variance), spec.clipSteps);
  const bit =
    clipping.by === 'fixed'
      ? { steps: 0, variance: 0 }
      : config.integrity === 'none'
        ? bitSteps(deviation, shares)
        : projectedBit(deviation, shares, variance);
  const ringBits = Math.max(
    bitsNeeded(size, largest, Math.sqrt(size * variance), NOISE_TAIL),
    bitsNeeded(size, bit.steps, Math.sqrt(size * bit.variance), NOISE_TAIL),
  );
  return {
    placement: 'distributed',
    ...common,
    localVariance: variance,
    centralVariance: 0,
    floor,
    noiseless: spec.noiseless,
    bitSteps: bit.steps,
    bitVariance: bit.variance,
    ringBits,
  };
}

/**
 * Where sketches project the bit with the update, its noise is as wide as that of any coordinate, so that the whole vector is one of
 * norm √(Δ₂² + steps²) in equal noise, which is what a sketch is priced and bounded for; the steps follow.
 */
function projectedBit(bitDeviation: number, shares: number, variance: number): ReturnType<typeof bitSteps> {
  const steps = Math.floor(Math.sqrt(shares * variance) / (2 * bitDeviation));
  if (steps > 0) return { steps, variance };
  throw refuse('clipping.bitDeviation', `is ${bitDeviation}, more noise than sketches have; lower it`);
}

/** What a sketch is a projection of: the rounded update, and the bit behind it where there is one, all in the same noise. */
export const sketchedNoise = ({ l2, localVariance, bitSteps: bit }: NoisePlan, dimension: number) => ({
  l2: Math.hypot(l2, bit),
  localVariance,
  dimension: bit === 0 ? dimension : dimension + 1,
});

function checkClaim({ profile, encoding, integrity }: TaskConfig, spec: DistributedSpec | CentralSpec): void {
  checkBudget(spec.budget);
  if (profile === 'open')
    throw new SottoError('CONFIG_PRIVACY', 'privacy in profile open, which shows every update; use another profile', {
      field: 'privacy',
    });
  if (!(spec.noiseMultiplier > 0) || !Number.isFinite(spec.noiseMultiplier))
    throw refuse('noiseMultiplier', `is ${spec.noiseMultiplier}; use a number above 0, or privacy: none`);
  if (encoding.weighting.by !== 'uniform')
    throw new SottoError('CONFIG_PRIVACY', 'encoding.weighting by examples, with privacy a secret; use by: uniform', {
      field: 'encoding.weighting',
    });
  if (spec.placement === 'central') {
    if (integrity === 'none') return;
    throw new SottoError(
      'CONFIG_PRIVACY',
      'central noise with sketches, which show updates without it; use placement distributed, or integrity: none',
      { field: 'privacy.placement' },
    );
  }
  if (spec.noise === 'skellam' && integrity !== 'none')
    throw refuse('noise', 'is skellam, which has no sketches; use discrete-gaussian, or integrity: none');
  const { clipping } = spec;
  if (clipping.by === 'fixed') return;
  if (!(clipping.quantile > 0 && clipping.quantile < 1))
    throw refuse('clipping.quantile', `is ${clipping.quantile}; it must lie between 0 and 1, both excluded`);
  if (!(clipping.least <= encoding.clipNorm && encoding.clipNorm <= clipping.most))
    throw refuse(
      'clipping.least',
      `${clipping.least} and most ${clipping.most} leave out encoding.clipNorm ${encoding.clipNorm}, where it starts; widen them`,
    );
  if (clipping.most / clipping.least > 1e6)
    throw refuse('clipping.most', `is ${clipping.most}, more than a million times least; lower it`);
}

/** c, and what `encoding` says of a grid that follows from c: nobody may sign two grids. */
function checkGrid({ encoding }: TaskConfig, { clipSteps }: DistributedSpec | CentralSpec): void {
  if (!Number.isInteger(clipSteps) || clipSteps < 1 || clipSteps > MAX_CLIP_STEPS)
    throw refuse('clipSteps', `is ${clipSteps}; it must be a whole number in 1…${MAX_CLIP_STEPS}`);
  const bits = levelBits(clipSteps);
  if (encoding.range !== encoding.clipNorm || encoding.bits !== bits)
    throw new SottoError(
      'CONFIG_PRIVACY',
      `encoding.range ${encoding.range} and bits ${encoding.bits} do not fit privacy.clipSteps ${clipSteps}; leave them out, or use ${encoding.clipNorm} and ${bits}`,
      { field: 'encoding.bits' },
    );
}

/** Bits of a signed level of magnitude c. */
export const levelBits = (clipSteps: number): number => Math.max(2, Math.ceil(Math.log2(clipSteps + 1)) + 1);

/** 8·√d: rounding then lengthens an update by 0.2 % (privacy.md 6.2). */
export const defaultClipSteps = (dimension: number): number => Math.ceil(8 * Math.sqrt(dimension));

/** @throws CONFIG_PRIVACY below two grid steps, where sums of discrete Gaussians are no longer close to one, or beyond the sampler */
export function requireLocalDeviation(deviation: number, clipSteps: number): void {
  const narrow = deviation < MIN_LOCAL_DEVIATION;
  if (!narrow && deviation <= MAX_LOCAL_DEVIATION) return;
  const steps = (clipSteps * (narrow ? MIN_LOCAL_DEVIATION : MAX_LOCAL_DEVIATION)) / deviation;
  throw refuse(
    'clipSteps',
    `${clipSteps} makes the noise of one client ${deviation.toFixed(2)} grid steps wide, outside ${MIN_LOCAL_DEVIATION}…${MAX_LOCAL_DEVIATION}; use ${narrow ? `at least ${Math.ceil(steps)}` : `at most ${Math.floor(steps)}`} steps`,
  );
}

/**
 * Largest magnitude of one coordinate that the ring counts on. Rotated coordinates look like N(0, c²/d); without rotation one may hold
 * the whole norm. A wrap harms accuracy, never privacy.
 */
function largestLevel({ rotation, clipSteps }: DistributedSpec | CentralSpec, dimension: number): number {
  if (rotation === 'none') return clipSteps + 1;
  const block = 2 ** Math.floor(Math.log2(dimension));
  return Math.min(clipSteps + 1, Math.ceil((COORDINATE_TAIL * clipSteps) / Math.sqrt(block)) + 1);
}

/** Smallest r with n·maxLevel + tail·σ < 2^(r−1). */
export function bitsNeeded(clients: number, maxLevel: number, sumDeviation: number, tail: number): number {
  let bits = 2;
  while (clients * maxLevel + tail * sumDeviation >= 2 ** (bits - 1)) bits++;
  return bits;
}

/**
 * Scale s that uses a ring of `bits` for a sum of n rotated vectors up to k standard deviations: for those who must use a given ring
 * to the full. Ours follows from c, and the ring from it. Source: Kairouz, Liu, Steinke 2021 §5; privacy.md 6.2.
 * @param localDeviation of one share, in the unit of the vector
 */
export const scaleFor = (
  bits: number,
  clients: number,
  clip: number,
  dimension: number,
  localDeviation: number,
  k: number,
): number =>
  Math.sqrt(2 ** (2 * bits) - clients * k * k) /
  (2 * k * Math.sqrt((clip * clients) ** 2 / dimension + clients * localDeviation ** 2));

/** @throws PRIVACY_FLOOR: fewer survivors than the noise was made for */
export function requireFloor(survivors: number, floor: number): void {
  if (survivors < floor)
    throw new SottoError(
      'PRIVACY_FLOOR',
      `${survivors} survivors are below the floor of ${floor}: the noise in their sum is less than was promised, so it stays closed`,
      { survivors, floor },
    );
}
