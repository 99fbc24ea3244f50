// Differential privacy of whole clients, as a clause: reading its settings, planning the noise, the encoding of a round, the accounts.
// Not here: the plan (privacy/provision.ts), the accounts (participant/spend.ts), drawing noise (secagg/noised.ts).

import type { SymmetricPrimitives } from '../crypto/primitives.js';
import { SottoError } from '../errors.js';
import { clientAccounts } from '../participant/spend.js';
import { clipOfCounter, followsClip } from '../privacy/adaptive-clip.js';
import { type NoisePlan, planNoise } from '../privacy/provision.js';
import * as v from '../schema.js';
import type { Encoding, Ring } from '../secagg/jobs.js';
import { rotationKey } from '../secagg/rotate.js';
import { count, finite, positive } from '../task-fields.js';
import { adaptiveClipping, configHash, type Derived, RINGS, type TaskConfig } from '../terms.js';
import type { NoiseClause, RoundClip } from './clauses.js';

/** What every placement of noise says. Whether the numbers make a promise is asked by privacy/provision.ts. */
const claim = {
  noiseMultiplier: finite,
  clipSteps: count,
  rotation: v.picklist(['none', 'hadamard']),
  neighbours: v.picklist(['add-or-remove', 'replace-one']),
  budget: v.strictObject({ epsilon: finite, delta: finite }),
};
const schema = v.variant('placement', [
  v.strictObject({
    placement: v.literal('distributed'),
    noise: v.picklist(['discrete-gaussian', 'skellam']),
    losses: count,
    noiseless: count,
    clipping: v.variant('by', [
      v.strictObject({ by: v.literal('fixed') }),
      v.strictObject({
        by: v.literal('quantile'),
        quantile: finite,
        learningRate: positive,
        bitDeviation: positive,
        least: positive,
        most: positive,
      }),
    ]),
    ...claim,
  }),
  v.strictObject({ placement: v.literal('central'), ...claim }),
]);

function ring({ ringBits }: NoisePlan): Ring {
  const found = RINGS.find((one) => one >= ringBits);
  if (found !== undefined) return found;
  throw new SottoError(
    'CONFIG_RING',
    `privacy.clipSteps and noiseMultiplier need a ring of ${ringBits} bits for the noised sum, more than 32; use fewer grid steps`,
    { field: 'privacy.clipSteps' },
  );
}

/** The encoding of one round: its clipping norm and its rotation. Both ends make it from what both have signed or verified. */
export function encodingOf(
  primitives: SymmetricPrimitives,
  config: TaskConfig,
  { encoding, text }: Derived,
  { round, clip }: RoundClip,
): Encoding {
  const { privacy } = config;
  const { mechanism } = encoding;
  if (privacy === 'none' || mechanism === undefined) return encoding;
  const adaptive = adaptiveClipping(config);
  const clipNorm = adaptive === undefined ? encoding.clipNorm : clipOfCounter(clip, adaptive);
  const key = privacy.rotation === 'none' ? 'none' : rotationKey(primitives, configHash(primitives, text), round);
  return { ...encoding, clipNorm, range: clipNorm, mechanism: { ...mechanism, rotationKey: key } };
}

export const noiseClause: NoiseClause = {
  schema,
  plan(config, threshold) {
    const plan = planNoise(config, threshold);
    if (plan === 'none') throw new RangeError('no noise is asked for');
    return plan;
  },
  ring,
  encodingOf,
  followsClip,
  accounts: clientAccounts,
};
