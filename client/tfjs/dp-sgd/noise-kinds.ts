// Which noise a spec asks for. Not here: how it is made.

import type { Rng } from '../../../protocol/crypto/primitives.js';
import { SottoError } from '../../../protocol/errors.js';
import type { DpSgdSpec } from '../../trainer.js';
import type { StepNoise } from './noise.js';
import { floatNoise } from './noise-float.js';

/** @throws SottoError TRAIN_UNSUPPORTED for `exact`: never floats in its place */
export function stepNoise(dp: DpSgdSpec, dimension: number, rng: Rng): StepNoise {
  if (dp.noise === 'float') return floatNoise(dimension, dp.clipNorm, dp.noiseMultiplier, rng);
  throw new SottoError('TRAIN_UNSUPPORTED', "dpSgd.noise 'exact' is not in this version yet; use 'float'");
}
