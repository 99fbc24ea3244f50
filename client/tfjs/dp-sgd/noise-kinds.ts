// Which noise a spec asks for. Not here: how it is made.

import type { Rng } from '../../../protocol/crypto/primitives.js';
import type { DpSgdSpec } from '../../trainer.js';
import type { StepNoise } from './noise.js';
import { floatNoise } from './noise-float.js';

export function stepNoise(dp: DpSgdSpec, dimension: number, rng: Rng): StepNoise {
  return floatNoise(dimension, dp.clipNorm, dp.noiseMultiplier, rng);
}
