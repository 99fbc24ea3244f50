// Attack success rates: what each attack of a fleet is after, as test examples with the labels it wants, and how much of it a model
// gives. Not here: accuracy on the test part as it is.

import type { Dataset } from '../client/dataset.js';
import { exampleCount } from '../client/dataset.js';
import type { TrainingPool } from '../client/tfjs/index.js';
import type { ModelSpec } from '../client/tfjs/spec.js';
import { createAttack } from './attacks/spec.js';
import type { Conspiracy } from './fleet/gathering.js';

export type SuccessRates = Readonly<Record<string, number>>;

/** `undefined` where no attack wants anything in particular. Rates are by the name of the attack; equal ones are measured once. */
export function goalsOf(
  conspiracies: readonly Conspiracy[],
  test: Dataset,
  pool: TrainingPool,
  model: ModelSpec,
): ((weights: Float32Array<ArrayBuffer>) => Promise<SuccessRates>) | undefined {
  const attacks = conspiracies.filter(({ clients }) => clients.length > 0).map(({ spec }) => createAttack(spec));
  const goals = new Map(attacks.flatMap(({ name, goal }) => (goal === undefined ? [] : [[name, goal(test)] as const])));
  // A class that the test part does not have cannot be mistaken.
  const measured = [...goals].filter(([, data]) => exampleCount(data) > 0);
  if (measured.length === 0) return undefined;
  const evaluators = measured.map(([name, data]) => ({
    name,
    trainer: pool.trainer(`goal of ${name}`, { model, data }),
  }));
  return async (weights) => {
    const rates: Record<string, number> = {};
    for (const { name, trainer } of evaluators) rates[name] = (await trainer.evaluate(weights)).accuracy;
    return rates;
  };
}
