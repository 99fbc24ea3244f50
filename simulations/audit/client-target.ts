// Client-level noise as a round applies it: updates clipped, rotated, rounded under the exact norm check, each with its own share of
// integer noise, added up in the ring and decoded. Canaries are clients that send the clipping norm in a coordinate of their own.
// Masks are left out: they cancel, and every test of secure aggregation holds that. Not here: coins and guesses (harness.ts).

import type { Rng } from '../../protocol/crypto/primitives.js';
import { nativeKeystream } from '../../protocol/native/index.js';
import type { PrivacyEvent } from '../../protocol/privacy/events.js';
import { honestShares, localVariance } from '../../protocol/privacy/noise-share.js';
import { price } from '../../protocol/privacy/price.js';
import { defaultClipSteps, ROUNDING_BETA } from '../../protocol/privacy/provision.js';
import { roundedSensitivity } from '../../protocol/privacy/sensitivity.js';
import type { Encoding, Mechanism } from '../../protocol/secagg/jobs.js';
import { runStreaming, type Streaming } from '../../protocol/secagg/keystreams.js';
import { addShare, decodeNoised, drawShare, encodeBounded, type NoiseShare } from '../../protocol/secagg/noised.js';
import type { AuditTarget } from './harness.js';

export interface ClientAudit {
  /** Members of the group; each of them is a canary. */
  readonly canaries: number;
  /** Coordinates, at least one for each canary. */
  readonly dimension: number;
  /** z of the group sum. */
  readonly noiseMultiplier: number;
  /** D: the noise is made for so many losses, and so many clients are really lost. */
  readonly losses: number;
  readonly delta: number;
  readonly rotation: boolean;
}

/** The steps of a client that a bug could be in; tests hand in others. */
export interface NoisedPath {
  drawShare(encoding: Encoding, variance: number, key: Uint8Array): NoiseShare;
  encode(encoding: Encoding, update: Float32Array, key: Uint8Array): Uint32Array<ArrayBuffer>;
}

const run = <T>(job: Streaming<T>): T => runStreaming(job, 'aes256ctr', nativeKeystream);

/** What clients really do. */
export const noisedPath: NoisedPath = {
  drawShare: (encoding, variance, key) =>
    run(drawShare(encoding, { from: 'discrete-gaussian', variance, bitVariance: 0, key })),
  encode: (encoding, update, key) =>
    Uint32Array.from(run(encodeBounded(encoding, encoding.mechanism as Mechanism, update, key))),
};

export interface NoisedSetting {
  readonly encoding: Encoding & { readonly mechanism: Mechanism };
  /** σ_l², rounded up. */
  readonly variance: number;
  readonly event: PrivacyEvent;
}

/** Grid, noise and price of an audit. @throws PRIVACY_SHARES */
export function settingOf(audit: ClientAudit, rng: Rng): NoisedSetting {
  const { canaries, dimension, noiseMultiplier, losses, rotation } = audit;
  const levels = defaultClipSteps(dimension);
  const { l2, l1 } = roundedSensitivity(levels, dimension, ROUNDING_BETA);
  const share = { group: canaries, toleratedDropouts: losses, colluders: 0 };
  const variance = Math.ceil(localVariance(share, noiseMultiplier, l2));
  return {
    encoding: {
      dimension,
      clipNorm: 1,
      range: 1,
      levels,
      ring: 32,
      weighted: false,
      mechanism: {
        prg: 'aes256ctr',
        maxSquare: Math.floor(l2 * l2),
        rotationKey: rotation ? rng(32) : 'none',
        bitSteps: 0,
        centralVariance: 0,
      },
    },
    variance,
    event: {
      task: 'audit',
      round: 1,
      attempt: 1,
      group: 0,
      unit: 'client',
      neighbours: 'add-or-remove',
      observer: 'coordinator',
      arithmetic: 'exact',
      type: 'distributedGaussian',
      honestShares: honestShares(share),
      localVariance: variance,
      l2,
      l1,
      dimension,
    },
  };
}

/** The decoded sum of these updates, each with a share. Masks would cancel. */
export function noisedSum(
  { encoding, variance }: NoisedSetting,
  updates: readonly Float32Array[],
  rng: Rng,
  path: NoisedPath = noisedPath,
): Float32Array {
  const sum = new Uint32Array(encoding.dimension);
  for (const update of updates) {
    const share = path.drawShare(encoding, variance, rng(32));
    const words = path.encode(encoding, update, rng(32));
    addShare(words, share);
    for (let i = 0; i < sum.length; i++) sum[i] = (sum[i] as number) + (words[i] as number);
  }
  // Divided by 1: the sum, not the mean.
  return run(decodeNoised(encoding, encoding.mechanism, sum, 1, rng(32))).mean;
}

/** @param rng for noise, rounding and rotation; a CSPRNG except in tests */
export function clientTarget(audit: ClientAudit, rng: Rng, path: NoisedPath = noisedPath): AuditTarget {
  const { canaries, noiseMultiplier, losses, delta, rotation } = audit;
  const setting = settingOf(audit, rng);
  return {
    name: `distributed discrete Gaussian, z = ${noiseMultiplier}, ${canaries} clients, ${losses} lost${rotation ? ', rotated' : ''}`,
    canaries,
    // The Gaussian equivalent: a correct implementation could come this close.
    claimed: { epsilon: price([setting.event], delta, { accountant: 'gaussian' }).epsilon, delta },
    async release(included) {
      const { dimension } = setting.encoding;
      const updates = included.map((is, i) =>
        Float32Array.from({ length: dimension }, (_, at) => (is && at === i ? 1 : 0)),
      );
      // The last ones are lost before they send anything; their canaries can then not be guessed, as it is in a round.
      return noisedSum(setting, updates.slice(0, canaries - losses), rng, path).subarray(0, canaries);
    },
  };
}
