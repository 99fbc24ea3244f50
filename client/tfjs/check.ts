// Whether a TrainingSpec says something that can be trained. Not here: whether the model can (dp-sgd/tape.ts, trainer.ts).

import { SottoError } from '../../protocol/errors.js';
import type { DpSgdSpec, TrainingSpec } from '../trainer.js';

/** Larger multipliers say nothing any more; smaller ones do not survive the arithmetic. */
const MAX_NOISE_MULTIPLIER = 1_000;
const MIN_NOISE_MULTIPLIER = 1e-3;

const whole = (value: unknown): boolean => Number.isInteger(value) && (value as number) >= 1;
const above0 = (value: unknown): boolean => Number.isFinite(value) && (value as number) > 0;

function fail(field: string, value: unknown, remedy: string): never {
  throw new SottoError('CONFIG_INVALID', `training.${field} is ${String(value)}: ${remedy}`, { field });
}

/** @throws SottoError CONFIG_INVALID naming the field */
export function checkTrainingSpec(spec: TrainingSpec): void {
  if (spec.algorithm !== 'fedavg' && spec.algorithm !== 'fedprox')
    fail('algorithm', spec.algorithm, "use 'fedavg' or 'fedprox'");
  if (!above0(spec.learningRate)) fail('learningRate', spec.learningRate, 'give a number above 0');
  if (spec.algorithm === 'fedprox' && !(spec.mu !== undefined && spec.mu >= 0 && Number.isFinite(spec.mu))) {
    fail('mu', spec.mu, 'fedprox needs a number ≥ 0');
  }
  if (spec.algorithm === 'fedavg' && spec.mu !== undefined) fail('mu', spec.mu, 'it belongs to fedprox; leave it out');
  if (!['sgd', 'momentum', 'adam'].includes(spec.optimizer))
    fail('optimizer', spec.optimizer, "use 'sgd', 'momentum' or 'adam'");
  const beta = spec.clientMomentum;
  if (beta !== undefined && !(beta >= 0 && beta < 1))
    fail('clientMomentum', beta, 'give a number from 0 to below 1, or leave it out');
  if (spec.dpSgd !== undefined) {
    for (const field of ['epochs', 'batchSize', 'maxExamples'] as const) {
      if (spec[field] !== undefined)
        fail(field, spec[field], 'dpSgd has steps and Poisson batches instead; leave it out');
    }
    checkDpSgd(spec.dpSgd);
    return;
  }
  if (!whole(spec.epochs)) fail('epochs', spec.epochs, 'give a whole number ≥ 1');
  if (!whole(spec.batchSize)) fail('batchSize', spec.batchSize, 'give a whole number ≥ 1');
  if (spec.maxExamples !== undefined && !whole(spec.maxExamples))
    fail('maxExamples', spec.maxExamples, 'give a whole number ≥ 1 or leave it out');
}

function checkDpSgd(dp: DpSgdSpec): void {
  if (!above0(dp.clipNorm)) fail('dpSgd.clipNorm', dp.clipNorm, 'give a number above 0');
  const z = dp.noiseMultiplier;
  if (!(z >= MIN_NOISE_MULTIPLIER && z <= MAX_NOISE_MULTIPLIER)) {
    const remedy = `give a number from ${MIN_NOISE_MULTIPLIER} to ${MAX_NOISE_MULTIPLIER}; without noise there is no privacy to claim, so leave dpSgd out`;
    fail('dpSgd.noiseMultiplier', z, remedy);
  }
  // Below 2^−53 nobody is ever drawn.
  if (!(dp.samplingRate >= 2 ** -53 && dp.samplingRate <= 1))
    fail('dpSgd.samplingRate', dp.samplingRate, 'give a probability above 0 and at most 1');
  if (!whole(dp.lotSize)) fail('dpSgd.lotSize', dp.lotSize, 'give a whole number ≥ 1, the same for all clients');
  if (!whole(dp.steps)) fail('dpSgd.steps', dp.steps, 'give a whole number ≥ 1');
  if (!whole(dp.microBatch)) fail('dpSgd.microBatch', dp.microBatch, 'give a whole number ≥ 1');
  if (dp.noise !== 'exact' && dp.noise !== 'float') fail('dpSgd.noise', dp.noise, "use 'exact' or 'float'");
}
