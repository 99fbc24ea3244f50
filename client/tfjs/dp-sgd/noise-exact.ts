// `noise: exact`: the sum goes to whole numbers by a shared dither, discrete Gaussian noise is added to whole numbers, and only then is
// it a float again. Why the ledger's `poissonGaussian` holds for it, and what float gradients leave open:
// docs/adr/0009-exact-noise-in-dp-sgd.md. Not here: the sampler (protocol/privacy/discrete), prices.

import type { Rng } from '../../../protocol/crypto/primitives.js';
import { SottoError } from '../../../protocol/errors.js';
import { MAX_NOISE_DEVIATION } from '../../../protocol/limits.js';
import { gaussianShape } from '../../../protocol/privacy/discrete/gaussian.js';
import { drawNoise } from '../../../protocol/privacy/discrete/noise.js';
import { noiseTable } from '../../../protocol/privacy/discrete/table.js';
import { roundedSensitivity } from '../../../protocol/privacy/sensitivity.js';
import type { StepNoise } from './noise.js';

/** C is at least this often √d grid steps long, where the sampler can: the dither then lengthens a record by less than a hundredth. */
const CLIP_STEPS_PER_ROOT = 8;
/** σ in grid steps, at least: a table of it is made in milliseconds. */
const LEAST_DEVIATION = 2_048;
/** A step whose dither is unlucky lets a record count more than Δ₂; so rarely that no δ anybody writes down can tell. */
const BETA = 2 ** -100;
/** A record moves the float32 sum by its clipped gradient and by what rounding makes of the others: a thousandth of C is set aside. */
const FLOAT_SLACK = 1 + 2 ** -10;
/** The stream is the caller's generator; the sampler wants a name for it. */
const NO_KEY = new Uint8Array(32);

/** @throws SottoError CONFIG_INVALID where so much noise leaves no grid for the clipping norm */
export function exactNoise(dimension: number, clipNorm: number, noiseMultiplier: number, rng: Rng): StepNoise {
  const deviation = deviationFor(dimension, noiseMultiplier);
  const clipSteps = largestClip(dimension, deviation / noiseMultiplier);
  if (!(clipSteps > 0))
    throw new SottoError(
      'CONFIG_INVALID',
      `training.dpSgd.noiseMultiplier is ${noiseMultiplier}: with ${dimension} weights the grid of exact noise holds less; lower it, or take a smaller model`,
      { field: 'dpSgd.noiseMultiplier' },
    );
  const scale = clipSteps / (clipNorm * FLOAT_SLACK);
  const table = noiseTable(gaussianShape({ num: BigInt(deviation) ** 2n, den: 1n }));
  let drawn: { readonly noise: Int32Array; readonly dither: Float64Array } | undefined;
  return {
    arithmetic: 'exact',
    noiseMultiplier: deviation / roundedSensitivity(clipSteps, dimension, BETA).l2,
    draw: () => {
      const job = drawNoise(table, dimension, NO_KEY);
      let step = job.next();
      while (!step.done) step = job.next(rng(step.value.length));
      drawn = { noise: step.value, dither: uniforms(dimension, rng) };
    },
    release: (sum) => {
      if (drawn === undefined) throw new SottoError('INTERNAL', 'noise is used twice, or before it was drawn');
      const { noise, dither } = drawn;
      drawn = undefined;
      for (let i = 0; i < dimension; i++) {
        const whole = Math.floor((sum[i] as number) * scale + (dither[i] as number));
        sum[i] = (whole + (noise[i] as number)) / scale;
      }
      noise.fill(0);
      dither.fill(0);
    },
  };
}

/** A power of two. */
function deviationFor(dimension: number, noiseMultiplier: number): number {
  const wanted = noiseMultiplier * CLIP_STEPS_PER_ROOT * Math.sqrt(dimension);
  return Math.min(MAX_NOISE_DEVIATION, Math.max(LEAST_DEVIATION, 2 ** Math.ceil(Math.log2(wanted))));
}

/** c with Δ₂(c) = `length`: the positive root of c² + k·c + d/4 + k·√d/2 = length², k = √(2 ln(1/β)). */
function largestClip(dimension: number, length: number): number {
  const k = Math.sqrt(-2 * Math.log(BETA));
  const rest = dimension / 4 + (k * Math.sqrt(dimension)) / 2 - length ** 2;
  // A hair less, so that rounding here does not make the multiplier smaller than it was asked to be.
  return ((Math.sqrt(k * k - 4 * rest) - k) / 2) * (1 - 1e-12); // NaN where no c does: `length` is too short
}

/** Multiples of 2^−32 in [0, 1). */
function uniforms(count: number, rng: Rng): Float64Array {
  const bytes = rng(4 * count);
  const words = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  return Float64Array.from({ length: count }, (_, i) => words.getUint32(4 * i) / 2 ** 32);
}
