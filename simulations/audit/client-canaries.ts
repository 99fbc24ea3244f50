// Client canaries (Andrew et al. 2024): clients that send fixed random directions at norm C, and how much of each is left in what is
// released. One run, no coins, works on group sums; it costs as many clients' worth of signal. An estimate, never a bound.
// Not here: the statistic (bounds.ts), the noised path (client-target.ts), audits that can refute (harness.ts).

import type { Rng } from '../../protocol/crypto/primitives.js';
import { Random } from '../random.js';
import { canaryEstimateOf } from './bounds.js';
import { type ClientAudit, type NoisedPath, noisedPath, noisedSum, settingOf } from './client-target.js';

export interface CanaryReading {
  readonly name: string;
  readonly canaries: number;
  /** Mean cosine of a canary with the release; unseen ones have 0, give or take 1/√d. */
  readonly meanCosine: number;
  readonly epsilonEstimate: number;
  readonly delta: number;
}

/** @param rng for directions, noise, rounding and rotation @throws PRIVACY_SHARES */
export function canaryReading(audit: ClientAudit, rng: Rng, path: NoisedPath = noisedPath): CanaryReading {
  const { canaries, dimension, losses, noiseMultiplier, delta } = audit;
  const random = Random.fromSeed(Buffer.from(rng(32)).toString('hex'));
  const directions = Array.from({ length: canaries }, () => {
    const direction = Float32Array.from({ length: dimension }, () => random.normal());
    const length = Math.hypot(...direction);
    return direction.map((value) => value / length);
  });
  const present = directions.slice(0, canaries - losses);
  const sum = noisedSum(settingOf(audit, rng), present, rng, path);
  const length = Math.hypot(...sum);
  const cosines = present.map((direction) => direction.reduce((dot, v, i) => dot + v * (sum[i] as number), 0) / length);
  return {
    name: `client canaries, z = ${noiseMultiplier}, ${dimension} coordinates`,
    canaries: present.length,
    meanCosine: cosines.reduce((total, cosine) => total + cosine, 0) / cosines.length,
    epsilonEstimate: canaryEstimateOf(cosines, dimension, delta),
    delta,
  };
}
