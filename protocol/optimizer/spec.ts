// Which server optimiser turns an aggregate into the next model, and the ranges of its numbers. Part of the signed task
// configuration, since clients recompute the step. Not here: the arithmetic (optimizer.ts).

import { SottoError } from '../errors.js';

/**
 * `learningRate` is η, `tau` is τ of Reddi et al. 2021, Algorithm 2. No defaults: an optimiser is a contract among all clients.
 * Where to start: FedAvg 1; FedAvgM 1 with momentum 0.9; the adaptive three 0.1 or less with beta1 0.9, beta2 0.99, tau 0.001
 * (their §5; beta1 0 for FedAdagrad).
 */
export type OptimizerSpec =
  | { readonly name: 'fedavg'; readonly learningRate: number }
  | { readonly name: 'fedavgm'; readonly learningRate: number; readonly momentum: number }
  | { readonly name: 'fedadagrad'; readonly learningRate: number; readonly beta1: number; readonly tau: number }
  | {
      readonly name: 'fedyogi' | 'fedadam';
      readonly learningRate: number;
      readonly beta1: number;
      readonly beta2: number;
      readonly tau: number;
    };

type FieldName = 'learningRate' | 'momentum' | 'beta1' | 'beta2' | 'tau';

/** The fields of each optimiser beside its name; the configuration schema and the documents are made from it. */
export const OPTIMIZER_FIELDS = {
  fedavg: ['learningRate'],
  fedavgm: ['learningRate', 'momentum'],
  fedadagrad: ['learningRate', 'beta1', 'tau'],
  fedyogi: ['learningRate', 'beta1', 'beta2', 'tau'],
  fedadam: ['learningRate', 'beta1', 'beta2', 'tau'],
} as const satisfies Record<OptimizerSpec['name'], readonly FieldName[]>;

const positive = { holds: (value: number) => Number.isFinite(value) && value > 0, says: 'a finite number above 0' };
const decay = { holds: (value: number) => value >= 0 && value < 1, says: 'a number from 0 up to, not including, 1' };
const RANGES = { learningRate: positive, momentum: decay, beta1: decay, beta2: decay, tau: positive };

/** What is wrong with an optimiser by itself. Total on anything; unknown fields are refused: a misspelt `momentum` must not vanish. */
export function optimizerProblem(spec: unknown): { readonly field: string; readonly text: string } | undefined {
  const given: Readonly<Record<string, unknown>> = { ...(spec as object) };
  const name = String(given.name);
  if (!Object.hasOwn(OPTIMIZER_FIELDS, name)) {
    const known = Object.keys(OPTIMIZER_FIELDS).join(', ');
    return { field: 'name', text: `optimizer.name is "${name}"; it must be one of ${known}` };
  }
  const fields: readonly FieldName[] = OPTIMIZER_FIELDS[name as OptimizerSpec['name']];
  for (const field of fields) {
    const value = given[field];
    if (typeof value !== 'number' || !RANGES[field].holds(value))
      return { field, text: `optimizer.${field} of ${name} is ${value}; it must be ${RANGES[field].says}` };
  }
  const stray = Object.keys(given).find((field) => field !== 'name' && !fields.some((known) => known === field));
  return stray === undefined
    ? undefined
    : { field: stray, text: `${name} has no field ${stray}; its fields are ${fields.join(', ')}` };
}

/** @throws CONFIG_OPTIMIZER with the field and what it must be */
export function checkOptimizer(spec: OptimizerSpec): void {
  const problem = optimizerProblem(spec);
  if (problem !== undefined) throw new SottoError('CONFIG_OPTIMIZER', problem.text, { field: problem.field });
}
