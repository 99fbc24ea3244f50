// What DP-SGD by a spec releases about one record, as events of the client's ledger. Not here: prices (protocol/privacy).

import type { DpSgdSpec, RecordRelease, TrainingSpec } from '../../trainer.js';
import { checkTrainingSpec } from '../check.js';
import type { StepNoise } from './noise.js';
import { exactRate } from './poisson.js';

/** What the steps of a round have released. @param noise as realised */
export function releaseOf(
  { samplingRate, steps }: DpSgdSpec,
  { noiseMultiplier, arithmetic }: Pick<StepNoise, 'noiseMultiplier' | 'arithmetic'>,
): RecordRelease {
  return { type: 'poissonGaussian', samplingRate: exactRate(samplingRate), noiseMultiplier, count: steps, arithmetic };
}

/** The most that they can: noise is never below what the spec asks for. @throws SottoError CONFIG_INVALID naming the field */
export function plannedReleases(spec: TrainingSpec): readonly RecordRelease[] {
  checkTrainingSpec(spec);
  if (spec.dpSgd === undefined) return [];
  const { noiseMultiplier, noise } = spec.dpSgd;
  return [releaseOf(spec.dpSgd, { noiseMultiplier, arithmetic: noise === 'exact' ? 'exact' : 'real' })];
}
