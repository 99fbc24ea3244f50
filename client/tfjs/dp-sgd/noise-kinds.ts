// Which noise a spec asks for. Not here: how it is made.

import type { Rng } from '../../../protocol/crypto/primitives.js';
import type { DpSgdSpec } from '../../trainer.js';
import type { StepNoise } from './noise.js';
import { exactNoise } from './noise-exact.js';
import { floatNoise } from './noise-float.js';

/** @throws SottoError CONFIG_INVALID for `exact` where the model is too large for so much noise */
export const stepNoise = (dp: DpSgdSpec, dimension: number, rng: Rng): StepNoise =>
  (dp.noise === 'float' ? floatNoise : exactNoise)(dimension, dp.clipNorm, dp.noiseMultiplier, rng);
